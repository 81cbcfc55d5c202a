"""What the program says of itself, and what it says of a command line that is none. Wants no models,
and is run on the build without libtorch, which takes its time to load."""
import os
import re
import unittest

from program import ERROR, YES, ProgramCase


class Help(ProgramCase):
    COMMANDS = ["detect", "embed", "verify", "enroll", "identify", "liveness", "gallery info", "gallery list",
                "gallery show", "gallery remove", "gallery export", "gallery import",
                "gallery compact", "gallery rekey", "gallery shard", "evaluate pairs",
                 "evaluate all-pairs", "evaluate identify", "evaluate pad", "calibrate", "train",
                 "models", "bench", "version", "help"]

    def listed(self, command):
        text = self.expect(YES, *command.split(), "--help")
        return set(re.findall(r"^  --([a-z-]+)", text, re.M))

    def test_every_command_is_listed(self):
        text = self.expect(YES, "help")
        for command in self.COMMANDS:
            self.assertRegex(text, f"(?m)^  {command} ")
        self.assertEqual(self.expect(YES, "--help"), text)

    VALUES = {"json": [], "help": [], "aligned": [], "flip": [], "man": [], "fmr": ["1e-3"],
              "fpir": ["1e-3"], "threshold": ["0.5"], "top": ["3"], "rounds": ["3"],
              "min-face": ["40"], "threads": ["2"], "template": ["1"], "select": ["score"],
              "on-existing": ["skip"], "index": ["exact"], "failures": ["error"],
              "extrapolate": [], "liveness": ["report"], "apcer": ["0.1"], "bpcer": ["0.1"],
              "live-score": ["0.6"], "spoof-score": ["0.4"], "sequence": [], "min-frames": ["2"],
              "pad": [], "folds": ["5"],
              "precision": ["bfloat16"], "quality": [], "no-gate": [], "allow": ["blurred"],
              "other-faces": ["0.3"], "min-size": ["60"], "min-score": ["0.8"],
              "min-sharpness": ["0.1"], "min-brightness": ["20"], "max-brightness": ["240"],
              "max-yaw": ["30"], "max-pitch": ["30"], "max-roll": ["30"], "leave-out": ["2"],
              "force": [], "resume": [], "loss": ["triplet"], "mining": ["all"], "margin": ["0.3"],
              "reduction": ["sum"], "people": ["3"], "photographs": ["3"], "epochs": ["3"],
              "steps": ["3"], "patience": ["3"], "optimizer": ["sgd"], "rate": ["0.1"],
              "momentum": ["0.5"], "weight-decay": ["0.1"], "schedule": ["step"],
              "schedule-epochs": ["3"], "head": ["16"], "seed": ["3"]}

    def test_help_lists_exactly_what_is_accepted(self):
        lists = {command: self.listed(command) for command in self.COMMANDS}
        every = set().union(*lists.values())
        self.assertGreater(len(every), 20)
        for command, known in lists.items():
            self.assertLessEqual({"json", "model", "detector", "models-dir", "help"}, known)
            accepted = [word for option in sorted(known - {"help"})
                        for word in ("--" + option, *self.VALUES.get(option, ["text"]))]
            unlisted = sorted(every - known)
            # Options are judged in the order given, so an error about the last is none about those
            # before it.
            for option in (unlisted[0], unlisted[-1]):
                value = self.VALUES.get(option, ["text"])
                self.expect(ERROR, *command.split(), *accepted, "--" + option, *value)
                self.assertIn(f"has no option --{option};", self.err)

    def test_help_has_examples_and_fits_the_screen(self):
        for command in self.COMMANDS:
            text = self.expect(YES, "help", *command.split())
            self.assertEqual(text, self.expect(YES, *command.split(), "--help"))
            self.assertIn("Examples:\n  facematch " + command, text)
            photographs = re.search(r" (IMAGE|A B$)", text, re.M)
            self.assertEqual("may be -: it is read" in text, bool(photographs), command)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 90, line)

    def test_manual_page_has_everything(self):
        page = self.expect(YES, "help", "--man").replace("\\-", "-")
        self.assertTrue(page.startswith(".TH FACEMATCH 1 "))
        for command in self.COMMANDS:
            self.assertIn(f'.SS "{command}"', page)
            for option in self.listed(command):
                self.assertIn(f"\\fB--{option}\\fR", page)

    def test_exit_statuses_are_told_with_that_of_a_reader_that_goes_away(self):
        told = "goes away before its end, as head does, the work ends with 2"
        for text in (self.expect(YES, "help"), self.expect(YES, "help", "embed"),
                     self.expect(YES, "help", "--man")):
            self.assertIn(told, " ".join(text.split()))
        reader, writer = os.pipe()
        os.close(reader)
        process = self.start("help", stdout=writer)
        os.close(writer)
        self.assertEqual(process.wait(timeout=60), ERROR)

    def test_mistakes(self):
        cases = {
            ("detect", "--jsn", "x"): "did you mean --json",
            ("detct", "x"): "did you mean 'detect'",
            ("gallery", "lst", "x"): "info, list, show, remove, export, import, compact, rekey, shard",
            ("gallery",): "info, list, show, remove, export, import, compact, rekey, shard",
            (): "no command",
            ("detect",): "arguments are missing",
            ("detect", "-x"): "no option -x",
            ("detect", "x", "--threads"): "needs a value",
            ("detect", "x", "--json=1"): "takes no value",
            ("detect", "x", "--threads", "0"): "from 1 to 256",
            ("detect", "x", "--threads", "2x"): "from 1 to 256",
            ("detect", "x", "--threads", " 2"): "from 1 to 256",
            ("detect", "x", "--min-face", "11"): "from 12 to 10,000",
            ("detect", "x", "--select", "best"): "largest, central, score",
            ("verify", "a", "b", "--fmr", "0"): "above 0 and below 1",
            ("verify", "a", "b", "--fmr", "nan"): "above 0 and below 1",
            ("verify", "a", "b", "--threshold", "inf"): "finite",
            ("version", "x"): "too many",
            ("verify", "-", "-"): "- is standard input, which can be read once",
            ("detect", "-", "x", "-"): "read once",
            ("enroll", "--gallery", "g", "-", "-", "-"): "read once",
        }
        for args, text in cases.items():
            with self.subTest(args=args):
                self.expect(ERROR, *args)
                self.assertIn(text, self.err)
                self.assertEqual(self.out, "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
