"""What the tests share: the package of this source tree, models of the fake backend, drawn photographs, and the real
models and photographs where a test is about those."""
import json
import os
import sys
import tempfile
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
if not os.environ.get("FACEMATCH_INSTALLED"):  # then the one that Python finds is meant
    sys.path.insert(0, os.path.dirname(HERE))

import facematch as fm  # noqa: E402

MODELS = os.environ.get("FACEMATCH_MODELS", os.path.join(ROOT, "models"))
PHOTOS = os.environ.get("FACEMATCH_PHOTOS", os.path.join(ROOT, "build", "photos"))
DIM = 16


def photo_path(name):
    return os.path.join(PHOTOS, name)


def real_model(name):
    return fm.Model(os.path.join(MODELS, name + ".pt"))


def manifest(name, calibrated=True, mean=127.5):
    made = {
        "format": 1, "name": name, "source": "test", "license": "Apache-2.0", "training_data": "none",
        "kind": "embedder", "family": "softmax",
        "input": {"width": 32, "height": 32, "order": "RGB", "mean": [mean] * 3, "std": [128] * 3},
        "alignment": {"points": [[13.6, 14.2], [18.4, 14.2], [16, 16.6], [14.2, 19], [17.8, 19]], "border": "zero"},
        "embedding": {"dim": DIM, "normalize": True}, "metric": "cosine"}
    if calibrated:
        made["calibration"] = {"dataset": "drawn", "impostor_comparisons": 100000, "points": [
            {"fmr": 10.0 ** -i, "score": 0.2 * i} for i in (1, 2, 3, 4)]}
    return made


DETECTOR = {
    "format": 1, "name": "detector", "source": "test", "license": "Apache-2.0", "training_data": "none",
    "kind": "detector",
    "input": {"width": 48, "height": 48, "order": "RGB", "mean": [127.5] * 3, "std": [128] * 3},
    "detector": {"type": "mtcnn", "thresholds": [0.6, 0.7, 0.7], "nms": [0.5, 0.7, 0.7], "factor": 0.709, "cell": 12,
                 "stride": 2}}

LIVENESS = {  # live is what has much blue around
    "format": 1, "name": "liveness", "source": "test", "license": "Apache-2.0", "training_data": "none",
    "kind": "liveness", "input": {"width": 40, "height": 40, "order": "BGR", "mean": [0] * 3, "std": [1] * 3},
    "liveness": {"classes": 3, "live": 1, "output": "logits",
                 "nets": [{"part": "near", "scale": 2}, {"part": "far", "scale": 3}]},
    "calibration": {"dataset": "drawn", "attacks": 1000, "live": 1000, "points": [
        {"score": 0, "apcer": 1, "bpcer": 0}, {"score": 0.3, "apcer": 0.2, "bpcer": 0.05},
        {"score": 0.6, "apcer": 0.05, "bpcer": 0.2}, {"score": 0.9, "apcer": 0, "bpcer": 0.4}]}}


def fake_bytes(text):
    return b"FMFAKE1\n" + json.dumps(text).encode()


def fake_model(text):
    return fm.Model.from_bytes(fake_bytes(text))


def draw(person, at=(120, 80)):
    """240x320: patches of blue and green, others for every person, and the red square that the fake detector takes
    for a face."""
    patches = np.random.default_rng(person).integers(0, 256, (6, 8, 3), np.uint8)
    patches[:, :, 0] = 0
    photo = patches.repeat(40, 0).repeat(40, 1)
    if at is not None:
        x, y = at
        j, i = np.mgrid[0:80, 0:80]
        photo[y:y + 80, x:x + 80] = 0
        photo[y:y + 80, x:x + 80, 0] = np.where((i // 2 + j // 2) % 4 > 0, 255, 225)
    return photo


class FakeCase(unittest.TestCase):
    """Models, a session and a folder of its own."""

    @classmethod
    def setUpClass(cls):
        if fm.build_info().backend != "fake":
            raise AssertionError(f"{fm.library_path} is not the library of the fake backend")
        cls.embedder = fake_model(manifest("calibrated"))
        cls.detector = fake_model(DETECTOR)

    def setUp(self):
        self.session = fm.Session(self.embedder, self.detector)
        folder = tempfile.TemporaryDirectory(prefix="facematch-python-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(self.session.close)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)
