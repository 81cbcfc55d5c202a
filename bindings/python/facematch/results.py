"""What calls answer. The fields are those of the C structs, where every one is explained; rates are NaN where the
model has no calibration."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import _abi
from .enums import FindingKind, LivenessReason, LivenessVerdict, Metric, ModelFamily, ModelKind, PixelFormat, Refusal

Point = tuple[float, float]
_ADDED: dict[str, Any] = {"of_struct": False}


@dataclass(frozen=True)
class Face:
    """A face in pixels of the upright image. `points`: eyes, nose tip, corners of the mouth, the left ones (as seen
    in the image) first."""
    x: float
    y: float
    width: float
    height: float
    score: float
    points: tuple[Point, Point, Point, Point, Point]

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.x, self.y, self.width, self.height

    @staticmethod
    def _of(raw: Any) -> Face:
        p = list(raw.points)
        points = ((p[0], p[1]), (p[2], p[3]), (p[4], p[5]), (p[6], p[7]), (p[8], p[9]))
        return Face(raw.x, raw.y, raw.width, raw.height, raw.score, points)

    def _struct(self) -> _abi.fm_face:
        made = _abi.fm_face(self.x, self.y, self.width, self.height, self.score)
        for i, value in enumerate(value for point in self.points for value in point):
            made.points[i] = value
        return made


@dataclass(frozen=True)
class Quality:
    """The figures behind the enrolment gate; `quality` is all in one, 0..1."""
    quality: float
    size_px: float
    eye_distance_px: float
    score: float
    sharpness: float
    brightness: float
    clipped: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True)
class GateReport:
    """What the enrolment gate found; `reason` is Refusal.NONE when the photograph is fit."""
    reason: Refusal
    value: float
    limit: float
    face_count: int
    face: Face
    quality: Quality
    other_id: str

    @property
    def fit(self) -> bool:
        return self.reason == Refusal.NONE


@dataclass(frozen=True)
class BuildInfo:
    """How the library was built."""
    abi_version: int
    version: str
    backend: str
    backend_version: str
    compiler: str
    git_id: str
    bfloat16: bool


@dataclass(frozen=True)
class ImageInfo:
    width_px: int
    height_px: int
    format: PixelFormat
    orientation: int


@dataclass(frozen=True)
class ModelInfo:
    """What a model says about itself."""
    kind: ModelKind
    family: ModelFamily
    metric: Metric
    dim: int
    input_width_px: int
    input_height_px: int
    normalized: bool
    id: str
    name: str
    source: str
    license: str
    training_data: str
    calibration_dataset: str
    calibration_comparisons: int
    calibration_min_fmr: float


@dataclass(frozen=True)
class LivenessSummary:
    """What a decision tells about liveness."""
    verdict: LivenessVerdict
    reason: LivenessReason
    score: float


@dataclass(frozen=True)
class LivenessResult:
    """What was found in one frame."""
    verdict: LivenessVerdict
    reason: LivenessReason
    score: float
    apcer: float
    bpcer: float
    live_threshold: float
    spoof_threshold: float
    value: float
    limit: float
    quality: float
    face_count: int
    face: Face


@dataclass(frozen=True)
class LivenessFusion:
    """What the frames of an attempt say together."""
    verdict: LivenessVerdict
    reason: LivenessReason
    score: float
    apcer: float
    bpcer: float
    live_threshold: float
    spoof_threshold: float
    decided: bool
    frames: int
    used: int
    unusable: int
    stills: int
    other_faces: int


@dataclass(frozen=True)
class Verification:
    """A decision, 1:1, and what it rests on. True where it is a match."""
    match: bool
    score: float
    threshold: float
    fmr: float
    fmr_low: float
    fmr_high: float
    threshold_fmr: float
    threshold_fmr_low: float
    threshold_fmr_high: float
    threshold_fnmr: float
    liveness: LivenessSummary

    def __bool__(self) -> bool:
        return self.match


@dataclass(frozen=True)
class GalleryInfo:
    dim: int
    identities: int
    templates: int
    created_ms: int
    model_id: str
    model_name: str
    sealed: bool


@dataclass(frozen=True)
class Identity:
    """One person of a gallery."""
    id: str
    display_name: str
    created_ms: int
    updated_ms: int
    templates: int


@dataclass(frozen=True)
class Template:
    """One template of a person, without its vector."""
    template_id: int
    created_ms: int
    quality: float
    label: str


@dataclass(frozen=True)
class Enrollment:
    new_identity: bool
    template_id: int
    templates: int
    face_count: int
    face: Face
    liveness: LivenessSummary


@dataclass(frozen=True)
class Match:
    """One identity that matches."""
    id: str
    fmr: float
    template_id: int
    score: float
    rank: int


@dataclass(frozen=True)
class Identification:
    """Who it is, best first. No matches: nobody of this gallery."""
    threshold: float
    fmr: float
    identities: int
    face_count: int
    face: Face
    liveness: LivenessSummary
    matches: tuple[Match, ...] = field(metadata=_ADDED)

    @property
    def best(self) -> Match | None:
        return self.matches[0] if self.matches else None


@dataclass(frozen=True)
class Transfer:
    """What an export, an import or a sharding moved."""
    identities: int
    templates: int
    skipped: int
    bytes: int


@dataclass(frozen=True)
class PairsReport:
    """Figures of LFW's protocol; `tars` belong to the false accept rates that were asked for."""
    folds: int
    pairs: int
    genuine: int
    impostor: int
    undecided: int
    accuracy: float
    accuracy_sem: float
    eer: float
    eer_threshold: float
    threshold: float
    tars: tuple[float, ...] = field(metadata=_ADDED)


