"""The built archives against what others computed from the same weights."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import unittest
from pathlib import Path

import helpers
from facematch_models import archive, build, catalog, cli, mobilefacenet, verify


def pixels(torch, image, manifest: dict):
    """A picture as the net's input: [1, 3, h, w], normalised."""
    import numpy

    size = manifest["input"]
    x = torch.from_numpy(numpy.array(image.convert("RGB"))).permute(2, 0, 1).float()
    mean, std = (torch.tensor(size[key]).view(3, 1, 1) for key in ("mean", "std"))
    return ((x - mean) / std)[None]


class Embedder(unittest.TestCase):
    name = ""

    def setUp(self):
        self.torch, self.pillow = helpers.import_torch(), helpers.import_pillow()
        path = helpers.archive_path(self.name)
        self.manifest = archive.manifest_of(archive.read_records(path))
        self.net = self.torch.jit.load(str(path)).eval()

    def embed(self, path: Path):
        with self.pillow.open(path) as image, self.torch.inference_mode():
            return self.net(pixels(self.torch, image, self.manifest))[0]

    def check_batches(self):
        size = self.manifest["input"]
        x = self.torch.rand(5, 3, size["height"], size["width"]) * 2 - 1
        with self.torch.inference_mode():
            whole = self.net(x)
            for n, one in enumerate(x):
                self.assertLess((self.net(one[None])[0] - whole[n]).abs().max().item(),
                                1e-4 * whole.abs().max().item())


class DlibResNet(Embedder):
    name = "dlib-resnet-v1"

    def test_agrees_with_dlib(self):
        folder = helpers.data_path("dlib_reference")
        known = json.loads((folder / "descriptors.json").read_text())
        chips = sorted(folder.glob("*_chip150.png"))
        self.assertGreaterEqual(len(chips), 6)
        for chip in chips:
            wanted = self.torch.tensor(known[chip.name.replace("_chip150.png", "")]["descriptor"])
            self.assertLess((self.embed(chip) - wanted).abs().max().item(), 1e-5, chip.name)

    def test_any_batch_size(self):
        self.check_batches()


class Bundles(unittest.TestCase):
    """A bundle's members are the nets they were made of, and nothing else decides its bytes."""

    def combined(self, out, *options):
        files = [str(helpers.archive_path(name)) for name in ("mobilefacenet", "dlib-resnet-v1")]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = cli.main(["combine", *files, "--out", str(out), *options])
        return status, (archive.read_records(out) if status == 0 else None)

    def test_members_give_what_the_models_give(self):
        torch = helpers.import_torch()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "both.pt"
            status, records = self.combined(out, "--weights", "1,0.5", "--flip")
            self.assertEqual(status, 0)
            self.assertEqual(verify.problems(out), [])
            members = archive.manifest_of(records)["embedding"]["members"]
            self.assertEqual([(m["weight"], m["flip"]) for m in members], [(1, True), (0.5, True)])
            net = torch.jit.load(str(out)).eval()
            for member, name in zip(members, ("mobilefacenet", "dlib-resnet-v1")):
                size = member["input"]
                x = torch.rand(2, 3, size["height"], size["width"])
                own = torch.jit.load(str(helpers.archive_path(name))).eval()
                with torch.inference_mode():
                    self.assertTrue(torch.equal(getattr(net, member["part"])(x), own(x)), name)

    def test_same_members_same_bytes(self):
        helpers.import_torch()
        with tempfile.TemporaryDirectory() as folder:
            one, other = Path(folder) / "one.pt", Path(folder) / "other.pt"
            for out in (one, other):
                self.assertEqual(self.combined(out, "--name", "both")[0], 0)
            self.assertEqual(one.read_bytes(), other.read_bytes())

    def test_tells_what_is_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.combined(Path(folder) / "x.pt", "--weights", "1")[0], 2)
            self.assertEqual(self.combined(Path(folder) / "x.pt", "--weights", "1,-1")[0], 2)
            detector = str(helpers.archive_path("mtcnn"))
            self.assertEqual(cli.main(["combine", detector, "--out", f"{folder}/x.pt"]), 2)
            self.assertEqual(os.listdir(folder), [])


