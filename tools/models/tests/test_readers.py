"""The readers of foreign formats, on bytes made by hand."""

from __future__ import annotations

import struct
import unittest

import helpers  # noqa: F401
from facematch_models import dlib_reader, tflite_reader
from facematch_models.errors import ModelsError


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def string(text: bytes) -> bytes:
    return integer(len(text)) + text


def tensor(values: list[float]) -> bytes:
    return (integer(2) + integer(len(values)) + integer(1) * 3
            + struct.pack(f"<{len(values)}f", *values))


HEAD = integer(1) + string(b"loss_metric_2") + integer(5) + integer(-3) + integer(1) + integer(0)


class DlibTokens(unittest.TestCase):
    def read(self, data: bytes, what: str):
        reader = dlib_reader.Reader(data)
        value = getattr(reader, what)()
        self.assertTrue(reader.at_end())
        return value

    def test_integers(self):
        for data, value in ((b"\x01\x07", 7), (b"\x81\x07", -7), (b"\x02\x80\x12", 4736),
                            (b"\x01\x00", 0), (b"\x04\x01\x00\x00\x80", 0x80000001)):
            self.assertEqual(self.read(data, "integer"), value)

    def test_floats(self):
        self.assertEqual(self.read(b"\x01\x10\x81\x04", "floating"), 1.0)
        self.assertAlmostEqual(self.read(b"\x03\x9a\x99\x99\x81\x18", "floating"), 0.6, places=6)

    def test_refuses_what_is_no_integer(self):
        for data in (b"\x00\x01", b"\x09" + b"\0" * 9, b"\x11\x01", b"\x02\x01", b""):
            with self.assertRaises(ModelsError):
                dlib_reader.Reader(data).integer()

    def test_refuses_impossible_tensors(self):
        huge = integer(2) + integer(1 << 30) + integer(1) * 3
        negative = integer(2) + integer(-1) + integer(1) * 3
        for data in (huge, negative, integer(3) + integer(0) * 4, tensor([1, 2])[:-1]):
            with self.assertRaises(ModelsError):
                dlib_reader.Reader(data).tensor()


class DlibLayers(unittest.TestCase):
    def test_finds_the_layers_among_the_bookkeeping(self):
        flags, empty = b"110", integer(2) + integer(0) * 4
        data = (HEAD + integer(2) * 3 + string(b"con_4") + tensor([1, 2, 3]) + integer(300) + flags
                + empty + string(b"relu_") + flags + string(b"fc_2") + integer(4) + integer(5)
                + tensor([0.5]) + flags + empty)
        layers = dlib_reader.read_layers(data)
        self.assertEqual([layer.name for layer in layers], ["con_4", "relu_", "fc_2"])
        self.assertEqual(layers[0].values.tolist(), [1, 2, 3])
        self.assertEqual((layers[2].sizes, layers[2].values.tolist()), ([4, 5], [0.5]))
        for end in range(1, len(data) - len(empty) - len(flags)):
            try:  # a cut file fails cleanly, or holds fewer layers
                self.assertLessEqual(len(dlib_reader.read_layers(data[:end])), 3)
            except ModelsError:
                pass

    def test_refuses_other_files(self):
        for data in (b"", b"\xff" * 50, integer(1) + string(b"loss_binary") + integer(0) * 4,
                     HEAD + b"\x7f"):
            with self.assertRaises(ModelsError):
                dlib_reader.read_layers(data)


class Tflite(unittest.TestCase):
    def test_refuses_other_files(self):
        for data in (b"", b"junkjunkjunk", b"\xff\xff\xff\x7fTFL3" + b"\0" * 20):
            with self.assertRaises(ModelsError):
                tflite_reader.read_graph(data)


if __name__ == "__main__":
    unittest.main()
