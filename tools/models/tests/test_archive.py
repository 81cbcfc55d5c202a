"""Archives: the model id, bytes that depend on content alone, damage that is noticed."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import helpers
from facematch_models import archive, verify
from facematch_models.errors import ModelsError

MANIFEST = {"format": 1, "name": "tiny", "kind": "embedder", "family": "softmax",
            "input": {"width": 4, "height": 4, "order": "RGB", "mean": [127.5] * 3, "std": [128] * 3},
            "alignment": {"points": [[0, 0]] * 5, "border": "zero"},
            "embedding": {"dim": 2, "normalize": True}, "metric": "cosine",
            "source": "test", "license": "none", "training_data": "none"}

# writes <argv 1>: one tiny archive, made by a process of its own
TINY = """
import sys, json, torch
from pathlib import Path
from facematch_models import archive
from facematch_models.layers import Conv
class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = Conv(3, 2, 4)
        torch.nn.init.constant_(self.conv.weight, 0.5)
    def forward(self, x):
        return self.conv(x).flatten(1)
records = archive.records_of_module(torch.jit.script(Tiny().eval()))
archive.write(Path(sys.argv[1]), records, json.loads(sys.argv[2]))
"""


# prints a digest of what the real nets' archives would hold, before any weights are filled in
NETS = """
import hashlib, torch
from facematch_models import archive, dlib_resnet, mobilefacenet, mtcnn
from facematch_models import deepface_small, facenet_small, inception_resnet_v1
for net in (dlib_resnet.DlibResNet(), mobilefacenet.MobileFaceNet(), mtcnn.Mtcnn(),
            deepface_small.make(), facenet_small.make(), inception_resnet_v1.make()):
    records = archive.records_of_module(torch.jit.script(net.eval()))
    print(hashlib.sha256(repr(sorted(records.items())).encode()).hexdigest())
