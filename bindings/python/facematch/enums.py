# Made from include/facematch by bindings/python/tools/make_tables.py: do not edit.
"""The choices that calls take and give."""
import enum


class Status(enum.IntEnum):
    OK = 0
    INTERNAL = -1
    INVALID_ARGUMENT = -2
    NO_MEMORY = -3
    BUFFER_TOO_SMALL = -4
    NOT_FOUND = -5
    IO = -6
    CORRUPT = -7
    VERSION = -8
    UNSUPPORTED = -9
    BACKEND = -10
    DEVICE = -11
    LIMIT = -12
    CANCELED = -13
    STATE = -14
    MODEL_MISMATCH = -15
    PERMISSION = -16
    EXISTS = -17
    BUSY = -18
    REFUSED = -19
    TRAINING = -20
    NOT_LIVE = -21


class PixelFormat(enum.IntEnum):
    RGB8 = 1
    BGR8 = 2
    RGBA8 = 3
    BGRA8 = 4
    GRAY8 = 5


class ModelKind(enum.IntEnum):
    EMBEDDER = 1
    DETECTOR = 2
    LIVENESS = 3


class ModelFamily(enum.IntEnum):
    SOFTMAX = 1
    TRIPLET = 2
    BUNDLE = 3


class Metric(enum.IntEnum):
    COSINE = 1
    EUCLIDEAN = 2
    SQEUCLIDEAN = 3
    INNER_PRODUCT = 4
    CHI_SQUARED = 5
    SIAMESE = 6


class Precision(enum.IntEnum):
    FLOAT32 = 1
    BFLOAT16 = 2


class Selection(enum.IntEnum):
    LARGEST = 1
    MOST_CENTRAL = 2
    HIGHEST_SCORE = 3
    PROMINENT = 4


class LivenessVerdict(enum.IntEnum):
    NOT_CHECKED = 0
    LIVE = 1
    SPOOF = 2
    UNCERTAIN = 3


class LivenessReason(enum.IntEnum):
    NONE = 0
    TOO_SMALL = 1
    CUT = 2
    CROP = 3
    BLURRED = 4
    BETWEEN = 5
    OTHER_FACE = 6
    STILL = 7
    TOO_FEW = 8


class LivenessPolicy(enum.IntEnum):
    OFF = 0
    REPORT = 1
    REQUIRE = 2


class Failures(enum.IntEnum):
    LEAVE_OUT = 0
    COUNT = 1


class Refusal(enum.IntEnum):
    NONE = 0
    NO_FACE = 1
    SEVERAL_FACES = 2
    FACE_TOO_SMALL = 3
    LOW_DETECTION_SCORE = 4
    BLURRED = 5
    TOO_DARK = 6
    TOO_BRIGHT = 7
    EXTREME_POSE = 8
    LOOKS_LIKE_ANOTHER = 9
    UNLIKE_ITSELF = 10


class GalleryMode(enum.IntEnum):
    CREATE = 1
    EXISTING = 2
    READ_ONLY = 3


class GalleryIndex(enum.IntEnum):
    EXACT = 0
    HNSW = 1


class ScoreRule(enum.IntEnum):
    BEST = 1
    MEAN = 2


class Loss(enum.IntEnum):
    TRIPLET = 1
    SOFTMAX = 2
    SIAMESE = 3
    CHI_SQUARED = 4


class Mining(enum.IntEnum):
    BATCH_HARD = 1
    SEMI_HARD = 2
    ALL = 3


class Reduction(enum.IntEnum):
    MEAN = 1
    SUM = 2


class Optimizer(enum.IntEnum):
    ADAM = 1
    SGD = 2
    ADAGRAD = 3


class Schedule(enum.IntEnum):
    COSINE = 1
    CONSTANT = 2
    STEP = 3


class Role(enum.IntEnum):
    TRAIN = 1
    VALIDATION = 2


class FrameClass(enum.IntEnum):
    LIVE = -1
    ATTACK = -2


class FindingKind(enum.IntEnum):
    COLLAPSE = 1
    EXPLOSION = 2
    NO_ACTIVE = 3
    SINGLE = 4
    WRONG_LABEL = 5
    OVERLAP = 6


class Existing(enum.IntEnum):
    REFUSE = 1
    SKIP = 2
    MERGE = 3
