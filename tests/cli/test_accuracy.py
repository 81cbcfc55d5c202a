"""Accuracy on LFW's View 2 (folds 1 to 5), by the command line, against the published bounds."""
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

    def check(self, folder, bound, *options, undetected=2):
        report = self.evaluate(folder, *options)
        self.assertEqual(report["pairs"], 3000)
        self.assertGreaterEqual(report["accuracy"], bound)
        self.assertLessEqual(report["undetected"], undetected)
        if self.bfloat16_works():
            quick = self.evaluate(folder, *options, "--precision", "bfloat16")
            self.assertAlmostEqual(quick["accuracy"], report["accuracy"], delta=0.002)

    def test_mobilefacenet_from_photographs(self):
        self.check("images", 0.991)

    def test_dlib_from_photographs(self):
        self.check("images", 0.986, "--model", "dlib-resnet-v1")

    def test_mobilefacenet_on_aligned_crops(self):
        self.check("aligned112", 0.992, "--aligned", undetected=0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
