"""The two nets of MiniFASNet (weights of minivision-ai's Silent-Face-Anti-Spoofing) in one module.

Each takes float32[n, 3, 80, 80], BGR, 0..255, and gives float32[n, 3]: logits of three classes, of
which the second is "live". `close` sees 2.7 times the face's box, `wide` 4 times.

Both are the same chain of inverted bottlenecks; how wide each layer is, and which blocks weigh their
channels, is read from the state dictionaries. Differences to the published nets, none of which
changes what they compute:

- batch normalisation is multiplied into the convolution before it (in float64);
- behind the last activation everything is linear (a depthwise convolution over the whole map, two
  dense layers, two normalisations): it is one convolution over the whole map.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .errors import ModelsError
from .layers import Conv, set_values

FILES = {"close": "2.7_80x80_MiniFASNetV2.pth", "wide": "4_0_0_80x80_MiniFASNetV1SE.pth"}
CLASSES = 3
MAP = 5  # cells of the last map along each side
_EPSILON = 1e-5  # of PyTorch's normalisation layers
# published name, stride, how many blocks (1: without a shortcut)
_STAGES = [("conv_23", 2, 1), ("conv_3", 1, 4), ("conv_34", 2, 1), ("conv_4", 1, 6),
           ("conv_45", 2, 1), ("conv_5", 1, 2)]


class Bottleneck(nn.Module):
    """Widen, filter every channel by itself, narrow."""

    def __init__(self, width_in: int, width: int, width_out: int, stride: int):
        super().__init__()
        self.expand = Conv(width_in, width, 1)
        self.expand_act = nn.PReLU(width)
        self.depthwise = Conv(width, width, 3, stride, padding=1, groups=width)
        self.depthwise_act = nn.PReLU(width)
        self.project = Conv(width, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand(x))
        return self.project(self.depthwise_act(self.depthwise(y)))


class ResidualBottleneck(Bottleneck):
    """A bottleneck around a shortcut."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand(x))
        return self.project(self.depthwise_act(self.depthwise(y))) + x


class WeighingBottleneck(Bottleneck):
    """A bottleneck around a shortcut that weighs its channels by what the whole map shows."""

    def __init__(self, width_in: int, width: int, width_out: int, squeezed: int):
        super().__init__(width_in, width, width_out, 1)
        self.squeeze = Conv(width_out, squeezed, 1)
        self.excite = Conv(squeezed, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand(x))
        y = self.project(self.depthwise_act(self.depthwise(y)))
        weights = self.excite(torch.relu(self.squeeze(y.mean([2, 3], keepdim=True))))
        return y * torch.sigmoid(weights) + x


class MiniFasNet(nn.Module):
    """float32[n, 3, 80, 80] to float32[n, 3]."""

    def __init__(self, stem: int, blocks: list[nn.Module], last: int, head: int):
        super().__init__()
        self.stem = Conv(3, stem, 3, 2, padding=1)
        self.stem_act = nn.PReLU(stem)
        self.stem_depthwise = Conv(stem, stem, 3, padding=1, groups=stem)
        self.stem_depthwise_act = nn.PReLU(stem)
        self.blocks = nn.Sequential(*blocks)
        self.head = Conv(last, head, 1)
        self.head_act = nn.PReLU(head)
        self.out = Conv(head, CLASSES, MAP)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_act(self.stem(x))
        x = self.stem_depthwise_act(self.stem_depthwise(x))
        x = self.head_act(self.head(self.blocks(x)))
        return self.out(x).flatten(1)


class Both(nn.Module):
    """The two nets. They are called one by one; calling the whole runs the first."""

    def __init__(self, close: MiniFasNet, wide: MiniFasNet):
        super().__init__()
        self.close = close
        self.wide = wide

    def forward(self, x: Tensor) -> Tensor:
        return self.close(x)


