"""The whole package on the fake backend: what calls take, give and raise."""
import contextlib
import gc
import io
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import numpy as np
from support import DIM, LIVENESS, FakeCase, draw, fake_bytes, fake_model, fm, manifest

from facematch import errors, evaluate

try:
    import PIL.Image
except ImportError:
    PIL = None


class Images(FakeCase):
    def test_all_that_shows_a_picture(self):
        pixels = draw(1)
        path = self.path("photo.png")
        fm.Image(pixels).save(path)
        data = Path(path).read_bytes()
        for source in (path, Path(path), data, bytearray(data), memoryview(data), io.BytesIO(data), pixels,
                       fm.Image(pixels)):
            with self.subTest(type(source).__name__), fm.Image(source) as image:
                np.testing.assert_array_equal(image.to_array(), pixels)
                self.assertEqual(image.size, (320, 240))
        with open(path, "rb") as file:
            np.testing.assert_array_equal(fm.Image(file).to_array(), pixels)

    def test_arrays(self):
        pixels = draw(1)
        grey = pixels[:, :, 2]
        np.testing.assert_array_equal(fm.Image(grey).to_array(), np.repeat(grey[:, :, None], 3, 2))
        rgba = np.dstack([pixels, np.full(grey.shape, 7, np.uint8)])
        np.testing.assert_array_equal(fm.Image(rgba).to_array(), pixels)
        np.testing.assert_array_equal(fm.Image(pixels[:, :, ::-1], format="bgr8").to_array(), pixels)
        for view in (pixels[10:200, 20:300], pixels[::2, ::2], pixels[::-1], pixels[:, ::-1], pixels[5:6],
                     np.asfortranarray(pixels), pixels.transpose(1, 0, 2), np.broadcast_to(pixels[0], (50, 320, 3))):
            np.testing.assert_array_equal(fm.Image(view).to_array(), view)
            faces = self.session.detect(view)  # without a copy where rows are whole
            self.assertEqual(faces, self.session.detect(view.copy()))

    def test_a_copy_is_taken(self):
        pixels = draw(1)
        image = fm.Image(pixels)
        pixels[:] = 0
        np.testing.assert_array_equal(image.to_array(), draw(1))

    @unittest.skipIf(PIL is None, "without PIL")
    def test_pil(self):
        pixels = draw(1)
        picture = PIL.Image.fromarray(pixels)
        np.testing.assert_array_equal(fm.Image(picture).to_array(), pixels)
        self.assertEqual(self.session.detect(picture), self.session.detect(pixels))
        exif = PIL.Image.Exif()
        exif[0x0112] = 6  # turned by 90 degrees
        with io.BytesIO() as file:
            picture.save(file, "JPEG", exif=exif, quality=100, subsampling=0)
            data = file.getvalue()
        ours, theirs = fm.Image(data).to_array(), fm.Image(PIL.Image.open(io.BytesIO(data))).to_array()
        self.assertEqual(ours.shape, (320, 240, 3))
        self.assertLess(np.abs(ours.astype(int) - theirs).mean(), 2)

    def test_mistakes(self):
        with self.assertRaisesRegex(TypeError, "float64"):
            fm.Image(draw(1).astype(float))
        for shape in ((4,), (2, 3, 2), (1, 2, 3, 4)):
            with self.assertRaisesRegex(errors.InvalidArgumentError, "shape"):
                fm.Image(np.zeros(shape, np.uint8))
        for shape in ((0, 5), (5, 0, 3)):
            with self.assertRaises(errors.InvalidArgumentError):
                fm.Image(np.zeros(shape, np.uint8))
        with self.assertRaisesRegex(errors.InvalidArgumentError, "not bgr8"):
            fm.Image(draw(1)[:, :, 0], format="bgr8")
        with self.assertRaises(TypeError):
            fm.Image(17)
        with self.assertRaises(TypeError):
            fm.Image(io.StringIO("text"))
        with self.assertRaisesRegex(TypeError, "binary mode"):
            fm.Image(io.TextIOWrapper(io.BytesIO(b"\xff\xd8")))
        with self.assertRaises(TypeError):
            fm.Image("a.jpg", format="rgb8")
        with self.assertRaisesRegex(errors.InvalidArgumentError, "NUL"):
            fm.Image("a\0.jpg")

    def test_failures_have_the_text_of_the_library(self):
        with self.assertRaisesRegex(errors.NotFoundError, "^/nowhere.jpg: no such file$") as caught:
            fm.Image("/nowhere.jpg")
        self.assertIsInstance(caught.exception, KeyError)
        self.assertIsInstance(caught.exception, FileNotFoundError)
        self.assertEqual(caught.exception.status, fm.Status.NOT_FOUND)
        self.assertEqual(caught.exception.message, "/nowhere.jpg: no such file")
        for open_missing in (lambda: fm.Model("/nowhere.pt"), lambda: fm.Gallery("/nowhere.fmg", mode="existing")):
            with self.assertRaisesRegex(FileNotFoundError, "^/nowhere"):
                open_missing()
        with self.assertRaises(errors.CorruptError):
            fm.Image(b"not a picture")
        with self.assertRaises(OSError):
            fm.Image(self.folder)
        path = self.path("photo.png")
        fm.Image(draw(1)).save(path)
        with self.assertRaises(errors.LimitError):
            fm.Image(path, max_pixels=1000)
        with self.assertRaises(errors.UnsupportedError):
            fm.Image(path).save(self.path("photo.gif"))
        with self.assertRaisesRegex(errors.InvalidArgumentError, "out of the range"):
            fm.Image(path, max_pixels=2**64)

    def test_paths_of_any_bytes(self):
        path = os.path.join(os.fsencode(self.folder), b"\xff\xfe.png")
        fm.Image(draw(1)).save(os.fsdecode(path))
        self.assertTrue(os.path.exists(path))


