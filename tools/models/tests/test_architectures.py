"""The nets to be trained: what they compute, how they begin, and the readers of their weights."""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import tempfile
import unittest
from pathlib import Path

import helpers
from facematch_models import architectures, archive, build, cli, manifest, verify
from facematch_models.errors import ModelsError

try:
    import torch
    from facematch_models import (deepface, deepface_keras_reader, deepface_small, facenet,
                                  facenet_pytorch_reader, facenet_small, inception_resnet_v1,
                                  trainable)
except ImportError:
    raise unittest.SkipTest("PyTorch is not installed") from None

MODULES = {"deepface": deepface, "deepface-small": deepface_small, "facenet": facenet,
           "facenet-small": facenet_small, "inception-resnet-v1": inception_resnet_v1}


def count(net) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def shake(net) -> None:
    """Numbers of its own for every parameter and buffer, so that none can take another's place.

    Large enough that the result depends on what goes in.
    """
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith((".bias", "mean")):
                value.uniform_(-0.3, 0.3)
            elif value.dim() > 1:
                bound = math.sqrt(6 / (value[0].numel() if value.dim() != 3 else value.size(1)))
                value.uniform_(-bound, bound)
            elif value.is_floating_point():
                value.uniform_(0.5, 1.5)


class DeepFace(unittest.TestCase):
    def test_layers_are_the_paper_s(self):
        net = deepface.make().eval()
        shapes = {}
        for name, layer in net.named_children():
            layer.register_forward_hook(
                lambda _, given, result, name=name: shapes.update({name: tuple(result.shape)}))
        with torch.no_grad():
            net(torch.zeros(1, 3, 152, 152))
        self.assertEqual(shapes, {"c1": (1, 32, 142, 142), "c3": (1, 16, 63, 63),
                                  "l4": (1, 16, 55, 55), "l5": (1, 16, 25, 25),
                                  "l6": (1, 16, 21, 21), "f7": (1, 4096)})
        # C3 has 71 places to look at
        self.assertEqual(shapes["c3"][2] + net.c3.weight.shape[2] - 1, 71)

    def test_parameters_are_as_many_as_the_paper_s_layers_have(self):
        per_layer = {"c1": 32 * 11 * 11 * 3 + 32, "c3": 16 * 9 * 9 * 32 + 16,
                     "l4": 55 * 55 * 16 * (9 * 9 * 16 + 1), "l5": 25 * 25 * 16 * (7 * 7 * 16 + 1),
                     "l6": 21 * 21 * 16 * (5 * 5 * 16 + 1), "f7": 4096 * (21 * 21 * 16 + 1)}
        net = deepface.make()
        self.assertEqual({name: count(layer) for name, layer in net.named_children()}, per_layer)
        # with F8, which is the loss's: for the paper's 4,030 people, and for VGGFace2's 8,631
        self.assertEqual(count(net) + 4030 * 4097, 118_923_774)
        self.assertGreater(count(net) + 8631 * 4097, 120e6)

    def test_features_are_divided_by_their_largest_but_not_in_training(self):
        net = deepface.DeepFace(24, (4, 4, 4, 4, 4), (5, 3, 3, 3, 1), 6, dropout=0.0)
        shake(net)
        x = torch.randn(3, 3, 24, 24)
        largest = torch.tensor([0.5, 2, 1, 0, 3, 4])
        net.feature_max.copy_(largest)
        with torch.no_grad():
            plain, divided = net.train()(x), net.eval()(x)
        self.assertTrue(torch.equal(divided, plain / torch.tensor([0.5, 2, 1, 1, 3, 4])))
        self.assertGreaterEqual(plain.min().item(), 0)
        self.assertGreater(plain.max().item(), 0)
        net.initialize()
        self.assertEqual(net.feature_max.tolist(), [1] * 6)

    def test_dropout_is_for_training_only(self):
        net = deepface_small.make()
        net.initialize()
        x = torch.randn(2, 3, deepface_small.SIZE, deepface_small.SIZE)
        with torch.no_grad():
            self.assertFalse(torch.equal(net.train()(x), net(x)))
            self.assertTrue(torch.equal(net.eval()(x), net(x)))


