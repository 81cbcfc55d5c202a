"""Which library this is."""
from __future__ import annotations

import ctypes

from . import _abi
from ._convert import read, sized
from ._library import call
from .errors import attempt
from .results import BuildInfo


def version() -> str:
    """"MAJOR.MINOR.PATCH" of the library that was loaded."""
    text: bytes = call("fm_version")
    return text.decode()


def build_info() -> BuildInfo:
    info = sized(_abi.fm_build_info)
    attempt("fm_build_info_get", ctypes.byref(info))
    return read(BuildInfo, info)
