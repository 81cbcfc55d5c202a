"""Sessions: working memory around models."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np
from numpy.typing import NDArray

from . import _abi
from ._convert import Floats, choice, floats, options, pointer, read, sized
from ._handle import ConfinedHandle, new, use_optional
from .enums import LivenessPolicy, Precision, Selection, Status
from .errors import InvalidArgumentError, NotFoundError, RefusedError, attempt
from .image import Image, ImageLike, all_shown, shown
from .liveness import LivenessLimits
from .model import Model, not_live_told, verify_options
from .results import Face, GateReport, LivenessResult, Quality, Verification


@dataclass(frozen=True)
class Gate:
    """Limits of the enrolment gate: None is the default, a negative number switches a check off. `another_score` and
    `itself_score` decide instead of the rates when both are given. docs/enrolment.md"""
    off: bool = False
    other_faces: float | None = None
    min_size_px: float | None = None
    min_score: float | None = None
    min_sharpness: float | None = None
    min_brightness: float | None = None
    max_brightness: float | None = None
    max_yaw_deg: float | None = None
    max_pitch_deg: float | None = None
    max_roll_deg: float | None = None
    another_score: float | None = None
    itself_score: float | None = None
    another_fpir: float | None = None
    itself_fmr: float | None = None

    def _struct(self) -> _abi.fm_gate_options:
        scores = (self.another_score is not None) + (self.itself_score is not None)
        if scores == 1:
            raise ValueError("another_score and itself_score belong together")
        return options(_abi.fm_gate_options, use_scores=scores == 2, **vars(self))


@dataclass(frozen=True)
class Batch:
    """Embeddings of several photographs: float32[n][dim]. Where no face was found, `found` is False and the row
    NaN."""
    embeddings: Floats
    found: NDArray[np.bool_]


class Session(ConfinedHandle):
    """Finds, measures and embeds faces. Cheap: make one for each thread, on the same models. Threads that share one
    wait for each other; the GIL is not held while the library works."""

    _free = "fm_session_free"
    _name = "session"

    def __init__(self, embedder: Model | None = None, detector: Model | None = None,
                 liveness: Model | None = None, *, precision: Precision | str | None = None,
                 threads: int | None = None, flip: bool = False, min_face_px: int | None = None,
                 max_faces: int | None = None, selection: Selection | str | None = None,
                 min_score: float | None = None) -> None:
        made = options(_abi.fm_session_options, threads=threads, flip=flip, min_face_px=min_face_px,
                       max_faces=max_faces, min_score=min_score or None,
                       precision=None if precision is None else choice(Precision, precision, "precision"),
                       selection=None if selection is None else choice(Selection, selection, "selection"))
        out = new(_abi.fm_session)
        with use_optional(embedder, "model") as first, use_optional(detector, "model") as second, \
                use_optional(liveness, "model") as third:
            if second is not None:
                made.detector = second
            if third is not None:
                made.liveness = third
            attempt("fm_session_create", ctypes.byref(out), first, ctypes.byref(made))
        self._adopt(out)
        self._dim = embedder.dim if embedder else 0

    @property
    def dim(self) -> int:
        """Floats of an embedding; 0 without an embedder."""
        return self._dim

    def detect(self, image: ImageLike) -> list[Face]:
        """All faces; the first is the one that is meant where one is needed."""
        count = ctypes.c_size_t()
        capacity = 16
        with shown(image) as photo, self._use() as session:
            while True:
                faces = (_abi.fm_face * capacity)()
                attempt("fm_detect", session, photo, faces, capacity, ctypes.byref(count))
                if count.value <= capacity:
                    return [Face._of(face) for face in faces[:count.value]]
                capacity = count.value

    def align(self, image: ImageLike, face: Face | None = None) -> Image:
        """The crop that the embedder sees."""
        out = new(_abi.fm_image)
        with shown(image) as photo, self._use() as session:
            attempt("fm_align", session, photo, given(face), ctypes.byref(out))
        return Image._made(out)

    def quality(self, image: ImageLike, face: Face | None = None) -> Quality:
        """How good a photograph of a face it is."""
        out = _abi.fm_face_quality()
        with shown(image) as photo, self._use() as session:
            attempt("fm_quality", session, photo, given(face), ctypes.byref(out))
        return read(Quality, out)

    def check(self, image: ImageLike, gate: Gate | None = None) -> GateReport:
        """Would the photograph be fit for enrolment? Everything but what needs a gallery; see `reason`."""
        report = sized(_abi.fm_gate_report)
        limits = (gate or Gate())._struct()
        with shown(image) as photo, self._use() as session:
            try:
                attempt("fm_gate_check", session, photo, ctypes.byref(limits), ctypes.byref(report))
            except (RefusedError, NotFoundError):
                pass
        return read(GateReport, report)

    def embed(self, image: ImageLike, face: Face | None = None) -> Floats:
        """float32[dim] of one face: the one given, or the one that the session's rule selects."""
        out = np.empty(self._dim, np.float32)
        with shown(image) as photo, self._use() as session:
            attempt("fm_embed", session, photo, given(face), floats(out), out.size, None, None)
        return out

    def embed_batch(self, images: Sequence[ImageLike]) -> Batch:
        """One face of each of several photographs, in shared forward passes."""
        out = np.full((len(images), self._dim), np.nan, np.float32)
        statuses = np.zeros(len(images), np.int32)
        with all_shown(images) as photos, self._use() as session:
            attempt("fm_embed_batch", session, photos, len(images), floats(out), out.size,
                    pointer(statuses, ctypes.c_int32))
        return Batch(out, statuses == Status.OK)

    def embed_aligned(self, crops: Sequence[ImageLike]) -> Floats:
        """float32[n][dim] of crops made elsewhere: no detection."""
        out = np.empty((len(crops), self._dim), np.float32)
        with all_shown(crops) as photos, self._use() as session:
            attempt("fm_embed_aligned", session, photos, len(crops), floats(out), out.size)
        return out

    def liveness(self, image: ImageLike, face: Face | None = None,
                 limits: LivenessLimits | None = None) -> LivenessResult:
        """Is this face live? The image is the whole frame: what is around the face counts."""
        made = (limits or LivenessLimits())._struct()
        out = sized(_abi.fm_liveness_result)
        with shown(image) as photo, self._use() as session:
            attempt("fm_liveness", session, photo, given(face), ctypes.byref(made), ctypes.byref(out))
        return read(LivenessResult, out)

    def liveness_batch(self, images: Sequence[ImageLike], limits: LivenessLimits | None = None,
                       faces: Sequence[Face] | None = None) -> list[LivenessResult | None]:
        """One face of each of several frames, in shared forward passes; None where there is none. `faces`, one for
        each frame, are those that are meant."""
        if faces is not None and len(faces) != len(images):
            raise InvalidArgumentError(f"{len(faces)} faces for {len(images)} frames")
        made = (limits or LivenessLimits())._struct()
        meant = None if faces is None else (_abi.fm_face * len(faces))(*[face._struct() for face in faces])
        out = (_abi.fm_liveness_result * len(images))()
        for one in out:
            one.struct_size = ctypes.sizeof(one)
        statuses = np.zeros(len(images), np.int32)
        with all_shown(images) as photos, self._use() as session:
            attempt("fm_liveness_batch", session, photos, len(images), meant, ctypes.byref(made), out,
                    ctypes.sizeof(_abi.fm_liveness_result), pointer(statuses, ctypes.c_int32))
        return [read(LivenessResult, one) if status == Status.OK else None for one, status in zip(out, statuses)]

    def verify(self, a: ImageLike, b: ImageLike, *, fmr: float | None = None, threshold: float | None = None,
               aligned: bool = False, extrapolate: bool = False,
               liveness: LivenessPolicy | str | None = None, liveness_limits: LivenessLimits | None = None) -> Verification:
        """Are two photographs of one person? At the false match rate `fmr` (1e-4), or a threshold of your own.
        Liveness is that of the second."""
        made = verify_options(fmr, threshold, aligned, extrapolate, liveness, liveness_limits)
        out = sized(_abi.fm_verification)
        with shown(a) as first, shown(b) as second, self._use() as session, not_live_told(out):
            attempt("fm_verify", session, first, second, ctypes.byref(made), ctypes.byref(out))
        return read(Verification, out)


def given(face: Face | None) -> Any:
    return None if face is None else ctypes.byref(face._struct())
