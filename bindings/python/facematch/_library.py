"""Finding the shared library, and seeing that it is the one this package was made for."""
from __future__ import annotations

import ctypes
import os
from typing import Any

from . import _abi

SONAME = "libfacematch.so.0.1"


def _candidates() -> list[str]:
    """$FACEMATCH_LIBRARY alone if it is set; else the wheel's own, then the system's."""
    asked = os.environ.get("FACEMATCH_LIBRARY")
    if asked:
        return [asked]
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", SONAME)
    return [own, SONAME] if os.path.exists(own) else [SONAME]


def _load() -> tuple[ctypes.CDLL, str]:
    reasons = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path), path
        except OSError as error:
            reasons.append(str(error))
    raise ImportError(
        f"libfacematch cannot be loaded ({'; '.join(reasons)}). Install the package libfacematch0.1, or a wheel that "
        "carries the library together with Debian's libtorch1.13, or let FACEMATCH_LIBRARY name the file.")


def _declare(library: ctypes.CDLL, path: str) -> None:
    for name, (returns, takes) in _abi.FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(f"{path} has no {name}: it is not libfacematch, or older than this package") from None
        function.restype = returns
        function.argtypes = takes


def _check_version(library: ctypes.CDLL, path: str) -> None:
    try:
        function = library.fm_abi_version
    except AttributeError:
        raise ImportError(f"{path} is not libfacematch") from None
    function.restype = ctypes.c_int32
    function.argtypes = []
    found = function()
    if found != _abi.FM_ABI_VERSION:
        raise ImportError(f"{path} has version {found} of the binary interface, and this package was made for "
                          f"{_abi.FM_ABI_VERSION}: install the two together")


LIBRARY, PATH = _load()
_check_version(LIBRARY, PATH)
_declare(LIBRARY, PATH)


def call(name: str, *arguments: Any) -> Any:
    """A function that cannot fail."""
    return getattr(LIBRARY, name)(*arguments)