class LocallyConnected(unittest.TestCase):
    def test_equals_a_loop_over_the_places(self):
        for width_in, width_out, size, kernel, stride in (
                (1, 1, 3, 3, 1), (3, 4, 9, 3, 1), (4, 2, 11, 5, 2), (2, 5, 10, 3, 3),
                (3, 2, 8, 1, 2), (2, 3, 12, 7, 2), (5, 3, 6, 2, 1)):
            layer = trainable.LocallyConnected2d(width_in, width_out, size, kernel, stride)
            shake_layer = {"weight": layer.weight, "bias": layer.bias}
            with torch.no_grad():
                for value in shake_layer.values():
                    value.uniform_(-1, 1)
                x = torch.randn(3, width_in, size, size)
                found = layer(x)
            wanted = torch.zeros(3, width_out, layer.size, layer.size)
            for row in range(layer.size):
                for column in range(layer.size):
                    weight = layer.weight[row * layer.size + column].detach()
                    seen = x[:, :, row * stride:row * stride + kernel,
                             column * stride:column * stride + kernel]
                    for output in range(width_out):
                        own = weight[:, output].reshape(kernel, kernel, width_in).permute(2, 0, 1)
                        wanted[:, output, row, column] = (
                            (seen * own).sum([1, 2, 3]) + layer.bias[output, row, column].detach())
            self.assertEqual(found.shape, wanted.shape)
            self.assertLess((found - wanted).abs().max().item(), 1e-5, (size, kernel, stride))

    def test_with_one_weight_for_all_places_it_is_a_convolution(self):
        conv = trainable.Conv(3, 4, (5, 5), stride=2)
        layer = trainable.LocallyConnected2d(3, 4, 13, 5, stride=2)
        shake(conv)
        with torch.no_grad():
            layer.weight.copy_(conv.weight.permute(2, 3, 1, 0).reshape(1, -1, 4))
            layer.bias.copy_(conv.bias.view(4, 1, 1))
            x = torch.randn(2, 3, 13, 13)
            self.assertLess((layer(x) - conv(x)).abs().max().item(), 1e-5)

    def test_begins_with_one_weight_for_all_places(self):
        layer = trainable.LocallyConnected2d(3, 4, 13, 5, stride=2)
        shake(layer)
        layer.initialize()
        self.assertTrue(torch.equal(layer.weight, layer.weight[:1].expand_as(layer.weight)))
        self.assertGreater(layer.weight.std().item(), 0)


class InceptionResnetV1(unittest.TestCase):
    def setUp(self):
        self.module = helpers.facenet_pytorch("inception_resnet_v1.py")
        torch.manual_seed(3)

    def published(self, classes: int):
        net = self.module.InceptionResnetV1(classify=True, num_classes=classes)
        shake(net)
        net.classify = False  # gives the embedding
        return net.eval()

    def test_agrees_with_facenet_pytorch(self):
        published = self.published(7)
        for legacy in (False, True):  # the published files are of the older form
            file = io.BytesIO()
            torch.save(published.state_dict(), file, _use_new_zipfile_serialization=not legacy)
            own = facenet_pytorch_reader.load({"x.pt": file.getvalue()})
        x = torch.nn.functional.interpolate(torch.rand(2, 3, 5, 5) * 2 - 1, (160, 160),
                                            mode="bilinear", align_corners=False)
        with torch.inference_mode():
            wanted, found = published(x), own(x)
        self.assertGreater(abs(found.norm(dim=1) - 1).min().item(), 0.1)  # not normalised here
        found = torch.nn.functional.normalize(found)
        self.assertLess((found - wanted).abs().max().item(), 1e-5)
        self.assertGreater((wanted[0] - wanted[1]).abs().max().item(), 1e-2)

    def test_is_as_large(self):
        published = self.published(7)
        self.assertEqual(count(inception_resnet_v1.make()) + count(published.logits),
                         count(published))


