"""facematch train as its users meet it, with the real engine and a tiny network.

    /usr/bin/python3 tests/cli/test_train.py

The pictures are made here (training.py), so that no photograph is needed; ORL, in FACEMATCH_DATA
(default ../shared/data), is trained on where it is there. FACEMATCH_BIN as for test_cli.py. Exit
status 77 without PyTorch.
"""
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import training
from program import ERROR, NO, PROGRAM, YES, OnTerminal, ProgramCase

ORL = os.path.join(os.environ.get("FACEMATCH_DATA", "../shared/data"), "orl")
QUICK = ("--aligned", "--threads", "1", "--people", "4", "--photographs", "3")


class Case(ProgramCase):
    TIMEOUT_S = 120

    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory(prefix="facematch-train-")
        cls.addClassCleanup(place.cleanup)
        cls.shared = place.name
        cls.arch = os.path.join(place.name, "tiny.pt")
        cls.people = os.path.join(place.name, "people")
        training.write_architecture(cls.arch)
        training.write_people(cls.people, 12, 6)

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="facematch-train-")
        self.addCleanup(place.cleanup)
        self.folder = place.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *args, **more):
        return super().start(*args, cwd=self.folder, **more)

    def train(self, *args, out="m.pt", data=None, status=YES):
        """A run; its epochs, findings and last object."""
        source = () if "--from" in args or "--arch" in args else ("--arch", self.arch)
        told = self.results(status, "train", *source, "--data", data or self.people, *QUICK,
                            "--out", self.path(out), *args)
        self.epochs = [o for o in told if "epoch" in o]
        self.findings = [o for o in told if "finding" in o]
        return told[-1]

    def refused(self, words, *args, code="FM_E_INVALID_ARGUMENT"):
        before = os.listdir(self.folder)
        told = self.results(ERROR, "train", *args)
        self.assertEqual(told[-1]["error"], code)
        self.assertIn(words, told[-1]["message"])
        self.assertIn(words, self.err)
        self.assertEqual(os.listdir(self.folder), before)


