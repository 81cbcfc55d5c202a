"""FaceNet's ideas at a size that trains on two cores in minutes: three Inception modules.

Batch normalisation of the embedding keeps the embeddings of a batch apart from the first step on:
without it batch-hard mining draws them together before they mean anything.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .facenet import Inception, Reduction
from .trainable import BatchNorm, Dense, Group, padded

SIZE, DIM = 64, 128


class FaceNetSmall(Group):
    """float32[n, 3, 64, 64], RGB, normalised, to float32[n, 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = padded(3, 16, 5, stride=2)
        self.i3a = Inception(16, 16, (16, 32), (8, 16), "max", 16)
        self.i3b = Reduction(self.i3a.width, (24, 48), (8, 16))
        self.i4a = Inception(self.i3b.width, 32, (32, 64), (8, 16), "l2", 16)
        self.embedding = Dense(self.i4a.width * 4 * 4, DIM, bias=False)
        self.bn = BatchNorm(DIM)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        x = self.i4a(self.i3b(self.i3a(x)))
        # a mean over quarters of the rows and columns, not over all: so few channels do not say where
        return self.bn(self.embedding(F.avg_pool2d(x, 2).flatten(1)))


def make() -> nn.Module:
    """The net with weights of 0."""
    return FaceNetSmall()
