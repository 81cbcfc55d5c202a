"""A liveness check of one face of one frame, one thread: libfacematch against ONNX Runtime, same nets.

    python bench/liveness_vs_onnx.py --models models --library build/lib/libfacematch.so

Detection is left out: fm_liveness is told where the face is. It cuts both crops, runs both nets and
measures how sharp the face is; ONNX Runtime is given the crops ready made, and only runs the nets. Both
take turns as in embedder_vs_onnx.py. Prints one JSON object: medians in milliseconds, their ratio, the
quartiles of the ratio turn by turn, and the largest difference of the two scores over some frames.
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile

import numpy
import onnxruntime

import machine
from embedder_vs_onnx import (EXPORT, PIXEL_RGB8, TURN, WARM_UP, Error, manifest_of, onnx_session,
                              timed)

sys.path.insert(0, os.path.dirname(EXPORT))
from facematch_models.crops import planes  # noqa: E402

WIDTH, HEIGHT = 640, 480
FRAMES = 5


class Face(ctypes.Structure):
    """fm_face of include/facematch/face.h."""
    _fields_ = [("x", ctypes.c_float), ("y", ctypes.c_float), ("width", ctypes.c_float),
                ("height", ctypes.c_float), ("score", ctypes.c_float), ("points", ctypes.c_float * 10)]


class SessionOptions(ctypes.Structure):
    """fm_session_options of include/facematch/session.h."""
    _fields_ = [("struct_size", ctypes.c_uint32), ("precision", ctypes.c_int32),
                ("detector", ctypes.c_void_p), ("threads", ctypes.c_int32), ("flip", ctypes.c_int32),
                ("min_face_px", ctypes.c_int32), ("max_faces", ctypes.c_int32),
                ("selection", ctypes.c_int32), ("min_score", ctypes.c_float),
                ("liveness", ctypes.c_void_p)]


class Result(ctypes.Structure):
    """fm_liveness_result of include/facematch/liveness.h."""
    _fields_ = [("struct_size", ctypes.c_uint32), ("verdict", ctypes.c_int32),
                ("reason", ctypes.c_int32), ("score", ctypes.c_float), ("apcer", ctypes.c_double),
                ("bpcer", ctypes.c_double), ("live_threshold", ctypes.c_float),
                ("spoof_threshold", ctypes.c_float), ("value", ctypes.c_float),
                ("limit", ctypes.c_float), ("quality", ctypes.c_float),
                ("face_count", ctypes.c_int32), ("face", Face)]


class Ours:
    """One session of the library, called as a program would: a frame and its face in."""

    def __init__(self, library, path, face):
        self.lib, self.err = ctypes.CDLL(library), Error(ctypes.sizeof(Error))
        model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.lib.fm_model_load(ctypes.byref(model), os.fsencode(path), None,
                                          ctypes.byref(self.err)))
        options = SessionOptions(ctypes.sizeof(SessionOptions))
        options.liveness = model
        self.check(self.lib.fm_session_create(ctypes.byref(self.session), None,
                                              ctypes.byref(options), ctypes.byref(self.err)))
        self.lib.fm_image_from_pixels.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int32,
            ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p]
        self.face, self.result = face, Result(ctypes.sizeof(Result))

    def check(self, status):
        if status:
            raise RuntimeError(self.err.message.decode())

    def frame(self, pixels):
        image = ctypes.c_void_p()
        self.check(self.lib.fm_image_from_pixels(ctypes.byref(image), pixels.ctypes.data,
                                                 pixels.nbytes, WIDTH, HEIGHT, 0, PIXEL_RGB8,
                                                 ctypes.byref(self.err)))
        return image

    def score(self, image):
        self.check(self.lib.fm_liveness(self.session, image, ctypes.byref(self.face), None,
                                        ctypes.byref(self.result), ctypes.byref(self.err)))
        return self.result.score


class Theirs:
    """Both nets on ONNX Runtime; crops in."""

    def __init__(self, archive, liveness, exporter):
        self.live, self.nets = liveness["live"], []
        with tempfile.TemporaryDirectory() as folder:
            for net in liveness["nets"]:
                exported = os.path.join(folder, net["part"] + ".onnx")
                subprocess.run([exporter, EXPORT, archive, exported, "--part", net["part"]],
                               check=True, stdout=sys.stderr)
                self.nets.append(onnx_session(exported))

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
    face = Face(*box, 1, (ctypes.c_float * 10)(*(box[i % 2] + p * box[2 + i % 2]
                                                 for i, p in enumerate(points))))
    ours = Ours(library, archive, face)
    theirs = Theirs(archive, manifest["liveness"], exporter)
    apart = 0.0
    for pixels in frames():
        image = ours.frame(pixels)
        crops = [planes(pixels, (face.x, face.y, face.width, face.height), net["scale"],
                        manifest["input"]) for net in manifest["liveness"]["nets"]]
        apart = max(apart, abs(ours.score(image) - theirs.score(crops)))
    turns = {"ours": [], "onnx": []}
    for turn in range(runs // TURN + WARM_UP):
        _, my_times = timed(lambda: ours.score(image))
        _, their_times = timed(lambda: theirs.score(crops))
        if turn >= WARM_UP:
            turns["ours"].append(statistics.median(my_times))
            turns["onnx"].append(statistics.median(their_times))
    ratios = [a / b for a, b in zip(turns["ours"], turns["onnx"])]
    return {"model": "minifasnet", "runs": runs, "threads": 1,
            "facematch_ms": round(statistics.median(turns["ours"]), 3),
            "onnxruntime_ms": round(statistics.median(turns["onnx"]), 3),
            "ratio": round(statistics.median(turns["ours"]) / statistics.median(turns["onnx"]), 3),
            "ratio_quartiles": [round(q, 3) for q in statistics.quantiles(ratios, n=4)],
            "largest_difference": apart,
            "onnxruntime": onnxruntime.__version__, **machine.describe()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--models", default="models")
    parser.add_argument("--library", default="build/lib/libfacematch.so")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--exporter", default=sys.executable,
                        help="a Python with torch, that exports the archive to ONNX")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.library, arguments.models, arguments.runs,
                             arguments.exporter)))


if __name__ == "__main__":
    main()