class FacenetPytorchReader(unittest.TestCase):
    def refused(self, value, text):
        file = io.BytesIO()
        torch.save(value, file)
        self.refused_bytes(file.getvalue(), text)

    def refused_bytes(self, data, text):
        with self.assertRaises(ModelsError) as raised:
            facenet_pytorch_reader.load({"mine.pt": data})
        self.assertIn("mine.pt", str(raised.exception))
        self.assertIn(text, str(raised.exception))

    def test_tells_what_does_not_fit(self):
        state = inception_resnet_v1.make().state_dict()
        state["block8.conv2d.bias"] = torch.zeros(3)
        self.refused(state, "size mismatch for block8.conv2d.bias")
        del state["block8.conv2d.bias"]
        self.refused(state, "block8.conv2d.bias")
        self.refused({"a": 1}, "dictionary of tensors")
        self.refused([torch.zeros(1)], "dictionary of tensors")
        self.refused_bytes(b"", "mine.pt")
        self.refused_bytes(b"no weights at all", "mine.pt")

    def test_runs_no_code(self):
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder) / "ran"

            class Evil:
                def __reduce__(self):
                    return Path.touch, (trace,)

            for data in (pickle.dumps({"a": Evil()}), _saved({"a": Evil()})):
                self.refused_bytes(data, "mine.pt")
            self.assertFalse(trace.exists())


def _saved(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


class Keras(unittest.TestCase):
    """Weights as Keras writes them, and the same net over [n, rows, columns, channels] in NumPy."""

    SIZE, WIDTHS, KERNELS, DIM = 32, (6, 5, 4, 3, 2), (5, 3, 3, 3, 3), 7

    def setUp(self):
        self.h5py = helpers.import_h5py()
        import numpy

        self.numpy, self.random = numpy, numpy.random.default_rng(5)

    def net(self):
        return deepface.DeepFace(self.SIZE, self.WIDTHS, self.KERNELS, self.DIM)

    def layers(self):
        """[kernel, bias] of each layer, in Keras' shapes."""
        k, (c1, c3, l4, l5, l6) = self.KERNELS, self.WIDTHS
        shapes = {"C1": ((k[0], k[0], 3, c1), (c1,)), "C3": ((k[1], k[1], c1, c3), (c3,)),
                  "L4": ((10 * 10, k[2] * k[2] * c3, l4), (10, 10, l4)),
                  "L5": ((4 * 4, k[3] * k[3] * l4, l5), (4, 4, l5)),
                  "L6": ((2 * 2, k[4] * k[4] * l5, l6), (2, 2, l6)),
                  "F7": ((2 * 2 * l6, self.DIM), (self.DIM,)), "F8": ((self.DIM, 3), (3,))}
        return {name: [self.random.uniform(-0.3, 0.5, shape).astype("float32") for shape in both]
                for name, both in shapes.items()}

    def file(self, layers, top: str = "") -> bytes:
        data = io.BytesIO()
        with self.h5py.File(data, "w") as file:
            for name, values in layers.items():
                for kind, value in zip(("kernel:0", "bias:0"), values):
                    file[f"{top}/{name}/{name}/{kind}"] = value
            for name in ("M2", "F0", "D0"):  # layers without weights have groups, too
                file.create_group(f"{top}/{name}")
        return data.getvalue()

    def windows(self, x, kernel, stride):
        """What each place sees: [n, places in a row, in a column, kernel, kernel, channels]."""
        view = self.numpy.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (1, 2))
        return view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)

    def forward(self, layers, x):
        np = self.numpy

        def relu(value):
            return np.maximum(value, 0)

        def conv(x, name):
            kernel, bias = layers[name]
            return relu(np.einsum("nrcijk,ijko->nrco", self.windows(x, kernel.shape[0], 1), kernel)
                        + bias)

        def local(x, name, size, stride=1):
            kernel, bias = layers[name]
            seen = self.windows(x, size, stride)
            n, rows, columns = seen.shape[:3]
            seen = seen.reshape(n, rows * columns, -1)
            return relu(np.einsum("npk,pko->npo", seen, kernel).reshape(n, rows, columns, -1) + bias)

        x = conv(x, "C1")
        # 'same' padding of 3x3 at stride 2 on an even size: one row and column at the end
        x = np.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)], constant_values=-np.inf)
        x = conv(self.windows(x, 3, 2).max((3, 4)), "C3")
        x = local(x, "L4", 3)
        x = local(x, "L5", 3, 2)
        x = local(x, "L6", 3)
        kernel, bias = layers["F7"]
        return relu(x.reshape(len(x), -1) @ kernel + bias)

    def test_gives_what_keras_layout_says(self):
        layers = self.layers()
        x = self.random.uniform(0, 1, (3, self.SIZE, self.SIZE, 3)).astype("float32")
        wanted = torch.from_numpy(self.forward(layers, x))
        for top in ("", "model_weights"):  # of weights alone, of a whole model
            net = deepface_keras_reader.fill(self.net(), self.file(layers, top), "x.h5")
            with torch.no_grad():
                found = net(torch.from_numpy(x).permute(0, 3, 1, 2))
            self.assertEqual(found.shape, wanted.shape)
            self.assertGreater(wanted.max().item(), 0.1)
            self.assertLess((found - wanted).abs().max().item(), 1e-5 * wanted.max().item())

    def test_tells_what_does_not_fit(self):
        def refused(data, *texts):
            with self.assertRaises(ModelsError) as raised:
                deepface_keras_reader.fill(self.net(), data, "mine.h5")
            for text in ("mine.h5", *texts):
                self.assertIn(text, str(raised.exception))

        layers = self.layers()
        for name, kind, index in (("C1", "kernel", 0), ("L5", "bias", 1), ("F7", "kernel", 0)):
            wrong = {**layers, name: list(layers[name])}
            wrong[name][index] = wrong[name][index][..., :-1]
            refused(self.file(wrong), f"the {kind} of {name}", "not float[")
        refused(self.file({**layers, "L4": [value.astype("int32") for value in layers["L4"]]}),
                "int32")
        refused(self.file({name: layers[name] for name in ("C1", "C3", "L4", "L5", "F7")}),
                "layer L6 has 0 data sets called kernel")
        refused(self.file(layers)[:3000])
        refused(b"no HDF5 file", "not an HDF5 file")

    def test_the_published_file_has_the_shapes_of_the_whole_net(self):
        """What is written for VGGFace2's net is what its file must hold: refused only by L4."""
        layers = {"C1": [self.numpy.zeros((11, 11, 3, 32), "float32"),
                         self.numpy.zeros(32, "float32")],
                  "C3": [self.numpy.zeros((9, 9, 32, 16), "float32"),
                         self.numpy.zeros(16, "float32")],
                  "L4": [self.numpy.zeros((1, 1, 1), "float32"), self.numpy.zeros(16, "float32")]}
        with self.assertRaises(ModelsError) as raised:
            deepface_keras_reader.load({"x.h5": self.file(layers)})
        self.assertIn("the kernel of L4 is float32[1, 1, 1], not float[3025, 1296, 16]",
                      str(raised.exception))


