"""A live face, or a picture of one held before the camera? docs/liveness.md"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _abi
from ._convert import choice, options, read, sized
from ._handle import ConfinedHandle, new, use
from .enums import LivenessPolicy
from .errors import attempt
from .image import ImageLike, shown
from .results import Face, LivenessFusion, LivenessResult

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True)
class LivenessLimits:
    """Where the lines are drawn: None is the default. Scores decide instead of the rates when both are given; in
    min_* a negative number switches a check off."""
    apcer: float | None = None
    bpcer: float | None = None
    live_score: float | None = None
    spoof_score: float | None = None
    min_size_px: float | None = None
    min_inside: float | None = None
    min_crop: float | None = None
    min_sharpness: float | None = None

    def _struct(self) -> _abi.fm_liveness_options:
        scores = (self.live_score is not None) + (self.spoof_score is not None)
        if scores == 1:
            raise ValueError("live_score and spoof_score belong together")
        return options(_abi.fm_liveness_options, use_thresholds=scores == 2, **vars(self))


class LivenessSequence(ConfinedHandle):
    """The frames of one person before one camera: add() until result().decided."""

    _free = "fm_liveness_sequence_free"
    _name = "liveness sequence"

    def __init__(self, session: Session, *, min_frames: int | None = None, max_frames: int | None = None,
                 still_difference: float | None = None, same_fmr: float | None = None,
                 same_score: float | None = None, limits: LivenessLimits | None = None) -> None:
        made = options(_abi.fm_liveness_sequence_options, min_frames=min_frames, max_frames=max_frames,
                       still_difference=still_difference, same_fmr=same_fmr, same_score=same_score,
                       use_same_score=same_score is not None)
        if limits is not None:
            made.liveness = ctypes.pointer(limits._struct())
        out = new(_abi.fm_liveness_sequence)
        with use(session, "session") as working:
            attempt("fm_liveness_sequence_create", ctypes.byref(out), working, ctypes.byref(made))
        self._adopt(out)

    def add(self, session: Session, image: ImageLike, face: Face | None = None) -> LivenessResult:
        """What this frame says alone, or why it does not count."""
        out = sized(_abi.fm_liveness_result)
        meant = None if face is None else ctypes.byref(face._struct())
        with shown(image) as photo, use(session, "session") as working, self._use() as sequence:
            attempt("fm_liveness_sequence_add", sequence, working, photo, meant, ctypes.byref(out))
        return read(LivenessResult, out)

    def result(self) -> LivenessFusion:
        """What the frames so far say together."""
        out = sized(_abi.fm_liveness_fusion)
        with self._use() as sequence:
            attempt("fm_liveness_sequence_result", sequence, ctypes.byref(out))
        return read(LivenessFusion, out)


def set_policy(made: Any, policy: LivenessPolicy | str | None, limits: LivenessLimits | None) -> None:
    """What a decision does about liveness, into its options."""
    if policy is not None:
        made.liveness = choice(LivenessPolicy, policy, "liveness")
    if limits is not None:
        made.liveness_options = ctypes.pointer(limits._struct())
