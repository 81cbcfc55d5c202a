"""The command line as its users meet it: exit statuses, JSON, and what bad input does (nothing).

FACEMATCH_BIN is the program, FACEMATCH_MODELS the folder of models, FACEMATCH_PHOTOS a folder with
obama.jpg and the other photographs of PyPI's face_recognition.
"""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest
import zipfile
import zlib
from unittest import mock

from program import ERROR, MODELS, NO, PROGRAM, YES, OnTerminal, ProgramCase

PHOTOS = os.path.abspath(os.environ.get("FACEMATCH_PHOTOS", "build/photos"))
NOBODY_USER = 65534


def missing():
    for what, path in (("FACEMATCH_BIN", PROGRAM), ("FACEMATCH_MODELS", MODELS + "/mtcnn.pt"),
                       ("FACEMATCH_PHOTOS", PHOTOS + "/obama.jpg")):
        if not os.path.exists(path):
            return f"{path} is absent: set {what}"
    return None


def photo(name):
    return os.path.join(PHOTOS, name)


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def png(width, height, rows):
    """A grey PNG; rows is what the data holds, whatever the header claims."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


def unfilter(kind, line, above):
    """One line of an RGB PNG as it was before it was filtered."""
    line = bytearray(line)
    for i, value in enumerate(line):
        a, b, c = (line[i - 3], above[i], above[i - 3]) if i >= 3 else (0, above[i], 0)
        if kind == 1:
            value += a
        elif kind == 2:
            value += b
        elif kind == 3:
            value += (a + b) // 2
        elif kind == 4:
            p = a + b - c
            value += min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        line[i] = value & 255
    return bytes(line)


def grey_png(width, height):
    return png(width, height, (b"\0" + b"\x80" * width) * height)


@unittest.skipIf(missing(), missing() or "")
class Case(ProgramCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="facematch-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)

    def path(self, name, data=None):
        path = os.path.join(self.folder, name)
        if data is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return path

    def snapshot(self):
        """Everything in the test's folder, with its bytes; SQLite's shared memory and an empty log
        are no data, and come and go with every reader."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    data = file.read()
                if not (name.endswith("-shm") or (name.endswith("-wal") and not data)):
                    found[path] = data
        return found

    def refused(self, *args, names, code=None, **more):
        """The command fails, says why, names the culprit, and leaves everything as it was."""
        before = self.snapshot()
        objects = self.results(ERROR, *args, **more)
        errors = [o for o in objects if "error" in o]
        self.assertTrue(errors, objects)
        told = " ".join(o.get("image", "") + " " + o["message"] for o in errors)
        self.assertIn(names, told)
        self.assertIn(names, self.err)
        for line in self.err.splitlines():
            self.assertTrue(line.startswith("facematch: "), self.err)
        if code:
            self.assertEqual(errors[0]["error"], code, errors)
        self.assertEqual(self.snapshot(), before)


class Verify(Case):
    KEYS = {"match", "score", "threshold", "fmr", "fmr_low", "fmr_high", "threshold_fmr",
            "threshold_fmr_low", "threshold_fmr_high", "threshold_fnmr", "model"}

    def check(self, answer, *args):
        result = self.result(YES if answer else NO, "verify", *args)
        self.assertEqual(set(result), self.KEYS)
        self.assertIs(result["match"], answer)
        self.assertEqual(result["score"] >= result["threshold"], answer)
        return result

    def test_same_person(self):
        result = self.check(True, photo("obama.jpg"), photo("obama2.jpg"))
        self.assertEqual(result["model"], "default")
        self.assertLess(result["fmr"], 1e-3)

    def test_two_people(self):
        self.check(False, photo("obama.jpg"), photo("biden.jpg"))

    def test_other_model(self):
        self.check(True, "--model", "dlib-resnet-v1", photo("obama.jpg"), photo("obama2.jpg"))
        self.check(False, "--model", MODELS + "/dlib-resnet-v1.pt", photo("obama.jpg"),
                   photo("biden.jpg"))

    def test_threshold_decides(self):
        pair = photo("obama.jpg"), photo("obama2.jpg")
        result = self.check(False, "--threshold", "0.999", *pair)
        self.assertAlmostEqual(result["threshold"], 0.999, places=6)
        self.check(True, "--threshold", "-0.5", photo("obama.jpg"), photo("biden.jpg"))

    def test_stricter_rate_has_higher_threshold(self):
        pair = photo("obama.jpg"), photo("obama2.jpg")
        strict = self.result(YES, "verify", "--fmr", "1e-3", *pair)
        loose = self.result(YES, "verify", "--fmr", "1e-2", *pair)
        self.assertGreater(strict["threshold"], loose["threshold"])
        self.assertEqual(strict["score"], loose["score"])

    def test_human_answer(self):
        self.assertTrue(self.expect(YES, "verify", photo("obama.jpg"), photo("obama2.jpg"))
                        .startswith("same person: score "))
        self.assertTrue(self.expect(NO, "verify", photo("obama.jpg"), photo("biden.jpg"))
                        .startswith("not the same person: score "))

    def test_conflicting_options(self):
        pair = photo("obama.jpg"), photo("obama2.jpg")
        self.expect(ERROR, "verify", "--fmr", "1e-3", "--threshold", "0.5", *pair)
        self.expect(ERROR, "verify", "--id", "obama", photo("obama.jpg"))
        self.expect(ERROR, "verify", photo("obama.jpg"))

    def test_forgotten_value(self):
        self.refused("verify", "--gallery", "--id", "anna", photo("obama.jpg"),
                     names="--gallery needs a value", code="FM_E_INVALID_ARGUMENT")
        self.refused("enroll", "--gallery", "--name=Anna", "anna", photo("obama.jpg"),
                     names="--gallery=--name=Anna", code="FM_E_INVALID_ARGUMENT", cwd=self.folder)
        self.expect(YES, "enroll", "--gallery=--name", "anna", photo("obama.jpg"), cwd=self.folder)
        self.assertTrue(os.path.exists(self.path("--name")))

    def test_folder_of_models_that_is_not_there(self):
        pair = photo("obama.jpg"), photo("obama2.jpg")
        for folder in (self.path("absent"), self.path("file", b"")):
            for words in (("verify", *pair), ("models",)):
                self.refused(*words, "--models-dir", folder, names=folder, code="FM_E_NOT_FOUND")


class Detect(Case):
    def test_json(self):
        result = self.result(YES, "detect", photo("obama.jpg"))
        self.assertEqual(set(result), {"image", "width", "height", "count", "faces"})
        self.assertEqual(result["image"], photo("obama.jpg"))
        self.assertEqual(result["count"], 1)
        face = result["faces"][0]
        self.assertEqual(set(face), {"x", "y", "width", "height", "score", "points"})
        self.assertEqual([len(p) for p in face["points"]], [2] * 5)
        self.assertGreater(face["score"], 0.9)
        self.assertLess(face["points"][0][0], face["points"][1][0])

    def test_draw(self):
        out = self.path("faces.png")
        self.expect(YES, "detect", "--draw", out, photo("obama.jpg"))
        plain = self.result(YES, "detect", photo("obama.jpg"))
        with open(out, "rb") as file:
            head = file.read(24)
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", head[16:24]), (plain["width"], plain["height"]))

    def test_draw_of_several_is_refused(self):
        self.refused("detect", "--draw", self.path("faces.png"), photo("obama.jpg"),
                     photo("biden.jpg"), names="--draw", code="FM_E_INVALID_ARGUMENT")

    def test_draw_to_a_wrong_ending_or_place(self):
        self.refused("detect", "--draw", self.path("faces.xyz"), photo("obama.jpg"),
                     names="faces.xyz", code="FM_E_UNSUPPORTED")
        self.refused("detect", "--draw", self.path("absent/faces.png"), photo("obama.jpg"),
                     names="faces.png", code="FM_E_IO")

    def test_embedder_has_no_part(self):
        self.refused("detect", "--model", "fast", photo("obama.jpg"), names="--detector",
                     code="FM_E_INVALID_ARGUMENT")

    def test_no_face_is_no(self):
        empty = self.path("wall.png", grey_png(200, 150))
        result = self.result(NO, "detect", empty)
        self.assertEqual((result["count"], result["faces"]), (0, []))
        self.assertEqual((result["width"], result["height"]), (200, 150))

    def test_all_are_done_and_the_worst_wins(self):
        empty = self.path("wall.png", grey_png(200, 150))
        results = self.results(ERROR, "detect", photo("obama.jpg"), "absent.jpg", empty)
        self.assertEqual([r.get("count") for r in results], [1, None, 0])
        self.assertEqual(results[1]["error"], "FM_E_NOT_FOUND")
        self.assertEqual(results[1]["image"], "absent.jpg")


