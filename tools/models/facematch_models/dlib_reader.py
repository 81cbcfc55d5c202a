"""Reads the layers with weights out of dlib's serialised neural networks (``.dat``).

The format, as far as it is needed here:

- an integer is one control byte (bits 0-3: number of bytes that follow, bit 7: negative) and then
  its magnitude, least significant byte first;
- a flag is the character '0' or '1';
- a float is two integers, mantissa and exponent: mantissa * 2**exponent;
- a string is its length as an integer, then its bytes;
- a tensor is the integer 2 (its format version), four integers (samples, channels, rows, columns)
  and then raw little-endian float32 values.

A network is written from the inside out, so the layer next to the input comes first, whatever tags
and skips stand between. Every layer begins with its name. Between the weights of one layer and the
name of the next there is only bookkeeping made of integers, floats and flags; it is walked over
token by token, so anything unknown stops the reader instead of being misread.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .errors import ModelsError

_TENSOR_VERSION = 2
_MAX_TENSOR_VALUES = 1 << 26

# Layer names as dlib writes them, and how many integers stand between the name and the tensor.
_WEIGHTED = {b"con_4": 0, b"affine_": 0, b"fc_2": 2}
_PLAIN = (b"relu_", b"max_pool_2", b"avg_pool_2", b"add_prev_", b"input_rgb_image_sized")
_NAMES = tuple(_WEIGHTED) + _PLAIN


@dataclass
class Layer:
    """One layer: its name, the integers before its weights, and the weights as a flat array."""

    name: str
    sizes: list[int] = field(default_factory=list)
    values: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))


class Reader:
    """A position in the file's bytes, with one method per kind of value."""

    def __init__(self, data: bytes):
        self.data = data
        self.pos = 0

    def at_end(self) -> bool:
        return self.pos >= len(self.data)

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.data) - self.pos:
            raise ModelsError(f"dlib file ends early, at byte {len(self.data)}")
        self.pos += count
        return self.data[self.pos - count:self.pos]

    def integer(self) -> int:
        start = self.pos
        control = self.take(1)[0]
        size = control & 0x0F
        if control & 0x70 or not 1 <= size <= 8:
            raise ModelsError(f"dlib file: no integer at byte {start}")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & 0x80 else value

    def floating(self) -> float:
        mantissa = self.integer()
        return float(mantissa) * 2.0 ** self.integer()

    def string(self) -> bytes:
        return self.take(self.integer())

    def tensor(self) -> np.ndarray:
        start = self.pos
        if self.integer() != _TENSOR_VERSION:
            raise ModelsError(f"dlib file: no tensor of a known version at byte {start}")
        shape = [self.integer() for _ in range(4)]
        count = 1
        for size in shape:
            if size < 0 or size > _MAX_TENSOR_VALUES:
                raise ModelsError(f"dlib file: impossible tensor size {size} at byte {start}")
            count *= size
        if count > _MAX_TENSOR_VALUES:
            raise ModelsError(f"dlib file: tensor of {count} values at byte {start}")
        return np.frombuffer(self.take(4 * count), "<f4").reshape(shape)

    def name(self) -> bytes | None:
        """The layer name at this place, or None (and nothing is consumed)."""
        for name in _NAMES:
            token = bytes([1, len(name)]) + name
            if self.data.startswith(token, self.pos):
                self.pos += len(token)
                return name
        return None

    def skip_token(self) -> None:
        """Walk over one flag or integer."""
        if self.data[self.pos:self.pos + 1] in (b"0", b"1"):
            self.pos += 1
        else:
            self.integer()


def read_layers(data: bytes) -> list[Layer]:
    """All layers of a serialised network, from the input to the output."""
    reader = Reader(data)
    _skip_loss(reader)
    layers: list[Layer] = []
    while not reader.at_end():
        name = reader.name()
        if name is None:
            reader.skip_token()
            continue
        layer = Layer(name.decode("ascii"))
        if name in _WEIGHTED:
            layer.sizes = [reader.integer() for _ in range(_WEIGHTED[name])]
            layer.values = reader.tensor().reshape(-1)
        layers.append(layer)
    return layers


def _skip_loss(reader: Reader) -> None:
    """The file begins with the loss layer's version, name, margin and threshold."""
    reader.integer()
    name = reader.string()
    if not name.startswith(b"loss_metric_"):
        raise ModelsError("dlib file does not hold a network trained with the metric loss")
    reader.floating()
    reader.floating()
