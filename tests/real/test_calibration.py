"""Do calibrations keep their word on other people?

    /usr/bin/python3 tests/real/test_calibration.py

For each model: calibrated on everybody of LFW's folds 1 to 3, measured on all comparisons between
people of folds 4 and 5. FACEMATCH_BIN is the program, FACEMATCH_MODELS the folder of models,
FACEMATCH_DATA that of data with lfw in it, FACEMATCH_CACHE a folder where embeddings are kept from
run to run. Exit status 77 without the data, 1 when a bound is missed.
"""
import json
import os
import subprocess
import sys
import tempfile

SKIPPED = 77
MODELS = ("fast", "default", "accurate", "dlib-resnet-v1")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def people_of_folds(path):
    """The names of each fold."""
    with open(path, encoding="utf-8") as file:
        folds, pairs = map(int, file.readline().split())
        rows = [line.split() for line in file if line.strip()]
    names = [set() for _ in range(folds)]
    for i, row in enumerate(rows):
        names[i // (2 * pairs)].update([row[0]] if len(row) == 3 else [row[0], row[2]])
    return names


class Check:
    def __init__(self, program, models, data, cache, place):
        self.program, self.models, self.data, self.place = program, models, data, place
        self.cache = cache or place
        self.good = True

    def run(self, *args, status=(0,)):
        run = subprocess.run([self.program, *args], stdout=subprocess.PIPE, check=False)
        if run.returncode not in status:
            raise RuntimeError(f"{' '.join(args)} ended with {run.returncode}: {run.stdout}")
        return json.loads(run.stdout)

    def expect(self, text, holds):
        print(("ok   " if holds else "BAD  ") + text, flush=True)
        self.good = self.good and holds

    def names(self, name, people):
        path = os.path.join(self.place, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(person + "\n" for person in sorted(people)))
        return path

    def calibrated(self, name, common):
        """The model with a calibration on the first folds."""
        calibration = os.path.join(self.place, name + ".json")
        model = os.path.join(self.place, name + ".pt")
        self.run("calibrate", "--json", "--model", os.path.join(self.models, name + ".pt"),
                 "--people", os.path.join(self.place, "first"), "--out", calibration, *common)
        subprocess.run([sys.executable, "-m", "facematch_models", "calibrate", calibration,
                        os.path.join(self.models, name + ".pt"), "--out", model],
                       env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "tools/models")},
                       stdout=subprocess.DEVNULL, check=True)
        return model

    def decision(self, model, *args, status=(0, 1)):
        folder = os.path.join(self.data, "images", min(os.listdir(self.data + "/images")))
        photo = os.path.join(folder, min(os.listdir(folder)))
        return self.run("verify", "--json", "--model", model, *args, photo, photo, status=status)

    def model(self, name):
        common = ["--images", os.path.join(self.data, "images"), "--embeddings",
                  os.path.join(self.cache, f"lfw-{name}.embeddings")]
        model = self.calibrated(name, common)
        told = self.run("evaluate", "all-pairs", "--json", "--model", model, "--people",
                        os.path.join(self.place, "last"), *common)
        print(f"{name}: {told['impostor']} impostor comparisons")
        for point in told["calibrated_points"]:
            asked, measured = point["asked"], point["fmr"]["value"]
            factor = {1e-3: 2, 1e-4: 3}.get(asked)
            if factor:
                self.expect(f"asked for {asked:g}, measured {measured:.3g}",
                            asked / factor <= measured <= asked * factor)
            if asked == 1e-5:
                said = self.decision(model, "--fmr", "1e-5")
                low, high = said["threshold_fmr_low"], said["threshold_fmr_high"]
                self.expect(f"asked for 1e-05, told {low:.3g} to {high:.3g}, measured "
                            f"{measured:.3g}", low <= measured <= high)
            if asked == 1e-4:
                said = self.decision(model, "--fmr", "1e-4")["threshold_fnmr"]
                missed = point["fnmr"]
                print(f"     expected miss rate {said:.3g}, measured {missed['value']:.3g} "
                      f"({missed['low']:.3g} to {missed['high']:.3g})")
        answer = self.decision(model, "--fmr", "1e-9", status=(2,))
        self.expect("1e-9 is refused", answer["error"] == "FM_E_LIMIT")
        answer = self.decision(model, "--fmr", "1e-9", "--extrapolate")
        self.expect("1e-9 is extrapolated by name", answer["threshold"] >
                    self.decision(model, "--fmr", "1e-7")["threshold"])


def main():
    program = os.environ.get("FACEMATCH_BIN", "build/bin/facematch")
    models = os.environ.get("FACEMATCH_MODELS", "models")
    data = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "lfw")
    for path in (program, data + "/pairs.txt", *(f"{models}/{name}.pt" for name in MODELS)):
        if not os.path.exists(path):
            print(f"skipped: {path} is absent")
            return SKIPPED
    folds = people_of_folds(data + "/pairs.txt")
    with tempfile.TemporaryDirectory(prefix="facematch-calibration-") as place:
        check = Check(os.path.abspath(program), models, data, os.environ.get("FACEMATCH_CACHE"),
                      place)
        check.names("first", set().union(*folds[:3]))
        check.names("last", set().union(*folds[3:]))
        for name in MODELS:
            check.model(name)
    return 0 if check.good else 1


if __name__ == "__main__":
    sys.exit(main())