class Embed(Case):
    def test_json(self):
        result = self.result(YES, "embed", photo("obama.jpg"))
        self.assertEqual(set(result), {"image", "face", "model", "embedding"})
        self.assertEqual(len(result["embedding"]), 192)
        self.assertAlmostEqual(sum(v * v for v in result["embedding"]), 1, places=4)

    def test_same_photograph_same_numbers(self):
        first, second = self.results(YES, "embed", photo("obama.jpg"), photo("obama.jpg"))
        self.assertEqual(first, second)

    def test_aligned_needs_no_face(self):
        crop = self.path("crop.png", grey_png(112, 112))
        result = self.result(YES, "embed", "--aligned", "--detector", "absent", crop)
        self.assertIsNone(result["face"])
        self.assertEqual(len(result["embedding"]), 192)

    def test_flip_changes_the_vector(self):
        plain = self.result(YES, "embed", "--model", "fast", photo("obama.jpg"))
        flipped = self.result(YES, "embed", "--model", "fast", "--flip", photo("obama.jpg"))
        self.assertNotEqual(plain["embedding"], flipped["embedding"])

    def test_default_flips_by_itself(self):
        plain = self.result(YES, "embed", photo("obama.jpg"))
        flipped = self.result(YES, "embed", "--flip", photo("obama.jpg"))
        self.assertEqual(plain["embedding"], flipped["embedding"])


