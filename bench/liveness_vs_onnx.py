"""A liveness check of one face of one frame, one thread: libfacematch against ONNX Runtime, same nets.

    python bench/liveness_vs_onnx.py --models models --library build/lib/libfacematch.so

Detection is left out: fm_liveness is told where the face is. It cuts both crops, runs both nets and
measures how sharp the face is; ONNX Runtime is given the crops ready made, and only runs the nets. Both
take turns (onnx_peer.py). Prints one JSON object: medians in milliseconds, their ratio, the
quartiles of the ratio turn by turn, and the largest difference of the two scores over some frames.
"""
import ctypes
import json
import os
import sys
import tempfile

import numpy

from onnx_peer import (MODELS_TOOL, Library, abi, manifest_of, onnx_session, parse_arguments,
                       take_turns)

sys.path.insert(0, MODELS_TOOL)
from facematch_models.crops import planes  # noqa: E402

WIDTH, HEIGHT = 640, 480
FRAMES = 5


class Ours(Library):
    """One session, called as a program would: a frame and its face in."""

    def __init__(self, library, path, face):
        super().__init__(library)
        options = abi.fm_session_options(ctypes.sizeof(abi.fm_session_options))
        options.liveness = ctypes.cast(self.model(path), ctypes.POINTER(abi.fm_model))
        self.own = self.session(None, ctypes.byref(options))
        self.face = face
        self.result = abi.fm_liveness_result(ctypes.sizeof(abi.fm_liveness_result))

    def score(self, image):
        self.call("fm_liveness", self.own, image, ctypes.byref(self.face), None,
                  ctypes.byref(self.result))
        return self.result.score


class Theirs:
    """Both nets on ONNX Runtime; crops in."""

    def __init__(self, archive, liveness, exporter):
        self.live, self.nets = liveness["live"], []
        with tempfile.TemporaryDirectory() as folder:
            for net in liveness["nets"]:
                exported = os.path.join(folder, net["part"] + ".onnx")
                self.nets.append(onnx_session(archive, exported, exporter, "--part", net["part"]))

    def score(self, crops):
        said = []
        for net, crop in zip(self.nets, crops):
            logits = net.run(None, {"input": crop})[0][0]
            powers = numpy.exp(logits - logits.max())
            said.append(powers[self.live] / powers.sum())
        return float(numpy.mean(said))


def frames():
    """Blotches with noise: the nets' time does not depend on what is seen."""
    random = numpy.random.default_rng(7)
    for _ in range(FRAMES):
        blotches = random.integers(0, 200, (HEIGHT // 20, WIDTH // 20, 3))
        frame = blotches.repeat(20, 0).repeat(20, 1) + random.integers(0, 56, (HEIGHT, WIDTH, 3))
        yield frame.astype(numpy.uint8)


def measure(library, models, runs, exporter):
    archive = os.path.join(models, "minifasnet.pt")
    manifest = manifest_of(archive)
    box = (230, 120, 160, 200)
    points = (0.31, 0.39, 0.68, 0.39, 0.5, 0.57, 0.34, 0.76, 0.65, 0.76)
    face = abi.fm_face(*box, 1, (ctypes.c_float * 10)(*(box[i % 2] + p * box[2 + i % 2]
                                                 for i, p in enumerate(points))))
    ours = Ours(library, archive, face)
    theirs = Theirs(archive, manifest["liveness"], exporter)
    apart = 0.0
    for pixels in frames():
        image = ours.image(pixels)
        crops = [planes(pixels, (face.x, face.y, face.width, face.height), net["scale"],
                        manifest["input"]) for net in manifest["liveness"]["nets"]]
        apart = max(apart, abs(ours.score(image) - theirs.score(crops)))
    figures = take_turns(lambda: ours.score(image), lambda: theirs.score(crops), runs)
    return {"model": "minifasnet", **figures, "largest_difference": apart}


def main():
    arguments = parse_arguments(__doc__.split("\n", 1)[0])
    print(json.dumps(measure(arguments.library, arguments.models, arguments.runs,
                             arguments.exporter)))


if __name__ == "__main__":
    main()
