"""What embedding through a binding costs beside C: 32 crops in one call, from pixels to embeddings.

    .venv-tests/bin/python bench/binding_cost.py [--rounds 40] [--go PROGRAM] [--output FILE]

Every side is a process of its own with one thread, and they take turns, so that what else the machine does hits all
alike. Prints JSON: for each side the median milliseconds of a batch, by the clock and of the processor, and the median
over the rounds of its time over that of C in the same round. "c_again" is C once more: what it differs by is chance.
Exit status 1 where a binding takes more than 1.03 times the processor's time: the clock tells the same on a machine
that does nothing else. FACEMATCH_MODELS is the folder of models, FACEMATCH_PHOTOS that of photographs, FACEMATCH_BUILD
(build) what was built.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("FACEMATCH_BUILD", os.path.join(ROOT, "build"))
MODELS = os.environ.get("FACEMATCH_MODELS", os.path.join(ROOT, "models"))
PHOTOS = os.environ.get("FACEMATCH_PHOTOS", os.path.join(ROOT, "build", "photos"))
BATCH = 32
WARM_UP = 5
MOST = 1.03

os.environ.setdefault("FACEMATCH_LIBRARY", os.path.join(BUILD, "lib", "libfacematch.so.0.1"))
sys.path.insert(0, os.path.join(ROOT, "bindings", "python"))


def serve(model, crops):
    """The side in Python, as bench_binding.c is that in C."""
    import numpy as np
    import facematch as fm
    embedder = fm.Model(model)
    info = embedder.info
    pictures = list(np.fromfile(crops, np.uint8).reshape(BATCH, info.input_height_px, info.input_width_px, 3))
    session = fm.Session(embedder)
    for _ in sys.stdin.buffer:
        started, cpu = time.perf_counter(), time.process_time()
        out = session.embed_aligned(pictures)
        cpu = time.process_time() - cpu
        print(f"{(time.perf_counter() - started) * 1e3:.6f} {cpu * 1e3:.6f} {float(out[0, 0]).hex()}", flush=True)


def make_crops(path, model):
    """Faces of the photographs, over and over."""
    import facematch as fm
    with fm.Session(model, fm.Model(os.path.join(MODELS, "mtcnn.pt"))) as session:
        names = sorted(name for name in os.listdir(PHOTOS) if name.endswith(".jpg"))
        crops = [session.align(os.path.join(PHOTOS, name)).to_array() for name in names]
    with open(path, "wb") as file:
        for i in range(BATCH):
            file.write(crops[i % len(crops)].tobytes())


class Side:
    def __init__(self, name, command):
        self.name, self.times, self.first = name, [], None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def batch(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if len(words) != 3:
            sys.exit(f"{self.name} has ended")
        self.first = float.fromhex(words[2].decode())
        return float(words[0]), float(words[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(sides, rounds):
    for side in sides:
        for _ in range(WARM_UP):
            side.batch()
    for i in range(rounds):
        first = i % len(sides)
        for side in sides[first:] + sides[:first]:
            side.times.append(side.batch())
    for side in sides:
        side.close()
        if side.first != sides[0].first:
            sys.exit(f"{side.name} gives other embeddings than C")


def figures(side, base):
    result = {}
    for which, name in enumerate(("wall", "cpu")):
        mine, theirs = ([times[which] for times in one.times] for one in (side, base))
        result[f"{name}_ms"] = round(statistics.median(mine), 3)
        result[f"{name}_over_c"] = round(statistics.median(a / b for a, b in zip(mine, theirs)), 4)
    return result


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(*sys.argv[2:])
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--model", default="default")
    parser.add_argument("--go", help="a program that does in Go what bench_binding.c does")
    parser.add_argument("--output")
    options = parser.parse_args()
    import facematch as fm
    import machine
    model = os.path.join(MODELS, options.model + ".pt")
    with tempfile.TemporaryDirectory() as folder:
        crops = os.path.join(folder, "crops")
        make_crops(crops, fm.Model(model))
        in_c = [os.path.join(BUILD, "bin", "bench_binding"), model, crops]
        sides = [Side("c", in_c), Side("c_again", in_c),
                 Side("python", [sys.executable, os.path.abspath(__file__), "--serve", model, crops])]
        if options.go:
            sides.append(Side("go", [options.go, model, crops]))
        measure(sides, options.rounds)
    build = fm.build_info()
    result = {"benchmark": "binding_cost", **machine.describe(), "version": build.version, "git_id": build.git_id,
              "libtorch": build.backend_version, "model": options.model, "batch": BATCH, "rounds": options.rounds,
              "sides": {side.name: figures(side, sides[0]) for side in sides}}
    text = json.dumps(result, indent=2)
    print(text)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    return int(any(side["cpu_over_c"] > MOST for side in result["sides"].values()))


if __name__ == "__main__":
    sys.exit(main())
