"""minifasnet: the port against what the published code gives, and the reading of its weights."""

from __future__ import annotations

import ctypes
import io
import json
import os
import subprocess
import unittest
from pathlib import Path

import helpers
from facematch_models import archive, catalog, manifest
from facematch_models.errors import ModelsError


class Reference(unittest.TestCase):
    """FACEMATCH_LIVENESS_REFERENCE: an .npz made outside of the repository with the published code, of
    20 frames or more: uint8 crops close_crop and wide_crop [n, 80, 80, 3] (BGR), and softmaxes close
    and wide [n, 3]."""

    def test_agrees_with_the_published_nets(self):
        torch = helpers.import_torch()
        import numpy

        path = Path(os.environ.get("FACEMATCH_LIVENESS_REFERENCE", "/nonexistent"))
        if not path.is_file():
            self.skipTest("set FACEMATCH_LIVENESS_REFERENCE to compare with the published nets")
        known = numpy.load(path)
        net = torch.jit.load(str(helpers.archive_path("minifasnet"))).eval()
        self.assertGreaterEqual(len(known["close"]), 20)
        for part in ("close", "wide"):
            crops = torch.from_numpy(known[f"{part}_crop"]).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                found = torch.softmax(getattr(net, part)(crops), 1).numpy()
            self.assertLess(abs(found - known[part]).max(), 1e-4, part)


class Error(ctypes.Structure):
    """fm_error of include/facematch/status.h."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("status", ctypes.c_int32),
                ("message", ctypes.c_char * 256)]


class Chain(unittest.TestCase):
    """The library on whole frames against this package's nets and crops.

    FACEMATCH_FRAMES: tests/real's liveness_frames, FACEMATCH_LIBRARY: libfacematch, which decodes."""

    def pixels(self, path):
        """RGB as the library decodes it."""
        import numpy

        library, err, image = ctypes.CDLL(os.environ["FACEMATCH_LIBRARY"]), Error(), ctypes.c_void_p()
        err.struct_size = ctypes.sizeof(err)
        self.assertEqual(library.fm_image_load_file(ctypes.byref(image), os.fsencode(path), None,
                                                    ctypes.byref(err)), 0, err.message)
        out = numpy.empty((480, 640, 3), numpy.uint8)
        self.assertEqual(library.fm_image_copy_rgb(image, ctypes.c_void_p(out.ctypes.data),
                                                   ctypes.c_size_t(out.nbytes), None,
                                                   ctypes.byref(err)), 0, err.message)
        library.fm_image_free(image)
        return out

    def test_the_library_gives_what_the_nets_give(self):
        torch = helpers.import_torch()
        from facematch_models import crops

        program = os.environ.get("FACEMATCH_FRAMES", "/nonexistent")
        if not os.path.isfile(program) or not os.environ.get("FACEMATCH_LIBRARY"):
            self.skipTest("set FACEMATCH_FRAMES and FACEMATCH_LIBRARY to compare with the library")
        path = helpers.archive_path("minifasnet")
        frames = sorted((helpers.data_path("liveness") / "images").glob("*.jpg"))[::25]
        self.assertGreaterEqual(len(frames), 20)
        told = subprocess.run([program, "look", str(path.parent), str(path)], check=True, text=True,
                              input="".join(f"{frame}\n" for frame in frames),
                              stdout=subprocess.PIPE).stdout
        net = torch.jit.load(str(path)).eval()
        spec = archive.manifest_of(archive.read_records(path))
        for line in map(json.loads, told.splitlines()):
            box = tuple(ctypes.c_float(value).value for value in line["box"])
            pixels, scores = self.pixels(line["path"]), []
            for part in spec["liveness"]["nets"]:
                x = torch.from_numpy(crops.planes(pixels, box, part["scale"], spec["input"]))
                with torch.inference_mode():
                    scores.append(torch.softmax(getattr(net, part["part"])(x), 1)[0, 1].item())
            self.assertLess(abs(sum(scores) / len(scores) - line["score"]), 1e-4, line["path"])


