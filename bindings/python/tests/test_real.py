"""The package on libtorch, with real models and photographs: many threads, torch in the same process, and the numbers
that a program of C gets (EXPECTED is the file that tests/parity/expected.c printed)."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np
from support import MODELS, PHOTOS, fm, photo_path, real_model

from facematch import errors, evaluate

THREADS = 32
PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(fm.__file__)))


def setUpModule():
    if fm.build_info().backend != "libtorch":
        raise AssertionError(f"{fm.library_path} is not the library on libtorch")


class Threads(unittest.TestCase):
    def test_32_threads_embed_through_one_model(self):
        embedder, detector = real_model("default"), real_model("mtcnn")
        photos = [fm.Image(photo_path(name)) for name in sorted(os.listdir(PHOTOS)) if name.endswith(".jpg")]
        with fm.Session(embedder, detector) as session:
            faces = [session.detect(photo)[0] for photo in photos]
            expected = [session.embed(photo, face) for photo, face in zip(photos, faces)]
            whole = session.embed(photos[0])
        results, failures = [None] * THREADS, []
        together = threading.Barrier(THREADS)

        def work(number):
            try:
                with fm.Session(embedder, detector) as session:
                    together.wait()
                    mine = [session.embed(photo, face) for photo, face in zip(photos, faces)]
                    results[number] = mine, session.embed(photos[0])
            except BaseException as error:
                failures.append(error)
                together.abort()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for mine, found in results:
            np.testing.assert_array_equal(mine, expected)
            np.testing.assert_array_equal(found, whole)


class BesideTorch(unittest.TestCase):
    def embed(self, first, second):
        """What a new process gets that imports both, and uses both."""
        program = f"""
import {first}
import {second}
import sys, numpy, torch
import facematch as fm
from facematch import Model, Session
models, photo = sys.argv[1:]
net = torch.nn.Conv2d(3, 8, 3)
with Session(Model(models + "/default.pt"), Model(models + "/mtcnn.pt")) as session:
    before = net(torch.ones(1, 3, 32, 32))
    vector = session.embed(photo)
    assert torch.equal(before, net(torch.ones(1, 3, 32, 32)))
    before.sum().backward()
    assert net.weight.grad is not None and torch.is_grad_enabled()