class Training(Case):
    KEYS = {"out", "model", "id", "epochs", "best_epoch", "eer", "first_eer",
            "validation_loss", "first_validation_loss", "calibrated", "findings",
            "unused", "seconds"}
    EPOCH = {"epoch", "epochs", "steps", "finished", "people", "photographs", "validation_people",
             "validation_photographs", "best_epoch", "loss", "active", "positive_distance",
             "negative_distance", "learning_rate", "eer", "best_eer", "first_eer",
             "validation_loss", "best_validation_loss", "first_validation_loss", "seconds"}

    def check(self, *args):
        summary = self.train("--epochs", "3", *args)
        self.assertEqual(set(summary), self.KEYS)
        self.assertEqual([e["epoch"] for e in self.epochs], [1, 2, 3])
        for epoch in self.epochs:
            self.assertEqual(set(epoch), self.EPOCH)
            self.assertEqual((epoch["people"], epoch["validation_people"]), (10, 2))
            self.assertEqual((epoch["photographs"], epoch["validation_photographs"]), (60, 12))
            for key in ("loss", "eer", "positive_distance", "negative_distance"):
                self.assertTrue(math.isfinite(epoch[key]), epoch)
        self.assertEqual([e["finished"] for e in self.epochs], [False, False, True])
        self.assertEqual(summary["eer"], min(summary["first_eer"],
                                             *(e["eer"] for e in self.epochs)))
        self.assertEqual(len(summary["id"]), 64)
        self.assertTrue(os.path.exists(self.path("m.pt")))
        return summary

    def test_every_loss(self):
        for loss in ("triplet", "softmax", "siamese", "chi-squared"):
            with self.subTest(loss=loss):
                self.check("--loss", loss, "--force")
                self.assertLess(min(e["loss"] for e in self.epochs[1:]), self.epochs[0]["loss"])

    def test_every_miner_optimizer_and_schedule(self):
        for args in (("--mining", "semi-hard"), ("--mining", "all", "--reduction", "sum"),
                     ("--optimizer", "sgd", "--rate", "0.01", "--momentum", "0"),
                     ("--optimizer", "adagrad", "--rate", "0.01", "--weight-decay", "1e-4"),
                     ("--schedule", "constant", "--augment", "strong"),
                     ("--schedule", "step", "--schedule-epochs", "2", "--augment", "flip=0.5")):
            with self.subTest(args=args):
                self.check(*args, "--force")
                rates = [e["learning_rate"] for e in self.epochs]
                if "step" in args:
                    self.assertAlmostEqual(rates[2], rates[0] / 10, places=9)
                elif "constant" in args:
                    self.assertEqual(len(set(rates)), 1)

    def test_it_learns_and_serves_every_command(self):
        """The trained model is an ordinary one."""
        summary = self.train("--epochs", "20", "--leave-out", "5", "--seed", "2", "--augment", "none")
        self.assertLess(summary["eer"], summary["first_eer"])
        self.assertTrue(summary["calibrated"])
        model, data = ("--model", self.path("m.pt"), "--aligned"), self.people
        told = self.results(YES, "evaluate", "all-pairs", "--images", data, *model)[0]
        self.assertLess(told["eer"], 0.25)
        (info,) = self.results(YES, "models", *model[:2])
        self.assertEqual((info["id"], info["name"], info["dim"]), (summary["id"], "m", 16))
        for args in (("p00/0.pgm", "p00/1.pgm"), ("p00/0.pgm", "p05/1.pgm")):
            status = self.run_program("verify", *model, "--fmr", "0.3", "--json",
                                      *(os.path.join(data, a) for a in args))
            self.assertIn(status, (YES, NO), self.err)
            self.assertIn("fmr", json.loads(self.out))
        gallery = self.path("g.fmg")
        self.expect(YES, "enroll", "--gallery", gallery, *model, "--no-gate", "--folder", data)
        (who,) = self.results(YES, "identify", "--gallery", gallery, *model, "--threshold", "-2",
                              os.path.join(data, "p03/2.pgm"))
        self.assertEqual(who["matches"][0]["id"], "p03")
        self.expect(YES, "calibrate", "--images", data, *model, "--out", self.path("c.json"))
        import torch
        network = torch.jit.load(self.path("m.pt"))
        self.assertEqual(tuple(network.eval()(torch.zeros(2, 3, 32, 32)).shape), (2, 16))

    def test_transfer(self):
        self.train("--epochs", "4")
        before = self.results(YES, "models", "--model", self.path("m.pt"))[0]
        told = self.train("--from", self.path("m.pt"), "--freeze", "all", "--head", "8",
                          "--epochs", "3", out="head.pt")
        after = self.results(YES, "models", "--model", self.path("head.pt"))[0]
        self.assertEqual((before["dim"], after["dim"]), (16, 8))
        self.assertNotEqual(before["id"], told["id"])
        self.train("--from", self.path("m.pt"), "--freeze", "first", "--freeze", "second",
                   "--epochs", "2", out="part.pt")
        self.assertNotEqual(self.run_program("train", "--from", self.path("m.pt"), "--freeze",
                                             "frist", "--data", self.people, *QUICK, "--out",
                                             self.path("no.pt")), YES)
        self.assertIn("frist", self.err)

    def test_learned_metrics(self):
        self.train("--epochs", "4")
        for loss in ("siamese", "chi-squared"):
            with self.subTest(loss=loss):
                self.train("--from", self.path("m.pt"), "--freeze", "all", "--loss", loss,
                           "--epochs", "4", out=loss + ".pt")
                model = ("--model", self.path(loss + ".pt"), "--aligned")
                told = self.results(YES, "evaluate", "all-pairs", "--images", self.people, *model)
                self.assertLess(told[0]["eer"], 0.3)
                gallery = self.path(loss + ".fmg")
                enroll = "enroll", "--gallery", gallery, *model, "--no-gate", "--folder", self.people
                stored = [d["enrolled"] for d in self.results(YES, *enroll)]
                self.assertEqual(stored, [True] * len(stored))
                again = [d.get("reason") for d in self.results(YES, *enroll)]
                self.assertEqual(again, ["already_enrolled"] * len(stored))
                (who,) = self.results(YES, "identify", "--gallery", gallery, *model,
                                      "--threshold", "-100", self.people + "/p07/2.pgm")
                self.assertEqual(who["matches"][0]["id"], "p07")

    def test_text(self):
        text = self.expect(YES, "train", "--arch", self.arch, "--data", self.people, *QUICK,
                           "--epochs", "2", "--out", self.path("m.pt"))
        self.assertRegex(text, r"60 photographs of 10 people to train on, 12 of 2 people left out")
        self.assertRegex(text, r"before the first epoch: EER [\d.]+ %")
        self.assertRegex(text, r"epoch 2/2: loss [\d.e-]+, active [\d.]+ %, distances [\d.]+ ")
        self.assertRegex(text, r"m.pt: (epoch [12] of 2|as before the first epoch), EER")

    def test_list_of_photographs(self):
        lines = ["# person, path", ""]
        for person in range(6):
            for photo in range(3):
                gap = "\t" if photo else "  "
                lines.append(f"p{person}{gap}{self.people}/p{person:02d}/{photo}.pgm")
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        args = ("train", "--arch", self.arch, "--list", "list.txt", *QUICK, "--epochs", "1")
        told = self.results(YES, *args, "--out", self.path("m.pt"))
        self.assertEqual((told[0]["people"], told[0]["photographs"]), (6, 18))
        self.assertEqual((told[0]["validation_people"], told[0]["eer"]), (0, None))
        self.assertFalse(told[-1]["calibrated"])
        with open(self.path("list.txt"), "a", encoding="utf-8") as file:
            file.write("lonely\n")
        self.results(ERROR, *args, "--out", self.path("n.pt"))
        self.assertIn("list.txt, line 21: not PERSON, a tab or blanks, PATH", self.err)

    def test_people_left_out(self):
        def left_out(*args):
            self.train("--epochs", "1", "--force", *args)
            return self.epochs[0]["validation_people"], self.epochs[0]["first_eer"]

        self.assertEqual(left_out("--leave-out", "0"), (0, None))
        five = left_out("--leave-out", "5", "--seed", "1")
        self.assertEqual(five[0], 5)
        self.assertEqual(left_out("--leave-out", "5", "--seed", "1"), five)
        others = self.path("others")
        training.write_people(others, 3, 4, first=50)
        self.assertEqual(left_out("--validation", others)[0], 3)
        self.refused("fewer than two", "--arch", self.arch, "--data", self.people, *QUICK,
                     "--leave-out", "11", "--out", self.path("none.pt"))

    def test_report(self):
        page = self.path("curves.html")
        self.train("--epochs", "2", "--report", page)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        for words in ("Error on people never seen", "Learning rate", "--epochs", "Every epoch"):
            self.assertIn(words, text)
        self.assertEqual(os.stat(page).st_mode & 0o777, 0o600)
        with open(self.path("curves.json"), encoding="utf-8") as file:
            twin = json.load(file)
        self.assertEqual([e["epoch"] for e in twin["epochs"]], [1, 2])
        self.assertEqual(twin["settings"]["people"], 4)


