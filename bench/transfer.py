"""What training on top of a frozen embedder gains on people it has not seen.

    /usr/bin/python3 bench/transfer.py [--from dlib-resnet-v1] [--data lfw,orl]

A linear head (triplets), a siamese and a chi-squared metric are trained by `facematch train --freeze
all` on the people of LFW's folds 1 to 4 (on ORL: people 1 to 30), and measured, as the model itself
is, on all pairs of the people of fold 5 (31 to 40). A part of the people trained on is left out to
choose the epoch by. Prints what `facematch evaluate all-pairs --json` says of each.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import machine

DATA = os.environ.get("FACEMATCH_DATA", "../shared/data")
KINDS = {"head": ["--loss", "triplet", "--head", "128", "--rate", "0.0003"],
         "siamese": ["--loss", "siamese", "--rate", "0.003"],
         "chi-squared": ["--loss", "chi-squared", "--rate", "0.003"]}


def lfw():
    """People of folds 1 to 4, and of fold 5: LFW's folds have no one in common."""
    with open(f"{DATA}/lfw/pairs.txt", encoding="utf-8") as file:
        folds, pairs = map(int, file.readline().split())
        lines = [line.split() for line in file]
    each = 2 * pairs
    people = [{name for line in lines[fold * each:(fold + 1) * each]
               for name in (line[:1] if len(line) == 3 else (line[0], line[2]))}
              for fold in range(folds)]
    test = people[-1]
    return f"{DATA}/lfw/images", set().union(*people[:-1]) - test, test


def orl():
    return (f"{DATA}/orl", {f"s{number}" for number in range(1, 31)},
            {f"s{number}" for number in range(31, 41)})


def lay_out(place, images, people):
    os.makedirs(place)
    for person in people:
        os.symlink(os.path.abspath(f"{images}/{person}"), f"{place}/{person}")
    return place


def measure(program, model, images, more):
    answer = subprocess.run([program, "evaluate", "all-pairs", "--json", "--model", model,
                             "--images", images, *more], check=True, capture_output=True)
    return json.loads(answer.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/facematch")
    parser.add_argument("--from", dest="model", default="dlib-resnet-v1")
    parser.add_argument("--data", default="lfw,orl")
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--epochs", default="20")
    parser.add_argument("--aligned", action="store_true", help="without detection")
    options = parser.parse_args()
    print(json.dumps(machine.describe()), flush=True)
    for name in options.data.split(","):
        images, train, test = {"lfw": lfw, "orl": orl}[name]()
        more = ["--aligned"] if options.aligned else []
        with tempfile.TemporaryDirectory(prefix="facematch-transfer-") as place:
            train = lay_out(f"{place}/train", images, train)
            test = lay_out(f"{place}/test", images, test)
            figures = {"none": measure(options.program, options.model, test, more)}
            print(json.dumps({"data": name, "trained": "none", **figures["none"]}), flush=True)
            for kind in options.only.split(","):
                out = f"{place}/{kind}.pt"
                subprocess.run([options.program, "train", "--from", options.model, "--freeze", "all",
                                *KINDS[kind], "--epochs", options.epochs, "--people", "16", "--data",
                                train, "--out", out, "--json", "--threads", "1", *more],
                               check=True, stdout=subprocess.DEVNULL)
                print(json.dumps({"data": name, "trained": kind,
                                  **measure(options.program, out, test, more)}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
