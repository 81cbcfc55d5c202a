"""Training on ORL's people 1 to 30, measured on people 31 to 40, whom the network has never seen.

    .venv-tests/bin/python bench/train_orl.py [--seeds 0,1,2] [--only facenet-small:batch-hard]

Needs numpy and Pillow. Every network is trained by `facematch train` for a fixed number of epochs
with nobody left out, so nothing is chosen by the people it is measured on. The figure is the equal
error rate over all their pairs, by `facematch evaluate all-pairs`; beside it that of the
photographs' own pixels (mean taken away, length 1, correlation). Prints a JSON object for each run
and one for each kind of run: mean, lowest and highest, and the ratio to the pixels'.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

import machine
import numpy as np
from PIL import Image

DATA = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "orl")
TRAINED_ON, MEASURED_ON = range(1, 31), range(31, 41)
AUGMENT = "flip=0.5,shift=0.06,scale=0.08,brightness=0.15,contrast=0.2,blur=0.8"
KINDS = {
    "facenet-small:batch-hard": ["--arch", "facenet-small", "--loss", "triplet", "--mining",
                                 "batch-hard", "--people", "10", "--photographs", "4"],
    "facenet-small:semi-hard": ["--arch", "facenet-small", "--loss", "triplet", "--mining",
                                "semi-hard", "--people", "10", "--photographs", "4"],
    "facenet-small:all": ["--arch", "facenet-small", "--loss", "triplet", "--mining", "all",
                          "--people", "10", "--photographs", "4"],
    "deepface-small:softmax": ["--arch", "deepface-small", "--loss", "softmax"],
    "deepface-small:longer": ["--arch", "deepface-small", "--loss", "softmax", "--epochs", "80",
                              "--rate", "0.002", "--weight-decay", "0.001", "--augment",
                              "flip=0.5,shift=0.1,scale=0.15,brightness=0.1,contrast=0.2,blur=1.5"],
}


def lay_out(place, people):
    """A folder of links, one sub-folder for each person."""
    for person in people:
        os.makedirs(f"{place}/s{person}")
        for name in os.listdir(f"{DATA}/s{person}"):
            os.symlink(os.path.abspath(f"{DATA}/s{person}/{name}"), f"{place}/s{person}/{name}")
    return place


def pixels_eer(place):
    """Of normalised pixels: where the two errors over all pairs cross."""
    paths = [(person, f"{place}/{person}/{name}") for person in sorted(os.listdir(place))
             for name in sorted(os.listdir(f"{place}/{person}"))]
    rows = np.stack([np.asarray(Image.open(path).convert("L"), np.float64).ravel()
                     for _, path in paths])
    rows -= rows.mean(1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = rows @ rows.T
    pairs = list(itertools.combinations(range(len(paths)), 2))
    same = np.array([paths[a][0] == paths[b][0] for a, b in pairs])
    values = np.array([scores[a, b] for a, b in pairs])
    genuine, impostor = np.sort(values[same]), np.sort(values[~same])
    thresholds = np.unique(values)
    fnmr = np.searchsorted(genuine, thresholds) / len(genuine)
    fmr = 1 - np.searchsorted(impostor, thresholds) / len(impostor)
    at = np.argmin(np.abs(fnmr - fmr))
    return float((fnmr[at] + fmr[at]) / 2)


def run(options, kind, seed, train, test, out):
    usual = ["--epochs", "40", "--augment", AUGMENT]
    own = KINDS[kind] if "--epochs" in KINDS[kind] else KINDS[kind] + usual
    command = [options.program, "train", *own, "--data", train, "--leave-out", "0", "--aligned",
               "--seed", str(seed), "--threads", str(options.threads), "--out", out, "--force",
               "--json"]
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    answer = subprocess.run([options.program, "evaluate", "all-pairs", "--json", "--aligned",
                             "--model", out, "--images", test], check=True, capture_output=True)
    figures = json.loads(answer.stdout)
    return {"kind": kind, "seed": seed, "eer": figures["eer"], "seconds": round(seconds, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/facematch")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facematch-orl-") as place:
        train = lay_out(f"{place}/train", TRAINED_ON)
        test = lay_out(f"{place}/test", MEASURED_ON)
        baseline = pixels_eer(test)
        print(json.dumps({"pixels_eer": baseline, **machine.describe()}), flush=True)
        for kind in options.only.split(","):
            runs = [run(options, kind, int(seed), train, test, f"{place}/model.pt")
                    for seed in options.seeds.split(",")]
            for one in runs:
                print(json.dumps(one), flush=True)
            rates = [one["eer"] for one in runs]
            print(json.dumps({"kind": kind, "eer_mean": float(np.mean(rates)),
                              "eer_low": min(rates), "eer_high": max(rates),
                              "ratio_to_pixels": float(np.mean(rates)) / baseline}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