class Plain(unittest.TestCase):
    """A net of the same shape with small made-up numbers, computed layer by layer as published."""

    def setUp(self):
        self.torch = helpers.import_torch()
        from facematch_models import minifasnet
        self.port = minifasnet
        self.torch.manual_seed(3)

    def conv(self, state, name, width_in, width_out, size):
        state[f"{name}.weight"] = self.torch.randn(width_out, width_in, size, size) / (
            width_in * size * size) ** 0.5

    def norm(self, state, name, width):
        state[f"{name}.weight"] = self.torch.rand(width) + 0.5
        state[f"{name}.bias"] = self.torch.randn(width) / 4
        state[f"{name}.running_mean"] = self.torch.randn(width) / 4
        state[f"{name}.running_var"] = self.torch.rand(width) + 0.5
        state[f"{name}.num_batches_tracked"] = self.torch.tensor(7)

    def active(self, state, name, width_in, width_out, size):
        self.conv(state, f"{name}.conv", width_in, width_out, size)
        self.norm(state, f"{name}.bn", width_out)
        state[f"{name}.prelu.weight"] = self.torch.rand(width_out)

    def published(self, weighing):
        """A state dictionary of published names; `weighing`: blocks that weigh their channels."""
        state = {}
        self.active(state, "module.conv1", 3, 4, 3)
        self.active(state, "module.conv2_dw", 1, 4, 3)
        for name, _, _ in self.port._block_names():
            name = f"module.{name}"
            self.active(state, f"{name}.conv", 4, 6, 1)
            self.active(state, f"{name}.conv_dw", 1, 6, 3)
            self.conv(state, f"{name}.project.conv", 6, 4, 1)
            self.norm(state, f"{name}.project.bn", 4)
            if name in weighing:
                for layer, widths in (("1", (4, 2)), ("2", (2, 4))):
                    self.conv(state, f"{name}.se_module.fc{layer}", *widths, 1)
                    self.norm(state, f"{name}.se_module.bn{layer}", widths[1])
        self.active(state, "module.conv_6_sep", 4, 8, 1)
        self.conv(state, "module.conv_6_dw.conv", 1, 8, 5)
        self.norm(state, "module.conv_6_dw.bn", 8)
        state["module.linear.weight"] = self.torch.randn(5, 8)
        self.norm(state, "module.bn", 5)
        state["module.prob.weight"] = self.torch.randn(3, 5)
        return state

    def expected(self, state, x):
        """Every published layer in turn, none multiplied into another."""
        functional = self.torch.nn.functional
        state = {name.split("module.", 1)[1]: value for name, value in state.items()}

        def norm(x, name):
            return functional.batch_norm(x, state[f"{name}.running_mean"],
                                         state[f"{name}.running_var"], state[f"{name}.weight"],
                                         state[f"{name}.bias"])

        def active(x, name, stride=1):
            weight = state[f"{name}.conv.weight"]
            x = functional.conv2d(x, weight, None, stride, weight.shape[2] // 2, 1,
                                  x.shape[1] // weight.shape[1])
            return functional.prelu(norm(x, f"{name}.bn"), state[f"{name}.prelu.weight"])

        def weigh(x, name):
            y = functional.adaptive_avg_pool2d(x, 1)
            y = norm(functional.conv2d(y, state[f"{name}.fc1.weight"]), f"{name}.bn1").relu()
            return x * norm(functional.conv2d(y, state[f"{name}.fc2.weight"]), f"{name}.bn2").sigmoid()

        x = active(active(x, "conv1", 2), "conv2_dw")
        for name, stride, shortcut in self.port._block_names():
            y = active(active(x, f"{name}.conv"), f"{name}.conv_dw", stride)
            y = norm(functional.conv2d(y, state[f"{name}.project.conv.weight"]), f"{name}.project.bn")
            if f"{name}.se_module.fc1.weight" in state:
                y = weigh(y, f"{name}.se_module")
            x = x + y if shortcut else y
        x = active(x, "conv_6_sep")
        x = norm(functional.conv2d(x, state["conv_6_dw.conv.weight"], groups=8), "conv_6_dw.bn")
        x = norm(functional.linear(x.flatten(1), state["linear.weight"]), "bn")
        return functional.linear(x, state["prob.weight"])

    def packed(self, state):
        buffer = io.BytesIO()
        self.torch.save(state, buffer)
        return buffer.getvalue()

    def test_what_is_multiplied_together_gives_the_same(self):
        for weighing in ((), ("module.conv_3.model.3", "module.conv_5.model.1")):
            state = self.published(weighing)
            net = self.port._net(self.packed(state), "file").eval()
            x = self.torch.rand(2, 3, 80, 80) * 255
            with self.torch.inference_mode():
                found, wanted = net(x), self.expected(state, x)
            self.assertLess((found - wanted).abs().max().item(), 1e-4 * wanted.abs().max().item())

    def test_other_content_is_an_expected_failure(self):
        state = self.published(())
        more, less, wide = dict(state), dict(state), dict(state)
        more["module.strange.weight"] = self.torch.zeros(1)
        del less["module.prob.weight"]
        wide["module.conv1.bn.weight"] = self.torch.zeros(9)
        for bad in (more, less, wide, [1, 2]):
            with self.assertRaises(ModelsError):
                self.port._net(self.packed(bad), "file")
        for bad in (b"", b"junk", self.packed(state)[:500]):
            with self.assertRaises(ModelsError):
                self.port._net(bad, "file")

    def test_a_pickle_runs_nothing(self):
        with self.assertRaises(ModelsError):
            self.port._net(self.packed({"module.conv1.conv.weight": Trap()}), "file")
        self.assertFalse(Trap.sprung)

    def test_exact_product(self):
        import numpy

        left, right = numpy.random.rand(3, 4), numpy.random.rand(4, 5)
        self.assertLess(abs(self.port.exact_product(left, right) - left @ right).max(), 1e-12)


class Trap:
    """Notices when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return _spring, ()


def _spring():
    Trap.sprung = True
    return Trap()


class Manifest(unittest.TestCase):
    def good(self):
        return catalog.recipe("minifasnet").manifest()

    def test_the_recipe_is_good(self):
        value = self.good()
        self.assertEqual(manifest.problems(value), [])
        self.assertGreater(value["calibration"]["attacks"], 100)

    def test_problems_are_found(self):
        for change in ({"classes": 0}, {"live": 3}, {"output": "odds"}, {"nets": []},
                       {"nets": [{"part": "a", "scale": 0.5}]}, {"nets": [{"scale": 2}]},
                       {"nets": [{"part": "a", "scale": 2, "input": {}}]}):
            value = self.good()
            value["liveness"] = {**value["liveness"], **change}
            self.assertTrue(manifest.problems(value), change)
        for change in ({"dataset": 1}, {"attacks": 0}, {"live": "x"}, {"points": []},
                       {"points": [{"score": 0, "apcer": 1, "bpcer": 0}] * 2},
                       {"points": [{"score": 0, "apcer": 1, "bpcer": 0},
                                   {"score": 2, "apcer": 1, "bpcer": 0}]}):
            value = self.good()
            value["calibration"] = {**value["calibration"], **change}
            self.assertTrue(manifest.problems(value), change)

    def test_the_built_archive_is_the_recipes(self):
        records = archive.read_records(helpers.archive_path("minifasnet"))
        self.assertEqual(archive.manifest_of(records)["liveness"], self.good()["liveness"])


if __name__ == "__main__":
    unittest.main()
