"""Liveness at the command line: what is told, what is refused, and what bad input does (nothing).

Portraits score high, so thresholds that are given make them live (0.5), spoofs (1) or uncertain.
What the model is worth is measured by tests/real/test_liveness_cli.py. Variables as for test_cli.py;
exit status 77 without the models or the photographs.
"""
import json
import os
import shutil
import sys
import unittest

import test_cli
from test_cli import ERROR, MODELS, NO, YES, Case, grey_png, missing, photo

LIVE = "--live-score", "0.5", "--spoof-score", "0.5"
SPOOF = "--live-score", "1", "--spoof-score", "1"
UNCERTAIN = "--live-score", "1", "--spoof-score", "0"
REQUIRED = "--liveness", "require"


class Command(Case):
    KEYS = {"image", "verdict", "reason", "score", "apcer", "bpcer", "live_threshold",
            "spoof_threshold", "value", "limit", "quality", "face_count", "face"}

    def test_each_photograph(self):
        told = self.results(NO, "liveness", photo("obama.jpg"), photo("obama_partial_face.jpg"))
        self.assertEqual([(t["verdict"], t["reason"]) for t in told],
                         [("live", "none"), ("uncertain", "cut")])
        self.assertEqual(set(told[0]), self.KEYS)
        self.assertEqual(told[0]["image"], photo("obama.jpg"))
        self.assertLess(told[1]["value"], told[1]["limit"])
        self.assertGreaterEqual(told[0]["score"], told[0]["live_threshold"])

    def test_verdicts(self):
        for lines, text in ((SPOOF, ": spoof, score 1.000; live from 1.0000 on"),
                            (UNCERTAIN, ": uncertain (between), score 1.000; ")):
            self.assertIn(text, self.expect(NO, "liveness", *lines, photo("obama.jpg")))

    def test_rates(self):
        told = self.result(YES, "liveness", "--apcer", "0.4", "--bpcer", "0.4", photo("obama.jpg"))
        self.assertLess(told["spoof_threshold"], 0.001)
        self.assertGreater(told["live_threshold"], 0.5)
        self.refused("liveness", "--apcer", "1e-9", photo("obama.jpg"), names="1e-09",
                     code="FM_E_LIMIT")

    def test_bad_photographs(self):
        wall = self.path("wall.png", grey_png(200, 150))
        self.refused("liveness", wall, names="wall.png", code="FM_E_NOT_FOUND")
        self.refused("liveness", self.path("text.jpg", b"no picture"), names="text.jpg")
        self.refused("liveness", "absent.jpg", names="absent.jpg", code="FM_E_NOT_FOUND")

    def test_wrong_model(self):
        self.refused("liveness", "--liveness-model", "mtcnn", photo("obama.jpg"),
                     names="mtcnn", code="FM_E_INVALID_ARGUMENT")
        self.refused("liveness", "--liveness-model", "absent", photo("obama.jpg"), names="absent",
                     code="FM_E_NOT_FOUND")