class Fresh(unittest.TestCase):
    def test_weights_follow_from_the_seed_alone(self):
        for name in ("deepface-small", "facenet-small", "inception-resnet-v1"):
            net = MODULES[name].make()
            before = {key: value.clone() for key, value in net.state_dict().items()}
            shake(net)
            states = []
            for model, seed in ((net, 1), (net, 1), (net, 2), (torch.jit.script(net), 1)):
                torch.manual_seed(seed)
                model.initialize()
                states.append({key: value.clone() for key, value in model.state_dict().items()})
            for key, value in states[0].items():
                self.assertTrue(torch.equal(value, states[1][key]), key)
                self.assertTrue(torch.equal(value, states[3][key]), key)
                if value.dim() == 1 or key.endswith("bias"):  # biases, and of batch normalisation
                    self.assertTrue(torch.equal(value, before[key]), key)
                else:
                    self.assertGreater(value.std().item(), 0, key)
                    self.assertFalse(torch.equal(value, states[2][key]), key)

    def test_signals_keep_their_size(self):
        """Neither vanish nor explode from the picture to the embedding."""
        torch.manual_seed(1)
        for name in ("deepface-small", "facenet-small"):
            net = MODULES[name].make()
            net.initialize()
            size = MODULES[name].SIZE
            spread = net.train()(torch.randn(16, 3, size, size)).std().item()
            self.assertTrue(0.1 < spread < 10, (name, spread))


