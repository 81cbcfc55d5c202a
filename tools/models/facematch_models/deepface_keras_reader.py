"""Reads DeepFace's weights as Keras writes them: HDF5, one group for each layer.

Keras keeps pictures as [rows, columns, channels]. A convolution's kernel is [rows, columns, inputs,
outputs]; a locally connected layer's [places, rows * columns * inputs, outputs], as here, with a
bias for each place; a dense layer's [inputs, outputs], the inputs by row, column, channel. M2 is
padded to 'same' there, which at that size and stride adds one row and column at the end: what
rounding up does here.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from torch import nn

from . import deepface
from .errors import ModelsError
from .layers import set_values


def load(weights: dict[str, bytes]) -> nn.Module:
    """The module with the weights of the one file in `weights`; the classifier's are left out."""
    ((path, data),) = weights.items()
    return fill(deepface.DeepFace(), data, path)


def fill(net: deepface.DeepFace, data: bytes, path: str) -> deepface.DeepFace:
    """Copy the file's numbers into the net."""
    try:
        import h5py
    except ImportError as error:
        raise ModelsError("reading Keras' weights needs h5py (Debian: apt install python3-h5py;"
                          " or pip install h5py)") from error
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            top = file["model_weights"] if "model_weights" in file else file
            for name in ("C1", "C3", "L4", "L5", "L6", "F7"):
                _fill_layer(net, name, *(_values(h5py, top, name, kind, path)
                                         for kind in ("kernel", "bias")), path)
    except (OSError, RuntimeError) as error:
        raise ModelsError(f"{path}: not an HDF5 file that can be read: {error}") from error
    return net.eval()


def _values(h5py: Any, top: Any, layer: str, kind: str, path: str) -> np.ndarray:
    """The one data set of that kind in the layer's group, at whatever depth."""
    found: list[Any] = []
    group = top.get(layer)
    if isinstance(group, h5py.Group):
        group.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset)
                         and name.rsplit("/", 1)[-1].split(":")[0] == kind else None)
    if len(found) != 1:
        raise ModelsError(f"{path}: layer {layer} has {len(found)} data sets called {kind}, not 1:"
                          " are these DeepFace's weights?")
    return found[0]


def _fill_layer(net: deepface.DeepFace, name: str, kernel: Any, bias: Any, path: str) -> None:
    layer = getattr(net, name.lower())
    out = layer.weight.shape
    if name.startswith("C"):
        shapes = (out[2], out[3], out[1], out[0]), (out[0],)
    elif name.startswith("L"):
        shapes = tuple(out), (layer.size, layer.size, out[2])
    else:
        shapes = (out[1], out[0]), (out[0],)
    for kind, found, wanted in (("kernel", kernel, shapes[0]), ("bias", bias, shapes[1])):
        if tuple(found.shape) != tuple(wanted) or found.dtype.kind != "f":
            raise ModelsError(f"{path}: the {kind} of {name} is {found.dtype}{list(found.shape)},"
                              f" not float{list(wanted)}")
    weight, offset = np.asarray(kernel), np.asarray(bias)
    if name.startswith("C"):
        weight = weight.transpose(3, 2, 0, 1)
    elif name.startswith("L"):
        offset = offset.transpose(2, 0, 1)
    else:
        rows, channels = net.l6.size, net.l6.bias.shape[0]
        weight = weight.reshape(rows, rows, channels, -1).transpose(3, 2, 0, 1).reshape(tuple(out))
    set_values(layer.weight, weight)
    set_values(layer.bias, offset)