class MobileFaceNet(Embedder):
    name = "mobilefacenet"

    def test_agrees_with_tensorflow_lite(self):
        folder, photographs = (helpers.data_path(name)
                               for name in ("mobilefacenet_reference", "lfw/aligned112"))
        known = json.loads((folder / "embeddings.json").read_text())["embeddings"]
        self.assertGreaterEqual(len(known), 8)
        for name, entry in known.items():
            wanted = self.torch.tensor(entry["raw"])
            cosine = self.torch.nn.functional.cosine_similarity(
                self.embed(photographs / name), wanted, dim=0).item()
            self.assertGreater(cosine, 0.9995, name)

    def test_any_batch_size(self):
        self.check_batches()


def published_mtcnn():
    """facenet-pytorch's own three nets."""
    # the detection pipeline needs torchvision; the nets stand before it and do not
    module = helpers.facenet_pytorch("mtcnn.py", until="class MTCNN")
    weights = helpers.published_weights("mtcnn")
    nets = []
    for name in ("PNet", "RNet", "ONet"):
        net = getattr(module, name)(pretrained=False)
        state = io.BytesIO(weights[f"{name.lower()}.pt"])
        net.load_state_dict(helpers.import_torch().load(state, weights_only=True))
        nets.append(net.eval())
    return nets


class Mtcnn(unittest.TestCase):
    def setUp(self):
        self.torch = helpers.import_torch()
        self.torch.manual_seed(1)
        self.net = self.torch.jit.load(str(helpers.archive_path("mtcnn"))).eval()

    def test_agrees_with_facenet_pytorch(self):
        pnet, rnet, onet = published_mtcnn()
        with self.torch.inference_mode():
            for size in ((12, 12), (13, 40), (57, 31), (100, 101)):
                x = self.torch.rand(2, 3, *size) * 2 - 1
                box, face = pnet(x)
                self.check(self.net.pnet(x), [face[:, 1:], box])
            x = self.torch.rand(9, 3, 24, 24) * 2 - 1
            box, face = rnet(x)
            self.check(self.net.rnet(x), [face[:, 1:], box])
            x = self.torch.rand(9, 3, 48, 48) * 2 - 1
            box, points, face = onet(x)
            self.check(self.net.onet(x), [face[:, 1:], box, points])

    def check(self, found, wanted):
        wanted = self.torch.cat(wanted, 1)
        self.assertEqual(found.shape, wanted.shape)
        self.assertLess((found - wanted).abs().max().item(), 1e-6)

    def test_the_points_lie_where_a_face_has_them(self):
        """On upright faces: eyes above the mouth, image left before image right, nose between."""
        Image = helpers.import_pillow()
        import numpy

        photographs = sorted(helpers.data_path("lfw/aligned112").rglob("*.jpg"))[:40]
        crops = [numpy.array(Image.open(path).convert("RGB").resize((48, 48), Image.BOX))
                 for path in photographs]
        x = (self.torch.from_numpy(numpy.stack(crops)).permute(0, 3, 1, 2).float() - 127.5) / 128
        with self.torch.inference_mode():
            result = self.net.onet(x)
        px, py = result[:, 5:10], result[:, 10:15]
        good = ((result[:, 0] > 0.7) & (px[:, 0] < px[:, 1]) & (px[:, 3] < px[:, 4])
                & (px[:, 0] < px[:, 2]) & (px[:, 2] < px[:, 1])
                & (py[:, :2].amax(1) < py[:, 2]) & (py[:, 2] < py[:, 3:].amin(1)))
        self.assertGreater(good.float().mean().item(), 0.9)

    def test_the_nets_can_be_taken_alone(self):
        for name, size, shape in (("pnet", 20, (1, 5, 5, 5)), ("rnet", 24, (1, 5)),
                                  ("onet", 48, (1, 15))):
            net = self.torch.jit.optimize_for_inference(
                self.torch.jit.freeze(getattr(self.net, name)))
            self.assertEqual(tuple(net(self.torch.zeros(1, 3, size, size)).shape), shape)


