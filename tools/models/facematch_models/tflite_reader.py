"""Reads operators and constants out of a TensorFlow Lite flatbuffer (with PyPI `tflite`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from .errors import ModelsError


@dataclass
class Operator:
    """One operator: its kind, its input and output tensor numbers, and the options that matter."""

    kind: str
    inputs: list[int]
    outputs: list[int]
    stride: int = 1
    same_padding: bool = True


@dataclass
class Graph:
    """The operators in order of execution and the float32 constants by tensor number."""

    operators: list[Operator]
    constants: dict[int, np.ndarray]
    inputs: list[int]
    outputs: list[int]


def read_graph(data: bytes) -> Graph:
    """The first subgraph of a .tflite file."""
    tflite = _import_tflite()
    if data[4:8] != b"TFL3":
        raise ModelsError("not a TensorFlow Lite file")
    try:
        model = tflite.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        kinds = {value: name for name, value in vars(tflite.BuiltinOperator).items()
                 if isinstance(value, int)}
        operators = [_operator(tflite, model, graph.Operators(i), kinds)
                     for i in range(graph.OperatorsLength())]
        return Graph(operators, _constants(tflite, model, graph),
                     [graph.Inputs(i) for i in range(graph.InputsLength())],
                     [graph.Outputs(i) for i in range(graph.OutputsLength())])
    except (struct.error, IndexError, AttributeError, ValueError) as error:
        raise ModelsError(f"broken TensorFlow Lite file: {error}") from error


def _import_tflite():
    try:
        import tflite
    except ImportError as error:
        raise ModelsError("reading a .tflite file needs the Python packages tflite and flatbuffers:"
                          " python3 -m pip install -r tools/models/requirements.txt") from error
    return tflite


def _operator(tflite, model, item, kinds: dict[int, str]) -> Operator:
    code = model.OperatorCodes(item.OpcodeIndex())
    # files written before schema 3a keep the number in the deprecated 8-bit field only
    kind = kinds.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "?")
    result = Operator(kind, [item.Inputs(i) for i in range(item.InputsLength())],
                      [item.Outputs(i) for i in range(item.OutputsLength())])
    options = {"CONV_2D": tflite.Conv2DOptions,
               "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions}.get(kind)
    if options is not None:
        table = item.BuiltinOptions()
        options = options()
        options.Init(table.Bytes, table.Pos)
        if (options.StrideW() != options.StrideH() or options.FusedActivationFunction() != 0
                or options.DilationHFactor() != 1 or options.DilationWFactor() != 1):
            raise ModelsError("TensorFlow Lite file: a convolution with options not known here")
        result.stride = options.StrideH()
        result.same_padding = options.Padding() == tflite.Padding.SAME
    return result


def _constants(tflite, model, graph) -> dict[int, np.ndarray]:
    constants = {}
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        buffer = model.Buffers(tensor.Buffer())
        if tensor.Type() != tflite.TensorType.FLOAT32 or buffer.DataLength() == 0:
            continue
        shape = [tensor.Shape(i) for i in range(tensor.ShapeLength())]
        constants[number] = np.frombuffer(buffer.DataAsNumpy().tobytes(), "<f4").reshape(shape)
    return constants