class State:
    """A published state dictionary. Every number of it must be asked for."""

    def __init__(self, data: bytes):
        # a state dictionary is a pickle; weights_only runs none of what may stand in it
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        self._left = {name.split("module.", 1)[-1] if name.startswith("module.") else name:
                      value.numpy().astype(np.float64) for name, value in dict(state).items()
                      if not name.endswith(".num_batches_tracked")}

    def has(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self._left)

    def width(self, layer: str) -> int:
        """Output channels of a layer that is still to be taken."""
        return int(self._left[f"{layer}.weight"].shape[0])

    def take(self, name: str) -> np.ndarray:
        return self._left.pop(name)

    def norm(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A normalisation as scale and offset."""
        mean, variance = self.take(f"{name}.running_mean"), self.take(f"{name}.running_var")
        scale = self.take(f"{name}.weight") / np.sqrt(variance + _EPSILON)
        return scale, self.take(f"{name}.bias") - mean * scale

    def check_empty(self) -> None:
        if self._left:
            raise ValueError(f"layers that this net does not have: {', '.join(sorted(self._left)[:3])}")


def load(weights: dict[str, bytes]) -> Both:
    """The module with the weights of the two published files."""
    nets = {part: _net(weights[name], name) for part, name in FILES.items()}
    return Both(**nets).eval()


def _net(data: bytes, name: str) -> MiniFasNet:
    try:
        state = State(data)
        net = _empty(state)
        _fill(net, state)
        state.check_empty()
        return net
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError, EOFError, struct.error,
            pickle.UnpicklingError) as error:
        raise ModelsError(f"{name}: unexpected content: {error}") from error


def _block_names() -> list[tuple[str, int, bool]]:
    """(published name, stride, has a shortcut) of every bottleneck, input to output."""
    names = []
    for stage, stride, count in _STAGES:
        names += [(f"{stage}.model.{i}", stride, True) for i in range(count)] if count > 1 \
            else [(stage, stride, False)]
    return names


def _empty(state: State) -> MiniFasNet:
    stem = width_in = state.width("conv1.conv")
    blocks: list[nn.Module] = []
    for name, stride, shortcut in _block_names():
        width, width_out = state.width(f"{name}.conv.conv"), state.width(f"{name}.project.conv")
        if shortcut and state.has(f"{name}.se_module."):
            blocks.append(WeighingBottleneck(width_in, width, width_out,
                                             state.width(f"{name}.se_module.fc1")))
        elif shortcut:
            blocks.append(ResidualBottleneck(width_in, width, width_out, stride))
        else:
            blocks.append(Bottleneck(width_in, width, width_out, stride))
        width_in = width_out
    return MiniFasNet(stem, blocks, width_in, state.width("conv_6_sep.conv"))


def _fill(net: MiniFasNet, state: State) -> None:
    _fill_active(net.stem, net.stem_act, state, "conv1")
    _fill_active(net.stem_depthwise, net.stem_depthwise_act, state, "conv2_dw")
    for block, (name, _, _) in zip(net.blocks, _block_names()):
        _fill_active(block.expand, block.expand_act, state, f"{name}.conv")
        _fill_active(block.depthwise, block.depthwise_act, state, f"{name}.conv_dw")
        _fill_conv(block.project, state, f"{name}.project.conv", f"{name}.project.bn")
        if isinstance(block, WeighingBottleneck):
            inside = f"{name}.se_module"
            _fill_conv(block.squeeze, state, f"{inside}.fc1", f"{inside}.bn1")
            _fill_conv(block.excite, state, f"{inside}.fc2", f"{inside}.bn2")
    _fill_active(net.head, net.head_act, state, "conv_6_sep")
    _fill_out(net.out, state)


def _fill_active(layer: Conv, activation: Any, state: State, name: str) -> None:
    _fill_conv(layer, state, f"{name}.conv", f"{name}.bn")
    set_values(activation.weight, state.take(f"{name}.prelu.weight"))


def _fill_conv(layer: Conv, state: State, conv: str, norm: str) -> None:
    scale, offset = state.norm(norm)
    set_values(layer.weight, state.take(f"{conv}.weight") * scale[:, None, None, None])
    set_values(layer.bias, offset)


def _fill_out(layer: Conv, state: State) -> None:
    """Everything behind the last activation as one convolution."""
    kernel = state.take("conv_6_dw.conv.weight")[:, 0]
    scale, offset = state.norm("conv_6_dw.bn")
    dense = state.take("linear.weight")
    dense_scale, dense_offset = state.norm("bn")
    classes = state.take("prob.weight")
    whole = exact_product(classes * dense_scale, dense)
    bias = exact_product(whole, offset[:, None]) + exact_product(classes, dense_offset[:, None])
    set_values(layer.weight, whole[:, :, None, None] * (kernel * scale[:, None, None])[None])
    set_values(layer.bias, bias[:, 0])


def exact_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The matrix product with sums that are rounded once: the same on every machine."""
    return np.array([[math.fsum(row * column) for column in right.T] for row in left])