class Training(Case):
    """From labelled folders: pictures stand for attacks, whatever they show."""
    LIVE = ("obama.jpg", "obama2.jpg", "biden.jpg")
    SPOOF = ("obama3.jpg", "32bit.png")

    def setUp(self):
        super().setUp()
        for name in self.LIVE:
            self.put(f"data/live/{'joe' if 'biden' in name else 'barack'}/{name}", name)
        for name in self.SPOOF:
            self.put(f"data/spoof-print/barack/{name}", name)
        self.put("data/spoof/07_1.jpg", "biden.jpg")  # of a person 07

    def put(self, to, name):
        os.makedirs(os.path.dirname(self.path(to)), exist_ok=True)
        os.symlink(photo(name), self.path(to))
        return self.path(to)

    def train(self, *more, out="m.pt"):
        return ("train", "--from", "minifasnet", "--data", self.path("data"), "--threads", "1",
                "--epochs", "1", "--out", self.path(out), *more)

    def test_folders(self):
        for name in ("beside.jpg", "live/a.heic", "live/joe/b.heic", "spoof/barack/old/1.jpg"):
            self.put("data/" + name, "biden.jpg")
        told = self.results(YES, *self.train("--freeze", "all", "--leave-out", "0"))
        self.assertEqual((told[0]["people"], told[0]["photographs"]), (3, 6))
        for what in ("2 files of a kind that is not read (2 .heic)", "1 picture beside",
                     f"1 folder that lies too deep: {self.path('data/spoof/barack/old')};"):
            self.assertIn(f"{self.path('data')}: passed over {what}", self.err)
        self.assertEqual((told[-1]["calibrated"], told[-1]["eer"]), (False, None))
        mine = "--liveness-model", self.path("m.pt")
        self.refused("liveness", *mine, photo("obama.jpg"), names="no calibration",
                     code="FM_E_STATE")
        self.result(YES, "liveness", *mine, *LIVE, photo("obama.jpg"))

    def test_text(self):
        self.put("new/live/1_1.jpg", "biden.jpg")
        self.put("new/spoof/1_2.jpg", "obama.jpg")
        self.put("new/spoof/1_3.jpg", "obama_partial_face.jpg")
        out = self.expect(YES, *self.train("--validation", self.path("new"), "--freeze", "all"))
        self.assertIn("minifasnet: 6 photographs of 3 people to train on, 2 of 1 people left out\n"
                      "  to train on: 3 live, 3 attacks; left out: 1 live, 1 attacks\n"
                      "  not used: 1 of 9: 0 without a face, 1 unfit, 0 unreadable\n", out)
        self.assertRegex(out, r"before the first epoch: EER [0-9.]+ %, loss [0-9.e-]+ on people left out")
        self.assertRegex(out, r"epoch 1/1: loss [0-9.e-]+, [0-9.]+ % decided wrongly; EER [0-9.]+ %, loss")
        self.assertIn("facematch calibrate --pad --liveness-model " + self.path("m.pt"), out)

    def test_faces_that_cannot_be_told_are_not_used(self):
        """Those that `liveness` is uncertain of whatever they score: neither trained on nor measured by."""
        self.put("new/live/1_1.jpg", "biden.jpg")
        self.put("new/spoof/1_2.jpg", "obama.jpg")
        want = self.results(YES, *self.train("--validation", self.path("new"), "--freeze", "all"))
        cut = self.put("data/spoof-print/barack/cut.jpg", "obama_partial_face.jpg")
        other = self.put("new/live/1_3.jpg", "obama_partial_face2.jpg")
        told = self.results(YES, *self.train("--validation", self.path("new"), "--freeze", "all", out="n.pt"))
        found = [o for o in told if "finding" in o]
        self.assertEqual([(o["finding"], o["image"]) for o in found], [("unfit", cut), ("unfit", other)])
        self.assertIn(": left out: it cannot be told whether the face is live: cut, 0.549 where 0.9 is needed",
                      found[0]["message"])
        self.assertIn(found[1]["message"], self.err)
        self.assertEqual((want[-1]["unused"], told[-1]["unused"]), (0, 2))
        for key in ("photographs", "validation_photographs", "loss", "eer", "validation_loss"):
            self.assertEqual(told[2][key], want[0][key])

    def test_table(self):
        rows = [f"live/barack/{name},live,," for name in self.LIVE[:2]] + ["spoof/07_1.jpg,spoof,print,"]
        table = self.path("labels.csv", "\n".join(["path,label,attack,person"] + [
            row + str(i) for i, row in enumerate(rows)]).encode())
        told = self.results(YES, *self.train("--labels", table))
        self.assertEqual((told[0]["people"], told[0]["photographs"]), (3, 3))

    def test_mistakes(self):
        bad = "FM_E_INVALID_ARGUMENT"
        for folder, words in (("lvie", "data/lvie: does it hold live faces or attacks?"),
                              ("Live", "data/Live: "), ("spoof-", "data/spoof-: ")):
            self.put(f"data/{folder}/1.jpg", "biden.jpg")
            self.refused(*self.train(), names=words, code=bad)
            shutil.rmtree(self.path(f"data/{folder}"))
        self.put("data/live/someone.jpg", "biden.jpg")
        self.refused(*self.train(), names="live/someone.jpg: who is this?", code=bad)
        os.remove(self.path("data/live/someone.jpg"))
        self.refused(*self.train("--leave-out", "2"), names="--leave-out 2", code=bad)
        for more, words in ((("--loss", "triplet"), "softmax"), (("--head", "8"), "head"),
                            (("--aligned",), "whole frames"), (("--margin", "1"), "--margin"),
                            (("--freeze", "nothing"), "nothing")):
            self.refused(*self.train(*more), names=words)
        shutil.rmtree(self.path("data/live"))
        self.refused(*self.train(), names="there must be live faces and attacks", code="FM_E_STATE")
        self.refused("train", "--from", "minifasnet", "--list",
                     self.path("list.txt", b"obama a.jpg\n"), "--out", self.path("m.pt"),
                     names="--data", code=bad)
        self.refused("train", "--from", "mtcnn", "--data", self.path("data"), "--out",
                     self.path("m.pt"), names="its kind is detector", code=bad)
        self.refused("train", "--from", "default", "--data", self.path("data"), "--labels",
                     self.path("x.csv", b"path,label\n"), "--out", self.path("m.pt"),
                     names="--labels is for a liveness model")

    def test_one_person_on_both_sides(self):
        self.put("new/live/barack/1.jpg", "biden.jpg")
        self.put("new/spoof/barack/2.jpg", "obama.jpg")
        self.refused(*self.train("--validation", self.path("new")), names="barack",
                     code="FM_E_TRAINING")


