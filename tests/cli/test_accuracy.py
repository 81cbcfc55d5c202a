"""Accuracy on LFW's View 2 (folds 1 to 5), by the command line, against the published bounds."""
import glob
import json
import os
import subprocess
import unittest

PROGRAM = os.environ.get("FACEMATCH_BIN", "build/bin/facematch")
DATA = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "lfw")


@unittest.skipUnless(os.path.isdir(DATA), f"{DATA} is absent: set FACEMATCH_DATA")
class Accuracy(unittest.TestCase):
    def evaluate(self, folder, *options):
        command = [PROGRAM, "evaluate", "pairs", "--images", os.path.join(DATA, folder),
                   "--pairs", os.path.join(DATA, "pairs.txt"), "--json", *options]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        report = json.loads(run.stdout)
        print(" ".join([folder, *options]), json.dumps(report), flush=True)
        return report

    def bfloat16_works(self):
        run = subprocess.run([PROGRAM, "version", "--json"], stdout=subprocess.PIPE, check=True)
        return bool(json.loads(run.stdout)["bfloat16"])

    @classmethod
    def setUpClass(cls):
        """What is kept in FACEMATCH_CACHE, for other tests, is made anew here."""
        for path in glob.glob(os.path.join(os.environ.get("FACEMATCH_CACHE", "/absent"),
                                           "lfw-*.embeddings")):
            os.remove(path)

    def check(self, bound, model, *options, folder="images", undetected=2):
        kept = []
        if folder == "images" and "FACEMATCH_CACHE" in os.environ:
            kept = ["--embeddings", os.path.join(os.environ["FACEMATCH_CACHE"],
                                                 f"lfw-{model}.embeddings")]
        report = self.evaluate(folder, "--model", model, *options, *kept)
        self.assertEqual(report["pairs"], 3000)
        self.assertGreaterEqual(report["accuracy"], bound)
        self.assertLessEqual(report["undetected"], undetected)
        return report

    def check_bfloat16(self, report, *options, folder="images"):
        if self.bfloat16_works():
            quick = self.evaluate(folder, *options, "--precision", "bfloat16")
            apart = abs(quick["accuracy"] - report["accuracy"])
            self.assertLessEqual(round(apart * report["pairs"]), 6)  # 0.002, in whole pairs

    def test_fast(self):
        self.check_bfloat16(self.check(0.991, "fast"), "--model", "fast")

    def test_default(self):
        self.check(0.993, "default")

    def test_accurate(self):
        report = self.check(0.995, "accurate")
        self.assertGreaterEqual(report["tar_at_far"]["1e-3"], 0.985)

    def test_dlib(self):
        self.check_bfloat16(self.check(0.988, "dlib-resnet-v1"), "--model", "dlib-resnet-v1")

    def test_mobilefacenet_on_aligned_crops(self):
        options = "--model", "mobilefacenet", "--aligned"
        report = self.check(0.992, *options[1:], folder="aligned112", undetected=0)
        self.check_bfloat16(report, *options, folder="aligned112")


if __name__ == "__main__":
    unittest.main(verbosity=2)
