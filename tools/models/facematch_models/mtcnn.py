"""The three nets of MTCNN (weights of facenet-pytorch) in one module.

The contract of the archive: every net takes float32[n, 3, rows, columns], an ordinary upright crop
(x runs along the last axis), RGB, normalised, and gives one tensor. "Regression" is dx1, dy1, dx2,
dy2: how far the corners of the box move, in units of the box's width (x) and height (y).

Differences to the published nets, none of which changes what they compute:

- dense layers are convolutions over the whole map: one kind of kernel, and a fast one everywhere;
- the published nets turn the last map on its side before the dense layers, because the weights come
  from a framework that stores images column by column (the pictures themselves are not turned);
  here the weights are turned instead;
- the outputs of a net are one layer, and the softmax over (no face, face) is a sigmoid of the
  difference, which is already in the weights.
"""

from __future__ import annotations

import io
import pickle

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import ModelsError
from .layers import Conv


def _with_probability(x: Tensor) -> Tensor:
    """The first channel as a probability, the others as they are."""
    return torch.cat([torch.sigmoid(x[:, :1]), x[:, 1:]], 1)


def _pool(x: Tensor, size: int) -> Tensor:
    """The maximum of size x size cells, every second one; cells over the edge count."""
    return F.max_pool2d(x, size, 2, ceil_mode=True)


class PNet(nn.Module):
    """[n, 3, h, w], h and w at least 12, to [n, 5, rows, columns]: face probability, regression.

    Cell (row, column) looks at the 12x12 pixels whose corner is (2 * column, 2 * row).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv(3, 10, 3)
        self.prelu1 = nn.PReLU(10)
        self.conv2 = Conv(10, 16, 3)
        self.prelu2 = nn.PReLU(16)
        self.conv3 = Conv(16, 32, 3)
        self.prelu3 = nn.PReLU(32)
        self.out = Conv(32, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = _pool(self.prelu1(self.conv1(x)), 2)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return _with_probability(self.out(x))


class RNet(nn.Module):
    """[n, 3, 24, 24] to [n, 5]: face probability, regression."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv(3, 28, 3)
        self.prelu1 = nn.PReLU(28)
        self.conv2 = Conv(28, 48, 3)
        self.prelu2 = nn.PReLU(48)
        self.conv3 = Conv(48, 64, 2)
        self.prelu3 = nn.PReLU(64)
        self.dense4 = Conv(64, 128, 3)
        self.prelu4 = nn.PReLU(128)
        self.out = Conv(128, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = _pool(self.prelu1(self.conv1(x)), 3)
        x = _pool(self.prelu2(self.conv2(x)), 3)
        x = self.prelu3(self.conv3(x))
        x = self.prelu4(self.dense4(x))
        return _with_probability(self.out(x).flatten(1))


class ONet(nn.Module):
    """[n, 3, 48, 48] to [n, 15]: face probability, regression, 5 x and 5 y of the points.

    The points are fractions of the crop's box: 0 is its left (top) edge, 1 its right (bottom) one.
    Order: left eye, right eye, nose tip, left and right mouth corner, left as seen in the picture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv(3, 32, 3)
        self.prelu1 = nn.PReLU(32)
        self.conv2 = Conv(32, 64, 3)
        self.prelu2 = nn.PReLU(64)
        self.conv3 = Conv(64, 64, 3)
        self.prelu3 = nn.PReLU(64)
        self.conv4 = Conv(64, 128, 2)
        self.prelu4 = nn.PReLU(128)
        self.dense5 = Conv(128, 256, 3)
        self.prelu5 = nn.PReLU(256)
        self.out = Conv(256, 15, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = _pool(self.prelu1(self.conv1(x)), 3)
        x = _pool(self.prelu2(self.conv2(x)), 3)
        x = _pool(self.prelu3(self.conv3(x)), 2)
        x = self.prelu4(self.conv4(x))
        x = self.prelu5(self.dense5(x))
        return _with_probability(self.out(x).flatten(1))


class Mtcnn(nn.Module):
    """The three nets. They are called one by one; calling the whole runs the first."""

    def __init__(self) -> None:
        super().__init__()
        self.pnet = PNet()
        self.rnet = RNet()
        self.onet = ONet()

    def forward(self, x: Tensor) -> Tensor:
        return self.pnet(x)


def load(weights: dict[str, bytes]) -> Mtcnn:
    """The module with the weights of pnet.pt, rnet.pt and onet.pt."""
    net = Mtcnn()
    _fill(net.pnet, weights["pnet.pt"], ["conv4_1", "conv4_2"], None)
    _fill(net.rnet, weights["rnet.pt"], ["dense5_1", "dense5_2"], "dense4")
    _fill(net.onet, weights["onet.pt"], ["dense6_1", "dense6_2", "dense6_3"], "dense5")
    return net.eval()


def _fill(net: nn.Module, data: bytes, outputs: list[str], turned: str | None) -> None:
    """Take over a published state dictionary; `outputs` are its last layers, probability first."""
    try:
        state = dict(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
        if turned is not None:
            state[f"{turned}.weight"] = upright(state[f"{turned}.weight"])
        for kind in ("weight", "bias"):
            parts = [state.pop(f"{name}.{kind}") for name in outputs]
            state[f"out.{kind}"] = _join(parts)
        state["out.weight"] = state["out.weight"].reshape(net.out.weight.shape)
        net.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise ModelsError(f"unexpected content in the weights of {type(net).__name__}:"
                          f" {error}") from error


def _join(parts: list[Tensor]) -> Tensor:
    """One output layer of several; of the first, only face minus no face."""
    no_face, face = parts[0].double()
    return torch.cat([(face - no_face)[None].float(), *parts[1:]])


def upright(weight: Tensor) -> Tensor:
    """A dense layer over a map of 3x3 cells as a 3x3 convolution.

    Published with columns in (column, row, channel) order; wanted [out, channel, row, column].
    """
    return weight.view(weight.size(0), 3, 3, -1).permute(0, 3, 2, 1).contiguous()