class Sequence(Case):
    def test_people_and_stills(self):
        told = self.result(NO, "liveness", "--sequence", photo("obama.jpg"), photo("obama.jpg"),
                           photo("biden.jpg"))
        self.assertEqual(told["verdict"], "uncertain")
        self.assertEqual((told["frames"], told["used"]), (3, 1))
        self.assertEqual((told["stills"], told["other_faces"]), (1, 1))
        self.assertEqual([i["reason"] for i in told["images"]], ["none", "still", "other_face"])

    def test_frames_that_agree(self):
        frames = [photo(name) for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")]
        told = self.result(YES, "liveness", "--sequence", *frames)
        self.assertEqual((told["verdict"], told["decided"], told["used"]), ("live", True, 3))
        told = self.result(YES, "liveness", "--sequence", "--min-frames", "1", *frames)
        self.assertLess(told["used"], 3)
        self.assertIn("attempt: spoof",
                      self.expect(NO, "liveness", "--sequence", *SPOOF, *frames))

    def test_too_few(self):
        wall = self.path("wall.png", grey_png(200, 150))
        told = self.result(NO, "liveness", "--sequence", wall, photo("obama.jpg"))
        self.assertEqual((told["verdict"], told["reason"]), ("uncertain", "too_few"))
        self.assertEqual([i["reason"] for i in told["images"]], ["no_face", "none"])
        self.refused("liveness", "--sequence", photo("obama.jpg"), "absent.jpg", names="absent.jpg")


class Decisions(Case):
    def setUp(self):
        super().setUp()
        self.uri = self.path("people.fmg")

    def enroll(self, status, *args):
        return self.result(status, "enroll", "--gallery", self.uri, *args)

    def test_verify(self):
        pair = photo("obama.jpg"), photo("obama2.jpg")
        told = self.result(YES, "verify", *REQUIRED, *LIVE, *pair)
        self.assertEqual(set(told), test_cli.Verify.KEYS | {"liveness"})
        self.assertEqual(told["liveness"]["verdict"], "live")
        for lines, verdict in ((SPOOF, "spoof"), (UNCERTAIN, "uncertain")):
            told = self.result(NO, "verify", *REQUIRED, *lines, *pair)
            self.assertEqual(set(told), test_cli.Verify.KEYS | {"liveness", "error", "message"})
            self.assertIs(told["match"], False)
            self.assertIsNone(told["score"])
            self.assertEqual(told["liveness"]["verdict"], verdict)
            self.assertEqual(told["error"], "FM_E_NOT_LIVE")
            told = self.result(YES, "verify", "--liveness", "report", *lines, *pair)
            self.assertEqual((told["match"], told["liveness"]["verdict"]), (True, verdict))
        self.assertTrue(self.expect(NO, "verify", *REQUIRED, *SPOOF, *pair).startswith("not live"))

    def test_only_what_is_presented_must_live(self):
        document = photo("obama_partial_face.jpg")  # uncertain: cut
        self.result(YES, "verify", *REQUIRED, document, photo("obama.jpg"))
        self.result(NO, "verify", *REQUIRED, photo("obama.jpg"), document)

    def test_gallery(self):
        """Nothing is made, stored or told of a picture of a face."""
        told = self.enroll(NO, *REQUIRED, *SPOOF, "obama", photo("obama.jpg"))
        self.assertEqual((told["enrolled"], told["reason"], told["error"]),
                         (False, "not_live", "FM_E_NOT_LIVE"))
        self.assertEqual(told["liveness"]["verdict"], "spoof")
        self.assertEqual(os.listdir(self.folder), [])
        told = self.enroll(YES, *REQUIRED, *LIVE, "obama", photo("obama.jpg"))
        self.assertEqual(told["liveness"]["verdict"], "live")
        told = self.enroll(YES, *REQUIRED, *LIVE, "obama", photo("obama.jpg"))
        self.assertEqual(told["reason"], "already_enrolled")
        told = self.enroll(NO, *REQUIRED, *SPOOF, "obama", photo("obama.jpg"))
        self.assertEqual((told["reason"], told["liveness"]["verdict"]), ("not_live", "spoof"))
        told = self.enroll(NO, *REQUIRED, *UNCERTAIN, "obama", photo("obama2.jpg"))
        self.assertEqual(told["liveness"]["reason"], "between")
        self.assertEqual(self.result(YES, "gallery", "info", self.uri)["templates"], 1)

        search = "identify", "--gallery", self.uri, photo("obama2.jpg")
        told = self.result(NO, *search, *REQUIRED, *SPOOF)
        self.assertEqual((told["matches"], told["threshold"], told["error"]),
                         ([], None, "FM_E_NOT_LIVE"))
        told = self.result(YES, *search, "--liveness", "report", *SPOOF)
        self.assertEqual((told["matches"][0]["id"], told["liveness"]["verdict"]),
                         ("obama", "spoof"))
        claim = "verify", "--gallery", self.uri, "--id", "obama", photo("obama2.jpg")
        self.assertIs(self.result(NO, *claim, *REQUIRED, *SPOOF)["match"], False)
        self.assertIs(self.result(YES, *claim, *REQUIRED, *LIVE)["match"], True)

    def test_options_that_do_not_fit(self):
        pair = photo("obama.jpg"), photo("obama2.jpg")
        for args, text in (((*REQUIRED, "--aligned"), "--aligned"),
                           (("--apcer", "0.01"), "--liveness report"),
                           ((*REQUIRED, "--live-score", "0.5"), "go together"),
                           ((*REQUIRED, "--live-score", "0.1", "--spoof-score", "0.2"), "above"),
                           ((*REQUIRED, *LIVE, "--apcer", "0.1"), "not both"),
                           (("--liveness", "maybe"), "off, report, require")):
            with self.subTest(args=args):
                self.expect(ERROR, "verify", *args, *pair)
                self.assertIn(text, self.err)
        self.expect(ERROR, "liveness", "--min-frames", "2", *pair)


class Pad(Case):
    """Portraits that are labelled as they need to be."""
    ROWS = (("a1", "obama", "live", "", "anna"), ("a2", "obama2", "live", "", "anna"),
            ("a3", "obama3", "spoof", "print", "anna"), ("a4", "obama", "spoof", "print", "anna"),
            ("b1", "obama3", "live", "", "bob"), ("b2", "biden", "live", "", "bob"),
            ("b3", "obama2", "spoof", "print", "bob"), ("b4", "biden", "spoof", "print", "bob"))

    def setUp(self):
        super().setUp()
        for name, source, *_ in self.ROWS:
            shutil.copy(photo(source + ".jpg"), self.path(name + ".jpg"))
        self.labels = self.table("path,label,attack,person", (
            f"{name}.jpg,{label},{attack},{person}" for name, _, label, attack, person in self.ROWS))

    def table(self, *lines):
        text = lines[0] + "\n" + "".join(line + "\n" for line in lines[1])
        return self.path("labels.csv", text.encode())

    def pad(self, status, *args):
        return self.result(status, "evaluate", "pad", "--images", self.folder, "--labels",
                           self.labels, *args)

    def test_figures(self):
        told = self.pad(YES, *LIVE)
        self.assertEqual((told["photographs"], told["people"], told["folds"]), (8, 2, 0))
        self.assertEqual((told["apcer"]["hits"], told["apcer"]["trials"]), (4, 4))
        self.assertEqual((told["bpcer"]["value"], told["turned_away"]["value"]), (0, 0))
        self.assertEqual((told["acer"], told["uncertain"]), (0.5, 0))
        self.assertGreater(told["eer"], 0.2)
        self.assertEqual([k["kind"] for k in told["kinds"]], ["live", "print"])
        told = self.pad(YES, *UNCERTAIN)
        self.assertEqual((told["uncertain"], told["apcer"]["value"], told["bpcer"]["value"]),
                         (1, 0, 0))
        self.assertEqual(told["turned_away"]["value"], 1)
        self.assertEqual(told["kinds"][1]["reasons"], {"between": 4})

    def test_worst_kind_and_no_face(self):
        self.path("wall.jpg", grey_png(200, 150))
        self.labels = self.table("attack,path,label", (
            ",a1.jpg,live", "print,a3.jpg,spoof", "print,wall.jpg,spoof", "screen,b4.jpg,spoof"))
        told = self.pad(YES, *LIVE)
        self.assertIsNone(told["people"])
        self.assertEqual((told["apcer_kind"], told["apcer"]["value"]), ("screen", 1))
        self.assertEqual((told["undetected"], told["unscored"]), (1, 1))
        self.assertEqual(told["kinds"][1]["apcer"]["value"], 0.5)

    def test_folds(self):
        told = self.pad(YES, "--folds", "2", "--apcer", "0.6", "--bpcer", "0.6")
        self.assertEqual([t["people"] for t in told["thresholds"]], [["anna"], ["bob"]])
        for lines in told["thresholds"]:
            self.assertLessEqual(lines["spoof_threshold"], lines["live_threshold"])
        args = "evaluate", "pad", "--images", self.folder, "--labels", self.labels, "--folds"
        self.refused(*args, "3", names="2 people")
        self.refused(*args, "2", names="too few", code="FM_E_LIMIT")

    def test_calibrate(self):
        out = self.path("calibration.json")
        args = "calibrate", "--pad", "--images", self.folder, "--labels", self.labels
        told = self.result(YES, *args, "--out", out, "--dataset", "four portraits")
        self.assertEqual((told["attacks"], told["live"], told["attack_kinds"]), (4, 4, 1))
        with open(out, encoding="utf-8") as file:
            written = json.load(file)
        self.assertEqual(written, self.result(YES, *args, "--dataset", "four portraits"))
        self.assertEqual(written["dataset"], "four portraits")
        self.assertEqual((written["points"][0]["score"], written["points"][0]["apcer"]), (0, 1))

    def test_table_of_a_spreadsheet(self):
        plain = self.pad(YES, *LIVE)
        with open(self.labels, "rb") as file:
            text = file.read()
        self.path("labels.csv", b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
        told = self.pad(YES, *LIVE)
        del plain["seconds"], told["seconds"]
        self.assertEqual(told, plain)

    def test_embedder_has_no_part(self):
        for words in (("liveness", photo("obama.jpg")),
                      ("evaluate", "pad", "--images", self.folder, "--labels", self.labels)):
            self.refused(*words, "--model", "minifasnet", names="--liveness-model",
                         code="FM_E_INVALID_ARGUMENT")

    def test_bad_labels(self):
        cases = {"path,label": ((), "live faces and attacks"),
                 "file,label": (("a1.jpg,live",), "columns path and label"),
                 "path,label,attack": (("a1.jpg,maybe,",), "line 2"),
                 "path,label,attack,x": (("a1.jpg,live",), "line 2"),
                 "path,label,person": (("a1.jpg,live,",), "no person"),
                 "label,path": (("live,a1.jpg", "spoof,absent.jpg"), "absent.jpg"),
                 '"path","label"': ((), "quotes"),
                 "path;label": ((), "with commas between"),
                 "": ((), "columns")}
        for title, (lines, names) in cases.items():
            with self.subTest(title=title):
                self.labels = self.table(title, lines)
                self.refused("evaluate", "pad", "--images", self.folder, "--labels", self.labels,
                             names=names)
        self.refused("evaluate", "pad", "--images", self.folder, names="--labels")
        self.refused("calibrate", "--images", self.folder, "--labels", self.labels, names="--pad")


if __name__ == "__main__":
    absent = missing() or (None if os.path.exists(MODELS + "/minifasnet.pt")
                           else "minifasnet.pt is absent")
    if absent:
        print("skipped:", absent)
        sys.exit(77)
    unittest.main(verbosity=2)