class Models(FakeCase):
    def test_info(self):
        info = self.embedder.info
        self.assertEqual((info.kind, info.metric, info.dim, info.normalized, info.name),
                         (fm.ModelKind.EMBEDDER, fm.Metric.COSINE, DIM, True, "calibrated"))
        self.assertEqual(len(self.embedder.id), 64)
        self.assertEqual(self.detector.dim, 0)

    def test_loading(self):
        path = self.path("model.pt")
        Path(path).write_bytes(fake_bytes(manifest("calibrated")))
        with fm.Model(path, allowed_ids=[self.embedder.id]) as model:
            self.assertEqual(model.id, self.embedder.id)
        for ids in ([], ["0" * 64]):
            with self.assertRaises(errors.PermissionDeniedError):
                fm.Model(path, allowed_ids=ids)
        with self.assertRaises(TypeError):
            fm.Model(path, allowed_ids=self.embedder.id)
        with self.assertRaises(errors.CorruptError):
            fm.Model.from_bytes(b"nothing")
        import json
        bare = fm.Model.from_bytes(b"FMFAKE1\n", manifest=json.dumps(manifest("bare")))
        self.assertEqual(bare.info.name, "bare")

    def test_scores(self):
        a = self.session.embed(draw(1))
        b = self.session.embed(draw(2))
        self.assertAlmostEqual(self.embedder.compare(a, a), 1, 6)
        self.assertAlmostEqual(self.embedder.compare(a, b), float(a @ b), 6)
        self.assertEqual(self.embedder.compare(list(a), a.astype(np.float64)), self.embedder.compare(a, a))
        threshold = self.embedder.threshold(1e-2)
        self.assertAlmostEqual(threshold, 0.4, 6)
        self.assertAlmostEqual(self.embedder.fmr(threshold), 1e-2, 6)
        self.assertTrue(self.embedder.verify(a, a))
        self.assertFalse(self.embedder.verify(a, -a, threshold=0.5))

    def test_mistakes(self):
        a = np.ones(DIM, np.float32)
        for first, second, text in ((a, a[:-1], "16 and 15"), (a[:-1], a[:-1], "15"), (a[None], a, "shape"),
                                    (a * np.nan, a, "finite")):
            with self.assertRaisesRegex(errors.InvalidArgumentError, text):
                self.embedder.compare(first, second)
        with self.assertRaises(errors.LimitError):
            self.embedder.verify(a, a, fmr=1e-9)
        with self.assertRaises(errors.InvalidArgumentError):
            self.embedder.verify(a, a, fmr=2)
        with self.assertRaisesRegex(errors.InvalidArgumentError, "both"):
            self.embedder.verify(a, a, fmr=1e-3, threshold=0.5)
        with self.assertRaises(errors.StateError):
            fake_model(manifest("uncalibrated", calibrated=False)).threshold(1e-3)


