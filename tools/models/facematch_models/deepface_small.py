"""DeepFace's layers at a size that trains on two cores in minutes."""

from __future__ import annotations

from torch import nn

from .deepface import DeepFace

SIZE, DIM = 48, 256


def make() -> nn.Module:
    """The net with weights of 0."""
    return DeepFace(SIZE, (16, 16, 16, 16, 16), (5, 3, 3, 5, 3), DIM, dropout=0.5)
