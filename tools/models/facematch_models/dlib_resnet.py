"""dlib's face recognition ResNet (29 convolutions, metric loss) as a PyTorch module.

dlib keeps an affine layer after every convolution; both are linear, so they are folded into one
convolution with a bias. dlib adds tensors of different sizes by filling the smaller one with zeros
at the end of the rows, columns and channels. That is done here by convolutions with fixed weights
of 0 and 1, which is exact and keeps the whole net in the one layout that oneDNN works in; a padding
step would leave it and come back. For the same reason the last linear map is a 1x1 convolution.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .dlib_reader import Layer, read_layers
from .errors import ModelsError
from .layers import Conv, set_values

STEM_WIDTH = 32
DIM = 128
# (channels in, channels out, down block?) of the residual blocks, input to output
BLOCKS = (
    [(32, 32, False)] * 3
    + [(32, 64, True)] + [(64, 64, False)] * 3
    + [(64, 128, True)] + [(128, 128, False)] * 2
    + [(128, 256, True)] + [(256, 256, False)] * 2
    + [(256, 256, True)]
)
FEATURES = BLOCKS[-1][1]


class Block(nn.Module):
    """Two convolutions around a plain shortcut."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = Conv(width, width, 3, padding=1)
        self.conv2 = Conv(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        return F.relu(y + x)


class Widen(nn.Module):
    """Adds channels of zeros at the end."""

    def __init__(self, width_in: int, width_out: int):
        super().__init__()
        self.register_buffer("weight", torch.eye(width_out, width_in)[:, :, None, None].clone())

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight)


class Grow(nn.Module):
    """Adds one row and one column of zeros at the end.

    With padding 1 a 2x2 kernel sees position (i, j) at its last place, or zeros beyond the end.
    """

    def __init__(self, width: int):
        super().__init__()
        weight = torch.zeros(width, 1, 2, 2)
        weight[:, :, 1, 1] = 1
        self.register_buffer("weight", weight)
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=1, groups=self.width)


class DownBlock(nn.Module):
    """Halves rows and columns; the shortcut is an average pool.

    An unpadded 3x3 convolution of stride 2 gives (n-1)//2 rows, the 2x2 pool n//2: one more when n
    is even. So the map's size at this place decides which side is filled.
    """

    def __init__(self, width_in: int, width_out: int, size_in: int):
        super().__init__()
        self.conv1 = Conv(width_in, width_out, 3, stride=2)
        # on a map of one pixel a padded 3x3 kernel meets it with its centre only
        single = (size_in - 1) // 2 == 1
        self.conv2 = Conv(width_out, width_out, 1 if single else 3, padding=0 if single else 1)
        self.grow = nn.Identity() if size_in % 2 else Grow(width_out)
        self.widen = nn.Identity() if width_in == width_out else Widen(width_in, width_out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.grow(self.conv2(F.relu(self.conv1(x))))
        return F.relu(y + self.widen(F.avg_pool2d(x, 2)))


class DlibResNet(nn.Module):
    """float32[n, 3, 150, 150], RGB, normalised, to float32[n, 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, STEM_WIDTH, 7, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.fc = Conv(FEATURES, DIM, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # dlib takes the maximum after the relu: the same, over four times as many values
        x = F.relu(F.max_pool2d(self.stem(x), 3, 2))
        x = self.blocks(x)
        # the map is 2x2 here: the mean of all of it
        return self.fc(F.avg_pool2d(x, 2)).flatten(1)


def _blocks() -> list[nn.Module]:
    """The residual blocks, each made for the size of the map that reaches it."""
    size = 35  # 150 after the stem: (150 - 7) // 2 + 1 = 72, pooled (72 - 3) // 2 + 1 = 35
    blocks: list[nn.Module] = []
    for width_in, width_out, down in BLOCKS:
        blocks.append(DownBlock(width_in, width_out, size) if down else Block(width_out))
        if down:
            size //= 2
    return blocks


def load(weights: dict[str, bytes]) -> DlibResNet:
    """The module with the weights of the one file in `weights`."""
    (data,) = weights.values()
    return from_layers(read_layers(data))


def from_layers(layers: list[Layer]) -> DlibResNet:
    """Fill the module from dlib's layers in the order of the file."""
    weighted = [layer for layer in layers if layer.values.size]
    net = DlibResNet()
    convolutions = [net.stem]
    for block in net.blocks:
        convolutions += [block.conv1, block.conv2]
    expected = ["con_4", "affine_"] * len(convolutions) + ["fc_2"]
    if [layer.name for layer in weighted] != expected:
        raise ModelsError("dlib file does not hold the face recognition ResNet: other layers")
    for index, convolution in enumerate(convolutions):
        _fold(convolution, weighted[2 * index].values, weighted[2 * index + 1].values)
    # dlib keeps the linear map input-major
    matrix = _part(weighted[-1].values, 0, FEATURES * DIM, whole=True)
    set_values(net.fc.weight, matrix.reshape(FEATURES, DIM).T[:, :, None, None])
    return net.eval()


def _fold(convolution: Conv, values: np.ndarray, affine: np.ndarray) -> None:
    """convolution, then gamma * y + beta, as one convolution; in float64, rounded once."""
    width, width_in, kernel, _ = convolution.weight.shape
    published = max(kernel, 3)  # where a 1x1 kernel does here, dlib has 3x3
    count = width * width_in * published ** 2
    weight = _part(values, 0, count).astype(np.float64)
    bias = _part(values, count, width, whole=True).astype(np.float64)
    gamma = _part(affine, 0, width).astype(np.float64)
    beta = _part(affine, width, width, whole=True).astype(np.float64)
    weight = weight.reshape(width, -1, published, published) * gamma[:, None, None, None]
    if kernel == 1:
        weight = weight[:, :, 1:2, 1:2]
    set_values(convolution.weight, weight)
    set_values(convolution.bias, gamma * bias + beta)


def _part(values: np.ndarray, start: int, count: int, whole: bool = False) -> np.ndarray:
    """values[start:start+count]; with `whole`, the values must end there."""
    if values.size < start + count or (whole and values.size != start + count):
        raise ModelsError(f"dlib file: a layer holds {values.size} values, not {start + count}")
    return values[start:start + count]
