"""The MobileFaceNet of the TensorFlow Lite file as a PyTorch module.

Differences to the file, none of which changes what it computes:

- the file spells PReLU as relu(x) + c * (x - |x|); as a PReLU the slope is 2c;
- TensorFlow's 'SAME' padding of a 3x3 convolution of stride 2 on an even size adds nothing before
  and one row and column after. Here the kernel stands in a 4x4 kernel whose first row and column
  are zero, with one row and column of padding on every side: the same sums, and no padding step;
- a pointwise convolution that feeds only another one, without an activation between, is multiplied
  into it (it happens after the first depthwise layer, and at the end).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from .errors import ModelsError
from .layers import Conv, set_values
from .tflite_reader import Graph, Operator, read_graph

DIM = 192
STEM_WIDTH = 64
HEAD_WIDTH = 512
# (channels in, inner channels, channels out, stride) of the bottlenecks, input to output.
# Where in and out agree and the stride is 1, the input is added to the output.
BOTTLENECKS = (
    [(64, 128, 64, 2)] + [(64, 128, 64, 1)] * 4
    + [(64, 256, 128, 2)] + [(128, 256, 128, 1)] * 6
    + [(128, 512, 128, 2)] + [(128, 256, 128, 1)] * 2
)
_PRELU = ["RELU", "ABS", "SUB", "MUL", "ADD"]


def same_conv(width_in: int, width_out: int, stride: int, groups: int = 1) -> Conv:
    """A 3x3 convolution with TensorFlow's 'SAME' padding on an even size."""
    return Conv(width_in, width_out, 4 if stride == 2 else 3, stride, padding=1, groups=groups)


class Bottleneck(nn.Module):
    """Widen, filter every channel by itself, narrow."""

    def __init__(self, width_in: int, width: int, width_out: int, stride: int):
        super().__init__()
        self.expand = Conv(width_in, width, 1)
        self.expand_act = nn.PReLU(width)
        self.depthwise = same_conv(width, width, stride, groups=width)
        self.depthwise_act = nn.PReLU(width)
        self.project = Conv(width, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand(x))
        y = self.depthwise_act(self.depthwise(y))
        return self.project(y)