class Manifests(unittest.TestCase):
    def test_are_whole_and_fit_the_nets(self):
        for name, net in architectures.ARCHITECTURES.items():
            value = net.manifest()
            self.assertEqual(manifest.problems(value), [], name)
            self.assertEqual(value["input"]["width"], MODULES[name].SIZE)
            self.assertEqual(value["embedding"], {"dim": MODULES[name].DIM, "normalize": True})
            self.assertEqual(value["training_data"], "none: random weights")
            for x, y in value["alignment"]["points"]:
                self.assertTrue(0 < x < net.size and 0 < y < net.size)
        for copy in architectures.COPIES.values():
            self.assertEqual(manifest.problems(copy.manifest("0" * 64)), [], copy.name)

    def test_published_weights_are_found_by_name_or_file(self):
        for copy in architectures.COPIES.values():
            self.assertIs(architectures.find_copy(copy.name, "x"), copy)
            self.assertIs(architectures.find_copy(copy.architecture, copy.file), copy)
        self.assertEqual(architectures.find_copy("deepface", "x.h5").name, "deepface-vggface2")
        for name, text in (("inception-resnet-v1", "facenet-vggface2, facenet-casia"),
                           ("facenet", "takes no --from")):
            with self.assertRaises(ModelsError) as raised:
                architectures.find_copy(name, "x.pt")
            self.assertIn(text, str(raised.exception))


class Archives(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def build(self, *arguments: str):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(cli.main(["build", *arguments, "--out", str(self.folder)]), 0)

    def test_train_and_come_back(self):
        self.build("deepface-small", "facenet-small")
        for name in ("deepface-small", "facenet-small"):
            path = self.folder / f"{name}.pt"
            self.assertEqual(verify.problems(path), [])
            net = torch.jit.load(str(path))
            size = MODULES[name].SIZE
            x = torch.randn(8, 3, size, size)
            with torch.no_grad():
                first = net.eval()(x)
            optimiser = torch.optim.SGD(net.parameters(), lr=0.05)
            net.train()(x).square().mean().backward()
            self.assertFalse([n for n, p in net.named_parameters() if p.grad is None])
            optimiser.step()
            with torch.no_grad():
                second = net.eval()(x)
            self.assertGreater((first - second).abs().max().item(), 1e-4)
            again = self.folder / "again.pt"
            archive.write(again, archive.records_of_module(net),
                          archive.manifest_of(archive.read_records(path)))
            self.assertEqual(verify.problems(again), [])
            back = torch.jit.load(str(again))
            with torch.no_grad():
                self.assertTrue(torch.equal(back(x), second))
                frozen = torch.jit.freeze(back)(x)  # as the library runs it
            self.assertLess((frozen - second).abs().max().item(), 1e-4)
            back.initialize()
            with torch.no_grad():
                self.assertFalse(torch.equal(back(x), second))

    def test_a_second_build_is_up_to_date_and_a_forced_one_the_same(self):
        self.build("facenet-small")
        path = self.folder / "facenet-small.pt"
        before = path.read_bytes()
        net = architectures.ARCHITECTURES["facenet-small"]
        self.assertFalse(build.build_untrained(net, self.folder, lambda _: None).built)
        self.assertTrue(build.build_untrained(net, self.folder, lambda _: None, force=True).built)
        self.assertEqual(path.read_bytes(), before)

    def test_converts_a_copy_of_published_weights(self):
        net = inception_resnet_v1.make()
        torch.manual_seed(4)
        shake(net)
        file = self.folder / "20180402-114759-vggface2.pt"
        torch.save({**net.state_dict(), "logits.weight": torch.zeros(3, 512),
                    "conv2d_1a.bn.num_batches_tracked": torch.tensor(9)}, file)
        self.build("inception-resnet-v1", "--from", str(file))
        path = self.folder / "facenet-vggface2.pt"
        found = archive.manifest_of(archive.read_records(path))
        self.assertEqual((found["name"], found["training_data"]), ("facenet-vggface2", "VGGFace2"))
        self.assertEqual(manifest.problems(found), [])
        x = torch.rand(1, 3, 160, 160)
        with torch.inference_mode():
            self.assertTrue(torch.equal(torch.jit.load(str(path))(x), net.eval()(x)))


if __name__ == "__main__":
    unittest.main()