class Resume(Case):
    RUN = ("--epochs", "8", "--steps", "6", "--seed", "5")

    def begin(self, folder, *args):
        os.makedirs(self.path(folder), exist_ok=True)
        place = self.path(folder)
        return subprocess.Popen(
            [PROGRAM, "train", "--arch", self.arch, "--data", self.people, *QUICK, *self.RUN,
             "--json", "--checkpoint", place + "/run.ckpt", "--resume", "--report",
             place + "/r.html", "--out", place + "/m.pt", *args], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process, status=YES):
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, err)
        return [json.loads(line) for line in out.splitlines()], err

    def interrupt(self, folder):
        """After the second epoch of eight; what it said."""
        while True:
            process = self.begin(folder)
            for line in process.stdout:
                if json.loads(line).get("epoch") == 2:
                    process.send_signal(signal.SIGINT)
                    break
            out, err = process.communicate(timeout=120)
            if process.returncode != YES:
                self.assertEqual(process.returncode, ERROR, err)
                return json.loads(out.splitlines()[-1]), err
            shutil.rmtree(self.path(folder))  # it was through before the signal came: once more

    def bytes_of(self, folder):
        with open(self.path(folder + "/m.pt"), "rb") as file:
            return file.read()

    def test_killed_at_any_moment(self):
        began = time.monotonic()
        whole, _ = self.finish(self.begin("whole"))
        duration, kills = time.monotonic() - began, 0
        while kills < 4:
            process = self.begin("killed", "--force")  # the last one may have got as far as m.pt
            time.sleep(random.uniform(0.3, 0.95) * duration)
            process.send_signal(signal.SIGKILL)
            _, err = process.communicate()
            if process.returncode == -signal.SIGKILL:
                kills += 1
            else:  # it was through: another from the start, and sooner
                self.assertEqual(process.returncode, YES, err)
                shutil.rmtree(self.path("killed"))
                duration *= 0.7
        told, _ = self.finish(self.begin("killed", "--force"))
        self.assertEqual(self.bytes_of("killed"), self.bytes_of("whole"))
        self.assertEqual(told[-1]["eer"], whole[-1]["eer"])
        with open(self.path("killed/r.json"), encoding="utf-8") as file:
            epochs = json.load(file)["epochs"]
        self.assertEqual([e["epoch"] for e in epochs], list(range(1, 9)))
        self.assertEqual([e["loss"] for e in epochs],
                         [o["loss"] for o in whole if "epoch" in o])

    def test_interrupted(self):
        told, err = self.interrupt("stopped")
        self.assertEqual(told["error"], "FM_E_CANCELED")
        self.assertIn("the same command with --resume goes on", err)
        self.assertFalse(os.path.exists(self.path("stopped/m.pt")))
        told, err = self.finish(self.begin("stopped"))
        self.assertIn("goes on after epoch", err)
        self.assertEqual(told[-1]["epochs"], 8)
        self.finish(self.begin("whole"))
        self.assertEqual(self.bytes_of("stopped"), self.bytes_of("whole"))

    def test_other_data_or_options(self):
        self.train("--epochs", "2", "--checkpoint", self.path("c"))
        again = ("--checkpoint", self.path("c"), "--resume")
        self.train("--epochs", "3", *again, out="n.pt", status=ERROR)
        self.assertIn("options", self.err)
        other = self.path("other")
        training.write_people(other, 12, 5)
        self.train("--epochs", "2", *again, out="n.pt", data=other, status=ERROR)
        self.assertIn("photographs", self.err)
        with open(self.path("c"), "r+b") as file:
            file.truncate(100)
        self.train("--epochs", "2", *again, out="n.pt", status=ERROR)
        self.assertFalse(os.path.exists(self.path("n.pt")))


