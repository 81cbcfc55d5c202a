"""Each embedder alone, one face, one thread: libfacematch against ONNX Runtime, same weights.

    python bench/embedder_vs_onnx.py --models models --library build/lib/libfacematch.so

Both take turns, ten calls each, so that a machine whose speed drifts treats them alike; the first of
ten is not counted, since it finds the caches full of the other's weights. Prints one JSON object per
embedder: medians in milliseconds, their ratio, the quartiles of the ratio turn by turn, and the
largest difference of the two embeddings. ONNX files are exported from the archives first.
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy
import onnxruntime

import machine

HERE = os.path.dirname(os.path.abspath(__file__))
EXPORT = os.path.join(HERE, "..", "tools", "models", "export_onnx.py")
EMBEDDERS = ["mobilefacenet", "dlib-resnet-v1"]
PIXEL_RGB8 = 1
TURN, WARM_UP = 10, 3


class Error(ctypes.Structure):
    """fm_error of include/facematch/status.h."""
    _fields_ = [("struct_size", ctypes.c_uint32), ("status", ctypes.c_int32),
                ("message", ctypes.c_char * 256)]


class Ours:
    """One session of the library, called as a program would: an aligned RGB crop in, floats out."""

    def __init__(self, library, path, shape, dim):
        self.lib = ctypes.CDLL(library)
        self.err = Error(ctypes.sizeof(Error))
        self.model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self.shape, self.out = shape, numpy.zeros(dim, numpy.float32)
        self.check(self.lib.fm_model_load(ctypes.byref(self.model), os.fsencode(path), None,
                                          ctypes.byref(self.err)))
        self.check(self.lib.fm_session_create(ctypes.byref(self.session), self.model, None,
                                              ctypes.byref(self.err)))
        self.lib.fm_image_from_pixels.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_int32,
            ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p]
        self.lib.fm_embed_aligned.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                                              ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]

    def check(self, status):
        if status:
            raise RuntimeError(self.err.message.decode())

    def crop(self, pixels):
        image = ctypes.c_void_p()
        height, width = self.shape
        self.check(self.lib.fm_image_from_pixels(ctypes.byref(image), pixels.ctypes.data,
                                                 pixels.nbytes, width, height, 0, PIXEL_RGB8,
                                                 ctypes.byref(self.err)))
        return image

    def embed(self, image):
        self.check(self.lib.fm_embed_aligned(self.session, ctypes.byref(image), 1,
                                             self.out.ctypes.data, self.out.size,
                                             ctypes.byref(self.err)))
        return self.out


def onnx_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def timed(call):
    """The last result of a turn, and the milliseconds of all its calls but the first."""
    times = []
    for _ in range(TURN):
        start = time.perf_counter()
        result = call()
        times.append((time.perf_counter() - start) * 1e3)
    return result, times[1:]


def manifest_of(path):
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/extra/facematch.json"))
        return json.loads(archive.read(name))


def measure(library, models, name, runs, exporter):
    archive = os.path.join(models, name + ".pt")
    manifest = manifest_of(archive)
    spec = manifest["input"]
    shape = (spec["height"], spec["width"])
    with tempfile.TemporaryDirectory() as folder:
        exported = os.path.join(folder, name + ".onnx")
        subprocess.run([exporter, EXPORT, archive, exported], check=True, stdout=sys.stderr)
        peer = onnx_session(exported)
    ours = Ours(library, archive, shape, manifest["embedding"]["dim"])
    pixels = numpy.random.default_rng(7).integers(0, 256, (*shape, 3), dtype=numpy.uint8)
    image = ours.crop(pixels)
    planes = (pixels.transpose(2, 0, 1).astype(numpy.float32)
              - numpy.float32(spec["mean"])[:, None, None]) / numpy.float32(spec["std"])[:, None, None]
    feed = {peer.get_inputs()[0].name: planes[None]}
    turns = {"ours": [], "onnx": []}
    for turn in range(runs // TURN + WARM_UP):
        mine, my_times = timed(lambda: ours.embed(image))
        theirs, their_times = timed(lambda: peer.run(None, feed)[0][0])
        if turn >= WARM_UP:
            turns["ours"].append(statistics.median(my_times))
            turns["onnx"].append(statistics.median(their_times))
    if manifest["embedding"]["normalize"]:
        theirs = theirs / numpy.linalg.norm(theirs)
    ratios = [a / b for a, b in zip(turns["ours"], turns["onnx"])]
    quartiles = statistics.quantiles(ratios, n=4)
    return {"embedder": name, "runs": runs, "threads": 1,
            "facematch_ms": round(statistics.median(turns["ours"]), 3),
            "onnxruntime_ms": round(statistics.median(turns["onnx"]), 3),
            "ratio": round(statistics.median(turns["ours"]) / statistics.median(turns["onnx"]), 3),
            "ratio_quartiles": [round(q, 3) for q in quartiles],
            "largest_difference": float(numpy.abs(mine - theirs).max()),
            "onnxruntime": onnxruntime.__version__, **machine.describe()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--models", default="models")
    parser.add_argument("--library", default="build/lib/libfacematch.so")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--exporter", default=sys.executable,
                        help="a Python with torch, that exports the archives to ONNX")
    arguments = parser.parse_args()
    for name in EMBEDDERS:
        print(json.dumps(measure(arguments.library, arguments.models, name, arguments.runs,
                                 arguments.exporter)))


if __name__ == "__main__":
    main()
