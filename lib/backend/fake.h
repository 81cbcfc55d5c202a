/* A stand-in for libtorch, for tests only: the same numbers everywhere.
 *
 * An archive is a text: the line "FMFAKE1\n", then the whole facematch.json. Nothing behind the
 * line: an archive without a manifest. Its records are "fake" (the line) and the manifest, if any.
 * One that was trained begins with "FMFAKE2 <dim>\n" and so many rows of 193 float32 as this
 * machine has them, which belong to its record "fake", in the place of the fixed matrix; those of a
 * liveness model's nets one after the other.
 *
 * Part "": the embedder. The input is averaged over 8x8 cells per channel, and a fixed matrix of
 * pseudo-random numbers maps the cells to dim numbers. dim is the manifest's, or what the caller's
 * buffer asks for when there is none. The embedding changes smoothly with the picture and is never
 * all zero. A bundle's members, by their names, are maps of the same kind with other numbers.
 *
 * Parts "pnet", "rnet", "onet": the detector, with the contract of docs/models.md. Its idea of a
 * face is a square of saturated red, (255, 0, 0), on a ground that is not red; the face's box is
 * the square. Input is taken as RGB normalised with mean 127.5 and std 128. pnet finds a square
 * that lies whole within a window, fills about 0.57 of its width, and has other colours around; in
 * scaled copies each 0.709 of the one before, some window sees it so. rnet, onet believe in a crop
 * as much of which is red. All of them regress to the red square. Points, in fractions of the
 * square: eyes at (0.3, 0.35) and (0.7, 0.35), nose tip (0.5, 0.55), mouth corners (0.35, 0.75) and
 * (0.65, 0.75).
 *
 * Training is real, with one rule whatever optimiser is asked for: v = momentum v + gradient +
 * weight_decay w; w -= rate v, momentum only where FM_OPTIMIZER_SGD is. The embedder has the
 * parameters "layer.weight" (the matrix, 192 columns) and "layer.bias"; of a liveness model each
 * net has them, behind its name ("near.layer.bias"). In training each cell is left out, or counts a
 * little more, by chance from (seed, step, row). A field "fake" of the manifest can have
 * {"feature_max": true}: features are divided by their largest, but in training;
 * {"fixed": true}: weights cannot be drawn anew. A network's last layer is its only one.
 *
 * A liveness model: each of its nets gives logits, 0 but for that of "live", which is the mean of
 * the input's blue plane less 127.5, over 16. Input is taken in 0..255, in the manifest's order.
 *
 * Only float32: preparing a part in bfloat16 is refused, as on a CPU that lacks it. */
#ifndef FMI_FAKE_H
#define FMI_FAKE_H

#define FMI_FAKE_MAGIC   "FMFAKE1\n"
#define FMI_FAKE_TRAINED "FMFAKE2 "

#endif
