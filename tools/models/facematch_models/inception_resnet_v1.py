"""Inception-ResNet-v1 (Szegedy, Ioffe & Vanhoucke 2016) as facenet-pytorch has it, less its
classifier: the names of the layers and what they compute are that package's, so its published state
dictionaries fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .trainable import BatchNorm, Chain, Conv, Dense, Group, Unit

SIZE, DIM = 160, 512


def _one(width_in: int, width_out: int) -> Unit:
    return Unit(width_in, width_out, (1, 1))


def _three(width_in: int, width_out: int, stride: int = 1, padding: int = 0) -> Unit:
    return Unit(width_in, width_out, (3, 3), stride, (padding, padding))


class Block(Group):
    """Branches side by side, made as wide as the input, scaled and added to it."""

    def __init__(self, branches: tuple[int, int], width: int, scale: float, last: bool = False):
        super().__init__()
        self.conv2d = Conv(sum(branches), width, (1, 1))
        self.scale = scale
        self.last = last  # no ReLU behind it

    def add(self, x: Tensor, branches: list[Tensor]) -> Tensor:
        x = x + self.scale * self.conv2d(torch.cat(branches, 1))
        return x if self.last else F.relu(x)


class Block35(Block):
    """At 17x17 places and 256 channels; "35" is from the paper's larger input, as below."""

    def __init__(self) -> None:
        super().__init__((64, 32), 256, 0.17)
        self.branch0 = _one(256, 32)
        self.branch1 = Chain(_one(256, 32), _three(32, 32, padding=1))
        self.branch2 = Chain(_one(256, 32), _three(32, 32, padding=1), _three(32, 32, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.add(x, [self.branch0(x), self.branch1(x), self.branch2(x)])


class Block17(Block):
    """At 8x8 places and 896 channels."""

    def __init__(self) -> None:
        super().__init__((128, 128), 896, 0.1)
        self.branch0 = _one(896, 128)
        self.branch1 = Chain(_one(896, 128), Unit(128, 128, (1, 7), padding=(0, 3)),
                             Unit(128, 128, (7, 1), padding=(3, 0)))

    def forward(self, x: Tensor) -> Tensor:
        return self.add(x, [self.branch0(x), self.branch1(x)])


class Block8(Block):
    """At 3x3 places and 1792 channels."""

    def __init__(self, scale: float = 0.2, last: bool = False) -> None:
        super().__init__((192, 192), 1792, scale, last)
        self.branch0 = _one(1792, 192)
        self.branch1 = Chain(_one(1792, 192), Unit(192, 192, (1, 3), padding=(0, 1)),
                             Unit(192, 192, (3, 1), padding=(1, 0)))

    def forward(self, x: Tensor) -> Tensor:
        return self.add(x, [self.branch0(x), self.branch1(x)])


class Mixed6a(Group):
    """17x17 places to 8x8, 256 channels to 896."""

    def __init__(self) -> None:
        super().__init__()
        self.branch0 = _three(256, 384, stride=2)
        self.branch1 = Chain(_one(256, 192), _three(192, 192, padding=1), _three(192, 256, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), F.max_pool2d(x, 3, 2)], 1)


class Mixed7a(Group):
    """8x8 places to 3x3, 896 channels to 1792."""

    def __init__(self) -> None:
        super().__init__()
        self.branch0 = Chain(_one(896, 256), _three(256, 384, stride=2))
        self.branch1 = Chain(_one(896, 256), _three(256, 256, stride=2))
        self.branch2 = Chain(_one(896, 256), _three(256, 256, padding=1), _three(256, 256, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x),
                          F.max_pool2d(x, 3, 2)], 1)


class InceptionResnetV1(Group):
    """float32[n, 3, 160, 160], RGB, normalised, to float32[n, 512]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = _three(3, 32, stride=2)
        self.conv2d_2a = _three(32, 32)
        self.conv2d_2b = _three(32, 64, padding=1)
        self.conv2d_3b = _one(64, 80)
        self.conv2d_4a = _three(80, 192)
        self.conv2d_4b = _three(192, 256, stride=2)
        self.repeat_1 = Chain(*[Block35() for _ in range(5)])
        self.mixed_6a = Mixed6a()
        self.repeat_2 = Chain(*[Block17() for _ in range(10)])
        self.mixed_7a = Mixed7a()
        self.repeat_3 = Chain(*[Block8() for _ in range(5)])
        self.block8 = Block8(1.0, last=True)
        self.last_linear = Dense(1792, DIM, bias=False)
        self.last_bn = BatchNorm(DIM)
        self.dropout = 0.6

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(F.max_pool2d(x, 3, 2))))
        x = self.repeat_2(self.mixed_6a(self.repeat_1(x)))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        x = F.dropout(x.mean([2, 3]), self.dropout, self.training)
        return self.last_bn(self.last_linear(x))


def make() -> nn.Module:
    """The net with weights of 0."""
    return InceptionResnetV1()
