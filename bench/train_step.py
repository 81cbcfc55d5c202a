"""A step of training: libfacematch against the same loop in PyTorch.

    PYTHONPATH=tools/models python bench/train_step.py --models models

The same net, loss (triplet, batch-hard), optimiser (Adam), batch and threads; a step begins at the
pixels on both sides. The peer is PyTorch twice: the net as Python runs it (eager), and the archive
by torch.jit.load (script). All take turns, so that a machine whose speed drifts treats them alike;
the first step of a turn is not counted, since it finds the caches full of the others' weights.
Prints one JSON object per net and count of threads: medians in milliseconds, and the ratio to the
faster peer with its quartiles turn by turn. Needs PyTorch of the version of the libtorch that the
library was built on, or the comparison is one of versions.
"""
import argparse
import importlib
import json
import os
import statistics
import subprocess
import time

import torch
from facematch_models import archive
from facematch_models.architectures import ARCHITECTURES

import machine

NETS = ["facenet-small", "deepface-small"]
MARGIN, RATE = 0.2, 0.001
WARM_UP = 2  # turns
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "build", "bin", "bench_train_step")


def batch_hard(x, labels):
    """Each anchor with its farthest positive and its nearest negative."""
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()
    same = labels[:, None] == labels[None, :]
    positive = distances.masked_fill(~same, -1).argmax(1)
    negative = distances.masked_fill(same, float("inf")).argmin(1)
    return ((x - x[positive]).square().sum(1) - (x - x[negative]).square().sum(1)
            + MARGIN).relu().mean()


class Peer:
    """An ordinary loop."""

    def __init__(self, net, manifest, pixels, labels):
        self.net, self.pixels, self.labels = net.train(), pixels, labels
        self.mean = torch.tensor(manifest["input"]["mean"]).view(1, 3, 1, 1)
        self.std = torch.tensor(manifest["input"]["std"]).view(1, 3, 1, 1)
        self.optimizer = torch.optim.Adam(net.parameters(), RATE)
        net.initialize()

    def step(self):
        x = self.net((self.pixels.float() - self.mean) / self.std)
        loss = batch_hard(torch.nn.functional.normalize(x), self.labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()  # a loop looks at it

    def turn(self, steps):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            times.append((time.perf_counter() - start) * 1e3)
        return times[1:]


class Ours:
    def __init__(self, arguments, path, manifest, threads):
        spec = manifest["input"]
        self.process = subprocess.Popen(
            [arguments.program, path, str(spec["width"]), str(spec["height"]), str(threads),
             str(arguments.people), str(arguments.photographs), str(arguments.steps)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def turn(self, _steps):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [float(ms) for ms in self.process.stdout.readline().split()][1:]

    def end(self):
        self.process.stdin.close()
        if self.process.wait():
            raise RuntimeError("bench_train_step failed")


def photographs(arguments, manifest):
    """Noise around one picture of each person, as bench_train_step has it."""
    torch.manual_seed(7)
    shape = (3, manifest["input"]["height"], manifest["input"]["width"])
    faces = torch.randint(0, 192, (arguments.people, 1, *shape), dtype=torch.uint8)
    noise = torch.randint(0, 64, (arguments.people, arguments.photographs, *shape),
                          dtype=torch.uint8)
    labels = torch.arange(arguments.people).repeat_interleave(arguments.photographs)
    return (faces + noise).flatten(0, 1), labels


def measure(arguments, name, threads):
    torch.set_num_threads(threads)
    path = os.path.join(arguments.models, name + ".pt")
    manifest = archive.manifest_of(archive.read_records(path))
    given = photographs(arguments, manifest)
    module = importlib.import_module(f"facematch_models.{ARCHITECTURES[name].module}")
    ours = Ours(arguments, path, manifest, threads)
    sides = {"facematch": ours, "eager": Peer(module.make(), manifest, *given),
             "script": Peer(torch.jit.load(path), manifest, *given)}
    turns = {side: [] for side in sides}
    for turn in range(arguments.turns + WARM_UP):
        for side, loop in sides.items():
            times = loop.turn(arguments.steps)
            if turn >= WARM_UP:
                turns[side].append(statistics.median(times))
    ours.end()
    medians = {side: statistics.median(times) for side, times in turns.items()}
    faster = min("eager", "script", key=medians.get)
    ratios = [a / b for a, b in zip(turns["facematch"], turns[faster])]
    return {"net": name, "threads": threads, "batch": arguments.people * arguments.photographs,
            "turns": arguments.turns, "steps": arguments.steps,
            **{f"{side}_ms": round(ms, 2) for side, ms in medians.items()},
            "faster_peer": faster, "ratio": round(medians["facematch"] / medians[faster], 3),
            "ratio_quartiles": [round(q, 3) for q in statistics.quantiles(ratios, n=4)],
            "torch": torch.__version__, **machine.describe()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--models", default="models")
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--photographs", type=int, default=4)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--steps", type=int, default=6, help="in a turn")
    arguments = parser.parse_args()
    for name in arguments.nets:
        for threads in arguments.threads:
            print(json.dumps(measure(arguments, name, threads)), flush=True)


if __name__ == "__main__":
    main()
