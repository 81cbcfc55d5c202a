"""Does training bring a broken liveness net back, on people it has not seen?

    /usr/bin/python3 bench/train_liveness.py [--folds 3] [--frames N] [--kind last,all]

The last layer of both nets of minifasnet gets random weights. The people of data/liveness are divided
into folds, in the order in which they first occur; `facematch train` trains on the others, two of
whom it leaves out to choose the epoch by, and `facematch evaluate pad` measures the people of the
fold: with the broken nets, with the trained ones, and with the nets as they were. Last: only the last
layers are trained; all: all layers; kept: all layers, from the nets as they were. --frames takes so
many live frames and attacks of each person, evenly. Prints a line of JSON for each.
"""
import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

import machine

DATA = os.environ.get("FACEMATCH_DATA", "../shared/data") + "/liveness"
HALF = ["--live-score", "0.5", "--spoof-score", "0.5"]
RATES = {"last": "0.003", "all": "0.0003", "kept": "0.0001"}


def break_nets(source, target):
    """Nets whose last layers know nothing."""
    import torch

    extra = {"facematch.json": ""}
    module = torch.jit.load(source, _extra_files=extra)
    torch.manual_seed(5)
    with torch.no_grad():
        for net in (module.close, module.wide):
            net.out.weight.normal_(0, 0.02)
            net.out.bias.zero_()
    manifest = json.loads(extra["facematch.json"])
    manifest["name"] = "broken"
    manifest.pop("calibration", None)
    torch.jit.save(module, target, _extra_files={"facematch.json": json.dumps(manifest)})


def read_frames(few):
    """The rows of the table, with the person of each; `few` of each person and label, or all."""
    with open(f"{DATA}/labels.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = {}
    for row in rows:
        row["person"] = re.search(r"\d+", os.path.basename(row["path"])).group()
        groups.setdefault((row["person"], row["label"]), []).append(row)
    if few:
        rows = [row for group in groups.values() for row in group[::max(len(group) // few, 1)][:few]]
    return rows


def write_labels(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["path", "label", "attack", "person"])
        table.writeheader()
        table.writerows(rows)
    return path


class Work:
    """The program on one part of the frames."""

    def __init__(self, program, place, rows, fold, folds):
        people = list(dict.fromkeys(row["person"] for row in rows))
        test = set(people[fold::folds])
        self.program, self.place, self.fold = program, place, fold
        self.train_labels = write_labels(f"{place}/train-{fold}.csv",
                                         [row for row in rows if row["person"] not in test])
        self.test_labels = write_labels(f"{place}/test-{fold}.csv",
                                        [row for row in rows if row["person"] in test])

    def run(self, *arguments):
        run = subprocess.run([self.program, *arguments, "--json"], check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {run.stderr}")
        return [json.loads(line) for line in run.stdout.splitlines()]

    def measure(self, model):
        told, = self.run("evaluate", "pad", "--liveness-model", model, *HALF, "--images", DATA,
                         "--labels", self.test_labels)
        return {key: told[key] for key in ("eer", "eer_low", "eer_high", "photographs", "unscored")} | {
            "apcer": told["apcer"]["value"], "bpcer": told["bpcer"]["value"]}

    def train(self, model, kind, epochs):
        out = f"{self.place}/{kind}-{self.fold}.pt"
        told = self.run("train", "--from", model, "--data", DATA, "--labels", self.train_labels,
                        "--leave-out", "2", "--rate", RATES[kind], "--epochs", epochs, "--threads",
                        "1", "--force", "--out", out, *(["--freeze", "all"] if kind == "last" else []))
        return out, told[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/facematch")
    parser.add_argument("--model", default=os.environ.get("FACEMATCH_MODELS", "models") + "/minifasnet.pt")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--epochs", default="6")
    parser.add_argument("--kind", default="last,all,kept")
    options = parser.parse_args()
    print(json.dumps(machine.describe()), flush=True)
    rows = read_frames(options.frames)
    with tempfile.TemporaryDirectory(prefix="facematch-liveness-") as place:
        broken = f"{place}/broken.pt"
        break_nets(options.model, broken)
        for fold in range(options.folds):
            work = Work(options.program, place, rows, fold, options.folds)
            for name, model in (("broken", broken), ("published", options.model)):
                print(json.dumps({"fold": fold, "nets": name, **work.measure(model)}), flush=True)
            for kind in options.kind.split(","):
                out, told = work.train(options.model if kind == "kept" else broken, kind, options.epochs)
                print(json.dumps({"fold": fold, "nets": kind, **work.measure(out), "training": told}),
                      flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