class Interrupted(Case, OnTerminal):
    def test_check_of_labels(self):
        """It has a bar, and ends with the message of every interruption."""
        people, model = self.path("many"), self.path("first.pt")
        for person in os.listdir(self.people):
            os.makedirs(os.path.join(people, person))
            for number in range(600):
                os.symlink(os.path.join(self.people, person, f"{number % 6}.pgm"),
                           os.path.join(people, person, f"{number}.pgm"))
        self.train("--epochs", "1", out="first.pt")
        for pattern in (rb"embedding [^\n]*#", rb"checking labels \["):
            with self.subTest(pattern=pattern):
                for _ in range(5):
                    process, terminal, seen = self.follow(
                        pattern, "train", "--from", model, "--data", people, *QUICK, "--leave-out",
                        "0", "--out", self.path("m.pt"))
                    process.send_signal(signal.SIGINT)
                    seen += self.rest(process, terminal)
                    if b"epoch" not in seen:  # else the signal came later: once more
                        break
                self.assertEqual(process.returncode, ERROR, seen[-300:])
                self.assertNotIn(b"epoch", seen)
                self.assertTrue(seen.endswith(self.ERASE + b"facematch: interrupted: nothing is kept; "
                                              b"with --checkpoint a run can be resumed\r\n"), seen[-300:])
                self.assertFalse(os.path.exists(self.path("m.pt")))