class ResidualBottleneck(Bottleneck):
    """A bottleneck around a shortcut."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand(x))
        y = self.depthwise_act(self.depthwise(y))
        return self.project(y) + x


class MobileFaceNet(nn.Module):
    """float32[n, 3, 112, 112], RGB, normalised, to float32[n, 192]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = same_conv(3, STEM_WIDTH, 2)
        self.stem_act = nn.PReLU(STEM_WIDTH)
        self.stem_depthwise = same_conv(STEM_WIDTH, STEM_WIDTH, 1, groups=STEM_WIDTH)
        self.stem_depthwise_act = nn.PReLU(STEM_WIDTH)
        self.blocks = nn.Sequential(*[_bottleneck(*sizes) for sizes in BOTTLENECKS])
        self.head = Conv(BOTTLENECKS[-1][2], HEAD_WIDTH, 1)
        self.head_act = nn.PReLU(HEAD_WIDTH)
        self.head_depthwise = Conv(HEAD_WIDTH, HEAD_WIDTH, 7, groups=HEAD_WIDTH)
        self.embedding = Conv(HEAD_WIDTH, DIM, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_act(self.stem(x))
        x = self.stem_depthwise_act(self.stem_depthwise(x))
        x = self.blocks(x)
        x = self.head_depthwise(self.head_act(self.head(x)))
        return self.embedding(x).flatten(1)


def _bottleneck(width_in: int, width: int, width_out: int, stride: int) -> Bottleneck:
    residual = stride == 1 and width_in == width_out
    kind = ResidualBottleneck if residual else Bottleneck
    return kind(width_in, width, width_out, stride)


@dataclass
class Step:
    """One convolution of the file with what follows it."""

    weight: np.ndarray  # [out, in, rows, columns], as PyTorch wants it
    bias: np.ndarray
    stride: int
    same_padding: bool
    depthwise: bool
    slope: np.ndarray | None = None
    adds_shortcut: bool = False


def load(weights: dict[str, bytes]) -> MobileFaceNet:
    """The module with the weights of the one file in `weights`."""
    (data,) = weights.values()
    return from_steps(read_steps(read_graph(data)))


def read_steps(graph: Graph) -> list[Step]:
    """The file's operators as a chain of convolutions; refuses anything else."""
    steps: list[Step] = []
    queue = list(graph.operators)
    current = graph.inputs[0]
    starts: list[int] = []  # number of the tensor that went into each convolution
    while queue:
        kinds = [operator.kind for operator in queue[:5]]
        if kinds[0] in ("CONV_2D", "DEPTHWISE_CONV_2D") and queue[0].inputs[0] == current:
            starts.append(current)
            steps.append(_convolution(queue[0], graph.constants))
            used = 1
        elif kinds == _PRELU and _is_prelu(queue[:5], current) and steps:
            steps[-1].slope = 2 * graph.constants[queue[3].inputs[0]]
            used = 5
        elif kinds[0] == "ADD" and queue[0].inputs == [current, starts[-3]]:
            steps[-1].adds_shortcut = True
            used = 1
        elif kinds == ["RESHAPE"]:
            used = 1
        else:
            raise ModelsError(f"TensorFlow Lite file: {kinds[0]} where MobileFaceNet has none")
        current = queue[used - 1].outputs[0]
        del queue[:used]
    return steps


def _convolution(operator: Operator, constants: dict[int, np.ndarray]) -> Step:
    weight, bias = constants[operator.inputs[1]], constants[operator.inputs[2]]
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    # TensorFlow Lite: [out, rows, columns, in], depthwise [1, rows, columns, channels]
    weight = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
    return Step(weight, bias, operator.stride, operator.same_padding, depthwise)


def _is_prelu(operators: list[Operator], x: int) -> bool:
    """relu(x) + c * (x - |x|), wired exactly so."""
    relu, absolute, minus, times, plus = operators
    return (relu.inputs == [x] and absolute.inputs == [x]
            and minus.inputs == [x, absolute.outputs[0]]
            and times.inputs[1:] == minus.outputs
            and plus.inputs == [relu.outputs[0], times.outputs[0]])


def from_steps(steps: list[Step]) -> MobileFaceNet:
    """Fill the module from the chain of convolutions."""
    steps = _merge_pointwise(steps)
    net = MobileFaceNet()
    places: list[tuple[Conv, nn.PReLU | None, bool]] = [
        (net.stem, net.stem_act, False),
        (net.stem_depthwise, net.stem_depthwise_act, False)]
    for block in net.blocks:
        places += [(block.expand, block.expand_act, False),
                   (block.depthwise, block.depthwise_act, False),
                   (block.project, None, isinstance(block, ResidualBottleneck))]
    places += [(net.head, net.head_act, False), (net.head_depthwise, None, False),
               (net.embedding, None, False)]
    if len(places) != len(steps):
        raise ModelsError(f"TensorFlow Lite file: {len(steps)} convolutions, not {len(places)}")
    for (layer, activation, shortcut), step in zip(places, steps):
        if (activation is None) != (step.slope is None) or shortcut != step.adds_shortcut:
            raise ModelsError("TensorFlow Lite file: not wired like MobileFaceNet")
        _fill(layer, step)
        if activation is not None:
            set_values(activation.weight, step.slope.reshape(-1))
    return net.eval()


def _merge_pointwise(steps: list[Step]) -> list[Step]:
    """Multiply neighbouring 1x1 convolutions with nothing between them into one (in float64)."""
    merged: list[Step] = []
    for index, step in enumerate(steps):
        before = merged[-1] if merged else None
        if (before is not None and _is_pointwise(before) and _is_pointwise(step)
                and before.slope is None and not before.adds_shortcut
                # what goes into a bottleneck with a shortcut is needed a second time
                and not _starts_shortcut(steps, index)):
            a, b = before.weight[:, :, 0, 0], step.weight[:, :, 0, 0]
            bias = product(b, before.bias[:, None])[:, 0] + step.bias
            merged[-1] = Step(product(b, a)[:, :, None, None], bias, 1, True, False,
                              step.slope, step.adds_shortcut)
        else:
            merged.append(step)
    return merged


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The matrix product in float64, added up in one fixed order.

    A BLAS adds in an order of its own, so that the last bit, and with it the model id, would depend
    on the machine.
    """
    result = np.zeros((left.shape[0], right.shape[1]))
    for column, row in zip(left.T.astype(np.float64), right.astype(np.float64)):
        result += column[:, None] * row[None, :]
    return result


def _starts_shortcut(steps: list[Step], index: int) -> bool:
    """Is the input of steps[index] added to the output of the third convolution from there?"""
    return index + 2 < len(steps) and steps[index + 2].adds_shortcut


def _is_pointwise(step: Step) -> bool:
    return not step.depthwise and step.weight.shape[2:] == (1, 1) and step.stride == 1


def _fill(layer: Conv, step: Step) -> None:
    """Copy a convolution's numbers into the layer, in the layer's form."""
    weight = step.weight
    size = weight.shape[2]
    padded = step.same_padding and size > 1  # a pointwise convolution is the same with either
    if step.stride != layer.stride or padded != (layer.padding > 0):
        raise ModelsError("TensorFlow Lite file: a convolution with another stride or padding")
    if step.stride == 2 and size == 3:
        weight = np.pad(weight, [(0, 0), (0, 0), (1, 0), (1, 0)])
    if tuple(layer.weight.shape) != weight.shape:
        raise ModelsError(f"TensorFlow Lite file: weights of shape {list(weight.shape)}"
                          f" where MobileFaceNet has {list(layer.weight.shape)}")
    set_values(layer.weight, weight)
    set_values(layer.bias, step.bias)