@dataclass(frozen=True)
class Rate:
    """A share with its interval."""
    value: float
    low: float
    high: float
    hits: int
    trials: int


@dataclass(frozen=True)
class OperatingPoint:
    threshold: float
    fmr: Rate
    fnmr: Rate


@dataclass(frozen=True)
class EvaluationReport:
    people: int
    genuine: int
    impostor: int
    genuine_failed: int
    impostor_failed: int
    eer: float
    eer_low: float
    eer_high: float
    eer_threshold: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with the data or the run of a training."""
    kind: FindingKind
    fatal: bool
    person: str
    image: str
    other: str
    message: str


@dataclass(frozen=True)
class TrainingStep:
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    active: float
    positive_distance: float
    negative_distance: float


@dataclass(frozen=True)
class TrainingStats:
    """How a run stands after its last whole epoch."""
    finished: bool
    epoch: int
    epochs: int
    steps: int
    people: int
    photographs: int
    validation_people: int
    best_epoch: int
    validation_photographs: int
    loss: float
    active: float
    positive_distance: float
    negative_distance: float
    learning_rate: float
    eer: float
    best_eer: float
    first_eer: float
    validation_loss: float
    best_validation_loss: float
    first_validation_loss: float


# Which struct each is made of: a test holds their fields against each other.
STRUCTS: dict[type[Any], type[Any]] = {
    Face: _abi.fm_face, Quality: _abi.fm_face_quality, GateReport: _abi.fm_gate_report,
    BuildInfo: _abi.fm_build_info, ImageInfo: _abi.fm_image_info, ModelInfo: _abi.fm_model_info,
    Verification: _abi.fm_verification, GalleryInfo: _abi.fm_gallery_info, Identity: _abi.fm_identity,
    Template: _abi.fm_template, Enrollment: _abi.fm_enrollment, Match: _abi.fm_match,
    Identification: _abi.fm_identification, Transfer: _abi.fm_transfer, PairsReport: _abi.fm_pairs_report,
    Rate: _abi.fm_rate, OperatingPoint: _abi.fm_operating_point, EvaluationReport: _abi.fm_evaluation_report,
    LivenessSummary: _abi.fm_liveness_summary, LivenessResult: _abi.fm_liveness_result,
    LivenessFusion: _abi.fm_liveness_fusion, Finding: _abi.fm_finding, TrainingStep: _abi.fm_training_step, TrainingStats: _abi.fm_training_stats,
}
