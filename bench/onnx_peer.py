"""What the benchmarks beside ONNX Runtime share: our side's calls, their side's session, taking turns."""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
import zipfile

import onnxruntime

import machine

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests"))
from c_structs import abi  # noqa: E402

MODELS_TOOL = os.path.join(HERE, "../tools/models")
TURN, WARM_UP = 10, 3


class Library:
    """Calls of the library; one that fails raises."""

    def __init__(self, path):
        self.lib, self.err = ctypes.CDLL(path), abi.fm_error(ctypes.sizeof(abi.fm_error))

    def call(self, name, *arguments):
        if getattr(self.lib, name)(*arguments, ctypes.byref(self.err)):
            raise RuntimeError(self.err.message.decode())

    def model(self, path):
        model = ctypes.c_void_p()
        self.call("fm_model_load", ctypes.byref(model), os.fsencode(path), None)
        return model

    def session(self, embedder, options=None):
        session = ctypes.c_void_p()
        self.call("fm_session_create", ctypes.byref(session), embedder, options)
        return session

    def image(self, pixels):
        """Borrows uint8[height, width, 3]."""
        image, (height, width, _) = ctypes.c_void_p(), pixels.shape
        self.call("fm_image_from_pixels", ctypes.byref(image), ctypes.c_void_p(pixels.ctypes.data),
                  ctypes.c_size_t(pixels.nbytes), width, height, ctypes.c_size_t(0),
                  abi.FM_PIXEL_RGB8)
        return image


def onnx_session(archive, exported, exporter, *part):
    """The net of an archive, exported first to the file `exported`."""
    subprocess.run([exporter, os.path.join(MODELS_TOOL, "export_onnx.py"), archive, exported, *part],
                   check=True, stdout=sys.stderr)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])


def manifest_of(path):
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/extra/facematch.json"))
        return json.loads(archive.read(name))


def timed(call):
    """The milliseconds of all calls of a turn but the first."""
    times = []
    for _ in range(TURN):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times[1:]


def take_turns(ours, theirs, runs):
    """Ten calls each, so that a machine whose speed drifts treats both alike; the first of ten is not
    counted, since it finds the caches full of the other's weights."""
    medians = {ours: [], theirs: []}
    for turn in range(runs // TURN + WARM_UP):
        for call, turns in medians.items():
            times = timed(call)
            if turn >= WARM_UP:
                turns.append(statistics.median(times))
    my_ms, their_ms = (statistics.median(turns) for turns in medians.values())
    ratios = [a / b for a, b in zip(*medians.values())]
    return {"runs": runs, "threads": 1, "facematch_ms": round(my_ms, 3),
            "onnxruntime_ms": round(their_ms, 3), "ratio": round(my_ms / their_ms, 3),
            "ratio_quartiles": [round(q, 3) for q in statistics.quantiles(ratios, n=4)],
            "onnxruntime": onnxruntime.__version__, **machine.describe()}


def parse_arguments(summary):
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--models", default="models")
    parser.add_argument("--library", default="build/lib/libfacematch.so")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--exporter", default=sys.executable,
                        help="a Python with torch, that exports archives to ONNX")
    return parser.parse_args()
