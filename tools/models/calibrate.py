"""Measure a model's calibration: which share of strangers scores at least how high.

    python tools/models/calibrate.py --program build/bin/facematch --model mobilefacenet \\
        --images ../shared/data/lfw/images --dataset "LFW deep-funneled, View 2, folds 1 to 5"

IMAGES holds one folder per person. Every photograph is embedded by the command line with its
defaults; every comparison between two people counts (all of them, not only listed pairs). Writes
facematch_models/calibrations/MODEL.json; the next `build` puts it into the archive.

A point of the table is kept while at least MIN_EXCEEDING comparisons score above it: with fewer the
quantile says little, and LFW, which has a few people under two names, says too much. Comparisons share photographs, so they are not independent; the table is a
first one, without intervals.
"""
import argparse
import json
import os
import subprocess
import sys

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
MIN_EXCEEDING = 50
RATES = [digit * 10.0 ** -power for power in range(1, 10) for digit in (5, 2, 1)]


def embed(program, model, photographs):
    """Embeddings and the person of each photograph that has a face."""
    rows, people = [], []
    for first in range(0, len(photographs), 500):
        run = subprocess.run([program, "embed", "--json", "--model", model,
                              *photographs[first:first + 500]], stdout=subprocess.PIPE, check=False)
        if run.returncode not in (0, 2):  # 2: some photographs have no face
            raise RuntimeError(f"{program} ended with {run.returncode}")
        for line in run.stdout.splitlines():
            answer = json.loads(line)
            if "embedding" in answer:
                rows.append(answer["embedding"])
                people.append(os.path.basename(os.path.dirname(answer["image"])))
        print(f"\r{len(rows)} of {len(photographs)} embedded", end="", file=sys.stderr)
    print(file=sys.stderr)
    return numpy.array(rows, numpy.float32), numpy.array(people)


def scores_between(rows, metric):
    """All scores of every row against every row, in the library's convention."""
    if metric == "cosine":
        unit = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
        return unit @ unit.T
    if metric == "euclidean":
        squares = (rows.astype(numpy.float64) ** 2).sum(1)
        inner = rows.astype(numpy.float64) @ rows.T.astype(numpy.float64)
        return -numpy.sqrt(numpy.maximum(squares[:, None] + squares[None] - 2 * inner, 0))
    raise ValueError(f"metric {metric} is not measured by this script")


def impostor_scores(rows, people, metric):
    strangers = numpy.triu(people[:, None] != people[None], 1)
    return numpy.sort(scores_between(rows, metric)[strangers])


def table(scores):
    points = []
    for rate in RATES:
        exceeding = int(rate * scores.size)
        if exceeding < MIN_EXCEEDING:
            break
        score = float(scores[scores.size - exceeding])
        if not points or score > points[-1]["score"]:
            points.append({"fmr": float(f"{rate:.1e}"), "score": float(f"{score:.6g}")})
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", default="build/bin/facematch")
    parser.add_argument("--model", required=True)
    parser.add_argument("--metric", default="cosine", choices=["cosine", "euclidean"])
    parser.add_argument("--images", required=True)
    parser.add_argument("--dataset", required=True, help="what the manifest shall say of the data")
    arguments = parser.parse_args()
    photographs = sorted(os.path.join(folder, name) for folder, _, names in os.walk(arguments.images)
                         for name in names)
    rows, people = embed(arguments.program, arguments.model, photographs)
    scores = impostor_scores(rows, people, arguments.metric)
    calibration = {"dataset": arguments.dataset, "impostor_comparisons": int(scores.size),
                   "points": table(scores)}
    path = os.path.join(HERE, "facematch_models", "calibrations", arguments.model + ".json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(calibration, file, indent=1)
        file.write("\n")
    print(f"{path}: {scores.size} comparisons, {len(calibration['points'])} points")


if __name__ == "__main__":
    main()
