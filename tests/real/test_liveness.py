"""Does the liveness check keep its word on people that it was not calibrated on?

    /usr/bin/python3 tests/real/test_liveness.py

On the 500 frames of data/liveness (NUAA): five-fold cross-validation over people, for the equal error
rate, the error rates at the default targets and the share of UNCERTAIN; then what five frames give
instead of one, as they are and blurred; a still; frames of two people. FACEMATCH_FRAMES is tests/real's
liveness_frames, FACEMATCH_MODELS the folder of models, FACEMATCH_DATA that of data with liveness in it.
Exit status 77 without them, 1 when a bound is missed.
"""
import csv
import json
import math
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77
FOLDS, FUSED, BLUR = 5, 5, 4
TARGET = 0.05
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def person_of(path):
    return int(re.search(r"(?:live|spoof)_(\d+)_", os.path.basename(path)).group(1))


def session_of(path):
    """The frames of one person at one sitting have this in common."""
    return os.path.basename(path).rsplit("_", 1)[0]


def equal_error_rate(live, attacks):
    """The mean of the two rates where they are nearest to each other."""
    best = (2.0, 1.0)
    for line in sorted({*live, *attacks, 2.0}):
        apcer = sum(score >= line for score in attacks) / len(attacks)
        bpcer = sum(score < line for score in live) / len(live)
        best = min(best, (abs(apcer - bpcer), (apcer + bpcer) / 2))
    return best[1]


def log_odds(score):
    score = min(max(score, 1e-12), 1 - 1e-12)
    return math.log(score / (1 - score))