class Findings(Case):
    def copy(self):
        place = self.path("data")
        shutil.copytree(self.people, place)
        return place

    def of(self, kind):
        return [f for f in self.findings if f["finding"] == kind]

    def test_learning_rate_of_ten(self):
        arch = self.path("plain.pt")
        training.write_architecture(arch, spread=False)
        for loss in ("triplet", "softmax"):
            with self.subTest(loss=loss):
                page = self.path("p.html")
                told = self.train("--arch", arch, "--loss", loss, "--rate", "10", "--report", page,
                                  "--checkpoint", self.path("c"), "--force", status=ERROR)
                self.assertEqual(told["error"], "FM_E_TRAINING")
                kinds = {f["finding"] for f in self.findings if f["fatal"]}
                self.assertTrue(kinds & {"collapse", "explosion"}, self.findings)
                self.assertRegex(self.err, "learning rate|--rate|smaller")
                self.assertFalse(os.path.exists(self.path("m.pt")))
                with open(page, encoding="utf-8") as file:
                    self.assertIn(kinds.pop(), file.read())

    def test_single_photograph(self):
        data = self.copy()
        training.write_people(data, 1, 1, first=90)
        self.train("--epochs", "1", data=data)
        (found,) = self.of("single")
        self.assertEqual(found["person"], "p90")
        self.assertIn("p90", self.err)

    def test_many_singles_are_not_all_printed(self):
        data = self.copy()
        training.write_people(data, 15, 1, first=70)
        self.train("--epochs", "1", data=data)
        self.assertEqual(len(self.of("single")), 15)
        self.assertIn("5 more findings like these (single)", self.err)

    def test_wrong_label(self):
        self.train("--epochs", "40", "--leave-out", "0", "--augment", "none")
        data = self.copy()
        a, b, spare = data + "/p01/3.pgm", data + "/p06/4.pgm", data + "/spare"
        os.rename(a, spare)
        os.rename(b, a)
        os.rename(spare, b)
        self.train("--from", self.path("m.pt"), "--epochs", "1", "--leave-out", "0", data=data,
                   out="n.pt")
        found = {(f["image"], f["person"], f["other"]) for f in self.of("wrong_label")}
        self.assertLessEqual({(a, "p01", "p06"), (b, "p06", "p01")}, found)
        self.assertLess(len(found), 8)

    def test_too_many_to_be_wrong_labels(self):
        """An untrained network is not believed."""
        self.train("--epochs", "1", "--steps", "1", "--rate", "1e-9", "--leave-out", "0")
        (found,) = self.of("wrong_label")
        self.assertEqual((found["person"], found["image"]), ("", ""))
        self.assertIn("too many for wrong labels", found["message"])

    def test_overlap(self):
        told = self.train("--validation", self.people, "--epochs", "1", status=ERROR)
        self.assertEqual(told["error"], "FM_E_TRAINING")
        self.assertTrue(self.of("overlap"))
        self.assertFalse(os.path.exists(self.path("m.pt")))

    def test_unreadable_photographs_are_left_out(self):
        data = self.copy()
        with open(data + "/p02/0.pgm", "wb") as file:
            file.write(b"nothing")
        self.train("--epochs", "1", data=data)
        (found,) = self.of("unreadable")
        self.assertEqual((found["person"], found["image"]), ("p02", data + "/p02/0.pgm"))
        self.assertEqual(self.epochs[0]["photographs"] + self.epochs[0]["validation_photographs"],
                         71)

    def test_what_is_passed_over_is_told(self):
        people = self.path("people")
        shutil.copytree(self.people, people)
        for name in ("a.pgm", "b.pgm", "p00/c.webp", "notes.txt"):
            with open(os.path.join(people, name), "wb"):
                pass
        for folder in ("p00/more", "p01/more"):
            os.mkdir(os.path.join(people, folder))
        self.train("--epochs", "1", data=people)
        self.assertIn(f"facematch: {people}: passed over 1 file of a kind that is not read (1 .webp); "
                      "convert it to JPEG or PNG\n"
                      f"facematch: {people}: passed over 2 pictures beside the folders in it, which "
                      "belong to none of them\n"
                      f"facematch: {people}: passed over 2 folders that lie too deep, such as "
                      f"{people}/p00/more; pictures are taken from the folder above\n", self.err)

    def test_not_one_photograph(self):
        data = self.path("bad")
        os.makedirs(data + "/a")
        with open(data + "/a/0.pgm", "wb") as file:
            file.write(b"nothing")
        told = self.train("--epochs", "1", data=data, status=ERROR)
        self.assertEqual(told["error"], "FM_E_NOT_FOUND")