class Sessions(FakeCase):
    def test_detect(self):
        face, = self.session.detect(draw(1))
        x, y, width, height = face.box
        self.assertLess(abs(x + width / 2 - 160) + abs(y + height / 2 - 120), 20)
        self.assertEqual(len(face.points), 5)
        self.assertEqual(face, fm.Face._of(face._struct()))
        self.assertEqual(self.session.detect(draw(1, None)), [])
        many = np.zeros((400, 4800, 3), np.uint8)
        for x in range(20):
            many[100:180, 100 + 230 * x:180 + 230 * x, 0] = 255
        self.assertEqual(len(self.session.detect(many)), 20)  # more than the first guess

    def test_embed(self):
        photos = [draw(person) for person in range(4)]
        single = [self.session.embed(photo) for photo in photos]
        self.assertEqual((single[0].dtype, single[0].shape), (np.float32, (DIM,)))
        batch = self.session.embed_batch(photos + [draw(9, None)])
        self.assertEqual(batch.found.tolist(), [True] * 4 + [False])
        np.testing.assert_array_equal(batch.embeddings[:4], single)
        self.assertTrue(np.isnan(batch.embeddings[4]).all())
        crops = [self.session.align(photo) for photo in photos]
        np.testing.assert_array_equal(self.session.embed_aligned(crops), single)
        face, = self.session.detect(photos[0])
        np.testing.assert_array_equal(self.session.embed(photos[0], face), single[0])
        self.assertEqual(self.session.embed_batch([]).embeddings.shape, (0, DIM))
        self.assertEqual(self.session.embed_aligned([]).shape, (0, DIM))

    def test_quality_and_gate(self):
        quality = self.session.quality(draw(1))
        self.assertEqual(quality.size_px, self.session.detect(draw(1))[0].width)
        self.assertTrue(self.session.check(draw(1)).fit)
        report = self.session.check(draw(1), fm.Gate(min_size_px=100))
        self.assertEqual((report.reason, report.limit, report.fit), (fm.Refusal.FACE_TOO_SMALL, 100, False))
        self.assertEqual(self.session.check(draw(1, None)).reason, fm.Refusal.NO_FACE)
        drawn = fm.Image(draw(1)).draw(self.session.detect(draw(1)))
        self.assertFalse(np.array_equal(drawn.to_array(), draw(1)))

    def test_verify(self):
        answer = self.session.verify(draw(1), draw(1))
        self.assertTrue(answer)
        self.assertEqual((answer.match, answer.fmr), (True, 1e-4))
        with self.assertRaisesRegex(errors.NotFoundError, "second"):
            self.session.verify(draw(1), draw(1, None))

    def test_mistakes(self):
        with self.assertRaises(errors.InvalidArgumentError):
            fm.Session()
        with self.assertRaises(errors.InvalidArgumentError):
            fm.Session(self.detector)
        with self.assertRaisesRegex(errors.InvalidArgumentError, "none of largest, most_central"):
            fm.Session(self.embedder, selection="oldest")
        for threads in (-1, 257, 2**32 + 1):
            with self.assertRaises(errors.InvalidArgumentError):
                fm.Session(self.embedder, threads=threads)
        with self.assertRaises(TypeError):
            fm.Session(self.embedder, threads="many")
        with self.assertRaises(errors.UnsupportedError):
            fm.Session(self.embedder, precision="bfloat16")
        with self.assertRaises(errors.StateError):
            fm.Session(self.embedder).detect(draw(1))
        with self.assertRaises(errors.StateError):
            fm.Session(None, self.detector).embed(draw(1))
        with self.assertRaises(errors.NotFoundError):
            self.session.embed(draw(1, None))
        face, = self.session.detect(draw(1))
        broken = fm.Face(0, 0, 1, 1, 1, ((float("nan"), 0),) + face.points[1:])
        with self.assertRaises(errors.InvalidArgumentError):
            self.session.embed(draw(1), broken)
        with self.assertRaises(errors.InvalidArgumentError):
            self.session.embed_aligned([draw(1)] * 4097)


class TakenForSomethingElse(FakeCase):
    """What a newcomer gets wrong is told, and not taken for something else."""

    def test_wrong_kinds(self):
        gallery = fm.Gallery(self.path("people.fmg"), self.embedder)
        self.addCleanup(gallery.close)
        for call, told in ((lambda: fm.Session("default.pt"), "a model is wanted, not a str"),
                           (lambda: fm.Session(self.embedder, "mtcnn.pt"), "a model is wanted, not a str"),
                           (lambda: fm.Trainer("default.pt"), "a model is wanted, not a str"),
                           (lambda: fm.Gallery(self.path("a.fmg"), "default.pt"), "a model is wanted, not a str"),
                           (lambda: gallery.identify(None, draw(1)), "a session is wanted, not a NoneType"),
                           (lambda: fm.LivenessSequence(self.embedder), "a session is wanted, not a Model"),
                           (lambda: self.session.embed_batch("a.jpg"), "put it into a list")):
            with self.subTest(told), self.assertRaisesRegex(TypeError, told):
                call()

    def test_zero_is_not_the_default(self):
        for call, name in ((lambda: self.session.verify(draw(1), draw(1), fmr=0), "fmr"),
                           (lambda: fm.Trainer(self.embedder, epochs=0), "epochs"),
                           (lambda: fm.Trainer(self.embedder, momentum=0.0), "momentum"),
                           (lambda: fm.Image(draw(1), max_pixels=0), "max_pixels"),
                           (lambda: self.session.check(draw(1), fm.Gate(min_size_px=0)), "min_size_px")):
            with self.subTest(name), self.assertRaisesRegex(errors.InvalidArgumentError, f"^{name} is 0"):
                call()
        fm.Session(self.embedder, self.detector, min_score=0, flip=0).close()
        fm.Trainer(self.embedder, seed=0, weight_decay=0, head_dim=0, fresh=False).close()
        self.assertEqual(self.session.verify(draw(1), draw(1), threshold=0).threshold, 0)

    def test_true_is_no_choice(self):
        with self.assertRaisesRegex(errors.InvalidArgumentError, "liveness is True, none of off, report, require"):
            self.session.verify(draw(1), draw(1), liveness=True)


