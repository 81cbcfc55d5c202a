"""Models: networks that say about themselves all that is needed to use them."""
from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Any, Iterator, Sequence

from numpy.typing import ArrayLike

from . import _abi
from ._convert import floats, optional_text, options, path_bytes, read, sized, text, vector
from ._handle import Handle, new
from .enums import LivenessPolicy
from .errors import InvalidArgumentError, NotLiveError, attempt
from .liveness import LivenessLimits, set_policy
from .results import LivenessSummary, ModelInfo, Verification


class Model(Handle):
    """An embedder, a detector or a liveness net. Any number of threads and sessions may share it.

    A model file is code that libtorch runs: load only files that you trust, or give the allowed_ids that you know.
    `manifest` is the text of a facematch.json, for an archive that carries none."""

    _free = "fm_model_free"
    _name = "model"

    def __init__(self, path: str | os.PathLike[str], *, manifest: str | None = None,
                 allowed_ids: Sequence[str] | None = None, max_bytes: int | None = None) -> None:
        out = new(_abi.fm_model)
        attempt("fm_model_load", ctypes.byref(out), path_bytes(path),
                ctypes.byref(_load_options(manifest, allowed_ids, max_bytes)))
        self._start(out)

    @classmethod
    def from_bytes(cls, data: bytes, *, manifest: str | None = None, allowed_ids: Sequence[str] | None = None,
                   max_bytes: int | None = None) -> Model:
        self = cls.__new__(cls)
        out = new(_abi.fm_model)
        attempt("fm_model_load_memory", ctypes.byref(out), data, len(data),
                ctypes.byref(_load_options(manifest, allowed_ids, max_bytes)))
        self._start(out)
        return self

    def _start(self, pointer: Any) -> None:
        self._adopt(pointer)
        info = sized(_abi.fm_model_info)
        with self._use() as model:
            attempt("fm_model_describe", model, ctypes.byref(info))
            self._info = read(ModelInfo, info)

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def dim(self) -> int:
        """Floats of an embedding; 0 unless an embedder."""
        return self._info.dim

    @property
    def id(self) -> str:
        """Equal ids: comparable embeddings."""
        return self._info.id

    def compare(self, a: ArrayLike, b: ArrayLike) -> float:
        """The score of two embeddings: grows with likeness."""
        first, second = _two(a, b)
        score = ctypes.c_float()
        with self._use() as model:
            attempt("fm_compare", model, floats(first), floats(second), len(first), ctypes.byref(score))
        return score.value

    def verify(self, a: ArrayLike, b: ArrayLike, *, fmr: float | None = None, threshold: float | None = None,
               extrapolate: bool = False) -> Verification:
        """Are two embeddings of one person? At the false match rate `fmr` (1e-4), or a threshold of your own."""
        first, second = _two(a, b)
        out = sized(_abi.fm_verification)
        with self._use() as model:
            attempt("fm_verify_embeddings", model, floats(first), floats(second), len(first),
                    ctypes.byref(verify_options(fmr, threshold, False, extrapolate)), ctypes.byref(out))
        return read(Verification, out)

    def threshold(self, fmr: float) -> float:
        """The score at which strangers match at this rate."""
        score = ctypes.c_float()
        with self._use() as model:
            attempt("fm_model_threshold", model, fmr, ctypes.byref(score))
        return score.value

    def fmr(self, score: float) -> float:
        """The share of strangers that would score at least this high."""
        rate = ctypes.c_double()
        with self._use() as model:
            attempt("fm_model_fmr", model, score, ctypes.byref(rate))
        return rate.value

    def __repr__(self) -> str:
        return f"<Model {self._info.name!r}{', closed' if self.closed else ''}>"


def _two(a: ArrayLike, b: ArrayLike) -> Any:
    first, second = vector(a, "a"), vector(b, "b")
    if len(first) != len(second):
        raise InvalidArgumentError(f"embeddings of {len(first)} and {len(second)} floats")
    return first, second


def _load_options(manifest: str | None, allowed_ids: Sequence[str] | None,
                  max_bytes: int | None) -> _abi.fm_model_options:
    if isinstance(allowed_ids, str):
        raise TypeError("allowed_ids is one string, not several")
    made = options(_abi.fm_model_options, max_bytes=max_bytes,
                   manifest_json=optional_text(manifest, "manifest"))
    if allowed_ids is not None:
        # The library takes NULL for "any": none at all has to be a list too.
        ids = (ctypes.c_char_p * (len(allowed_ids) + 1))(*[text(name, "allowed_ids") for name in allowed_ids])
        made.allowed_ids = ctypes.cast(ids, ctypes.POINTER(ctypes.c_char_p))
        made.allowed_ids_count = len(allowed_ids)
    return made


def verify_options(fmr: float | None, threshold: float | None, aligned: bool, extrapolate: bool,
                   liveness: LivenessPolicy | str | None = None,
                   liveness_limits: LivenessLimits | None = None) -> _abi.fm_verify_options:
    if fmr is not None and threshold is not None:
        raise InvalidArgumentError("both an fmr and a threshold are given")
    made = options(_abi.fm_verify_options, fmr=fmr, threshold=threshold, use_threshold=threshold is not None,
                   aligned=aligned, extrapolate=extrapolate)
    set_policy(made, liveness, liveness_limits)
    return made


@contextlib.contextmanager
def not_live_told(out: Any) -> Iterator[None]:
    """What a decision that asks for liveness says when it refuses, where its answer has it."""
    try:
        yield
    except NotLiveError as error:
        error.liveness = read(LivenessSummary, out.liveness)
        raise
