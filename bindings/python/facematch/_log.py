"""What the library has to say goes to logging.getLogger("facematch"), which is silent until a program sets it up."""
from __future__ import annotations

import atexit
import logging

from . import _abi
from ._library import call

logger = logging.getLogger("facematch")
logger.addHandler(logging.NullHandler())

_LEVELS = {_abi.FM_LOG_DEBUG: logging.DEBUG, _abi.FM_LOG_INFO: logging.INFO, _abi.FM_LOG_WARNING: logging.WARNING,
           _abi.FM_LOG_ERROR: logging.ERROR}


def _listen(_user: int | None, level: int, module: bytes, message: bytes) -> None:
    """On any thread, several at once."""
    try:
        name = module.decode("utf-8", "replace")
        logger.getChild(name).log(_LEVELS.get(level, logging.ERROR), "%s", message.decode("utf-8", "replace"))
    except Exception:  # a handler's own trouble is not the library's
        pass


_listener = _abi.fm_log_fn(_listen)  # for as long as the library may call it


def listen() -> None:
    call("fm_log_set", _listener, None, _abi.FM_LOG_DEBUG)
    # Nothing of Python may run while the interpreter goes; the call waits for messages under way.
    atexit.register(stop)


def stop() -> None:
    call("fm_log_set", _abi.fm_log_fn(), None, _abi.FM_LOG_ERROR)
