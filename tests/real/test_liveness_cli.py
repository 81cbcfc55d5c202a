"""Does a printed photograph of the right person get past `facematch verify --liveness require`?

    /usr/bin/python3 tests/real/test_liveness_cli.py [--all]

One live frame of each person of data/liveness is enrolled. Every other live frame claims to be that
person, and so does every printed photograph of the person. Thresholds of liveness are those from
the other people, by `evaluate pad --folds 5`, and then the model's own. All frames go through
`identify` with the threshold of `verify`, which takes many at a time, and two of each person
through `verify` itself; with --all, every frame does (some minutes). FACEMATCH_BIN is the program,
FACEMATCH_MODELS the folder of models, FACEMATCH_DATA that of data with liveness in it. Exit status
77 without the data, 1 when a bound is missed.
"""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77
FOLDS = 5
LEAST_REFUSED, LEAST_ACCEPTED = 0.95, 0.90
BATCH = 64


class Check:
    def __init__(self, program, data, place, every):
        self.program, self.data, self.every = program, data, every
        self.gallery = os.path.join(place, "people.fmg")
        self.threshold = None  # of verify
        self.good = True
        self.frames = {"live": {}, "spoof": {}}  # of each person
        with open(data + "/labels.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                person = re.search(r"\d+", os.path.basename(row["path"])).group()
                self.frames[row["label"]].setdefault(person, []).append(
                    os.path.join(data, row["path"]))

    def run(self, *args, strict=True):
        run = subprocess.run([self.program, args[0], "--json", *args[1:]], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if run.returncode == 2 and strict:
            raise RuntimeError(f"{' '.join(args[:8])}: {run.stderr}")
        return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]

    def expect(self, text, holds):
        print(("ok   " if holds else "BAD  ") + text, flush=True)
        self.good = self.good and holds

    def enroll(self):
        """The first live frame of each person that passes; the others are left."""
        for person, frames in self.frames["live"].items():
            while self.run("enroll", "--gallery", self.gallery, "--liveness", "require", "--allow",
                           "looks_like_another", person, frames.pop(0), strict=False)[0] != 0:
                pass
        person, frames = next(iter(self.frames["live"].items()))
        _, (told,) = self.run("verify", "--gallery", self.gallery, "--id", person, frames[0])
        self.threshold = told["threshold"]

    def lines_of_folds(self):
        """Of each person, the options that draw the lines which the others' frames make."""
        run = subprocess.run([self.program, "evaluate", "pad", "--json", "--folds", str(FOLDS),
                              "--images", self.data, "--labels", self.data + "/labels.csv"],
                             stdout=subprocess.PIPE, check=True, text=True)
        told = json.loads(run.stdout)
        print(f"by scores: EER {100 * told['eer']:.2f} %; verdicts on people left out: APCER "
              f"{100 * told['apcer']['value']:.2f} %, BPCER {100 * told['bpcer']['value']:.2f} %, "
              f"uncertain {100 * told['uncertain']:.2f} %")
        self.expect("EER at most 2 %", told["eer"] <= 0.02)
        self.expect("APCER of people left out at most 8 %", told["apcer"]["value"] <= 0.08)
        return {person: ["--live-score", repr(lines["live_threshold"]), "--spoof-score",
                         repr(lines["spoof_threshold"])]
                for lines in told["thresholds"] for person in lines["people"]}

    def verify(self, person, path, *lines):
        return self.run("verify", "--gallery", self.gallery, "--id", person, "--liveness",
                        "require", *lines, path)

    def decide(self, person, paths, lines):
        """What each frame is answered with: "accepted", "stranger", or why it is not live."""
        answers = []
        for i in range(0, len(paths), BATCH):
            _, told = self.run("identify", "--gallery", self.gallery, "--liveness", "require",
                               "--threshold", repr(self.threshold), *lines, *paths[i:i + BATCH])
            for one in told:
                if "error" in one:
                    assert one["error"] == "FM_E_NOT_LIVE" and one["matches"] == []
                    answers.append(one["liveness"]["verdict"])
                else:
                    named = person in [match["id"] for match in one["matches"]]
                    answers.append("accepted" if named else "stranger")
        return answers

    def same_by_verify(self, person, paths, answers, lines):
        """The program that is asked about decides alike."""
        wrong = 0
        for path, answer in list(zip(paths, answers))[:None if self.every else 1]:
            status, (told,) = self.verify(person, path, *lines)
            verdict = told["liveness"]["verdict"]
            here = ("accepted" if told["match"] else "stranger") if verdict == "live" else verdict
            wrong += here != answer or told["match"] != (status == 0) or told["match"] and (
                verdict != "live")
        return wrong

    def measure(self, name, lines):
        counts, wrong = {"live": {}, "spoof": {}}, 0
        for label, people in self.frames.items():
            for person, paths in people.items():
                answers = self.decide(person, paths, lines[person])
                wrong += self.same_by_verify(person, paths, answers, lines[person])
                for answer in answers:
                    counts[label][answer] = counts[label].get(answer, 0) + 1
        live, spoof = counts["live"], counts["spoof"]
        accepted = live.get("accepted", 0) / sum(live.values())
        refused = (spoof.get("spoof", 0) + spoof.get("uncertain", 0)) / sum(spoof.values())
        print(f"{name}: live frames {live}, attacks {spoof}")
        self.expect(f"{name}: {100 * refused:.1f} % of {sum(spoof.values())} attacks refused as "
                    "spoof or uncertain", refused >= LEAST_REFUSED)
        self.expect(f"{name}: {100 * accepted:.1f} % of {sum(live.values())} live frames accepted",
                    accepted >= LEAST_ACCEPTED)
        self.expect(f"{name}: verify decides alike", wrong == 0)


def main():
    program = os.environ.get("FACEMATCH_BIN", "build/bin/facematch")
    models = os.environ.get("FACEMATCH_MODELS", "models")
    data = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "liveness")
    for path in (program, data + "/labels.csv", models + "/minifasnet.pt", models + "/default.pt"):
        if not os.path.exists(path):
            print(f"skipped: {path} is absent")
            return SKIPPED
    with tempfile.TemporaryDirectory(prefix="facematch-liveness-") as place:
        check = Check(os.path.abspath(program), data, place, "--all" in sys.argv[1:])
        check.enroll()
        folds = check.lines_of_folds()
        check.measure("thresholds of other people", folds)
        check.measure("thresholds of the model", {person: [] for person in folds})
    return 0 if check.good else 1


if __name__ == "__main__":
    sys.exit(main())