sys.stdout.buffer.write(vector.tobytes())
"""
        environment = {**os.environ, "PYTHONPATH": PACKAGE_FOLDER}
        done = subprocess.run([sys.executable, "-c", program, MODELS,
                               photo_path("obama.jpg")], env=environment, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return np.frombuffer(done.stdout, np.float32)

    def test_either_order(self):
        with fm.Session(real_model("default"), real_model("mtcnn")) as session:
            alone = session.embed(photo_path("obama.jpg"))
        np.testing.assert_array_equal(self.embed("torch", "facematch"), alone)
        np.testing.assert_array_equal(self.embed("facematch", "torch"), alone)


def numbers(texts):
    return [float.fromhex(text) for text in texts]


class Parity(unittest.TestCase):
    """Every number bit for bit."""

    @classmethod
    def setUpClass(cls):
        with open(os.environ["EXPECTED"], encoding="utf-8") as file:
            cls.expected = json.load(file)
        cls.embedder, cls.detector = real_model("default"), real_model("mtcnn")
        cls.session = fm.Session(cls.embedder, cls.detector)

    def same(self, got, texts):
        np.testing.assert_array_equal(np.asarray(got, np.float64).ravel(), numbers(texts))

    def same_fields(self, got, expected, but=()):
        """All fields that are told by text are floats."""
        for name, value in expected.items():
            if name in but:
                continue
            mine = getattr(got, name)
            if isinstance(value, str):
                self.same([mine], [value])
            else:
                self.assertEqual(mine, value, name)

    def test_models(self):
        self.assertEqual(self.expected["version"], fm.version())
        told = self.expected["models"]
        self.assertEqual((self.embedder.id, self.embedder.dim, self.embedder.info.metric),
                         (told["embedder"]["id"], told["embedder"]["dim"], told["embedder"]["metric"]))
        self.assertEqual(self.detector.id, told["detector"]["id"])

    def test_photographs(self):
        for told in self.expected["photographs"]:
            with self.subTest(told["file"]), fm.Image(photo_path(told["file"])) as photo:
                self.assertEqual(photo.size, (told["width"], told["height"]))
                report = self.session.check(photo)
                self.assertEqual(report.reason.name.lower(), told["gate"]["reason"])
                self.same([report.value, report.limit], [told["gate"]["value"], told["gate"]["limit"]])
                faces = self.session.detect(photo)
                self.assertEqual(len(faces), len(told["faces"]))
                for face, wanted in zip(faces, told["faces"]):
                    self.same(face.box, wanted["box"])
                    self.same([face.score], [wanted["score"]])
                    self.same(face.points, wanted["points"])
                    quality = self.session.quality(photo, face)
                    self.same(list(vars(quality).values()), wanted["quality"])
                    self.same(self.session.embed(photo, face), wanted["embedding"])

    def test_pixels(self):
        for told in self.expected["photographs"][:2]:
            hashed = 14695981039346656037
            for byte in fm.Image(photo_path(told["file"])).to_array().tobytes():
                hashed = (hashed ^ byte) * 1099511628211 & (1 << 64) - 1
            self.assertEqual(f"{hashed:016x}", told["pixels_fnv1a"])

    def batch(self):
        return self.session.embed_batch([photo_path(told["file"]) for told in self.expected["batch"]])

    def test_batch(self):
        batch = self.batch()
        for row, found, told in zip(batch.embeddings, batch.found, self.expected["batch"]):
            self.assertEqual(found, told["status"] == 0)
            if found:
                self.same(row, told["embedding"])

    def test_verify(self):
        self.assertTrue(self.expected["verify"])
        for told in self.expected["verify"]:
            got = self.session.verify(photo_path(told["a"]), photo_path(told["b"]))
            self.same_fields(got, told, but=("a", "b"))

    def test_identify(self):
        told = self.expected["identify"]
        batch = self.batch()
        rows = {entry["file"]: row for entry, row in zip(self.expected["batch"], batch.embeddings)}
        with tempfile.TemporaryDirectory() as folder:
            with fm.Gallery(os.path.join(folder, "people.fmg"), self.embedder) as gallery:
                for who in told["enrolled"]:
                    gallery.add(who["id"], rows[who["file"]])
                for asked in told["asked"]:
                    got = gallery.identify(self.session, photo_path(asked["file"]), most=told["most"])
                    self.same_fields(got, asked, but=("file", "matches"))
                    self.assertEqual(len(got.matches), len(asked["matches"]))
                    for match, wanted in zip(got.matches, asked["matches"]):
                        self.assertEqual(match.id, wanted["id"])
                        self.same_fields(match, wanted, but=("id",))

    def test_pairs(self):
        told = self.expected["evaluate"]
        report = evaluate.pairs(numbers(told["scores"]), told["genuine"], told["folds"],
                                fars=numbers(told["pairs"]["fars"]))
        self.same_fields(report, told["pairs"], but=("fars", "tars"))
        self.same(report.tars, told["pairs"]["tars"])

    def test_evaluation(self):
        told = self.expected["evaluate"]
        with evaluate.Evaluation() as evaluation:
            evaluation.add(numbers(told["scores"]), told["genuine"], told["first"], told["second"])
            report = evaluation.report()
            for name in ("eer", "eer_low", "eer_high", "eer_threshold"):
                self.same([getattr(report, name)], [told[name]])
            self.assertEqual(report.people, told["people"])
            point, wanted = evaluation.at_fmr(0.01), told["at_fmr_0.01"]
            self.same([point.threshold], [wanted["threshold"]])
            self.same_fields(point.fmr, wanted["fmr"])
            self.same_fields(point.fnmr, wanted["fnmr"])
            self.same(evaluation.curve(32), [text for row in told["curve"] for text in row])
            self.assertEqual(evaluation.calibrate(), told["calibration"])

    def same_result(self, got, wanted):
        """Of one frame; None: no face."""
        self.assertEqual(got is None, wanted is None)
        if got is not None:
            self.same_fields(got, wanted, but=("box",))
            self.same(got.face.box, wanted["box"])

    def test_liveness(self):
        told = self.expected["liveness"]
        if told is None:
            self.skipTest("without minifasnet.pt")
        net = real_model("minifasnet")
        self.assertEqual(net.id, told["model"]["id"])
        with fm.Session(self.embedder, self.detector, net) as session:
            for frame in told["frames"]:
                try:
                    got = session.liveness(photo_path(frame["file"]))
                except errors.NotFoundError:
                    got = None
                self.same_result(got, frame["result"])
            batch = session.liveness_batch([photo_path(frame["file"]) for frame in told["batch"]])
            for got, frame in zip(batch, told["batch"]):
                self.same_result(got, frame["result"])
            answer = session.verify(photo_path("obama.jpg"), photo_path("obama2.jpg"), liveness="report")
            self.same_fields(answer.liveness, told["verify"])
            with fm.LivenessSequence(session) as sequence:
                for frame in told["sequence"]:
                    self.same_result(sequence.add(session, photo_path(frame["file"])), frame["result"])
                self.same_fields(sequence.result(), told["fusion"])

    def test_training(self):
        told, steps, stats = self.expected["training"], [], []
        model = fm.Model(os.path.join(MODELS, told["file"]))
        options = {name: float.fromhex(value) if isinstance(value, str) else value
                   for name, value in told["options"].items()}
        varied = fm.Augmentation(**{name: float.fromhex(text) for name, text in told["augmentation"].items()})
        with fm.Trainer(model, detector=self.detector, augmentation=varied, **options) as trainer, \
                tempfile.TemporaryDirectory() as folder:
            for photo in told["photographs"]:
                trainer.add(photo_path(photo["file"]), photo["person"])
            stats.extend(trainer.run(steps.append))
            trainer.save(os.path.join(folder, told["saved"]["file"]))
            saved = fm.Model(os.path.join(folder, told["saved"]["file"]))
        self.assertEqual(len(steps) + len(stats), len(told["run"]))
        for got, wanted in zip(steps, (entry for entry in told["run"] if "step" in entry)):
            self.same_fields(got, wanted)
        for got, wanted in zip(stats, (entry for entry in told["run"] if "finished" in entry)):
            self.same_fields(got, wanted)
        self.assertEqual(saved.id, told["saved"]["id"])
        with fm.Session(saved, self.detector) as session:
            self.same(session.embed(photo_path("obama.jpg")), told["saved"]["embedding"])


class Failures(unittest.TestCase):
    def test_text_of_libtorch(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "broken.pt")
            with open(path, "wb") as file:
                file.write(b"PK\3\4 not an archive")
            with self.assertRaisesRegex(errors.CorruptError, "broken.pt"):
                fm.Model(path)


if __name__ == "__main__":
    unittest.main()
