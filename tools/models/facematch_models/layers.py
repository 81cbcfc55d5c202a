"""The convolution that all nets here are made of.

torch.nn.Conv2d would do, but TorchScript writes the constants of PyTorch's own layers in the order
of a Python set, which changes from process to process, and with it the archive and the model id.
Here stride, padding and groups are plain attributes: the archive has one class for all
convolutions, always spelled the same, and freezing makes constants of them just as well.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Module):
    """A square 2-D convolution; weights are zero until they are set."""

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int = 1,
                 padding: int = 0, groups: int = 1, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width_out, width_in // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None
        self.stride = stride
        self.padding = padding
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, [self.stride, self.stride],
                        [self.padding, self.padding], [1, 1], self.groups)


def set_values(parameter: nn.Parameter, values: np.ndarray) -> None:
    """Copy numbers into a parameter, as float32; the shapes must agree."""
    if tuple(parameter.shape) != values.shape:
        raise ValueError(f"values of shape {list(values.shape)} for {list(parameter.shape)}")
    with torch.no_grad():
        parameter.copy_(torch.tensor(np.asarray(values, dtype=np.float32)))
