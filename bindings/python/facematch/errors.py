"""What a call raises: one class for each status, all of them an Error with the library's own line of text."""
from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from . import _abi
from ._library import LIBRARY
from .enums import Status

if TYPE_CHECKING:
    from .results import GateReport, LivenessSummary


class Error(Exception):
    """A call failed. `status` says in which way, `message` is one line of text for people."""

    status: Status | int = Status.INTERNAL

    def __init__(self, message: str, status: Status | int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        return self.message


class InternalError(Error):
    """A defect of the library: please report it."""
    status = Status.INTERNAL


class InvalidArgumentError(Error, ValueError):
    status = Status.INVALID_ARGUMENT


class NoMemoryError(Error, MemoryError):
    status = Status.NO_MEMORY


class BufferTooSmallError(Error):
    status = Status.BUFFER_TOO_SMALL


class NotFoundError(Error, KeyError):
    """No such file, identity or template; or no face in the photograph."""
    status = Status.NOT_FOUND


class NoSuchFileError(NotFoundError, FileNotFoundError):
    """What there is not is the file, or the gallery, that was to be opened."""


class FileError(Error, OSError):
    """The operating system refused to read or write."""
    status = Status.IO


class CorruptError(Error):
    """Bytes that are not what their format demands."""
    status = Status.CORRUPT


class VersionError(Error):
    """Made by a newer library."""
    status = Status.VERSION


class UnsupportedError(Error):
    """Valid, but not something that this build or machine can do."""
    status = Status.UNSUPPORTED


class BackendError(Error):
    """libtorch reported an error."""
    status = Status.BACKEND


class DeviceError(Error):
    status = Status.DEVICE


class LimitError(Error):
    status = Status.LIMIT


class CanceledError(Error):
    status = Status.CANCELED


class StateError(Error):
    """The object lacks what the call needs: a detector, a calibration."""
    status = Status.STATE


class ClosedError(StateError, ValueError):
    """It was closed before."""


class ModelMismatchError(Error):
    """Embeddings of different models cannot be compared."""
    status = Status.MODEL_MISMATCH


class PermissionDeniedError(Error, PermissionError):
    """Read-only, sealed, or not allowed by the options."""
    status = Status.PERMISSION


class ExistsError(Error):
    status = Status.EXISTS


class BusyError(Error):
    """Another process holds the gallery."""
    status = Status.BUSY


class RefusedError(Error):
    """The photograph was refused: by the enrolment gate, whose `report` tells why, or as unfit to train on."""
    status = Status.REFUSED
    report: GateReport | None = None


class TrainingError(Error):
    """Training failed: collapse, explosion, people in both roles."""
    status = Status.TRAINING


class NotLiveError(Error):
    """Liveness was required, and not found: `liveness` tells why."""
    status = Status.NOT_LIVE
    liveness: LivenessSummary | None = None


BY_STATUS: dict[int, type[Error]] = {
    int(kind.status): kind
    for kind in (InternalError, InvalidArgumentError, NoMemoryError, BufferTooSmallError, NotFoundError, FileError,
                 CorruptError, VersionError, UnsupportedError, BackendError, DeviceError, LimitError, CanceledError,
                 StateError, ModelMismatchError, PermissionDeniedError, ExistsError, BusyError, RefusedError,
                 TrainingError, NotLiveError)
}


# The library has one status for all that is not there; these look for nothing but a file.
_OPENING = frozenset({"fm_image_load_file", "fm_model_load", "fm_gallery_open", "fm_gallery_import", "fm_trainer_resume"})


def make_error(status: int, message: str) -> Error:
    kind = BY_STATUS.get(status)
    return kind(message) if kind else Error(message, status)


def attempt(name: str, *arguments: Any) -> None:
    """Call a function of the library with an fm_error behind the arguments; raise what it reports."""
    error = _abi.fm_error(ctypes.sizeof(_abi.fm_error))
    status = getattr(LIBRARY, name)(*arguments, ctypes.byref(error))
    if status == Status.OK:
        return
    message = error.message.decode("utf-8", "replace")
    if status == Status.NOT_FOUND and name in _OPENING:
        raise NoSuchFileError(message)
    raise make_error(status, message)