class Archives(unittest.TestCase):
    def test_verify_finds_nothing(self):
        helpers.import_torch()
        for name in catalog.RECIPES:
            with self.subTest(name):
                path = helpers.archive_path(name)
                self.assertEqual(verify.problems(path), [])
                self.assertFalse([record for record in archive.read_records(path)
                                  if record.endswith(".debug_pkl")])

    def test_a_second_build_has_nothing_to_do_and_a_forced_one_gives_the_same_bytes(self):
        helpers.import_torch()
        path = helpers.archive_path("mtcnn")
        recipe, cache = catalog.recipe("mtcnn"), path.parent / ".cache"
        if not cache.is_dir():
            self.skipTest(f"{cache} is not there")
        before = path.read_bytes()
        self.assertFalse(build.build(recipe, path.parent, cache, lambda _: None).built)
        with tempfile.TemporaryDirectory() as folder:
            again = build.build(recipe, Path(folder), cache, lambda _: None)
            self.assertTrue(again.built)
            self.assertEqual(again.path.read_bytes(), before)

    def test_a_new_calibration_means_a_new_build_but_the_same_id(self):
        path = helpers.archive_path("mtcnn")
        recipe = catalog.recipe("mtcnn")
        records = archive.read_records(path)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "mtcnn.json").write_text(json.dumps(
                {"dataset": "d", "impostor_comparisons": 2,
                 "points": [{"fmr": 0.5, "score": 0.1}]}))
            manifest = recipe.manifest(Path(folder))
        self.assertNotEqual(manifest, archive.manifest_of(records))
        self.assertIsNone(build._id_if_up_to_date(path, manifest))
        self.assertEqual(archive.model_id(records, manifest),
                         archive.model_id(records, archive.manifest_of(records)))

    def test_a_calibration_is_put_into_an_archive(self):
        path = helpers.archive_path("mobilefacenet")
        with tempfile.TemporaryDirectory() as folder:
            file, other = Path(folder) / "c.json", Path(folder) / "other.pt"
            value = {"dataset": "d", "impostor_comparisons": 2,
                     "points": [{"fmr": 0.5, "score": 0.1}, {"fmr": 0.1, "score": 0.2}],
                     "genuine": [{"fnmr": 0.1, "score": 0.3}, {"fnmr": 0.2, "score": 0.4}]}
            file.write_text(json.dumps({**value, "strange": 1}))
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(cli.main(["calibrate", str(file), str(path), "--out", str(other)]),
                                 0)
            before, after = archive.read_records(path), archive.read_records(other)
            self.assertEqual(archive.manifest_of(after)["calibration"], value)
            self.assertEqual(archive.model_id(after, archive.manifest_of(after)),
                             archive.model_id(before, archive.manifest_of(before)))
            for bad in ({"genuine": [{"fnmr": 0.2, "score": 1}, {"fnmr": 0.1, "score": 2}]},
                        {"tail": {"exceedances": 1.5}}, {"tail": 7},
                        {"tail": {"exceedances": 1, "score": 1, "fmr": 1, "shape": 0, "scale": 1,
                                  "covariance": [1]}}):
                file.write_text(json.dumps({**value, **bad}))
                with contextlib.redirect_stderr(io.StringIO()) as told:
                    self.assertEqual(cli.main(["calibrate", str(file), str(path)]), 2)
                self.assertIn("calibration.", told.getvalue())


class Merging(unittest.TestCase):
    def test_product_is_a_matrix_product(self):
        import numpy

        left, right = numpy.random.rand(3, 4), numpy.random.rand(4, 5)
        self.assertLess(abs(mobilefacenet.product(left, right) - left @ right).max(), 1e-12)


# the base class holds no tests of its own
del Embedder

if __name__ == "__main__":
    unittest.main()
