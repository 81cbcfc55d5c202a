"""Reads facenet-pytorch's published state dictionaries of Inception-ResNet-v1."""

from __future__ import annotations

import io
import pickle
from typing import Any

import torch
from torch import nn

from . import inception_resnet_v1
from .errors import ModelsError


def load(weights: dict[str, bytes]) -> nn.Module:
    """The module with the weights of the one file in `weights`; the classifier's are left out."""
    ((path, data),) = weights.items()
    net = inception_resnet_v1.make()
    try:
        # a state dictionary is a pickle, and so a program; this reader runs only what tensors need
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        net.load_state_dict(_relevant(state, path))
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, EOFError,
            pickle.UnpicklingError) as error:
        raise ModelsError(f"{path}: no state dictionary of facenet-pytorch's InceptionResnetV1:"
                          f" {error}") from error
    return net.eval()


def _relevant(state: Any, path: str) -> dict[str, Any]:
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor)
                                              for value in state.values()):
        raise ModelsError(f"{path}: no state dictionary: not a dictionary of tensors")
    return {name: value for name, value in state.items()
            if not name.startswith("logits.") and not name.endswith(".num_batches_tracked")}
