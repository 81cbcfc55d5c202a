"""FaceNet (Schroff, Kalenichenko & Philbin, CVPR 2015): the paper's net NN2 at 160x160 pixels.

An Inception trunk without auxiliary heads, and a linear layer in the classifier's place. Batch
normalisation (Ioffe & Szegedy 2015) stands behind each convolution; the paper's local response
normalisation, which it replaces, is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .trainable import Dense, Group, padded

SIZE, DIM = 160, 128


class Inception(Group):
    """Four branches side by side: 1x1; 1x1, 3x3; 1x1, 5x5; pool, 1x1.

    `pool` is "max" or "l2" (the root of the mean square over 3x3 places).
    """

    def __init__(self, width_in: int, one: int, three: tuple[int, int], five: tuple[int, int],
                 pool: str, pooled: int):
        super().__init__()
        self.one = padded(width_in, one, 1)
        self.three_in = padded(width_in, three[0], 1)
        self.three = padded(three[0], three[1], 3)
        self.five_in = padded(width_in, five[0], 1)
        self.five = padded(five[0], five[1], 5)
        self.l2 = pool == "l2"
        self.pooled = padded(width_in, pooled, 1)
        self.width = one + three[1] + five[1] + pooled

    def forward(self, x: Tensor) -> Tensor:
        if self.l2:
            pool = torch.sqrt(F.avg_pool2d(x * x, 3, 1, 1) + 1e-6)
        else:
            pool = F.max_pool2d(x, 3, 1, 1)
        return torch.cat([self.one(x), self.three(self.three_in(x)), self.five(self.five_in(x)),
                          self.pooled(pool)], 1)


class Reduction(Group):
    """An Inception module that halves rows and columns; it has no 1x1 branch, and its pool stays."""

    def __init__(self, width_in: int, three: tuple[int, int], five: tuple[int, int]):
        super().__init__()
        self.three_in = padded(width_in, three[0], 1)
        self.three = padded(three[0], three[1], 3, stride=2)
        self.five_in = padded(width_in, five[0], 1)
        self.five = padded(five[0], five[1], 5, stride=2)
        self.width = three[1] + five[1] + width_in

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.three(self.three_in(x)), self.five(self.five_in(x)),
                          F.max_pool2d(x, 3, 2, 1)], 1)


class FaceNet(Group):
    """float32[n, 3, 160, 160], RGB, normalised, to float32[n, 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = padded(3, 64, 7, stride=2)
        self.conv2 = padded(64, 64, 1)
        self.conv3 = padded(64, 192, 3)
        self.i3a = Inception(192, 64, (96, 128), (16, 32), "max", 32)
        self.i3b = Inception(self.i3a.width, 64, (96, 128), (32, 64), "l2", 64)
        self.i3c = Reduction(self.i3b.width, (128, 256), (32, 64))
        self.i4a = Inception(self.i3c.width, 256, (96, 192), (32, 64), "l2", 128)
        self.i4b = Inception(self.i4a.width, 224, (112, 224), (32, 64), "l2", 128)
        self.i4c = Inception(self.i4b.width, 192, (128, 256), (32, 64), "l2", 128)
        self.i4d = Inception(self.i4c.width, 160, (144, 288), (32, 64), "l2", 128)
        self.i4e = Reduction(self.i4d.width, (160, 256), (64, 128))
        self.i5a = Inception(self.i4e.width, 384, (192, 384), (48, 128), "l2", 128)
        self.i5b = Inception(self.i5a.width, 384, (192, 384), (48, 128), "max", 128)
        self.embedding = Dense(self.i5b.width, DIM)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, 1)
        x = self.i3c(self.i3b(self.i3a(x)))
        x = self.i4e(self.i4d(self.i4c(self.i4b(self.i4a(x)))))
        x = self.i5b(self.i5a(x))
        return self.embedding(x.mean([2, 3]))


def make() -> nn.Module:
    """The net with weights of 0."""
    return FaceNet()