class Check:
    def __init__(self, program, models, data, place):
        self.program, self.models, self.place = program, models, place
        self.archive = os.path.join(models, "minifasnet.pt")
        folder = os.path.join(data, "liveness")
        with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.label = {os.path.join(folder, row["path"]): row["label"] for row in rows}
        self.good = True

    def expect(self, text, holds):
        print(("ok   " if holds else "BAD  ") + text, flush=True)
        self.good = self.good and holds

    def frames(self, *arguments, lines):
        run = subprocess.run([self.program, *map(str, arguments)], input="".join(
            line + "\n" for line in lines), stdout=subprocess.PIPE, text=True, check=True)
        return run.stdout

    def look(self, archive, paths, blur=0):
        return [json.loads(line) for line in self.frames("look", self.models, archive, blur,
                                                         lines=paths).splitlines()]

    def fuse(self, attempts, frames=FUSED, blur=0):
        return [json.loads(line) for line in
                self.frames("sequence", self.models, self.archive, frames, blur,
                            lines=["\t".join(attempt) for attempt in attempts]).splitlines()]

    def calibrated(self, results):
        """An archive with a calibration on these frames."""
        lines = [f"{r['score']:.9g} {int(self.label[r['path']] != 'live')}" for r in results]
        paths = [os.path.join(self.place, name) for name in ("calibration.json", "calibrated.pt")]
        with open(paths[0], "w", encoding="utf-8") as file:
            file.write(self.frames("calibrate", lines=lines))
        subprocess.run([sys.executable, "-m", "facematch_models", "calibrate", paths[0],
                        self.archive, "--out", paths[1]], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "tools", "models")})
        return paths[1]

    def check_left_out_people(self):
        whole = [r for r in self.look(self.archive, self.label) if r["verdict"] != "no_face"]
        self.expect(f"a face in {len(whole)} of {len(self.label)} frames",
                    len(whole) == len(self.label))
        live = [r["score"] for r in whole if self.label[r["path"]] == "live"]
        attacks = [r["score"] for r in whole if self.label[r["path"]] != "live"]
        rate = equal_error_rate(live, attacks)
        self.expect(f"equal error rate of one frame: {100 * rate:.2f} %", rate <= 0.02)
        left_out = []
        for fold in range(FOLDS):
            mine = [r for r in whole if person_of(r["path"]) % FOLDS != fold]
            paths = [r["path"] for r in whole if person_of(r["path"]) % FOLDS == fold]
            left_out += self.look(self.calibrated(mine), paths)
        self.tell_left_out(left_out)

    def tell_left_out(self, results):
        def share(label, *verdicts):
            mine = [r for r in results if (self.label[r["path"]] == "live") == (label == "live")]
            return sum(r["verdict"] in verdicts for r in mine) / len(mine)
        uncertain = [r for r in results if r["verdict"] == "uncertain"]
        reasons = {r["reason"]: sum(u["reason"] == r["reason"] for u in uncertain)
                   for r in uncertain}
        self.expect(f"attacks of left-out people called live: {100 * share('spoof', 'live'):.1f} %"
                    f" (target {100 * TARGET:.0f} %)", share("spoof", "live") <= 0.08)
        self.expect(f"live faces of left-out people called attacks: {100 * share('live', 'spoof'):.1f}"
                    f" % (target {100 * TARGET:.0f} %)", share("live", "spoof") <= 0.08)
        self.expect(f"live faces of left-out people called live: {100 * share('live', 'live'):.1f} %",
                    share("live", "live") >= 0.9)
        self.expect(f"uncertain: {100 * len(uncertain) / len(results):.1f} % {reasons}",
                    len(uncertain) <= 0.1 * len(results))

    def attempts(self, count):
        """As many frames in a row of one person at one sitting, none twice."""
        sittings = {}
        for path in self.label:
            sittings.setdefault(session_of(path), []).append(path)
        return [frames[i:i + count] for frames in sittings.values()
                for i in range(0, len(frames) - count + 1, count)]

    def rates(self, attempts, blur):
        results = self.fuse(attempts, len(attempts[0]), blur)
        scored = [(r["score"], self.label[frames[0]] == "live")
                  for r, frames in zip(results, attempts) if r["used"] > 0]
        live = [score for score, is_live in scored if is_live]
        attacks = [score for score, is_live in scored if not is_live]
        return equal_error_rate(live, attacks), log_odds(min(live)) - log_odds(max(attacks)), results

    def check_sequences(self):
        many = self.attempts(FUSED)
        single = [[path] for frames in many for path in frames]
        for blur in (0, BLUR):
            one, one_gap, _ = self.rates(single, blur)
            five, five_gap, results = self.rates(many, blur)
            what = f"blurred by {blur} px" if blur else "as they are"
            self.expect(f"{what}: equal error rate of 1 frame {100 * one:.2f} %, of {FUSED}"
                        f" {100 * five:.2f} %; least live less highest attack, log-odds:"
                        f" {one_gap:.1f}, {five_gap:.1f}",
                        five <= one and five_gap > one_gap and (five < one or one == 0))
            strangers = sum(r["other_faces"] for r in results)
            self.expect(f"{what}: {strangers} of {len(single)} frames taken for another face's,"
                        f" {sum(r['stills'] for r in results)} for stills",
                        strangers <= 0.02 * len(single) and not any(r["stills"] for r in results))

    def check_refusals(self):
        paths = list(self.label)
        still, = self.fuse([[paths[0]] * FUSED])
        self.expect(f"the same frame {FUSED} times: {still['verdict']}, {still['reason']}",
                    (still["verdict"], still["reason"]) == ("uncertain", "still"))
        one, other = [[p for p in paths if person_of(p) == n and self.label[p] == "live"]
                      for n in (3, 4)]
        mixed, = self.fuse([[one[0], other[0], one[1], other[1], one[2]]])
        self.expect(f"frames of two people: {mixed['verdict']}, {mixed['reason']}",
                    (mixed["verdict"], mixed["reason"]) == ("uncertain", "other_face"))


def main():
    program = os.environ.get("FACEMATCH_FRAMES", "build/bin/liveness_frames")
    models = os.environ.get("FACEMATCH_MODELS", "models")
    data = os.environ.get("FACEMATCH_DATA", os.path.join(ROOT, "..", "shared", "data"))
    for path in (program, os.path.join(models, "minifasnet.pt"), os.path.join(data, "liveness")):
        if not os.path.exists(path):
            print(f"skipped: {path} is not there")
            return SKIPPED
    with tempfile.TemporaryDirectory() as place:
        check = Check(program, models, data, place)
        check.check_left_out_people()
        check.check_sequences()
        check.check_refusals()
    return 0 if check.good else 1


if __name__ == "__main__":
    sys.exit(main())
