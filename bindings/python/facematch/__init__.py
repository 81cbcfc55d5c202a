"""Is this the person they claim to be, and who of the people I know is this?

    import facematch as fm

    embedder, detector = fm.Model("models/default.pt"), fm.Model("models/mtcnn.pt")
    with fm.Session(embedder, detector) as session:
        if session.verify("a.jpg", "b.jpg"):
            print("the same person")

Wherever a photograph is wanted, a path, bytes, a binary file, a numpy array or a PIL image will do. A failing call
raises an Error with the library's own line of text. Models and galleries may be shared by threads; a session belongs
to one thread at a time. docs/start-python.md
"""
from . import errors, evaluate, results
from ._library import PATH as library_path
from ._log import listen as _listen
from .enums import (Existing, Failures, FindingKind, FrameClass, GalleryIndex, GalleryMode, LivenessPolicy, LivenessReason,
                    LivenessVerdict, Loss, Metric, Mining, ModelFamily,
                    ModelKind, Optimizer, PixelFormat, Precision, Reduction, Refusal, Role, Schedule, ScoreRule,
                    Selection, Status)
from .errors import Error
from .gallery import Gallery
from .image import Image, ImageLike
from .library import build_info, version
from .liveness import LivenessLimits, LivenessSequence
from .model import Model
from .results import (BuildInfo, Enrollment, EvaluationReport, Face, Finding, GalleryInfo, GateReport, Identification,
                      Identity, ImageInfo, LivenessFusion, LivenessResult, LivenessSummary, Match, ModelInfo, OperatingPoint, PairsReport, Quality, Rate, Template,
                      TrainingStats, TrainingStep, Transfer, Verification)
from .session import Batch, Gate, Session
from .train import Augmentation, Trainer

_listen()

__all__ = [
    "Augmentation", "Batch", "BuildInfo", "Enrollment", "Error", "EvaluationReport", "Existing", "Face", "Failures",
    "Finding", "FindingKind", "FrameClass", "Gallery", "GalleryIndex", "GalleryInfo", "GalleryMode", "Gate", "GateReport",
    "Identification", "Identity", "Image", "ImageInfo", "ImageLike", "LivenessFusion",
    "LivenessLimits", "LivenessPolicy", "LivenessReason", "LivenessResult", "LivenessSequence", "LivenessSummary",
    "LivenessVerdict", "Loss", "Match", "Metric", "Mining", "Model",
    "ModelFamily", "ModelInfo", "ModelKind", "OperatingPoint", "Optimizer", "PairsReport", "PixelFormat", "Precision",
    "Quality", "Rate", "Reduction", "Refusal", "Role", "Schedule", "ScoreRule", "Selection", "Session", "Status",
    "Template", "Trainer", "TrainingStats", "TrainingStep", "Transfer", "Verification", "build_info", "errors",
    "evaluate", "library_path", "results", "version",
]