class Gallery(Case):
    def setUp(self):
        super().setUp()
        self.uri = self.path("people.fmg")

    def enroll(self, *args, status=YES):
        return self.results(status, "enroll", "--gallery", self.uri, *args)

    def test_round_trip(self):
        done = self.enroll("--name", "Barack Obama", "--metadata", '{"office":44}', "--label",
                           "portrait", "obama", photo("obama.jpg"))
        self.assertEqual([(d["image"], d["id"], d["enrolled"]) for d in done],
                         [(photo("obama.jpg"), "obama", True)])
        self.assertEqual(set(done[0]), {"image", "id", "enrolled", "quality"})
        self.enroll("biden", photo("biden.jpg"))

        found = self.result(YES, "identify", "--gallery", self.uri, photo("obama2.jpg"))
        self.assertEqual([m["id"] for m in found["matches"]], ["obama"])
        self.assertEqual(set(found["matches"][0]), {"id", "score", "fmr", "rank"})
        self.assertEqual(found["matches"][0]["rank"], 1)
        self.assertGreaterEqual(found["matches"][0]["score"], found["threshold"])
        self.assertEqual(set(found), {"image", "matches", "threshold", "fmr", "face_count"})

        claim = "verify", "--gallery", self.uri, photo("obama2.jpg"), "--id"
        self.assertTrue(self.result(YES, *claim, "obama")["match"])
        self.assertFalse(self.result(NO, *claim, "biden")["match"])

        listed = self.results(YES, "gallery", "list", self.uri)
        self.assertEqual([p["id"] for p in listed], ["biden", "obama"])
        shown = self.result(YES, "gallery", "show", self.uri, "obama")
        self.assertEqual(shown["display_name"], "Barack Obama")
        self.assertEqual(shown["metadata"], {"office": 44})
        self.assertEqual([t["label"] for t in shown["template_list"]], ["portrait"])
        self.assertAlmostEqual(shown["template_list"][0]["quality"], done[0]["quality"]["quality"])
        info = self.result(YES, "gallery", "info", self.uri)
        self.assertEqual((info["identities"], info["templates"], info["dim"]), (2, 2, 192))
        self.assertEqual(info["model_name"], "default")

        gone = self.result(YES, "gallery", "remove", self.uri, "biden")
        self.assertEqual(gone, {"id": "biden", "removed": 1})
        stranger = self.result(NO, "identify", "--gallery", self.uri, photo("biden.jpg"))
        self.assertEqual(stranger["matches"], [])
        self.refused("gallery", "remove", self.uri, "biden", names="biden", code="FM_E_NOT_FOUND")

    def moved(self, uri):
        """All that a gallery tells, but for the numbers of its templates."""
        people = []
        for person in self.results(YES, "gallery", "list", uri):
            person = self.result(YES, "gallery", "show", uri, person["id"])
            for template in person["template_list"]:
                del template["template_id"]
            people.append(person)
        return people

    def test_export_and_import(self):
        self.enroll("--name", "Barack \u00d6bama", "--metadata", '{"office":44}', "--label",
                    "portrait", "obama", photo("obama.jpg"), photo("obama2.jpg"))
        self.enroll("biden", photo("biden.jpg"))
        text, new = self.path("people.jsonl"), self.path("new.fmg")
        done = self.result(YES, "gallery", "export", self.uri, text)
        self.assertEqual((done["identities"], done["templates"]), (2, 3))
        self.assertEqual(done["bytes"], os.path.getsize(text))
        self.assertEqual(os.stat(text).st_mode & 0o777, 0o600)
        with open(text, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([line.get("id") for line in lines], [None, "biden", "obama", None])
        self.assertEqual(lines[0]["model_name"], "default")

        self.refused("gallery", "import", new, text, names="without a model")
        done = self.result(YES, "gallery", "import", "--model", "default", new, text)
        self.assertEqual((done["identities"], done["templates"], done["skipped"]), (2, 3, 0))
        self.assertEqual(self.moved(new), self.moved(self.uri))
        found = self.result(YES, "identify", "--gallery", new, photo("obama2.jpg"))
        self.assertEqual(found["matches"][0]["id"], "obama")

        self.refused("gallery", "import", new, text, names="line 2", code="FM_E_EXISTS")
        done = self.result(YES, "gallery", "import", "--on-existing", "skip", new, text)
        self.assertEqual((done["templates"], done["skipped"]), (0, 2))
        self.expect(YES, "gallery", "import", "--on-existing", "merge", new, text)
        self.assertEqual(self.result(YES, "gallery", "info", new)["templates"], 6)
        self.expect(YES, "gallery", "remove", new, "obama")
        self.assertEqual(self.expect(YES, "gallery", "compact", new), f"compacted {new}\n")
        self.assertEqual(self.result(YES, "gallery", "info", new)["templates"], 2)

    def test_export_and_import_through_pipes(self):
        self.enroll("obama", photo("obama.jpg"))
        text, new = self.path("people.jsonl"), self.path("new.fmg")
        self.expect(YES, "gallery", "export", self.uri, text)
        with open(text, "rb") as file:
            written = file.read()
        self.assertEqual(self.expect(YES, "gallery", "export", self.uri, "-").encode(), written)
        with open(text, "rb") as file:
            self.expect(YES, "gallery", "import", "--model", "default", new, "-", stdin=file)
        self.assertEqual(self.moved(new), self.moved(self.uri))
        self.refused("gallery", "export", self.uri, "-", names="--json")
        with open(self.path("out"), "wb") as file:
            process = self.start("gallery", "export", self.uri, "-", stdout=file,
                                 stderr=subprocess.PIPE)
            self.assertIn(b"name it", process.communicate(timeout=300)[1])
        self.assertEqual(process.returncode, ERROR)

    def test_import_refuses(self):
        self.enroll("obama", photo("obama.jpg"))
        text = self.path("people.jsonl")
        self.expect(YES, "gallery", "export", self.uri, text)
        with open(text, "rb") as file:
            lines = file.readlines()
        self.expect(YES, "gallery", "remove", self.uri, "obama")
        cut = self.path("cut.jsonl", b"".join(lines[:2]))
        self.refused("gallery", "import", self.uri, cut, names="cut.jsonl", code="FM_E_CORRUPT")
        newer = self.path("newer.jsonl", lines[0].replace(b'"version":1', b'"version":2'))
        self.refused("gallery", "import", self.uri, newer, names="newer.jsonl", code="FM_E_VERSION")
        other = self.path("other.jsonl", lines[0].replace(b'"model_id":"', b'"model_id":"0'))
        self.refused("gallery", "import", self.uri, other, names="other.jsonl", code="FM_E_CORRUPT")
        other = self.path("other.jsonl", re.sub(rb'"model_id":"[0-9a-f]{4}', b'"model_id":"0000',
                                                lines[0]))
        self.refused("gallery", "import", self.uri, other, names="default (",
                     code="FM_E_MODEL_MISMATCH")
        self.refused("gallery", "import", self.uri, self.path("no.jsonl"), names="no.jsonl",
                     code="FM_E_NOT_FOUND")
        self.refused("gallery", "export", self.uri, self.uri, names="itself")
        self.refused("gallery", "export", self.uri, self.path("no/folder"), names="no/folder",
                     code="FM_E_IO")
        self.refused("gallery", "export", self.path("no.fmg"), text, names="no.fmg",
                     code="FM_E_NOT_FOUND")
        self.refused("gallery", "compact", self.path("no.fmg"), names="no.fmg",
                     code="FM_E_NOT_FOUND")

    def test_refused_import_makes_no_gallery(self):
        self.enroll("obama", photo("obama.jpg"))
        text, new = self.path("people.jsonl"), self.path("new.fmg")
        self.expect(YES, "gallery", "export", self.uri, text)
        for uri in (new, "sqlite:" + new):
            self.refused("gallery", "import", "--model", "fast", uri, text, names="people.jsonl",
                         code="FM_E_MODEL_MISMATCH")
            self.refused("gallery", "import", "--model", "fast", uri, self.path("no.jsonl"),
                         names="no.jsonl", code="FM_E_NOT_FOUND")
        self.expect(YES, "gallery", "import", "--model", "default", new, text)
        self.refused("gallery", "import", new, text, names="people.jsonl", code="FM_E_EXISTS")

    def test_recall(self):
        self.enroll("obama", photo("obama.jpg"))
        self.assertEqual(self.result(YES, "gallery", "info", "--recall", self.uri)["recall"], 1)
        self.refused("gallery", "info", "--recall", "--model", "fast", self.uri,
                     names="people.fmg", code="FM_E_MODEL_MISMATCH")

    def test_human_answers(self):
        self.enroll("obama", photo("obama.jpg"))
        self.assertIn("1 person with 1 template of", self.expect(YES, "gallery", "info", self.uri))
        self.assertIn("obama, score", self.expect(YES, "identify", "--gallery", self.uri,
                                                  photo("obama2.jpg")))
        self.assertIn("nobody of 1", self.expect(NO, "identify", "--gallery", self.uri,
                                                 photo("biden.jpg")))
        self.assertIn("obama: 1 template", self.expect(YES, "gallery", "list", self.uri))

    def test_remove_one_template(self):
        self.enroll("obama", photo("obama.jpg"), photo("obama2.jpg"))
        shown = self.result(YES, "gallery", "show", self.uri, "obama")
        first, second = [t["template_id"] for t in shown["template_list"]]
        self.expect(YES, "gallery", "remove", "--template", str(first), self.uri, "obama")
        shown = self.result(YES, "gallery", "show", self.uri, "obama")
        self.assertEqual([t["template_id"] for t in shown["template_list"]], [second])
        self.refused("gallery", "remove", "--template", str(first), self.uri, "obama",
                     names="people.fmg", code="FM_E_NOT_FOUND")

    def test_several_matches_and_top(self):
        for number in range(3):
            self.enroll("--no-gate", f"obama{number}", photo("obama.jpg"))
        search = "identify", "--gallery", self.uri, photo("obama2.jpg")
        ranks = [m["rank"] for m in self.result(YES, *search)["matches"]]
        self.assertEqual(ranks, [1, 2, 3])
        self.assertEqual(len(self.result(YES, *search, "--top", "2")["matches"]), 2)
        self.assertEqual(self.result(NO, *search, "--threshold", "0.9999")["matches"], [])

    def test_list_reads_every_page(self):
        crop = self.path("crop.png", grey_png(112, 112))
        folder = self.path("many")
        for number in range(600):
            os.makedirs(f"{folder}/p{number:03}")
            os.link(crop, f"{folder}/p{number:03}/crop.png")
        self.enroll("--no-gate", "--aligned", "--folder", folder)
        listed = self.results(YES, "gallery", "list", self.uri)
        self.assertEqual([p["id"] for p in listed], [f"p{n:03}" for n in range(600)])

    def test_folder(self):
        people = {"biden/a.jpg": "biden.jpg", "obama/a.jpg": "obama.jpg", "obama/b.JPG": "obama2.jpg"}
        for target, source in people.items():
            os.makedirs(os.path.dirname(self.path(f"in/{target}")), exist_ok=True)
            shutil.copy(photo(source), self.path(f"in/{target}"))
        self.path("in/obama/notes.txt", b"not a picture")
        self.path("in/wall/wall.png", grey_png(200, 150))
        self.path("in/loose.jpg", b"of nobody")
        for name in ("biden/1.heic", "obama/2.HEIC", "obama/film.mp4", "biden/old/1.jpg", "list.csv",
                     "Thumbs.db", ".hidden.webp", "biden/.DS_Store"):
            self.path("in/" + name, b"not a picture")
        done = self.enroll("--folder", self.path("in"), status=ERROR)
        self.assertEqual([(d["id"], d["enrolled"], d.get("reason")) for d in done],
                         [("biden", True, None), ("obama", True, None), ("obama", True, None),
                          ("wall", False, "no_face")])
        self.assertIn("wall.png", self.err)
        self.assertEqual([line for line in self.err.splitlines() if "passed over" in line], [
            f"facematch: {self.path('in')}: passed over {what}" for what in (
                "3 files of a kind that is not read (2 .heic, 1 .mp4); convert them to JPEG or PNG",
                "1 picture beside the folders in it, which belongs to none of them",
                f"1 folder that lies too deep: {self.path('in')}/biden/old; pictures are taken from "
                "the folder above")])
        info = self.result(YES, "gallery", "info", self.uri)
        self.assertEqual((info["identities"], info["templates"]), (2, 3))
        self.expect(ERROR, "enroll", "--gallery", self.path("2.fmg"), "--folder", self.path("in"))
        self.assertEqual(self.out,
                         "3 photographs enrolled, 1 rejected (1 no_face); 2 new people\n")

    def test_folder_that_holds_nothing_else_tells_nothing_else(self):
        os.makedirs(self.path("in/obama"))
        shutil.copy(photo("obama.jpg"), self.path("in/obama/a.jfif"))
        self.path("in/obama/a.txt", b"not a picture")
        self.enroll("--folder", self.path("in"))
        self.assertEqual(self.err, "facematch: 1 photograph enrolled, 0 rejected; 1 new person\n")

    def test_one_bad_photograph_does_not_stop_the_others(self):
        done = self.enroll("obama", "absent.jpg", photo("obama.jpg"), status=ERROR)
        self.assertEqual([d["enrolled"] for d in done], [False, True])
        self.assertEqual(done[0]["reason"], "no_file")

    def test_bad_ids_and_texts(self):
        self.enroll("obama", photo("obama.jpg"))
        command = "enroll", "--gallery", self.uri
        for bad, name in (("", "0 bytes"), ("x" * 300, "300 bytes"), (b"\xff\xfe", "UTF-8"),
                          ("a\nb", "control character")):
            self.refused(*command, bad, photo("obama.jpg"), names=name,
                         code="FM_E_INVALID_ARGUMENT")
        self.refused("enroll", "--gallery", self.path("new.fmg"), "a\nb", photo("obama.jpg"),
                     names="control character")
        for option, bad in (("--name", "x" * 256), ("--label", "x" * 64), ("--metadata", "[1]"),
                            ("--metadata", "{"), ("--label", b"\xff")):
            self.refused(*command, option, bad, "anna", photo("obama.jpg"), names=option[2:],
                         code="FM_E_INVALID_ARGUMENT")
        for bad in ("", "x" * 300, b"\xff\xfe"):
            for words in (("show",), ("remove",)):
                self.refused("gallery", *words, self.uri, bad, names="people.fmg")
            self.refused("verify", "--gallery", self.uri, "--id", bad, photo("obama.jpg"),
                         names="people.fmg")

    def test_longest_id(self):
        self.enroll("ä" * 127 + "x", photo("obama.jpg"))
        self.enroll("y" * 255, photo("biden.jpg"))
        self.assertEqual([p["id"] for p in self.results(YES, "gallery", "list", self.uri)],
                         ["y" * 255, "ä" * 127 + "x"])

    def test_control_characters_do_not_reach_the_terminal(self):
        for name in ("a\x1b[2Jb.jpg", "a\x9b2Jb.jpg"):
            self.expect(ERROR, "detect", self.path(name))
            self.assertNotRegex(self.err, "[\x1b\x9b]")
            self.assertIn("2Jb.jpg", self.err)

    def test_wrong_galleries(self):
        self.enroll("obama", photo("obama.jpg"))
        other = "--model", "dlib-resnet-v1"
        text = self.path("notes.fmg", b"Dear diary, " * 100)
        cases = ((self.uri, other, "FM_E_MODEL_MISMATCH"), (text, (), "FM_E_CORRUPT"))
        for uri, options, code in cases:
            name = os.path.basename(uri)
            for command in (("identify", "--gallery", uri, photo("obama.jpg")),
                            ("enroll", "--gallery", uri, "anna", photo("obama.jpg")),
                            ("verify", "--gallery", uri, "--id", "obama", photo("obama.jpg"))):
                self.refused(*command, *options, names=name, code=code)
        self.refused("gallery", "info", self.uri, *other, names="people.fmg",
                     code="FM_E_MODEL_MISMATCH")
        for words in (("info", text), ("list", text), ("show", text, "x"), ("remove", text, "x")):
            self.refused("gallery", *words, names="notes.fmg", code="FM_E_CORRUPT")

    def test_absent_galleries_are_not_made(self):
        absent = self.path("absent.fmg")
        for command in (("gallery", "info", absent), ("gallery", "list", absent),
                        ("gallery", "show", absent, "x"), ("gallery", "remove", absent, "x"),
                        ("identify", "--gallery", absent, photo("obama.jpg")),
                        ("verify", "--gallery", absent, "--id", "x", photo("obama.jpg"))):
            self.refused(*command, names="absent.fmg", code="FM_E_NOT_FOUND")
        self.refused("enroll", "--gallery", self.path("no/such/folder.fmg"), "x",
                     photo("obama.jpg"), names="folder.fmg")
        self.refused("enroll", "--gallery", "nosuch://x", "x", photo("obama.jpg"),
                     names="nosuch://x", code="FM_E_UNSUPPORTED")


class Gate(Case):
    """Every reason that the demo photographs can give, on both sides of its limit."""

    FIGURES = {"quality", "size_px", "eye_distance_px", "score", "sharpness", "brightness",
               "clipped", "yaw_deg", "pitch_deg", "roll_deg"}

    def setUp(self):
        super().setUp()
        self.uri = self.path("people.fmg")

    def enroll(self, status, name, picture, *options):
        return self.result(status, "enroll", "--gallery", self.uri, *options, name, picture)

    def rejected(self, reason, name, picture, *options):
        before = self.snapshot()
        result = self.enroll(ERROR, name, picture, *options)
        self.assertEqual((result["enrolled"], result["reason"], result["id"]),
                         (False, reason, name))
        self.assertEqual(result["error"], "FM_E_REFUSED")
        self.assertEqual(self.snapshot(), before)
        return result

    ROWS = 600

    def top_rows(self, name):
        """The first rows of a photograph, with the box drawn into it, as RGB: by way of PNG."""
        out = self.path(name + ".png")
        self.expect(YES, "detect", "--draw", out, photo(name))
        with open(out, "rb") as file:
            data = file.read()
        width, = struct.unpack(">I", data[16:20])
        packed, at = b"", 8
        while at < len(data):
            size, kind = struct.unpack(">I4s", data[at:at + 8])
            packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
            at += size + 12
        rows, above, step = [], bytes(3 * width), 3 * width + 1
        data = zlib.decompress(packed)
        for y in range(self.ROWS):
            above = unfilter(data[y * step], data[y * step + 1:(y + 1) * step], above)
            rows.append(above)
        return rows

    def side_by_side(self):
        """Two people in one photograph, as a PPM."""
        rows = [a + b for a, b in zip(self.top_rows("obama.jpg"), self.top_rows("biden.jpg"))]
        head = b"P6 %d %d 255\n" % (len(rows[0]) // 3, self.ROWS)
        return self.path("two.ppm", head + b"".join(rows))

    def test_figures_of_detect(self):
        face, = self.result(YES, "detect", "--quality", photo("obama.jpg"))["faces"]
        self.assertEqual(set(face["quality"]), self.FIGURES)
        self.assertLess(abs(face["quality"]["yaw_deg"]), 10)
        self.assertGreater(face["quality"]["sharpness"], 0.1)
        self.assertGreater(face["quality"]["quality"], 0.9)
        self.assertIn("sharpness", self.expect(YES, "detect", "--quality", photo("obama.jpg")))

    def test_limits(self):
        face, = self.result(YES, "detect", "--quality", photo("obama3.jpg"))["faces"]
        measured = face["quality"]
        cases = (("--min-size", "size_px", 1, "face_too_small"),
                 ("--min-score", "score", 1, "low_detection_score"),
                 ("--min-sharpness", "sharpness", 1, "blurred"),
                 ("--min-brightness", "brightness", 1, "too_dark"),
                 ("--max-brightness", "brightness", -1, "too_bright"),
                 ("--max-yaw", "yaw_deg", -1, "extreme_pose"),
                 ("--max-pitch", "pitch_deg", -1, "extreme_pose"),
                 ("--max-roll", "roll_deg", -1, "extreme_pose"))
        for option, figure, sign, reason in cases:
            value = abs(measured[figure])
            limits = [value - sign * 1e-4 * value, value + sign * 1e-4 * value]
            if figure == "score":
                limits = [value - 1e-6, 1]
            with self.subTest(option=option):
                told = self.rejected(reason, "anna", photo("obama3.jpg"), option, str(limits[1]))
                self.assertEqual(set(told["quality"]), self.FIGURES)
                self.assertAlmostEqual(abs(told["value"]), value, places=4)
                self.assertAlmostEqual(told["limit"], limits[1], places=3)
                done = self.enroll(YES, option[2:], photo("obama3.jpg"), option, str(limits[0]),
                                   "--allow", "looks_like_another")
                self.assertEqual(set(done["quality"]), self.FIGURES)
        for let in (("--max-yaw", "0"), ("--max-yaw", "1", "--allow", "blurred,extreme_pose"),
                    ("--max-yaw", "1", "--no-gate")):
            self.uri = self.path(f"{'-'.join(let)}.fmg")
            self.assertIs(self.enroll(YES, "anna", photo("obama3.jpg"), *let)["enrolled"], True)

    def test_looks_like_another(self):
        self.enroll(YES, "obama", photo("obama.jpg"))
        told = self.rejected("looks_like_another", "anna", photo("obama2.jpg"))
        self.assertEqual(told["other_id"], "obama")
        self.assertGreaterEqual(told["value"], told["limit"])
        self.assertIn("obama", self.err)
        self.assertIn("--allow looks_like_another", self.err)
        self.enroll(YES, "obama", photo("obama2.jpg"))
        self.enroll(YES, "biden", photo("biden.jpg"))
        self.enroll(YES, "anna", photo("obama2.jpg"), "--allow", "looks_like_another")

    def test_unlike_itself(self):
        self.enroll(YES, "obama", photo("obama.jpg"))
        told = self.rejected("unlike_itself", "obama", photo("biden.jpg"))
        self.assertLess(told["value"], told["limit"])
        self.assertNotIn("other_id", told)
        self.enroll(YES, "obama", photo("biden.jpg"), "--allow", "unlike_itself")

    def test_several_faces(self):
        two = self.side_by_side()
        told = self.rejected("several_faces", "anna", two)
        self.assertEqual((told["value"], told["limit"]), (2, 1))
        self.enroll(YES, "left", two, "--select", "largest")
        self.rejected("several_faces", "anna", two, "--select", "largest", "--other-faces", "0.1")
        self.expect(YES, "gallery", "remove", self.uri, "left")
        self.enroll(YES, "anna", two, "--allow", "several_faces")

    def test_a_rejected_first_photograph_makes_no_gallery(self):
        self.rejected("too_bright", "anna", photo("obama.jpg"), "--max-brightness", "1")
        self.assertFalse(os.path.exists(self.uri))

    def test_crops_are_judged_too(self):
        crop = self.path("crop.png", grey_png(112, 112))
        told = self.enroll(ERROR, "anna", crop, "--aligned")
        self.assertEqual(told["reason"], "blurred")
        self.assertIsNone(told["quality"]["size_px"])

    def test_folder_tells_reasons(self):
        for target, source in {"biden/a.jpg": "biden.jpg", "obama/a.jpg": "obama.jpg",
                               "obama/b.jpg": "biden.jpg", "other/c.jpg": "obama2.jpg"}.items():
            os.makedirs(os.path.dirname(self.path(f"in/{target}")), exist_ok=True)
            shutil.copy(photo(source), self.path(f"in/{target}"))
        done = self.results(ERROR, "enroll", "--gallery", self.uri, "--folder", self.path("in"))
        self.assertEqual([d.get("reason") for d in done],
                         [None, None, "looks_like_another", "looks_like_another"])
        self.assertEqual([d.get("other_id") for d in done], [None, None, "biden", "obama"])
        self.assertIn("2 photographs enrolled, 2 rejected (2 looks_like_another); 2 new people",
                      self.err)

    def test_wrong_options(self):
        for options, text in ((("--allow", "blurrd"), "'blurrd'"), (("--allow", ""), "one of"),
                              (("--allow", "no_face"), "one of"),
                              (("--min-score", "1.5"), "from 0 to 1"),
                              (("--max-yaw", "181"), "from 0 to 180"),
                              (("--min-size", "nan"), "from 0 to"),
                              (("--fpir", "1"), "below 1")):
            with self.subTest(options=options):
                self.refused("enroll", "--gallery", self.uri, *options, "x", photo("obama.jpg"),
                             names=text, code="FM_E_INVALID_ARGUMENT")


class Again(Case):
    """Enrolling is safe to repeat: a photograph that is a template of its id already is passed over."""

    def setUp(self):
        super().setUp()
        self.uri = self.path("people.fmg")

    def enroll(self, *args):
        """Which of the photographs were stored; of the others it is told that they are there."""
        done = self.results(YES, "enroll", "--gallery", self.uri, *args)
        for d in done:
            if not d["enrolled"]:
                self.assertEqual(d, {"image": d["image"], "id": d["id"], "enrolled": False,
                                     "reason": "already_enrolled"})
        return [d["enrolled"] for d in done]

    def templates(self, *key):
        return self.result(YES, "gallery", "info", self.uri, *key)["templates"]

    def people(self, **pictures):
        """A folder with a sub-folder for each, with these photographs."""
        for name, sources in pictures.items():
            os.makedirs(self.path("in/" + name))
            for number, source in enumerate(sources):
                shutil.copy(photo(source), self.path(f"in/{name}/{number}.jpg"))
        return "--folder", self.path("in")

    def test_a_folder_twice(self):
        folder = self.people(biden=["biden.jpg"], obama=["obama.jpg", "obama2.jpg"])
        self.assertEqual(self.enroll(*folder), [True] * 3)
        before = self.snapshot()
        self.assertEqual(self.enroll(*folder), [False] * 3)
        self.assertIn("0 photographs enrolled, 3 already there, 0 rejected; 0 new people", self.err)
        self.assertEqual(self.snapshot(), before)
        # neither a label nor the gate is for what is there already
        told = self.expect(YES, "enroll", "--gallery", self.uri, "--label", "late",
                           "--max-brightness", "1", *folder)
        self.assertEqual(told,
                         "0 photographs enrolled, 3 already there, 0 rejected; 0 new people\n")
        self.assertEqual(self.snapshot(), before)

    def test_an_interrupted_folder_goes_on(self):
        pictures = ["obama.jpg", "obama2.jpg"]
        people = "abcdefghijklmnopqrst"  # many, so that the signal comes before the end
        folder = "--no-gate", *self.people(**{name: pictures for name in people})
        process = self.start("enroll", "--gallery", self.uri, "--json", *folder,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(3):  # the middle of b
            self.assertIs(json.loads(process.stdout.readline())["enrolled"], True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
        self.assertEqual(process.returncode, -signal.SIGINT)
        stored = self.templates()
        self.assertEqual(self.enroll(*folder), [False] * stored + [True] * (40 - stored))
        self.assertEqual(self.templates(), 40)

    def test_one_photograph_twice_in_one_call(self):
        twice = "obama", photo("obama.jpg"), photo("obama2.jpg"), photo("obama.jpg")
        self.assertEqual(self.enroll(*twice), [True, True, False])
        self.assertEqual(self.templates(), 2)
        folder = self.people(biden=["biden.jpg", "biden.jpg"], obama=["obama3.jpg", "obama3.jpg"])
        self.assertEqual(self.enroll(*folder), [True, False] * 2)
        self.assertIn("2 photographs enrolled, 2 already there, 0 rejected; 1 new person", self.err)
        self.assertEqual(self.templates(), 4)

    def test_further_photographs_are_stored(self):
        self.enroll("--name", "Barack", "obama", photo("obama.jpg"))
        told = self.expect(YES, "enroll", "--gallery", self.uri, "obama", photo("obama.jpg"))
        self.assertEqual(told, f"{photo('obama.jpg')}: already enrolled as obama\n")
        self.expect(YES, "enroll", "--gallery", self.uri, "obama", photo("obama.jpg"),
                    photo("obama2.jpg"))
        self.assertIn("1 photograph enrolled, 1 already there, 0 rejected; 0 new people", self.out)
        told = self.results(ERROR, "enroll", "--gallery", self.uri, "obama", photo("obama2.jpg"),
                            self.path("wall.png", grey_png(200, 150)))
        self.assertEqual([d["reason"] for d in told], ["already_enrolled", "no_face"])

    def test_a_new_name_is_stored(self):
        changes = (("--name", "Barack"), True), (("--name", "Barack"), False), (("--name", "Barry"), True), \
            (("--metadata", '{"a": [1, 2]}'), True), (("--metadata", '{ "a":[1,2] }'), False)
        for texts, stored in changes:
            self.assertEqual(self.enroll(*texts, "obama", photo("obama.jpg")), [stored], texts)
        shown = self.result(YES, "gallery", "show", self.uri, "obama")
        self.assertEqual((shown["display_name"], shown["metadata"]), ("Barry", {"a": [1, 2]}))

    def test_sealed_on_another_machine(self):
        key = "--key-file", self.path("key", bytes(range(32)))
        os.chmod(key[1], 0o600)
        self.assertEqual(self.enroll(*key, "obama", photo("obama.jpg")), [True])
        # by what instructions another CPU has: it rounds in another way
        with mock.patch.dict(os.environ, ATEN_CPU_CAPABILITY="default", DNNL_MAX_CPU_ISA="SSE41"):
            self.assertEqual(self.enroll(*key, "obama", photo("obama.jpg")), [False])
        self.assertEqual(self.templates(*key), 1)

    def test_crops(self):
        crops = [self.path("a.png", grey_png(112, 112)),
                 self.path("b.png", png(112, 112, (b"\0" + bytes(range(112))) * 112))]
        for stored in (True, False):
            self.assertEqual(self.enroll("--aligned", "--no-gate", "x", *crops), [stored] * 2)

    def test_with_a_mirrored_face(self):
        """Distances, of vectors that are not of unit length; and another vector is another template."""
        one = "--model", "dlib-resnet-v1", "obama", photo("obama.jpg")
        self.assertEqual(self.enroll("--flip", *one), [True])
        self.assertEqual(self.enroll("--flip", *one), [False])
        self.assertEqual(self.enroll(*one), [True])


class BadPhotographs(Case):
    """Each is given to every command that reads faces."""

    def check(self, path, code, detect=True, **more):
        name = os.path.basename(path)
        good = photo("obama.jpg")
        gallery, made = self.path("people.fmg"), self.path("new.fmg")
        if not os.path.exists(gallery):
            self.expect(YES, "enroll", "--gallery", gallery, "obama", good)
        commands = [("embed", path), ("verify", path, good), ("verify", good, path),
                    ("identify", "--gallery", gallery, path),
                    ("verify", "--gallery", gallery, "--id", "obama", path),
                    ("enroll", "--gallery", gallery, "obama", path),
                    ("enroll", "--gallery", made, "obama", path)]
        if detect:
            commands += [("detect", path), ("detect", "--draw", self.path("out.png"), path),
                         ("bench", path), ("embed", "--aligned", path)]
        for command in commands:
            with self.subTest(command=command):
                self.refused(*command, names=name, code=code, **more)

    def test_missing_file(self):
        self.check(self.path("missing.jpg"), "FM_E_NOT_FOUND")

    def test_directory(self):
        os.mkdir(self.path("directory.jpg"))
        self.check(self.path("directory.jpg"), "FM_E_IO")

    def test_empty_file(self):
        self.check(self.path("empty.jpg", b""), "FM_E_CORRUPT")

    def test_text_called_jpg(self):
        self.check(self.path("text.jpg", b"This is no photograph.\n" * 50), None)

    def test_jpeg_cut_in_half(self):
        with open(photo("obama.jpg"), "rb") as file:
            whole = file.read()
        self.check(self.path("half.jpg", whole[:len(whole) // 2]), "FM_E_CORRUPT")

    def test_png_that_claims_to_be_huge(self):
        self.check(self.path("huge.png", png(60000, 60000, b"\0" * 100)), "FM_E_LIMIT")

    def test_one_pixel(self):
        dot = self.path("dot.png", grey_png(1, 1))
        self.check(dot, "FM_E_NOT_FOUND", detect=False)
        self.assertEqual(self.result(NO, "detect", dot)["count"], 0)

    def test_without_a_face(self):
        self.check(self.path("wall.png", grey_png(320, 240)), "FM_E_NOT_FOUND", detect=False)
        result = self.results(ERROR, "enroll", "--gallery", self.path("g.fmg"), "x",
                              self.path("wall.png"))
        self.assertEqual((result[0]["enrolled"], result[0]["reason"]), (False, "no_face"))

    def test_unreadable_file(self):
        secret = self.path("secret.jpg")
        shutil.copy(photo("obama.jpg"), secret)
        os.chmod(secret, 0)
        more = {}
        if os.geteuid() == 0:
            more = {"user": NOBODY_USER, "group": NOBODY_USER, "extra_groups": []}
            try:
                reads = self.run_program("models", **more) == YES
            except OSError:
                reads = False
            if not reads:
                self.skipTest("the program or its models are out of an ordinary user's reach")
        self.refused("embed", secret, names="secret.jpg", code="FM_E_IO", **more)
        self.refused("detect", secret, names="secret.jpg", code="FM_E_IO", **more)
        people = self.path("people.fmg")
        self.expect(YES, "enroll", "--gallery", people, "obama", photo("obama.jpg"))
        os.chmod(people, 0)
        for words in (("list", people), ("remove", people, "obama")):
            self.refused("gallery", *words, names="people.fmg: cannot be read: Permission denied",
                         **more)
        os.chmod(people, 0o444)
        if os.geteuid() == 0:
            self.refused("gallery", "remove", people, "obama", names="people.fmg may not be written",
                         code="FM_E_PERMISSION", **more)


class BadModels(Case):
    def edited(self, name, change, source="mobilefacenet"):
        """A copy of a model whose manifest was changed; None leaves it out."""
        path = self.path(name)
        with zipfile.ZipFile(f"{MODELS}/{source}.pt") as old, zipfile.ZipFile(path, "w") as new:
            for item in old.infolist():
                data = old.read(item)
                if item.filename.endswith("extra/facematch.json"):
                    data = change(json.loads(data))
                    if data is None:
                        continue
                    data = data if isinstance(data, bytes) else json.dumps(data).encode()
                new.writestr(item.filename, data, zipfile.ZIP_STORED)
        return path

    def check(self, path, code=None):
        self.refused("embed", "--model", path, photo("obama.jpg"), names=os.path.basename(path),
                     code=code)
        os.remove(path)

    def test_copy_with_equal_manifest_works(self):
        path = self.edited("same.pt", lambda manifest: manifest)
        self.result(YES, "embed", "--model", path, photo("obama.jpg"))

    def test_not_an_archive(self):
        self.check(self.path("text.pt", b"no archive\n" * 1000), "FM_E_CORRUPT")
        self.assertIn("not a model file", self.err)
        self.check(self.path("empty.pt", b""), "FM_E_CORRUPT")

    def test_truncated(self):
        with open(MODELS + "/mobilefacenet.pt", "rb") as file:
            whole = file.read()
        for share in (0.01, 0.5, 0.999):
            self.check(self.path("cut.pt", whole[:int(len(whole) * share)]), "FM_E_CORRUPT")

    def test_missing(self):
        self.refused("embed", "--model", "absent.pt", photo("obama.jpg"), names="absent.pt",
                     code="FM_E_NOT_FOUND")
        self.refused("embed", "--model", "absent", photo("obama.jpg"), names="setup.sh",
                     code="FM_E_NOT_FOUND")
        for place in (MODELS, "models", "/.local/share/facematch/models"):
            self.assertIn(place, self.err)

    def test_directory(self):
        self.refused("embed", "--model", self.folder, photo("obama.jpg"),
                     names=os.path.basename(self.folder), code="FM_E_IO")

    def test_without_manifest(self):
        self.check(self.edited("bare.pt", lambda manifest: None), "FM_E_CORRUPT")
        self.check(self.edited("nojson.pt", lambda manifest: b"{"), "FM_E_CORRUPT")
        self.check(self.edited("list.pt", lambda manifest: []), "FM_E_CORRUPT")

    def test_newer_format(self):
        self.check(self.edited("newer.pt", lambda m: dict(m, format=2)), "FM_E_VERSION")

    def test_wrong_fields(self):
        changes = {
            "format": "1", "kind": 5, "family": ["softmax"], "name": 7, "input": [], "embedding": 3,
            "alignment": "x", "metric": {}, "license": 1,
        }
        for field, value in changes.items():
            with self.subTest(field=field):
                self.check(self.edited("wrong.pt", lambda m: dict(m, **{field: value})),
                           "FM_E_CORRUPT")
        for field in ("kind", "metric"):
            with self.subTest(unknown=field):
                self.check(self.edited("unknown.pt", lambda m: dict(m, **{field: "future"})),
                           "FM_E_UNSUPPORTED")

    def test_impossible_sizes(self):
        for part, field in (("input", "width"), ("input", "height"), ("embedding", "dim")):
            for value in (0, -1, 2 ** 31, "112", 1.5, None):
                with self.subTest(part=part, field=field, value=value):
                    def change(m):
                        return dict(m, **{part: dict(m[part], **{field: value})})
                    self.check(self.edited("size.pt", change), "FM_E_CORRUPT")

    def test_wrong_kind(self):
        self.refused("embed", "--model", "mtcnn", photo("obama.jpg"), names="mtcnn",
                     code="FM_E_INVALID_ARGUMENT")
        self.refused("detect", "--detector", "mobilefacenet", photo("obama.jpg"),
                     names="mobilefacenet", code="FM_E_INVALID_ARGUMENT")


class Evaluate(Case):
    PAIRS = "2\t1\nobama 1 2\nobama\t1\tbiden\t1\nobama 2 3\nobama 2 biden 1\n"

    def setUp(self):
        super().setUp()
        for target, source in (("obama/obama_0001", "obama"), ("obama/obama_0002", "obama2"),
                               ("obama/obama_0003", "obama3"), ("biden/biden_0001", "biden")):
            os.makedirs(os.path.dirname(self.path(f"in/{target}")), exist_ok=True)
            shutil.copy(photo(source + ".jpg"), self.path(f"in/{target}.jpg"))

    def evaluate(self, status, pairs, *args):
        return self.results(status, "evaluate", "pairs", "--images", self.path("in"), "--pairs",
                            self.path("pairs.txt", pairs.encode()), *args)

    def test_figures(self):
        report, = self.evaluate(YES, self.PAIRS)
        for key in ("pairs", "accuracy", "accuracy_sem", "eer", "tar_at_far", "undetected",
                    "seconds"):
            self.assertIn(key, report)
        self.assertEqual((report["pairs"], report["folds"], report["photographs"]), (4, 2, 4))
        self.assertEqual((report["accuracy"], report["eer"], report["undetected"]), (1, 0, 0))
        # Two impostor pairs cannot vouch for a rate of 1 in 100.
        self.assertEqual(report["tar_at_far"],
                         dict.fromkeys(("1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6")))
        self.assertEqual(report["operating_points"], [])

    def test_threads_do_not_change_figures(self):
        reports = [self.evaluate(YES, self.PAIRS, "--threads", n)[0] for n in ("1", "4")]
        for report in reports:
            del report["seconds"]
        self.assertEqual(*reports)

    def test_undetected_is_counted(self):
        os.remove(self.path("in/obama/obama_0003.jpg"))
        self.path("in/obama/obama_0003.png", grey_png(200, 150))
        report, = self.evaluate(YES, self.PAIRS)
        self.assertEqual((report["undetected"], report["undecided"]), (1, 1))

    def test_pgm_is_read(self):
        self.path("in/x/x_0001.pgm", b"P5 112 112 255\n" + bytes(range(112)) * 112)
        self.path("in/x/x_0002.pgm", b"P5 112 112 255\n" + bytes(range(112)) * 112)
        self.path("in/y/y_0001.pgm", b"P5 112 112 255\n" + b"\0" * 56 * 112 + b"\xff" * 56 * 112)
        report, = self.evaluate(YES, "1 1\nx 1 2\nx 1 y 1\n", "--aligned")
        self.assertEqual((report["accuracy"], report["accuracy_sem"]), (1, None))

    def test_byte_order_mark(self):
        pairs = "1 1\r\nobama 1 2\r\nobama 1 biden 1\r\n"
        marked, = self.evaluate(YES, "\ufeff" + pairs)
        self.assertEqual(marked["pairs"], 2)
        answer, = self.evaluate(ERROR, "\ufeff\ufeff" + pairs)
        self.assertIn("pairs.txt, line 1", answer["message"])

    def test_folder_in_the_place_of_a_list(self):
        self.refused("evaluate", "pairs", "--images", self.path("in"), "--pairs", self.path("in"),
                     names="Is a directory", code="FM_E_IO")

    def test_bad_lists(self):
        for pairs, line in (("", "line 1"), ("ten 300\n", "line 1"), ("1 1\nobama 1 2\n", "line 2"),
                            ("1 1\nobama 1 2\nobama 1 biden x\n", "line 3"),
                            ("1 1\nobama 1 2\nobama 1 biden 1\nobama 1 2\n", "line 4"),
                            ("99999999999999999999 1\n", "line 1"), ("1 1\nobama 1\n", "line 2")):
            with self.subTest(pairs=pairs):
                answer, = self.evaluate(ERROR, pairs)
                self.assertIn("pairs.txt, " + line, answer["message"])

    def test_missing_photograph_is_an_error(self):
        answer, = self.evaluate(ERROR, "1 1\nobama 1 9\nobama 1 biden 1\n")
        self.assertEqual(answer["error"], "FM_E_NOT_FOUND")
        self.assertIn("obama_0009.jpg", answer["message"])

    def test_failures_are_left_out_or_errors(self):
        self.path("in/obama/obama_0009.png", grey_png(200, 150))
        pairs = "1 2\nobama 1 2\nobama 1 9\nobama 1 biden 1\nobama 2 biden 1\n"
        left_out, = self.evaluate(YES, pairs)
        errors, = self.evaluate(YES, pairs, "--failures", "error")
        self.assertEqual((left_out["genuine"], left_out["genuine_failed"]), (2, 1))
        self.assertEqual(left_out["eer"], 0)
        self.assertEqual((errors["genuine"], errors["failures"]), (2, "error"))
        self.assertGreater(errors["calibrated_points"][0]["fnmr"]["value"], 0.4)
        self.assertEqual(left_out["accuracy"], errors["accuracy"])  # LFW's protocol


class AllPairs(Case):
    PHOTOS = ("obama/a", "obama"), ("obama/b", "obama2"), ("obama/c", "obama3"), ("biden/a", "biden")

    def setUp(self):
        super().setUp()
        for target, source in self.PHOTOS:
            os.makedirs(os.path.dirname(self.path(f"in/{target}")), exist_ok=True)
            shutil.copy(photo(source + ".jpg"), self.path(f"in/{target}.jpg"))

    def evaluate(self, status, *args):
        return self.result(status, "evaluate", "all-pairs", "--images", self.path("in"), *args)

    def test_counts(self):
        report = self.evaluate(YES)
        self.assertEqual((report["genuine"], report["impostor"], report["people"]), (3, 3, 2))
        self.assertEqual((report["eer"], report["photographs"]), (0, 4))
        rate = report["calibrated_points"][0]["fnmr"]
        self.assertEqual((rate["hits"], rate["trials"], rate["low"]), (0, 3, 0))
        self.assertAlmostEqual(rate["high"], 1 - 0.025 ** (1 / 3), delta=1e-6)

    def test_cache_is_used_and_guarded(self):
        cache = self.path("cache")
        first = self.evaluate(YES, "--embeddings", cache)
        self.assertEqual(os.stat(cache).st_mode & 0o777, 0o600)
        # A photograph that cannot be read any more is not missed as long as its file looks the same.
        name = self.path("in/biden/a.jpg")
        before = os.stat(name)
        with open(name, "r+b") as file:
            file.write(bytes(before.st_size))
        os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns))
        again = self.evaluate(YES, "--embeddings", cache)
        for report in (first, again):
            del report["seconds"]
        self.assertEqual(first, again)
        shutil.copy(photo("obama.jpg"), name)
        self.assertGreater(self.evaluate(YES, "--embeddings", cache)["eer"], 0)

    def test_cache_of_another_model_is_refused(self):
        cache = self.path("cache")
        self.evaluate(YES, "--embeddings", cache)
        for options in (("--model", "dlib-resnet-v1"), ("--flip",), ("--min-face", "30")):
            answer = self.evaluate(ERROR, "--embeddings", cache, *options)
            self.assertEqual(answer["error"], "FM_E_MODEL_MISMATCH")
        with open(cache, "rb") as file:
            good = file.read()
        for content in (b"", b"FMVECS01" + b"\xff" * 40, good[:-1]):
            answer = self.evaluate(ERROR, "--embeddings", self.path("bad", content))
            self.assertEqual(answer["error"], "FM_E_CORRUPT")

    def test_some_people_only(self):
        answer = self.evaluate(ERROR, "--people", self.path("names", b"obama\n"))
        self.assertEqual(answer["error"], "FM_E_STATE")
        self.assertIn("impostor", answer["message"])
        report = self.evaluate(YES, "--people", self.path("names", b"obama\n\nbiden\nnobody\n"))
        self.assertEqual(report["people"], 2)

    def test_groups(self):
        table = self.path("people.csv", b"folder, office ,party\nobama,president,d\nbiden,,d\n")
        report = self.evaluate(YES, "--attributes", table, "--threshold", "0.3")
        groups = {(g["attribute"], g["value"]): g for g in report["groups"]}
        self.assertEqual(set(groups), {("office", "president"), ("party", "d")})
        self.assertIsNone(groups["office", "president"]["fmr"])
        self.assertEqual(groups["party", "d"]["fmr"]["trials"], 3)
        self.assertEqual(groups["party", "d"]["fnmr"]["hits"], 0)
        for bad in (b"", b"folder\n", b"folder,a\nobama\n", b"folder,a\nobama,x\nobama,y\n",
                    b'folder,a\n"obama",x\n'):
            answer = self.evaluate(ERROR, "--attributes", self.path("bad.csv", bad))
            self.assertIn("bad.csv, line", answer["message"])

    def test_report_is_checked_before_the_work(self):
        answer = self.evaluate(ERROR, "--report", self.path("page.txt"))
        self.assertIn(".html", answer["message"])
        self.assertFalse(os.path.exists(self.path("page.txt")))

    def test_places_are_looked_at_before_the_work(self):
        """No model is there to do it with."""
        before = "--images", self.path("in"), "--models-dir", self.folder, "--model", "absent"
        self.refused("evaluate", "all-pairs", "--report", self.path("no/page.html"), *before,
                     names="no/page.html", code="FM_E_IO")
        for out in (self.path("no/c.json"), self.path("in")):
            self.refused("calibrate", "--out", out, *before, names=out, code="FM_E_IO")
        # Of a photograph that is no picture nothing is told: the place for embeddings comes first.
        self.path("in/biden/a.jpg", b"no picture")
        self.refused("evaluate", "all-pairs", "--images", self.path("in"), "--embeddings",
                     self.path("no/cache"), names="no/cache", code="FM_E_IO")

    def test_calibration_wants_many(self):
        answer = self.result(ERROR, "calibrate", "--images", self.path("in"))
        self.assertEqual(answer["error"], "FM_E_STATE")
        self.assertIn("too few", answer["message"])

    def test_identify(self):
        for target, source in (("g/obama/a", "obama"), ("k/obama/b", "obama2"),
                               ("s/biden/a", "biden")):
            os.makedirs(os.path.dirname(self.path(target)), exist_ok=True)
            shutil.copy(photo(source + ".jpg"), self.path(target + ".jpg"))
        self.path("k/obama/z.png", grey_png(200, 150))
        folders = ("--gallery-images", self.path("g"), "--known", self.path("k"), "--strangers",
                   self.path("s"))
        report = self.result(YES, "evaluate", "identify", *folders)
        self.assertEqual((report["enrolled"], report["known"], report["strangers"]), (1, 1, 1))
        self.assertEqual((report["rank_1"], report["undetected"]), (1, 1))
        self.assertEqual(report["calibrated_points"][1]["fpir"]["hits"], 0)
        self.assertEqual(report["calibrated_points"][1]["fnir"]["hits"], 0)
        errors = self.result(YES, "evaluate", "identify", "--failures", "error", *folders)
        self.assertEqual((errors["known"], errors["rank_1"]), (2, 0.5))
        answer = self.result(ERROR, "evaluate", "identify", *folders[:4], "--strangers",
                             self.path("g"))
        self.assertIn("obama is a stranger", answer["message"])


class Others(Case):
    def test_models(self):
        told = {m["name"]: m for m in self.results(YES, "models") if m["path"].startswith(MODELS)}
        self.assertLessEqual({"mobilefacenet", "mtcnn", "dlib-resnet-v1", "fast", "default",
                              "accurate"}, set(told))
        self.assertEqual((told["mobilefacenet"]["kind"], told["mobilefacenet"]["dim"]),
                         ("embedder", 192))
        self.assertEqual((told["mtcnn"]["kind"], told["mtcnn"]["dim"]), ("detector", 0))
        for model in told.values():
            self.assertRegex(model["id"], "^[0-9a-f]{64}$")
            self.assertTrue(model["license"])

    def test_bad_model_file_is_told_beside_the_good_ones(self):
        self.path("m/bad.pt", b"no archive")
        results = self.results(ERROR, "models", "--models-dir", self.path("m"))
        self.assertIn("bad.pt", results[0]["message"])
        self.assertGreaterEqual(len(results), 4)

    def test_bench(self):
        steps = self.results(YES, "bench", "--rounds", "2", photo("obama.jpg"), photo("biden.jpg"))
        self.assertEqual([s["step"] for s in steps], ["detect", "embed"])
        for step in steps:
            self.assertEqual(step["n"], 4)
            self.assertGreaterEqual(step["p95_ms"], step["median_ms"])
            self.assertGreater(step["median_ms"], 0)

    def test_version(self):
        told = self.result(YES, "version")
        self.assertRegex(told["version"], r"^\d+\.\d+\.\d+$")
        self.assertIsInstance(told["bfloat16"], bool)
        self.assertIn(told["version"], self.expect(YES, "--version"))

    def test_options_before_the_command(self):
        self.result(YES, "--models-dir", MODELS, "--threads=2", "detect", photo("obama.jpg"))

    def test_standard_input(self):
        """A pipe, a file and a socket, for every command that takes photographs."""
        want = self.result(YES, "detect", photo("obama.jpg"))
        with open(photo("obama.jpg"), "rb") as file:
            data = file.read()
            file.seek(0)
            ours, theirs = socket.socketpair()
            with ours, theirs:
                sender = threading.Thread(target=lambda: (ours.sendall(data),
                                                          ours.shutdown(socket.SHUT_WR)))
                sender.start()
                for source in (file, theirs, subprocess.PIPE):
                    more = {"stdin": source} if source is not subprocess.PIPE else {"data": data}
                    self.assertEqual(self.result(YES, "detect", "-", **more), dict(want, image="-"))
                sender.join()
        gallery = "--gallery", self.path("people.fmg")
        self.assertEqual(self.result(YES, "enroll", *gallery, "-", "-", data=data)["id"], "-")
        self.assertTrue(self.result(YES, "verify", photo("obama2.jpg"), "-", data=data)["match"])
        self.assertTrue(self.result(YES, "verify", *gallery, "--id", "-", "-", data=data)["match"])
        self.assertEqual(self.result(YES, "identify", *gallery, "-", data=data)["image"], "-")
        self.result(YES, "embed", "-", data=data)
        self.results(YES, "bench", "-", "--rounds", "1", data=data)

    def test_standard_input_that_is_no_photograph(self):
        for data, words, code in ((b"", "empty", "FM_E_CORRUPT"), (b"text", "", "FM_E_CORRUPT"),
                                  (b"\0" * ((64 << 20) + 2), "limit", "FM_E_LIMIT")):
            self.refused("detect", "-", names="standard input: ", code=code, data=data)
            self.assertIn(words, self.err)
        folder = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        self.refused("detect", "-", names="standard input: cannot be read", code="FM_E_IO",
                     stdin=folder)

    def test_reader_that_goes_away(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.start("detect", photo("obama.jpg"), photo("obama.jpg"), stdout=writer,
                             stderr=subprocess.PIPE)
        os.close(writer)
        _, err = process.communicate(timeout=300)
        self.assertEqual((process.returncode, err), (ERROR, b""))

    def test_reader_that_goes_away_ends_the_work(self):
        """In order, and before what nobody asks for any more."""
        process = self.start("enroll", "--json", "--gallery", self.path("people.fmg"), "anna",
                             *[photo("obama.jpg")] * 12, photo("obama2.jpg"),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(process.stdout.readline())
        process.stdout.close()
        self.assertEqual((process.stderr.read(), process.wait(timeout=300)), (b"", ERROR))
        process.stderr.close()
        told = self.result(YES, "gallery", "info", self.path("people.fmg"))
        self.assertEqual(told["templates"], 1)  # the second photograph was never reached

    def test_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            process = self.start("version", stdout=full, stderr=subprocess.PIPE)
            _, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, ERROR)
        self.assertIn(b"standard output", err)


class Terminal(Case, OnTerminal):
    """What a person sees: a bar that goes away again."""

    def test_bar_comes_and_goes(self):
        process, terminal, seen = self.follow(b"2/2", "detect", photo("obama.jpg"),
                                              photo("biden.jpg"))
        seen += self.rest(process, terminal)
        self.assertEqual(process.returncode, YES)
        self.assertIn(b"detecting [", seen)
        self.assertTrue(seen.endswith(self.ERASE), seen)

    def test_interrupt_leaves_a_clean_line(self):
        process, terminal, seen = self.follow(b"1/400", "detect", *[photo("obama.jpg")] * 400)
        process.send_signal(signal.SIGINT)
        seen += self.rest(process, terminal)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertTrue(seen.endswith(self.ERASE), seen[-200:])

    def test_interrupted_import_changes_nothing(self):
        gallery, text = self.path("people.fmg"), self.path("people.jsonl")
        self.expect(YES, "enroll", "--gallery", gallery, "anna", photo("obama.jpg"))
        self.expect(YES, "gallery", "export", gallery, text)
        with open(text, encoding="utf-8") as file:
            first, anna, _ = file.readlines()
        for people in (20000, 100000):
            many = self.many_people(people, first, anna)
            process, terminal, seen = self.follow(b"importing .*#", "gallery", "import", gallery, many)
            process.send_signal(signal.SIGINT)
            seen += self.rest(process, terminal)
            self.assertTrue(seen.endswith(self.ERASE), seen[-200:])
            there = self.result(YES, "gallery", "info", gallery)["identities"]
            if there == 1:
                break
            self.assertEqual(there, people + 1)  # it was through before the signal: longer, then
            os.remove(gallery)
            self.expect(YES, "enroll", "--gallery", gallery, "anna", photo("obama.jpg"))
        self.assertEqual((process.returncode, there), (-signal.SIGINT, 1))
        self.expect(YES, "gallery", "import", gallery, many)
        self.assertEqual(self.result(YES, "gallery", "info", gallery)["identities"], people + 1)

    def many_people(self, count, first, anna):
        """A file of an exported gallery, with so many of whom one was in it."""
        people = (anna.replace('"anna"', f'"p{n:06}"') for n in range(count))
        end = json.dumps({"end": True, "identities": count, "templates": count})
        return self.path("many.jsonl", "".join((first, *people, end)).encode())


class Sealed(Case):
    def setUp(self):
        super().setUp()
        self.uri = self.path("people.fmg")
        self.key = self.secret("key", bytes(range(32)))
        self.hex = self.secret("hex", bytes(range(32)).hex().encode() + b"\n")
        self.other = self.secret("other", bytes(range(1, 33)))
        self.phrase = self.secret("phrase", "correct horse, b\u00e4ttery\n".encode())

    def secret(self, name, data):
        path = self.path(name, data)
        os.chmod(path, 0o600)
        return path

    def enroll(self, *args):
        self.expect(YES, "enroll", "--gallery", self.uri, "--name", "Barack Obama", "obama",
                    photo("obama.jpg"), *args)

    def test_round_trip(self):
        self.enroll("--key-file", self.key)
        with open(self.uri, "rb") as file:
            data = file.read()
        self.assertNotIn(b"obama", data)
        self.assertNotIn(b"Barack", data)
        given = "--key-file", self.hex
        found = self.result(YES, "identify", "--gallery", self.uri, photo("obama2.jpg"), *given)
        self.assertEqual([m["id"] for m in found["matches"]], ["obama"])
        claim = "verify", "--gallery", self.uri, photo("obama2.jpg"), "--id", "obama"
        self.assertTrue(self.result(YES, *claim, *given)["match"])
        self.assertIs(self.result(YES, "gallery", "info", self.uri, *given)["sealed"], True)
        self.assertIn("sealed", self.expect(YES, "gallery", "info", self.uri, *given))
        self.assertEqual([p["display_name"]
                          for p in self.results(YES, "gallery", "list", self.uri, *given)],
                         ["Barack Obama"])
        self.result(YES, "gallery", "show", self.uri, "obama", *given)
        self.result(YES, "gallery", "remove", self.uri, "obama", *given)

    def test_without_the_key(self):
        self.enroll("--key-file", self.key)
        for command in (("gallery", "info", self.uri), ("gallery", "list", self.uri),
                        ("gallery", "show", self.uri, "obama"),
                        ("gallery", "remove", self.uri, "obama"),
                        ("gallery", "rekey", self.uri, "--new-key-file", self.other),
                        ("identify", "--gallery", self.uri, photo("obama.jpg")),
                        ("verify", "--gallery", self.uri, "--id", "obama", photo("obama.jpg")),
                        ("enroll", "--gallery", self.uri, "biden", photo("biden.jpg"))):
            for given in ((), ("--key-file", self.other), ("--passphrase-file", self.phrase)):
                with self.subTest(command=command, given=given):
                    self.refused(*command, *given, names="people.fmg", code="FM_E_PERMISSION")

    def test_rekey(self):
        self.enroll()
        self.assertIs(self.result(YES, "gallery", "info", self.uri)["sealed"], False)
        self.refused("gallery", "info", self.uri, "--key-file", self.key, names="people.fmg",
                     code="FM_E_STATE")
        self.refused("gallery", "rekey", self.uri, names="--new-key-file")
        self.result(YES, "gallery", "rekey", self.uri, "--new-passphrase-file", self.phrase)
        self.expect(YES, "gallery", "rekey", self.uri, "--passphrase-file", self.phrase,
                    "--new-key-file", self.key)
        self.refused("gallery", "info", self.uri, "--passphrase-file", self.phrase,
                     names="people.fmg", code="FM_E_PERMISSION")
        self.result(YES, "gallery", "show", self.uri, "obama", "--key-file", self.key)

    def test_exported_files(self):
        self.enroll("--key-file", self.key)
        file, other = self.path("people.sealed"), self.path("other.fmg")
        made = "--model", "default", "--passphrase-file", self.phrase
        self.result(YES, "gallery", "export", self.uri, file, "--key-file", self.key,
                    "--file-key", self.other)
        with open(file, "rb") as opened:
            self.assertNotIn(b"obama", opened.read())
        self.expect(YES, "gallery", "export", self.uri, self.path("plain"), "--key-file", self.key)
        self.expect(ERROR, "gallery", "import", other, file, *made)
        self.assertIn("people.sealed: it is sealed", self.err)
        self.refused("gallery", "import", other, file, *made, "--file-key", self.key,
                     names="people.sealed", code="FM_E_PERMISSION")
        self.refused("gallery", "import", other, self.path("plain"), *made, "--file-key",
                     self.key, names="plain", code="FM_E_STATE")
        done = self.result(YES, "gallery", "import", other, file, *made, "--file-key", self.other)
        self.assertEqual((done["identities"], done["templates"]), (1, 1))
        self.result(YES, "gallery", "show", other, "obama", "--passphrase-file", self.phrase)

    def test_wrong_key_files(self):
        self.enroll("--key-file", self.key)
        bad = {"short": b"x" * 31, "long": b"x" * 33, "hex63": b"0" * 63, "hex65": b"0" * 65,
               "letters": b"g" * 64, "empty": b"", "zeros": bytes(32)}
        for name, data in bad.items():
            with self.subTest(name=name):
                self.refused("gallery", "info", self.uri, "--key-file", self.secret(name, data),
                             names="key", code="FM_E_INVALID_ARGUMENT")
        for name, data in {"none": b"\n", "nul": b"a\0b\n", "huge": b"x" * 1025}.items():
            with self.subTest(name=name):
                self.refused("gallery", "info", self.uri, "--passphrase-file",
                             self.secret(name, data), names="passphrase",
                             code="FM_E_INVALID_ARGUMENT")
        self.refused("gallery", "info", self.uri, "--key-file", self.path("absent"),
                     names="absent", code="FM_E_NOT_FOUND")
        self.refused("gallery", "info", self.uri, "--key-file", self.key, "--passphrase-file",
                     self.phrase, names="not both", code="FM_E_INVALID_ARGUMENT")

    def test_key_that_others_may_read(self):
        self.enroll("--key-file", self.key)
        self.assertEqual(self.err, "")
        os.chmod(self.key, 0o644)
        self.expect(YES, "gallery", "info", self.uri, "--key-file", self.key)
        self.assertIn("chmod 600", self.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
