"""DeepFace's layers at a size that trains on two cores in minutes.

So small a net on few photographs differs in two ways from the large one: batch normalisation stands
before each ReLU, and C3 takes every second place, so that little is left to the locally connected
layers, which see each of their weights once per photograph.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .deepface import divided
from .trainable import BatchNorm, Conv, Dense, Group, LocallyConnected2d

SIZE, DIM = 56, 512


class DeepFaceSmall(Group):
    """float32[n, 3, 56, 56], RGB, normalised, to float32[n, 512], none below 0."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.bn1 = Conv(3, 32, (7, 7), bias=False), BatchNorm(32)
        self.c3, self.bn3 = Conv(32, 32, (5, 5), stride=2, bias=False), BatchNorm(32)
        self.l4, self.bn4 = LocallyConnected2d(32, 32, 11, 3), BatchNorm(32)
        self.l5, self.bn5 = LocallyConnected2d(32, 16, 9, 3, stride=2), BatchNorm(16)
        self.l6, self.bn6 = LocallyConnected2d(16, 16, 4, 2), BatchNorm(16)
        self.f7, self.bn7 = Dense(16 * 3 * 3, DIM, gain=2, bias=False), BatchNorm(DIM)
        self.register_buffer("feature_max", torch.ones(DIM))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.c1(x))), 3, 2, ceil_mode=True)
        x = F.relu(self.bn3(self.c3(x)))
        x = F.relu(self.bn4(self.l4(x)))
        x = F.relu(self.bn5(self.l5(x)))
        x = F.relu(self.bn6(self.l6(x)))
        x = F.relu(self.bn7(self.f7(x.flatten(1))))
        return F.dropout(x, 0.5, True) if self.training else divided(x, self.feature_max)

    @torch.jit.export
    def initialize(self) -> None:
        """Draw all weights anew."""
        for part in self.children():
            part.initialize()
        self.feature_max.fill_(1.0)


def make() -> nn.Module:
    """The net with weights of 0."""
    return DeepFaceSmall()