class Closing(FakeCase):
    def test_close(self):
        for made in (fm.Image(draw(1)), fake_model(manifest("calibrated")), fm.Session(self.embedder),
                     fm.Gallery(self.path("people.fmg"), self.embedder), evaluate.Evaluation(),
                     fm.Trainer(self.embedder, aligned=True)):
            with self.subTest(type(made).__name__):
                with made as entered:
                    self.assertIs(entered, made)
                    self.assertFalse(made.closed)
                self.assertTrue(made.closed)
                made.close()
                with self.assertRaisesRegex(errors.ClosedError, "is closed"):
                    with made:
                        pass
                with self.assertRaises(TypeError):
                    pickle.dumps(made)
                repr(made)

    def test_calls_after_close(self):
        session = fm.Session(self.embedder, self.detector)
        image, gallery, evaluation = fm.Image(draw(1)), fm.Gallery(self.path("g.fmg"), self.embedder), evaluate.Evaluation()
        for made in (session, image, gallery, evaluation):
            made.close()
        for call in (lambda: session.detect(draw(1)), lambda: self.session.detect(image), lambda: len(gallery),
                     lambda: gallery.identify(self.session, draw(1)), evaluation.report,
                     lambda: fm.Image(image)):
            with self.assertRaises(ValueError):
                call()

    def test_parents_may_go_first(self):
        embedder, detector = fake_model(manifest("calibrated")), fake_model(manifest("calibrated") | {"name": "x"})
        session = fm.Session(embedder, self.detector)
        gallery = fm.Gallery(self.path("people.fmg"), embedder)
        embedder.close()
        detector.close()
        gallery.add("a", session.embed(draw(1)))
        self.assertEqual(gallery.identify(session, draw(1)).best.id, "a")

    def test_a_call_at_work_ends_well(self):
        """Another thread closes the gallery from within a call's callback: later calls fail, this one does not."""
        gallery = fm.Gallery(self.path("people.fmg"), self.embedder)
        gallery.add("a", self.session.embed(draw(1)))

        def progress(done, total):
            thread = threading.Thread(target=gallery.close)
            thread.start()
            thread.join()

        self.assertEqual(gallery.export_to(self.path("people.jsonl"), progress=progress).identities, 1)
        with self.assertRaises(errors.ClosedError):
            gallery.count()
        self.assertIsNone(gallery._state.pointer)

    def test_garbage_is_closed(self):
        session = fm.Session(self.embedder)
        state = session._state
        del session
        gc.collect()
        self.assertTrue(state.closed)
        trainer = fm.Trainer(self.embedder, aligned=True, on_finding=lambda finding: None)
        state = trainer._state
        del trainer
        self.assertTrue(state.closed)  # at once: nothing that it holds holds it

    def test_threads_that_share_a_session_wait(self):
        expected = [self.session.embed(draw(person)) for person in range(8)]
        got = [None] * 8

        def work(person):
            for _ in range(20):
                got[person] = self.session.embed(draw(person))

        threads = [threading.Thread(target=work, args=(person,)) for person in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_array_equal(got, expected)

    def test_the_end_of_the_interpreter(self):
        """Objects alive, threads at work, messages on their way: no crash, no hang."""
        program = """
import logging, sys, threading
sys.path[:0] = [{tests!r}]
from support import *
logging.basicConfig(level=logging.DEBUG)
model, detector = fake_model(manifest("calibrated")), fake_model(DETECTOR)
kept = [fm.Session(model, detector), fm.Image(draw(1)), fm.Gallery({gallery!r}, model)]
def work():
    session = fm.Session(model, detector)
    while True:
        session.embed(draw(1))
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
"""
        program = program.format(tests=os.path.dirname(os.path.abspath(__file__)), gallery=self.path("people.fmg"))
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
            # Python itself may say that a thread met an exception when all was closed under it
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("Fatal", done.stderr)


class Galleries(FakeCase):
    def setUp(self):
        super().setUp()
        self.gallery = fm.Gallery(self.path("people.fmg"), self.embedder)
        self.addCleanup(self.gallery.close)

    def vector(self, person):
        return self.session.embed(draw(person))

    def test_people(self):
        done = self.gallery.enroll(self.session, "anna", draw(1), display_name="Anna", metadata={"room": 7},
                                   label="door")
        self.assertTrue(done.new_identity)
        self.assertEqual((done.templates, done.face_count), (1, 1))
        self.gallery.add("bert", self.vector(2), quality=0.5)
        self.assertEqual((len(self.gallery), self.gallery.count()), (2, (2, 2)))
        self.assertEqual([who.id for who in self.gallery], ["anna", "bert"])
        self.assertIn("anna", self.gallery)
        self.assertNotIn("carl", self.gallery)
        self.assertNotIn(7, self.gallery)
        self.assertEqual(self.gallery.get("anna").display_name, "Anna")
        self.assertEqual(self.gallery.metadata("anna"), {"room": 7})
        template, = self.gallery.templates("anna")
        self.assertEqual((template.template_id, template.label), (done.template_id, "door"))
        self.assertEqual(self.gallery.templates("bert")[0].quality, 0.5)
        np.testing.assert_array_equal(self.gallery.embedding("anna", done.template_id), self.vector(1))
        self.gallery.remove_template("anna", done.template_id)
        self.assertEqual(self.gallery.get("anna").templates, 0)
        self.assertEqual(self.gallery.remove("bert"), 1)
        self.assertTrue(self.gallery)

    def test_many_pages(self):
        for i in range(600):
            self.gallery.add(f"{i:04}", np.eye(DIM)[i % DIM])
        self.assertEqual([who.id for who in self.gallery], [f"{i:04}" for i in range(600)])

    def test_questions(self):
        for person in range(6):
            self.gallery.add(f"p{person}", self.vector(person))
        found = self.gallery.identify(self.session, draw(3))
        self.assertEqual((found.best.id, found.best.rank, found.identities, found.face_count), ("p3", 1, 6, 1))
        answers = self.gallery.search([self.vector(person) for person in range(6)], most=2)
        self.assertEqual([answer.best.id for answer in answers], [f"p{person}" for person in range(6)])
        self.assertEqual(self.gallery.search(np.empty((0, DIM), np.float32)), [])
        nobody, = self.gallery.search(-self.vector(3)[None], threshold=0.999)
        self.assertIsNone(nobody.best)
        every, = self.gallery.search(self.vector(3)[None], threshold=-1, most=6, score="mean")
        self.assertEqual(len(every.matches), 6)
        self.assertTrue(self.gallery.verify(self.session, "p3", draw(3)))
        self.assertFalse(self.gallery.verify(self.session, "p3", draw(3), threshold=1.5))
        self.assertEqual(self.gallery.recall(6), 1)

    def test_the_gate(self):
        self.gallery.enroll(self.session, "anna", draw(1))
        with self.assertRaisesRegex(errors.RefusedError, "anna") as caught:
            self.gallery.enroll(self.session, "bert", draw(1))
        self.assertEqual((caught.exception.report.reason, caught.exception.report.other_id),
                         (fm.Refusal.LOOKS_LIKE_ANOTHER, "anna"))
        self.gallery.enroll(self.session, "bert", draw(1), gate=fm.Gate(off=True))
        with self.assertRaises(errors.RefusedError):
            self.gallery.add("carl", self.vector(1), gate=fm.Gate())
        with self.assertRaises(ValueError):
            self.gallery.add("carl", self.vector(1), gate=fm.Gate(itself_score=0.5))

    def test_keys(self):
        path, key = self.path("sealed.fmg"), bytes(range(32))
        with fm.Gallery(path, self.embedder, key=key) as gallery:
            self.assertTrue(gallery.info.sealed)
            gallery.add("anna", self.vector(1))
            gallery.rekey(lambda: key[::-1])
        for wrong in (None, key, lambda: key):
            with self.assertRaises(errors.PermissionDeniedError):
                fm.Gallery(path, key=wrong)
        with fm.Gallery(path, key=key[::-1]) as gallery:
            self.assertEqual(len(gallery), 1)
        for wrong in (b"short", "", lambda: b"short"):
            with self.assertRaises(errors.InvalidArgumentError):
                fm.Gallery(path, key=wrong)
        with self.assertRaises(ZeroDivisionError):
            fm.Gallery(path, key=lambda: bytes(1 // 0))

    def test_moving(self):
        for person in range(3):
            self.gallery.add(f"p{person}", self.vector(person))
        path = self.path("people.jsonl")
        told = []
        moved = self.gallery.export_to(path, progress=lambda done, total: told.append((done, total)))
        self.assertEqual((moved.identities, moved.templates, moved.bytes), (3, 3, os.path.getsize(path)))
        self.assertEqual(told[-1], (3, 3))
        with fm.Gallery(self.path("other.fmg"), self.embedder) as other:
            self.assertEqual(other.import_from(path).identities, 3)
            with self.assertRaises(errors.ExistsError):
                other.import_from(path)
            self.assertEqual(other.import_from(path, on_existing="skip").skipped, 3)
            other.compact()
            with self.assertRaises(errors.CanceledError):
                other.export_to(self.path("x"), progress=lambda done, total: True)
            with self.assertRaises(ZeroDivisionError):
                other.export_to(self.path("x"), progress=lambda done, total: 1 // 0)
            with self.assertRaises(errors.UnsupportedError):
                other.shard(["postgresql://localhost/x"])

    def test_mistakes(self):
        vector = self.vector(1)
        for id, text in (("", "id"), ("a" * 256, "id"), ("\ud800", "UTF-8"), ("a\0b", "NUL")):
            with self.assertRaisesRegex(errors.InvalidArgumentError, text):
                self.gallery.add(id, vector)
        for values in (vector[:-1], vector * np.nan, vector * 0):
            with self.assertRaises(errors.InvalidArgumentError):
                self.gallery.add("anna", values)
        with self.assertRaises(errors.InvalidArgumentError):
            self.gallery.add("anna", vector, quality=2)
        with self.assertRaisesRegex(TypeError, "id is of type int, not str"):
            self.gallery.add(7, vector)
        for metadata in ('{"room": 7}', [7]):
            with self.assertRaisesRegex(TypeError, "metadata is of type (str|list), not a dict"):
                self.gallery.add("anna", vector, metadata=metadata)
        for call in (self.gallery.get, self.gallery.metadata, self.gallery.templates, self.gallery.remove):
            with self.assertRaisesRegex(errors.NotFoundError, "nobody"):
                call("nobody")
        for most in (0, 1001, 2**64):
            with self.assertRaises(errors.InvalidArgumentError):
                self.gallery.search(vector[None], most=most)
        with self.assertRaises(errors.InvalidArgumentError):
            self.gallery.search(vector)
        with self.assertRaises(errors.InvalidArgumentError):
            self.gallery.search(vector[None, :-1])
        with self.assertRaises(errors.InvalidArgumentError):
            self.gallery.remove_template("anna", 2**63)
        with self.assertRaises(errors.ModelMismatchError):
            fm.Gallery(self.path("people.fmg"), fake_model(manifest("other", mean=100)))
        with self.assertRaises(errors.NotFoundError):
            fm.Gallery(self.path("none.fmg"), self.embedder, mode="existing")
        with fm.Gallery(self.path("people.fmg"), self.embedder, mode=fm.GalleryMode.READ_ONLY) as gallery:
            with self.assertRaises(PermissionError):
                gallery.add("anna", vector)


class Liveness(FakeCase):
    def setUp(self):
        super().setUp()
        self.checking = fm.Session(self.embedder, self.detector, fake_model(LIVENESS))
        self.addCleanup(self.checking.close)

    def frame(self, blue, person=1):
        photo = draw(person)
        red = photo[:, :, 0] > 0
        photo[~red, 2] = blue
        photo[~red, 1] = photo[~red, 1] // 4
        return photo

    def test_one_frame(self):
        live, spoof = (self.checking.liveness(self.frame(blue)) for blue in (255, 0))
        self.assertEqual((live.verdict, live.reason), (fm.LivenessVerdict.LIVE, fm.LivenessReason.NONE))
        self.assertEqual(spoof.verdict, fm.LivenessVerdict.SPOOF)
        self.assertGreater(live.score, spoof.score)
        self.assertEqual(self.checking.liveness_batch([self.frame(255), draw(1, None), self.frame(0)]),
                         [live, None, spoof])
        self.assertEqual(self.checking.liveness_batch([self.frame(255), self.frame(0)], faces=[live.face, live.face])[1],
                         self.checking.liveness(self.frame(0), live.face))
        with self.assertRaisesRegex(errors.InvalidArgumentError, "1 faces for 2 frames"):
            self.checking.liveness_batch([self.frame(255), self.frame(0)], faces=[live.face])
        small = self.checking.liveness(self.frame(255), limits=fm.LivenessLimits(min_size_px=200))
        self.assertEqual((small.verdict, small.reason, small.limit),
                         (fm.LivenessVerdict.UNCERTAIN, fm.LivenessReason.TOO_SMALL, 200))

    def test_decisions(self):
        live, spoof = self.frame(255), self.frame(0)
        self.assertEqual(self.checking.verify(live, live).liveness.verdict, fm.LivenessVerdict.NOT_CHECKED)
        told = self.checking.verify(live, spoof, liveness="report").liveness
        self.assertEqual(told.verdict, fm.LivenessVerdict.SPOOF)
        with fm.Gallery(self.path("people.fmg"), self.embedder) as gallery:
            gallery.enroll(self.checking, "anna", live, liveness="require")
            self.assertEqual(gallery.identify(self.checking, live, liveness="require").best.id, "anna")
            for call in (lambda: self.checking.verify(live, spoof, liveness="require"),
                         lambda: gallery.enroll(self.checking, "bert", spoof, liveness="require",
                                                gate=fm.Gate(off=True)),
                         lambda: gallery.identify(self.checking, spoof, liveness="require"),
                         lambda: gallery.verify(self.checking, "anna", spoof, liveness="require")):
                with self.assertRaises(errors.NotLiveError) as caught:
                    call()
                self.assertEqual(caught.exception.liveness.verdict, fm.LivenessVerdict.SPOOF)

    def test_several_frames(self):
        with fm.LivenessSequence(self.checking, min_frames=2, max_frames=3, still_difference=-1) as attempt:
            self.assertEqual(attempt.result().reason, fm.LivenessReason.TOO_FEW)
            while not attempt.result().decided:
                attempt.add(self.checking, self.frame(255))
            fused = attempt.result()
            self.assertEqual((fused.verdict, fused.used), (fm.LivenessVerdict.LIVE, fused.frames))
            with self.assertRaises(errors.StateError):
                attempt.add(self.checking, self.frame(255))

    def test_mistakes(self):
        with self.assertRaises(errors.StateError):
            self.session.liveness(draw(1))
        with self.assertRaises(errors.InvalidArgumentError):
            self.checking.liveness(draw(1), limits=fm.LivenessLimits(apcer=2))
        with self.assertRaises(ValueError):
            self.checking.liveness(draw(1), limits=fm.LivenessLimits(live_score=0.5))
        with self.assertRaises(errors.InvalidArgumentError):
            self.checking.verify(draw(1), draw(1), liveness="perhaps")

    def test_calibration(self):
        text = evaluate.calibrate_liveness([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 2], dataset="drawn")
        self.assertIn('"dataset": "drawn"', text)
        with self.assertRaises(errors.StateError):
            evaluate.calibrate_liveness([0.9], [0])
        many = evaluate.calibrate_liveness([0.9, 0.8, 0.2, 0.1] * 10, [0, 0, 1, 2] * 10)
        live, spoof = evaluate.liveness_thresholds(many, apcer=0.1, bpcer=0.1)
        self.assertTrue(0.2 < spoof <= live <= 1)
        with self.assertRaises(errors.LimitError):
            evaluate.liveness_thresholds(text)
        with self.assertRaises(errors.CorruptError):
            evaluate.liveness_thresholds("[]")


class Evaluating(FakeCase):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(1)
        self.genuine = np.arange(3000) % 10 == 0
        self.scores = random.normal(0, 0.1, 3000) + 0.5 * self.genuine
        self.first = random.integers(0, 50, 3000)
        self.second = np.where(self.genuine, self.first, (self.first + 1) % 50)

    def test_pairs(self):
        report = evaluate.pairs(self.scores, self.genuine, np.arange(3000) // 10 % 10, fars=(0.1, 0.01))
        self.assertEqual((report.pairs, report.genuine, report.folds, len(report.tars)), (3000, 300, 10, 2))
        self.assertGreater(report.accuracy, 0.98)

    def test_evaluation(self):
        with evaluate.Evaluation() as evaluation:
            with self.assertRaises(errors.StateError):
                evaluation.report()
            evaluation.add(self.scores, self.genuine, self.first, self.second)
            report = evaluation.report()
            self.assertEqual((report.genuine, report.impostor, report.people), (300, 2700, 50))
            point = evaluation.at_fmr(0.01)
            self.assertLessEqual(point.fmr.value, 0.01)
            self.assertEqual(evaluation.at_threshold(point.threshold), point)
            curve = evaluation.curve(64)
            self.assertTrue(8 <= len(curve) <= 64 and curve.shape[1] == 3)
            self.assertTrue((np.diff(curve[:, 0]) >= 0).all())
            genuine, impostor = evaluation.histogram(-2, 2, 40)
            self.assertEqual((genuine.sum(), impostor.sum()), (300, 2700))
            self.assertIn('"dataset": "made up"', evaluation.calibrate(dataset="made up"))

    def test_mistakes(self):
        with evaluate.Evaluation() as evaluation:
            for arguments in ((self.scores, self.genuine[:-1]), (self.scores, self.genuine * 2),
                              (self.scores, self.genuine, self.first), (self.scores[None], self.genuine),
                              (self.scores, self.genuine, self.first + 0.5, self.second),
                              (self.scores, self.genuine, self.first + 2**32, self.second),
                              (self.scores, self.genuine, self.first, self.first)):
                with self.assertRaises(errors.InvalidArgumentError):
                    evaluation.add(*arguments)
            with self.assertRaises(errors.StateError):
                evaluation.calibrate()
            with self.assertRaises(errors.InvalidArgumentError):
                evaluation.histogram(0, 1, 0)

    def test_plots(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.skipTest("without matplotlib")
        from facematch import plots
        with evaluate.Evaluation() as evaluation:
            evaluation.add(self.scores, self.genuine)
            axes = plots.roc(evaluation, label="made up")
            self.assertIs(plots.roc(evaluation.curve(), axes), axes)
            self.assertEqual(plots.det(evaluation).get_yscale(), "log")
        axes = plots.faces(draw(1), self.session.detect(draw(1)), ["Anna"])
        axes.figure.savefig(self.path("faces.png"))
        self.assertGreater(os.path.getsize(self.path("faces.png")), 10000)


class Training(FakeCase):
    def trainer(self, **more):
        options = {"detector": self.detector, "people_per_batch": 4, "photographs_per_person": 2, "epochs": 2, "seed": 7,
                   "fresh": True}
        return fm.Trainer(self.embedder, **{**options, **more})

    def fill(self, trainer):
        for person in range(6):
            for photo in range(3):
                trainer.add(draw(person, (100 + 10 * photo, 80)), f"p{person}", f"p{person}/{photo}",
                            validation=person >= 4)

    def test_a_run(self):
        steps = []
        with self.trainer() as trainer:
            self.fill(trainer)
            stats = list(trainer.run(steps.append))
            self.assertEqual([s.epoch for s in stats], [1, 2])
            self.assertTrue(trainer.stats.finished)
            self.assertEqual((stats[-1].people, stats[-1].validation_people), (4, 2))
            self.assertEqual(steps[-1].step, steps[-1].steps)
            trainer.save(self.path("mine.pt"), name="mine")
            with self.assertRaises(errors.ExistsError):
                trainer.save(self.path("mine.pt"))
        with fm.Model(self.path("mine.pt")) as model:
            self.assertEqual(model.info.name, "mine")

    def frames(self, trainer):
        """Faces before a ground that is bright where they are live, which the fake net takes for an attack."""
        for person in range(6):
            for photo in range(4):
                frame = draw(person, (100 + 10 * photo, 80))
                ground = frame[:, :, 0] == 0
                frame[ground, 1:] = (200, 60) if photo % 2 else (50, 120)
                trainer.add_frame(frame, "live" if photo % 2 else fm.FrameClass.ATTACK, f"p{person}",
                                  validation=person >= 4)

    def test_a_liveness_model(self):
        with fake_model(LIVENESS) as model, fm.Trainer(
                model, detector=self.detector, people_per_batch=4, photographs_per_person=2, epochs=5,
                steps_per_epoch=10, optimizer="sgd", learning_rate=1e-6) as trainer:
            self.frames(trainer)
            stats = list(trainer.run())[-1]
            self.assertEqual((stats.first_eer, stats.best_eer), (1, 0))
            self.assertLess(stats.best_validation_loss, stats.first_validation_loss)
            trainer.save(self.path("mine.pt"))
            with self.assertRaises(errors.InvalidArgumentError):
                trainer.add(draw(1), "anna")
            with self.assertRaises(errors.InvalidArgumentError):
                trainer.add_frame(draw(1), "alive", "anna")
            with self.assertRaises(errors.InvalidArgumentError):
                trainer.add_frame(draw(1), 3, "anna")
        large = fm.LivenessLimits(min_size_px=200)
        with fake_model(LIVENESS) as model, fm.Trainer(model, detector=self.detector, limits=large) as trainer:
            with self.assertRaisesRegex(errors.RefusedError, "too_small"):
                trainer.add_frame(draw(1), "live", "anna")
        with fm.Model(self.path("mine.pt")) as model:
            self.assertEqual((model.info.kind, model.info.calibration_dataset), (fm.ModelKind.LIVENESS, ""))
            with fm.Session(detector=self.detector, liveness=model) as session:
                session.liveness(draw(1), limits=fm.LivenessLimits(live_score=0.5, spoof_score=0.5))

    def test_going_on(self):
        with self.trainer() as whole, self.trainer() as first, self.trainer() as second:
            for trainer in (whole, first, second):
                self.fill(trainer)
            list(whole.run())
            first.epoch()
            first.checkpoint(self.path("run.ckpt"))
            second.resume(self.path("run.ckpt"))
            second.epoch()
            self.assertEqual(repr(second.stats), repr(whole.stats))  # NaN is not equal to itself

    def test_findings(self):
        told = []
        with self.trainer(on_finding=told.append) as trainer:
            self.fill(trainer)
            trainer.add(draw(40), "lonely")
            trainer.epoch()
            self.assertIn(fm.FindingKind.SINGLE, [found.kind for found in told])
            self.assertEqual(trainer.findings, told)
            self.assertIsInstance(trainer.check(), list)
            counted = []
            self.assertEqual(trainer.check(lambda *done: counted.append(done)), trainer.check())
            self.assertEqual(counted[-1][0], counted[-1][1])
            with self.assertRaises(errors.CanceledError):
                trainer.check(lambda done, total: done == 2)
            with self.assertRaises(ZeroDivisionError):
                trainer.check(lambda done, total: 1 // 0)
        with self.trainer() as trainer:
            self.fill(trainer)
            trainer.add(draw(40), "p0", validation=True)
            with self.assertRaises(errors.TrainingError):
                trainer.epoch()

    def test_callbacks(self):
        with self.trainer() as trainer:
            self.fill(trainer)
            with self.assertRaises(errors.CanceledError):
                trainer.epoch(lambda step: True)
            with self.assertRaises(ZeroDivisionError):
                trainer.epoch(lambda step: 1 // 0)
            with self.assertRaisesRegex(errors.StateError, "at work in this thread"):
                trainer.epoch(lambda step: trainer.stats and None)
            self.assertEqual(trainer.epoch().epoch, 1)

    def test_mistakes(self):
        for options in ({"margin": -1}, {"loss": "hinge"}, {"epochs": 2**31}, {"freeze": ["nothing"]},
                        {"augmentation": fm.Augmentation(flip=2)}, {"seed": -1}):
            with self.subTest(options), self.assertRaises(errors.InvalidArgumentError):
                self.trainer(**options)
        with self.assertRaises(TypeError):
            self.trainer(freeze="all")
        with self.trainer() as trainer:
            with self.assertRaises(errors.NotFoundError):
                trainer.add(draw(1, None), "anna")
            with self.assertRaises(errors.StateError):
                trainer.epoch()


class Logging(FakeCase):
    def warn(self):
        """Somebody reads while a person is removed: copies remain, and the library says so."""
        path = self.path("people.fmg")
        with fm.Gallery(path, self.embedder, timeout_ms=1) as gallery:
            gallery.add("anna", self.session.embed(draw(1)))
            reader = sqlite3.connect(path)
            with contextlib.closing(reader):
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
                reader.execute("SELECT * FROM " + reader.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()[0]).fetchall()
                gallery.remove("anna")

    def test_messages_arrive(self):
        with self.assertLogs("facematch", logging.WARNING) as logs:
            self.warn()
        self.assertRegex(logs.output[0], "^WARNING:facematch.gallery:.*copies of what was removed may remain")

    def test_levels_are_those_of_logging(self):
        logger = logging.getLogger("facematch")
        logger.setLevel(logging.ERROR)
        self.addCleanup(logger.setLevel, logging.NOTSET)
        with self.assertNoLogs("facematch.gallery", logging.ERROR):
            self.warn()

    def test_a_handler_that_fails(self):
        class Broken(logging.Handler):
            def emit(self, record):
                raise ZeroDivisionError

        handler = Broken()
        logger = logging.getLogger("facematch")
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.warn()


if __name__ == "__main__":
    unittest.main()