class Arguments(Case):
    def test_mistakes(self):
        whole = ("--arch", self.arch, "--data", self.people, "--out", self.path("m.pt"))
        for words, args in {
            "--arch or --from": ("--data", "x", "--out", "m.pt"),
            "--data or --list": ("--arch", "x", "--out", "m.pt"),
            "--out is needed": ("--arch", "x", "--data", "x"),
            "say --from": (*whole, "--model", "x"),
            "ends in .pt": ("--arch", "x", "--data", "x", "--out", "m"),
            "ends in .html": (*whole, "--report", "r.txt"),
            "--resume needs --checkpoint": (*whole, "--resume"),
            "--leave-out or --validation": (*whole, "--leave-out", "2", "--validation", "x"),
            "are of --loss triplet": (*whole, "--loss", "softmax", "--margin", "1"),
            "is of --optimizer sgd": (*whole, "--momentum", "0.5"),
            "is of --schedule step": (*whole, "--schedule-epochs", "5"),
            "--augment takes none, light, strong": (*whole, "--augment", "flp=1"),
            "--augment shift takes a number from 0 to 0.5": (*whole, "--augment", "shift=2"),
            "triplet, softmax, siamese, chi-squared": (*whole, "--loss", "arcface"),
            "from 2 to 10,000": (*whole, "--people", "1"),
        }.items():
            with self.subTest(words=words):
                self.refused(words, *args)

    def test_absent_architecture_names_the_command_that_makes_it(self):
        self.refused("facematch-models build facenet-tall", "--arch", "facenet-tall",
                     "--models-dir", self.folder, "--data", self.people, "--out",
                     self.path("m.pt"), code="FM_E_NOT_FOUND")
        self.assertIn("-m facematch_models build facenet-tall", self.err)

    def test_photographs_are_looked_for_before_models(self):
        empty, out = self.path("empty"), ("--out", self.path("m.pt"))
        os.mkdir(empty)
        for words, code, args in (
                ("no such", "FM_E_NOT_FOUND", ("--data", self.path("no such"))),
                ("no folders in it", "FM_E_NOT_FOUND", ("--data", empty)),
                ("Not a directory", "FM_E_IO", ("--data", self.arch)),
                ("no such", "FM_E_NOT_FOUND", ("--list", self.path("no such"))),
                ("Is a directory", "FM_E_IO", ("--list", empty)),
                ("no such", "FM_E_NOT_FOUND",
                 ("--data", self.people, "--labels", self.path("no such"))),
                ("no folders in it", "FM_E_NOT_FOUND",
                 ("--data", self.people, "--validation", empty))):
            with self.subTest(args=args):
                self.refused(words, "--from", "absent", "--models-dir", empty, *args, *out,
                             code=code)

    def test_nothing_is_overwritten(self):
        out = self.path("old.pt")
        with open(out, "wb") as file:
            file.write(b"precious")
        args = ("--arch", self.arch, "--data", self.people, "--out", out)
        self.refused("--force replaces it", *args, code="FM_E_EXISTS")
        with open(self.path("run.ckpt"), "wb") as file:
            file.write(b"precious")
        self.refused("--resume goes on from it", *args[:-1], self.path("m.pt"), "--checkpoint",
                     self.path("run.ckpt"), code="FM_E_EXISTS")
        self.refused("absent", *args[:-1], self.path("absent/m.pt"), code="FM_E_IO")
        for name in ("old.pt", "run.ckpt"):
            with open(self.path(name), "rb") as file:
                self.assertEqual(file.read(), b"precious")

    def test_device_that_is_not_there(self):
        self.refused("device", "--arch", self.arch, "--data", self.people, "--aligned", "--device",
                     "cuda:99", "--out", self.path("m.pt"), code="FM_E_DEVICE")


@unittest.skipUnless(os.path.isdir(ORL), f"{ORL} is absent: set FACEMATCH_DATA")
class Photographs(Case):
    def test_orl(self):
        """Faces never seen get apart, in seconds, by the tiny network."""
        told = self.train("--epochs", "6", "--leave-out", "10", data=os.path.abspath(ORL))
        self.assertEqual((self.epochs[0]["people"], self.epochs[0]["validation_people"]), (30, 10))
        self.assertLess(told["eer"], told["first_eer"])
        self.assertTrue(told["calibrated"])


if __name__ == "__main__":
    try:
        import torch  # noqa: F401
    except ImportError:
        print("skipped: PyTorch is absent")
        sys.exit(77)
    if not os.path.exists(PROGRAM):
        print(f"skipped: {PROGRAM} is absent")
        sys.exit(77)
    unittest.main(verbosity=2)
