"""How well a model does on labelled comparisons, and the calibration that decisions rest on. docs/evaluation.md"""
from __future__ import annotations

import ctypes
from typing import Any, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _abi
from ._convert import choice, floats, optional_text, options, pointer, read, size, sized, text, vector
from ._handle import ConfinedHandle, new
from ._library import LIBRARY
from .enums import Failures, Metric, Status
from .errors import InvalidArgumentError, attempt
from .results import EvaluationReport, OperatingPoint, PairsReport


def pairs(scores: ArrayLike, genuine: ArrayLike, folds: ArrayLike | None = None, *,
          fars: Sequence[float] = ()) -> PairsReport:
    """Figures of scored pairs by the protocol of LFW, View 2. A score of NaN: the pair could not be scored."""
    values = vector(scores, "scores")
    labels = _labels(genuine, len(values))
    parts = None if folds is None else _integers(folds, "folds", len(values))
    rates = np.ascontiguousarray(fars, np.float64)
    tars = np.empty(len(rates), np.float64)
    out = sized(_abi.fm_pairs_report)
    attempt("fm_evaluate_pairs", floats(values), pointer(labels, ctypes.c_uint8),
            None if parts is None else pointer(parts, ctypes.c_int32), len(values), _doubles(rates), len(rates),
            _doubles(tars), ctypes.byref(out))
    return read(PairsReport, out, tars=tuple(float(value) for value in tars))


