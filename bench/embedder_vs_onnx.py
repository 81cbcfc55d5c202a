"""Each embedder alone, one face, one thread: libfacematch against ONNX Runtime, same weights.

    python bench/embedder_vs_onnx.py --models models --library build/lib/libfacematch.so

Both take turns (onnx_peer.py). Prints one JSON object per embedder: medians in milliseconds, their
ratio, the quartiles of the ratio turn by turn, and the largest difference of the two embeddings. ONNX
files are exported from the archives first.
"""
import ctypes
import json
import os
import tempfile

import numpy

from onnx_peer import Library, manifest_of, onnx_session, parse_arguments, take_turns

EMBEDDERS = ["mobilefacenet", "dlib-resnet-v1"]


class Ours(Library):
    """One session, called as a program would: an aligned RGB crop in, floats out."""

    def __init__(self, library, path, dim):
        super().__init__(library)
        self.own, self.out = self.session(self.model(path)), numpy.zeros(dim, numpy.float32)
        self.where = ctypes.c_void_p(self.out.ctypes.data), ctypes.c_size_t(dim)

    def embed(self, image):
        self.call("fm_embed_aligned", self.own, ctypes.byref(image), ctypes.c_size_t(1), *self.where)
        return self.out


def measure(library, models, name, runs, exporter):
    archive = os.path.join(models, name + ".pt")
    manifest = manifest_of(archive)
    spec = manifest["input"]
    with tempfile.TemporaryDirectory() as folder:
        peer = onnx_session(archive, os.path.join(folder, name + ".onnx"), exporter)
    ours = Ours(library, archive, manifest["embedding"]["dim"])
    pixels = numpy.random.default_rng(7).integers(0, 256, (spec["height"], spec["width"], 3),
                                                  dtype=numpy.uint8)
    image = ours.image(pixels)
    planes = (pixels.transpose(2, 0, 1).astype(numpy.float32)
              - numpy.float32(spec["mean"])[:, None, None]) / numpy.float32(spec["std"])[:, None, None]
    feed = {peer.get_inputs()[0].name: planes[None]}
    figures = take_turns(lambda: ours.embed(image), lambda: peer.run(None, feed), runs)
    theirs = peer.run(None, feed)[0][0]
    if manifest["embedding"]["normalize"]:
        theirs = theirs / numpy.linalg.norm(theirs)
    return {"embedder": name, **figures,
            "largest_difference": float(numpy.abs(ours.embed(image) - theirs).max())}


def main():
    arguments = parse_arguments(__doc__.split("\n", 1)[0])
    for name in EMBEDDERS:
        print(json.dumps(measure(arguments.library, arguments.models, name, arguments.runs,
                                 arguments.exporter)))


if __name__ == "__main__":
    main()
