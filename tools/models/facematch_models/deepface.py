"""DeepFace (Taigman, Yang, Ranzato & Wolf, CVPR 2014), up to the features of F7.

The paper's F8, the classifier, is the softmax loss's own layer and dropped after training. No layer
is padded, as the paper's sizes say: 152 -> 142 -> 71 -> 63 -> 55 -> 25 -> 21. M2 alone pools, its
last cells over the edge.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .trainable import Conv, Dense, Group, LocallyConnected2d

SIZE, DIM = 152, 4096
WIDTHS = (32, 16, 16, 16, 16)  # filters of C1, C3, L4, L5, L6


def divided(x: Tensor, largest: Tensor) -> Tensor:
    """Each feature by its largest value in training; one that was never above 0 stays."""
    return x / torch.where(largest > 0, largest, torch.ones_like(largest))


class DeepFace(Group):
    """float32[n, 3, size, size], RGB, normalised, to float32[n, dim], none below 0."""

    def __init__(self, size: int = SIZE, widths: tuple[int, ...] = WIDTHS,
                 kernels: tuple[int, ...] = (11, 9, 9, 7, 5), dim: int = DIM, dropout: float = 0.5):
        super().__init__()
        self.c1 = Conv(3, widths[0], (kernels[0], kernels[0]))
        size = -(-(size - kernels[0] + 1 - 3) // 2) + 1  # of M2, rounded up
        self.c3 = Conv(widths[0], widths[1], (kernels[1], kernels[1]))
        size -= kernels[1] - 1
        self.l4 = LocallyConnected2d(widths[1], widths[2], size, kernels[2])
        self.l5 = LocallyConnected2d(widths[2], widths[3], self.l4.size, kernels[3], stride=2)
        self.l6 = LocallyConnected2d(widths[3], widths[4], self.l5.size, kernels[4])
        self.f7 = Dense(widths[4] * self.l6.size ** 2, dim, gain=2)
        self.dropout = dropout
        self.register_buffer("feature_max", torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.c1(x)), 3, 2, ceil_mode=True)
        x = F.relu(self.c3(x))
        x = F.relu(self.l6(F.relu(self.l5(F.relu(self.l4(x))))))
        x = F.relu(self.f7(x.flatten(1)))
        return F.dropout(x, self.dropout, True) if self.training else divided(x, self.feature_max)

    @torch.jit.export
    def initialize(self) -> None:
        """Draw all weights anew."""
        for part in self.children():
            part.initialize()
        self.feature_max.fill_(1.0)


def make() -> nn.Module:
    """The net with weights of 0."""
    return DeepFace()