class Evaluation(ConfinedHandle):
    """All comparisons of an experiment, and the rates at any threshold, with intervals.

    With `first` and `second`, who is in the two photographs of each comparison, intervals allow for people in
    common: tell them. `failures` is what a comparison without a score (NaN) counts as."""

    _free = "fm_evaluation_free"
    _name = "evaluation"

    def __init__(self, *, failures: Failures | str | None = None, confidence: float | None = None) -> None:
        made = options(_abi.fm_evaluation_options, confidence=confidence,
                       failures=None if failures is None else choice(Failures, failures, "failures"))
        out = new(_abi.fm_evaluation)
        attempt("fm_evaluation_new", ctypes.byref(out), ctypes.byref(made))
        self._adopt(out)

    def add(self, scores: ArrayLike, genuine: ArrayLike, first: ArrayLike | None = None,
            second: ArrayLike | None = None) -> None:
        values = vector(scores, "scores")
        labels = _labels(genuine, len(values))
        if (first is None) != (second is None):
            raise InvalidArgumentError("first and second belong together")
        people = [None if who is None else _integers(who, name, len(values))
                  for who, name in ((first, "first"), (second, "second"))]
        with self._use() as evaluation:
            attempt("fm_evaluation_add", evaluation, floats(values), pointer(labels, ctypes.c_uint8),
                    *[None if who is None else pointer(who, ctypes.c_int32) for who in people], len(values))

    def report(self) -> EvaluationReport:
        """Counts and the equal error rate."""
        out = sized(_abi.fm_evaluation_report)
        with self._use() as evaluation:
            attempt("fm_evaluation_describe", evaluation, ctypes.byref(out))
        return read(EvaluationReport, out)

    def at_threshold(self, threshold: float) -> OperatingPoint:
        out = sized(_abi.fm_operating_point)
        with self._use() as evaluation:
            attempt("fm_evaluation_at_threshold", evaluation, threshold, ctypes.byref(out))
        return read(OperatingPoint, out)

    def at_fmr(self, fmr: float) -> OperatingPoint:
        """The rates at the lowest threshold whose false match rate is at most this."""
        out = sized(_abi.fm_operating_point)
        with self._use() as evaluation:
            attempt("fm_evaluation_at_fmr", evaluation, fmr, ctypes.byref(out))
        return read(OperatingPoint, out)

    def curve(self, points: int = 1000) -> NDArray[np.float64]:
        """The curve of errors: float64[n][3] of FMR (rising), FNMR and threshold."""
        out = (_abi.fm_det_point * size(points, "points"))()
        count = ctypes.c_size_t()
        with self._use() as evaluation:
            attempt("fm_evaluation_curve", evaluation, out, len(out), ctypes.byref(count))
        return np.array([(p.fmr, p.fnmr, p.threshold) for p in out[:count.value]], np.float64).reshape(-1, 3)

    def histogram(self, low: float, high: float, bins: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many scores of genuine and of impostor comparisons lie in each part of low..high."""
        if not 1 <= bins <= 65536:  # before so much memory is asked for
            raise InvalidArgumentError(f"bins is {bins}, not 1..65536")
        genuine, impostor = np.empty(bins, np.int64), np.empty(bins, np.int64)
        with self._use() as evaluation:
            attempt("fm_evaluation_histogram", evaluation, low, high, bins, pointer(genuine, ctypes.c_int64),
                    pointer(impostor, ctypes.c_int64))
        return genuine, impostor

    def calibrate(self, *, metric: Metric | str | None = None, dataset: str | None = None) -> str:
        """The calibration of a model as its manifest has it: a JSON text. The metric must be told of siamese
        scores."""
        made = options(_abi.fm_calibration_options, dataset=optional_text(dataset, "dataset"),
                       metric=None if metric is None else choice(Metric, metric, "metric"))
        with self._use() as evaluation:
            return _text("fm_calibrate", evaluation, ctypes.byref(made))


def calibrate_liveness(scores: ArrayLike, kinds: ArrayLike, *, dataset: str | None = None) -> str:
    """The calibration of a liveness model, as its manifest has it: a JSON text. `kinds` is 0 for a live face, else
    the kind of attack."""
    values = vector(scores, "scores")
    attacks = _integers(kinds, "kinds", len(values))
    made = options(_abi.fm_calibration_options, dataset=optional_text(dataset, "dataset"))
    return _text("fm_liveness_calibrate", floats(values), pointer(attacks, ctypes.c_int32), len(values),
                 ctypes.byref(made))


def liveness_thresholds(calibration: str, *, apcer: float | None = None,
                        bpcer: float | None = None) -> tuple[float, float]:
    """The thresholds that such a calibration gives: scores of at least the first are live, below the second spoofs."""
    live, spoof = ctypes.c_float(), ctypes.c_float()
    made = options(_abi.fm_liveness_options, apcer=apcer, bpcer=bpcer)
    attempt("fm_liveness_thresholds", text(calibration, "calibration"), ctypes.byref(made), ctypes.byref(live),
            ctypes.byref(spoof))
    return live.value, spoof.value


def _text(name: str, *arguments: Any) -> str:
    """Of a call that first tells how much room it needs."""
    needed = ctypes.c_size_t()
    status = getattr(LIBRARY, name)(*arguments, None, 0, ctypes.byref(needed), None)
    room = needed.value if status == Status.BUFFER_TOO_SMALL else 0
    out = ctypes.create_string_buffer(max(room, 1))
    attempt(name, *arguments, out, room, None)
    return out.value.decode()


def _labels(values: ArrayLike, n: int) -> NDArray[np.uint8]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise InvalidArgumentError(f"genuine has shape {array.shape}, not ({n},) as scores")
    if not np.isin(array, (0, 1)).all():
        raise InvalidArgumentError("genuine has values that are neither 0 nor 1")
    return np.ascontiguousarray(array, np.uint8)


def _integers(values: ArrayLike, name: str, n: int) -> NDArray[np.int32]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise InvalidArgumentError(f"{name} has shape {array.shape}, not ({n},) as scores")
    made = np.ascontiguousarray(array, np.int32)
    if not (made == array).all():
        raise InvalidArgumentError(f"{name} has values that are not 32-bit integers")
    return made


def _doubles(array: NDArray[np.float64]) -> Any:
    return pointer(array, ctypes.c_double)
