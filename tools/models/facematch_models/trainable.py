"""The layers of nets that are trained here: each can draw its weights anew.

As in layers.py, sizes are plain attributes in place of PyTorch's own layers, so that an archive is
spelled the same in every process. initialize() goes into the archive, and the library calls it for
fresh weights. They come from PyTorch's default generator, evenly distributed: PyTorch's normal
distribution differs in the last bits from processor to processor.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Group(nn.Module):
    """A module that is made of others."""

    @torch.jit.export
    def initialize(self) -> None:
        """Draw all weights anew."""
        for part in self.children():
            part.initialize()


class Chain(nn.Sequential):
    """Modules one behind the other."""

    def forward(self, x: Tensor) -> Tensor:
        for part in self:
            x = part(x)
        return x

    @torch.jit.export
    def initialize(self) -> None:
        for part in self:
            part.initialize()


class Conv(nn.Module):
    """A 2-D convolution; kernel and padding are (rows, columns)."""

    def __init__(self, width_in: int, width_out: int, kernel: tuple[int, int], stride: int = 1,
                 padding: tuple[int, int] = (0, 0), bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width_out, width_in, kernel[0], kernel[1]))
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None
        self.stride = stride
        self.padding_rows = padding[0]
        self.padding_columns = padding[1]
        self.bound = math.sqrt(6 / (width_in * kernel[0] * kernel[1]))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, [self.stride, self.stride],
                        [self.padding_rows, self.padding_columns])

    @torch.jit.export
    def initialize(self) -> None:
        """He et al. 2015, for the ReLU behind it."""
        with torch.no_grad():
            self.weight.uniform_(-self.bound, self.bound)
            bias = self.bias
            if bias is not None:
                bias.zero_()


class LocallyConnected2d(nn.Module):
    """A convolution without padding whose weights are not shared: each place has its own.

    weight [rows * columns, kernel * kernel * inputs, outputs], places row by row and what goes into
    one by row, column, channel; bias [outputs, rows, columns].
    """

    def __init__(self, width_in: int, width_out: int, size_in: int, kernel: int, stride: int = 1):
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.size = (size_in - kernel) // stride + 1
        inputs = kernel * kernel * width_in
        self.weight = nn.Parameter(torch.zeros(self.size * self.size, inputs, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out, self.size, self.size))
        self.bound = math.sqrt(6 / inputs)

    def forward(self, x: Tensor) -> Tensor:
        n = x.size(0)
        x = x.permute(2, 3, 0, 1).contiguous()  # rows, columns, n, channels
        reach = (self.size - 1) * self.stride + 1
        seen: list[Tensor] = []  # by all places at once, for each cell of the kernel
        for row in range(self.kernel):
            for column in range(self.kernel):
                seen.append(x[row:row + reach:self.stride, column:column + reach:self.stride])
        # one product of matrices for each place
        patches = torch.stack(seen, 3).view(self.size * self.size, n, -1)
        y = torch.bmm(patches, self.weight)
        return y.permute(1, 2, 0).reshape(n, -1, self.size, self.size) + self.bias

    @torch.jit.export
    def initialize(self) -> None:
        """As a convolution at first: places then differ by what they are shown, not by chance."""
        with torch.no_grad():
            shared = torch.empty_like(self.weight[0]).uniform_(-self.bound, self.bound)
            self.weight.copy_(shared)  # one for all places
            self.bias.zero_()


class Dense(nn.Module):
    """A linear layer; `gain` is 2 before a ReLU (He et al. 2015), else 1."""

    def __init__(self, width_in: int, width_out: int, gain: float = 1, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width_out, width_in))
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None
        self.bound = math.sqrt(3 * gain / width_in)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    @torch.jit.export
    def initialize(self) -> None:
        with torch.no_grad():
            self.weight.uniform_(-self.bound, self.bound)
            bias = self.bias
            if bias is not None:
                bias.zero_()


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the second, in training mode by the batch."""

    def __init__(self, width: int, eps: float = 1e-3):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                            self.training, 0.1, self.eps)

    @torch.jit.export
    def initialize(self) -> None:
        with torch.no_grad():
            self.weight.fill_(1.0)
            self.bias.zero_()
            self.running_mean.zero_()
            self.running_var.fill_(1.0)


class Unit(Group):
    """Convolution, batch normalisation, ReLU; names as facenet-pytorch has them."""

    def __init__(self, width_in: int, width_out: int, kernel: tuple[int, int], stride: int = 1,
                 padding: tuple[int, int] = (0, 0)):
        super().__init__()
        self.conv = Conv(width_in, width_out, kernel, stride, padding, bias=False)
        self.bn = BatchNorm(width_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def padded(width_in: int, width_out: int, kernel: int, stride: int = 1) -> Unit:
    """A square unit that keeps the size (of stride 1), by padding."""
    return Unit(width_in, width_out, (kernel, kernel), stride, (kernel // 2, kernel // 2))
