"""Between Python's values and the structs of the C interface. Nothing is cut short on the way: ctypes would take
2**32 + 1 for 1."""
from __future__ import annotations

import ctypes
import dataclasses
import enum
import functools
import operator
import os
import typing
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _abi
from ._library import call
from .errors import InvalidArgumentError

T = TypeVar("T")
S = TypeVar("S", bound=ctypes.Structure)
E = TypeVar("E", bound=enum.IntEnum)
Floats = NDArray[np.float32]

_RANGES = {ctypes.c_int32: (-2**31, 2**31 - 1), ctypes.c_uint32: (0, 2**32 - 1),
           ctypes.c_int64: (-2**63, 2**63 - 1), ctypes.c_uint64: (0, 2**64 - 1),
           ctypes.c_size_t: (0, ctypes.c_size_t(-1).value)}


def integer(value: Any, kind: Any, name: str) -> int:
    number = operator.index(value)
    low, high = _RANGES[kind]
    if not low <= number <= high:
        raise InvalidArgumentError(f"{name} is {number}, out of the range {low}..{high}")
    return number


def size(value: Any, name: str) -> int:
    return integer(value, ctypes.c_size_t, name)


def choice(kind: type[E], value: E | str | int, name: str) -> int:
    """An enumerator, its name in any case, or its number; the library judges numbers."""
    if isinstance(value, str) and (found := kind.__members__.get(value.upper().replace("-", "_"))) is not None:
        return found
    if isinstance(value, (str, bool)):  # True would be the number 1, whatever that is here
        known = ", ".join(member.name.lower() for member in kind)
        raise InvalidArgumentError(f"{name} is {value!r}, none of {known}")
    return integer(value, ctypes.c_int32, name)


def text(value: str, name: str) -> bytes:
    """UTF-8; what is not goes on as it is, for the library to refuse."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is of type {type(value).__name__}, not str")
    return _without_nul(value.encode("utf-8", "surrogatepass"), name)


def optional_text(value: str | None, name: str) -> bytes | None:
    return None if value is None else text(value, name)


def path_bytes(value: str | os.PathLike[str], name: str = "path") -> bytes:
    return _without_nul(os.fsencode(value), name)


def _without_nul(value: bytes, name: str) -> bytes:
    if b"\0" in value:
        raise InvalidArgumentError(f"{name} contains a NUL character")
    return value


def sized(kind: type[S]) -> S:
    """A struct for the library to write."""
    made = kind()
    made.struct_size = ctypes.sizeof(kind)
    return made


def options(kind: type[S], **values: Any) -> S:
    """Options with defaults; None leaves one as it is."""
    made = kind()
    call(f"{kind.__name__}_init", ctypes.byref(made), ctypes.sizeof(kind))
    fill(made, **values)
    return made


# Where 0 is a number like others. Elsewhere the library takes it for its default, which nobody means who writes 0.
_ZERO_COUNTS = {"aligned", "another_score", "extrapolate", "failures", "flip", "fresh", "head_dim", "index", "itself_score",
                "live_score", "off", "overwrite", "quality", "same_score", "seed", "spoof_score", "threshold",
                "weight_decay"}


def fill(struct: ctypes.Structure, **values: Any) -> None:
    kinds = dict(typing.cast("list[tuple[str, Any]]", struct._fields_))
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, bool) and name not in _ZERO_COUNTS and value == 0:
            raise InvalidArgumentError(f"{name} is 0, which would be its default: leave it out for that")
        if kinds[name] in _RANGES:
            value = integer(value, kinds[name], name)
        elif kinds[name] in (ctypes.c_float, ctypes.c_double):
            value = float(value)
        setattr(struct, name, value)


@functools.lru_cache(maxsize=None)
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)
            if field.metadata.get("of_struct", True)}


def read(kind: type[T], struct: Any, **more: Any) -> T:
    """A dataclass from the fields of the same names; `more` are those that the struct has not."""
    values = {name: _value(hint, getattr(struct, name)) for name, hint in _hints(typing.cast(Any, kind)).items() if name not in more}
    return kind(**values, **more)


def _value(hint: Any, raw: Any) -> Any:
    if hint is str:
        return (raw or b"").decode("utf-8", "replace")
    if hint is bool:
        return bool(raw)
    if isinstance(hint, type) and issubclass(hint, enum.IntEnum):
        return hint(raw) if raw in hint._value2member_map_ else raw
    if dataclasses.is_dataclass(hint):
        return hint._of(raw) if hasattr(hint, "_of") else read(typing.cast("type[Any]", hint), raw)
    return raw


def vector(values: ArrayLike, name: str) -> Floats:
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 1:
        raise InvalidArgumentError(f"{name} has shape {array.shape}, not (dim,)")
    return array


def rows(values: ArrayLike, name: str) -> Floats:
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 2:
        raise InvalidArgumentError(f"{name} has shape {array.shape}, not (n, dim)")
    return array


def pointer(array: NDArray[Any], kind: Any) -> Any:
    """To the first element; keeps the array alive."""
    return array.ctypes.data_as(ctypes.POINTER(kind))


def floats(array: Floats) -> Any:
    return pointer(array, ctypes.c_float)