"""


def build_tiny(path: Path, script: Path, manifest: dict = MANIFEST, seed: str = "0") -> None:
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(TINY)
    subprocess.run([sys.executable, str(script), str(path), json.dumps(manifest)], check=True,
                   env={"PYTHONPATH": str(helpers.MODELS_TOOL), "PYTHONHASHSEED": seed,
                        "PATH": "/usr/bin:/bin"})


class ModelId(unittest.TestCase):
    RECORDS = {"data/1": b"one", "data/0": b"", "code/x.py": b"pass"}

    def test_is_what_the_document_says(self):
        digest = hashlib.sha256()
        for name, data in ((b"code/x.py", b"pass"), (b"data/0", b""), (b"data/1", b"one")):
            digest.update(name + b"\0" + struct.pack("<Q", len(data)) + data)
        digest.update(b'manifest\0{"embedding":{"dim":2},"metric":"cosine"}')
        manifest = {"metric": "cosine", "embedding": {"dim": 2}, "license": "any"}
        self.assertEqual(archive.model_id(self.RECORDS, manifest), digest.hexdigest())

    def test_ignores_the_manifest_record_and_calibration(self):
        plain = archive.model_id(self.RECORDS, MANIFEST)
        self.assertEqual(plain, archive.model_id({**self.RECORDS, "extra/facematch.json": b"{}"},
                                                 {**MANIFEST, "calibration": {}, "license": "x"}))

    def test_changes_with_weights_names_and_meaning(self):
        ids = {archive.model_id(self.RECORDS, MANIFEST),
               archive.model_id({**self.RECORDS, "data/0": b"\0"}, MANIFEST),
               archive.model_id({**self.RECORDS, "data/2": b""}, MANIFEST),
               archive.model_id(self.RECORDS, {**MANIFEST, "metric": "euclidean"})}
        self.assertEqual(len(ids), 4)


class Zip(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "a.pt"

    def test_comes_back_as_written_and_aligned(self):
        records = {"data/0": b"x" * 100, "version": b"3\n", "code/a.py": b"y"}
        archive.write(self.path, records, MANIFEST)
        back = archive.read_records(self.path)
        self.assertEqual({k: v for k, v in back.items() if k != "extra/facematch.json"}, records)
        self.assertEqual(archive.manifest_of(back), MANIFEST)
        data = self.path.read_bytes()
        with zipfile.ZipFile(self.path) as opened:
            names = [info.filename for info in opened.infolist()]
            self.assertEqual(names, sorted(names))
            for info in opened.infolist():
                name, extra = struct.unpack("<HH", data[info.header_offset + 26:][:4])
                self.assertEqual((info.header_offset + 30 + name + extra) % 64, 0, info.filename)
                self.assertEqual(info.compress_type, zipfile.ZIP_STORED)

    def test_order_of_records_does_not_matter(self):
        archive.write(self.path, {"b": b"1", "a": b"2"}, MANIFEST)
        first = self.path.read_bytes()
        archive.write(self.path, {"a": b"2", "b": b"1"}, MANIFEST)
        self.assertEqual(first, self.path.read_bytes())
        self.assertEqual([p.name for p in self.path.parent.iterdir()], ["a.pt"])

    def test_damage_is_noticed(self):
        archive.write(self.path, {"data/0": b"x" * 1000}, MANIFEST)
        whole = self.path.read_bytes()
        flipped = bytearray(whole)
        flipped[whole.index(b"xxxx") + 10] ^= 1
        for bad in (bytes(flipped), whole[:500], whole[:-30], b"", b"no zip"):
            self.path.write_bytes(bad)
            with self.assertRaises(ModelsError):
                archive.read_records(self.path)
            self.assertTrue(verify.problems(self.path))

    def test_missing_file_and_missing_manifest(self):
        with self.assertRaises(ModelsError):
            archive.read_records(self.path)
        with self.assertRaises(ModelsError):
            archive.manifest_of({"data/0": b""})


class TorchScript(unittest.TestCase):
    def setUp(self):
        self.torch = helpers.import_torch()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_two_builds_in_two_places_are_the_same_bytes(self):
        one, two = self.folder / "one.pt", self.folder / "two.pt"
        build_tiny(one, self.folder / "here" / "make.py", seed="1")
        build_tiny(two, self.folder / "and" / "there" / "make.py", seed="2")
        self.assertEqual(one.read_bytes(), two.read_bytes())
        self.assertNotIn(str(self.folder).encode(), one.read_bytes())

    def test_the_nets_do_not_depend_on_the_hash_seed(self):
        outputs = [subprocess.run([sys.executable, "-c", NETS], check=True, capture_output=True,
                                  env={"PYTHONPATH": str(helpers.MODELS_TOOL),
                                       "PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"}).stdout
                   for seed in ("1", "2")]
        self.assertEqual(len(outputs[0].split()), 6)
        self.assertEqual(outputs[0], outputs[1])

    def test_loads_without_debug_records_and_hands_out_the_manifest(self):
        path = self.folder / "tiny.pt"
        build_tiny(path, self.folder / "make.py")
        self.assertFalse([n for n in archive.read_records(path) if n.endswith(".debug_pkl")])
        extra = {"facematch.json": ""}
        module = self.torch.jit.load(str(path), _extra_files=extra)
        self.assertIn(b'"tiny"', extra["facematch.json"])
        result = module(self.torch.ones(3, 3, 4, 4))
        self.assertEqual(result.tolist(), [[24, 24]] * 3)
        self.assertEqual(verify.problems(path), [])

    def test_verify_notices_a_wrong_dim(self):
        path = self.folder / "tiny.pt"
        build_tiny(path, self.folder / "make.py",
                   {**MANIFEST, "embedding": {"dim": 3, "normalize": True}})
        self.assertIn("gives [1, 2]", verify.problems(path)[0])

    def test_verify_notices_a_net_that_does_not_load(self):
        path = self.folder / "tiny.pt"
        build_tiny(path, self.folder / "make.py")
        records = archive.read_records(path)
        records["data.pkl"] = b"junk"
        archive.write(path, records, MANIFEST)
        self.assertIn("does not run", verify.problems(path)[0])


if __name__ == "__main__":
    unittest.main()
