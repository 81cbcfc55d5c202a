# Made from include/facematch by bindings/python/tools/make_tables.py: do not edit.
"""Types, constants and functions of the library, as ctypes has them."""
from __future__ import annotations

from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32,
                    c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p)
from typing import Any

FM_LIMIT_BATCH = 4096
FM_LIMIT_FOLDS = 1000
FM_LIMIT_PAIRS = 100000000
FM_LIMIT_COMPARISONS = 1000000000
FM_LIMIT_PEOPLE = 10000000
FM_POINT_COUNT = 5
FM_ID_MAX = 255
FM_DISPLAY_NAME_MAX = 255
FM_LABEL_MAX = 63
FM_METADATA_MAX = 65536
FM_LIMIT_TEMPLATES = 64
FM_LIMIT_MATCHES = 1000
FM_GALLERY_KEY_SIZE = 32
FM_PASSPHRASE_MAX = 1024
FM_LIMIT_LIVENESS_FRAMES = 64
FM_MODEL_ID_SIZE = 65
FM_ERROR_MESSAGE_MAX = 256
FM_LIMIT_SHARDS = 64
FM_VERSION_MAJOR = 0
FM_VERSION_MINOR = 1
FM_VERSION_PATCH = 0
FM_ABI_VERSION = 1
FM_OK = 0
FM_E_INTERNAL = -1
FM_E_INVALID_ARGUMENT = -2
FM_E_NO_MEMORY = -3
FM_E_BUFFER_TOO_SMALL = -4
FM_E_NOT_FOUND = -5
FM_E_IO = -6
FM_E_CORRUPT = -7
FM_E_VERSION = -8
FM_E_UNSUPPORTED = -9
FM_E_BACKEND = -10
FM_E_DEVICE = -11
FM_E_LIMIT = -12
FM_E_CANCELED = -13
FM_E_STATE = -14
FM_E_MODEL_MISMATCH = -15
FM_E_PERMISSION = -16
FM_E_EXISTS = -17
FM_E_BUSY = -18
FM_E_REFUSED = -19
FM_E_TRAINING = -20
FM_E_NOT_LIVE = -21
FM_PIXEL_RGB8 = 1
FM_PIXEL_BGR8 = 2
FM_PIXEL_RGBA8 = 3
FM_PIXEL_BGRA8 = 4
FM_PIXEL_GRAY8 = 5
FM_MODEL_EMBEDDER = 1
FM_MODEL_DETECTOR = 2
FM_MODEL_LIVENESS = 3
FM_FAMILY_SOFTMAX = 1
FM_FAMILY_TRIPLET = 2
FM_FAMILY_BUNDLE = 3
FM_METRIC_COSINE = 1
FM_METRIC_EUCLIDEAN = 2
FM_METRIC_SQEUCLIDEAN = 3
FM_METRIC_INNER_PRODUCT = 4
FM_METRIC_CHI_SQUARED = 5
FM_METRIC_SIAMESE = 6
FM_PRECISION_FLOAT32 = 1
FM_PRECISION_BFLOAT16 = 2
FM_SELECT_LARGEST = 1
FM_SELECT_MOST_CENTRAL = 2
FM_SELECT_HIGHEST_SCORE = 3
FM_SELECT_PROMINENT = 4
FM_POINT_LEFT_EYE = 0
FM_POINT_RIGHT_EYE = 1
FM_POINT_NOSE_TIP = 2
FM_POINT_LEFT_MOUTH = 3
FM_POINT_RIGHT_MOUTH = 4
FM_LIVENESS_NOT_CHECKED = 0
FM_LIVENESS_LIVE = 1
FM_LIVENESS_SPOOF = 2
FM_LIVENESS_UNCERTAIN = 3
FM_LIVENESS_REASON_NONE = 0
FM_LIVENESS_REASON_TOO_SMALL = 1
FM_LIVENESS_REASON_CUT = 2
FM_LIVENESS_REASON_CROP = 3
FM_LIVENESS_REASON_BLURRED = 4
FM_LIVENESS_REASON_BETWEEN = 5
FM_LIVENESS_REASON_OTHER_FACE = 6
FM_LIVENESS_REASON_STILL = 7
FM_LIVENESS_REASON_TOO_FEW = 8
FM_LIVENESS_OFF = 0
FM_LIVENESS_REPORT = 1
FM_LIVENESS_REQUIRE = 2
FM_FAILURES_LEAVE_OUT = 0
FM_FAILURES_COUNT = 1
FM_REFUSAL_NONE = 0
FM_REFUSAL_NO_FACE = 1
FM_REFUSAL_SEVERAL_FACES = 2
FM_REFUSAL_FACE_TOO_SMALL = 3
FM_REFUSAL_LOW_DETECTION_SCORE = 4
FM_REFUSAL_BLURRED = 5
FM_REFUSAL_TOO_DARK = 6
FM_REFUSAL_TOO_BRIGHT = 7
FM_REFUSAL_EXTREME_POSE = 8
FM_REFUSAL_LOOKS_LIKE_ANOTHER = 9
FM_REFUSAL_UNLIKE_ITSELF = 10
FM_GALLERY_CREATE = 1
FM_GALLERY_EXISTING = 2
FM_GALLERY_READ_ONLY = 3
FM_INDEX_EXACT = 0
FM_INDEX_HNSW = 1
FM_SCORE_BEST = 1
FM_SCORE_MEAN = 2
FM_LOG_DEBUG = 1
FM_LOG_INFO = 2
FM_LOG_WARNING = 3
FM_LOG_ERROR = 4
FM_LOSS_TRIPLET = 1
FM_LOSS_SOFTMAX = 2
FM_LOSS_SIAMESE = 3
FM_LOSS_CHI_SQUARED = 4
FM_MINING_BATCH_HARD = 1
FM_MINING_SEMI_HARD = 2
FM_MINING_ALL = 3
FM_REDUCTION_MEAN = 1
FM_REDUCTION_SUM = 2
FM_OPTIMIZER_ADAM = 1
FM_OPTIMIZER_SGD = 2
FM_OPTIMIZER_ADAGRAD = 3
FM_SCHEDULE_COSINE = 1
FM_SCHEDULE_CONSTANT = 2
FM_SCHEDULE_STEP = 3
FM_ROLE_TRAIN = 1
FM_ROLE_VALIDATION = 2
FM_FRAME_LIVE = -1
FM_FRAME_ATTACK = -2
FM_FINDING_COLLAPSE = 1
FM_FINDING_EXPLOSION = 2
FM_FINDING_NO_ACTIVE = 3
FM_FINDING_SINGLE = 4
FM_FINDING_WRONG_LABEL = 5
FM_FINDING_OVERLAP = 6
FM_EXISTING_REFUSE = 1
FM_EXISTING_SKIP = 2
FM_EXISTING_MERGE = 3


class fm_image(Structure):
    pass


class fm_model(Structure):
    pass


class fm_session(Structure):
    pass


class fm_liveness_sequence(Structure):
    pass


class fm_evaluation(Structure):
    pass


class fm_gallery(Structure):
    pass


class fm_trainer(Structure):
    pass


class fm_error(Structure):
    struct_size: int
    status: int
    message: bytes
    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_int32),
        ("message", c_char * 256),
    ]


class fm_image_options(Structure):
    struct_size: int
    reserved: int
    max_bytes: int
    max_pixels: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("max_bytes", c_uint64),
        ("max_pixels", c_uint64),
    ]


class fm_image_info(Structure):
    struct_size: int
    width_px: int
    height_px: int
    format: int
    orientation: int
    reserved: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("width_px", c_int32),
        ("height_px", c_int32),
        ("format", c_int32),
        ("orientation", c_int32),
        ("reserved", c_int32),
    ]


class fm_model_options(Structure):
    struct_size: int
    reserved: int
    max_bytes: int
    manifest_json: bytes | None
    allowed_ids: Any
    allowed_ids_count: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("max_bytes", c_uint64),
        ("manifest_json", c_char_p),
        ("allowed_ids", POINTER(c_char_p)),
        ("allowed_ids_count", c_size_t),
    ]


class fm_model_info(Structure):
    struct_size: int
    kind: int
    family: int
    metric: int
    dim: int
    input_width_px: int
    input_height_px: int
    normalized: int
    id: bytes
    name: bytes | None
    source: bytes | None
    license: bytes | None
    training_data: bytes | None
    calibration_dataset: bytes | None
    calibration_comparisons: int
    calibration_min_fmr: float
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_int32),
        ("family", c_int32),
        ("metric", c_int32),
        ("dim", c_int32),
        ("input_width_px", c_int32),
        ("input_height_px", c_int32),
        ("normalized", c_int32),
        ("id", c_char * 65),
        ("name", c_char_p),
        ("source", c_char_p),
        ("license", c_char_p),
        ("training_data", c_char_p),
        ("calibration_dataset", c_char_p),
        ("calibration_comparisons", c_int64),
        ("calibration_min_fmr", c_double),
    ]


class fm_session_options(Structure):
    struct_size: int
    precision: int
    detector: Any
    threads: int
    flip: int
    min_face_px: int
    max_faces: int
    selection: int
    min_score: float
    liveness: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("precision", c_int32),
        ("detector", POINTER(fm_model)),
        ("threads", c_int32),
        ("flip", c_int32),
        ("min_face_px", c_int32),
        ("max_faces", c_int32),
        ("selection", c_int32),
        ("min_score", c_float),
        ("liveness", POINTER(fm_model)),
    ]


class fm_face(Structure):
    x: float
    y: float
    width: float
    height: float
    score: float
    points: Any
    _fields_ = [
        ("x", c_float),
        ("y", c_float),
        ("width", c_float),
        ("height", c_float),
        ("score", c_float),
        ("points", c_float * 10),
    ]


class fm_liveness_options(Structure):
    struct_size: int
    use_thresholds: int
    apcer: float
    bpcer: float
    live_score: float
    spoof_score: float
    min_size_px: float
    min_inside: float
    min_crop: float
    min_sharpness: float
    _fields_ = [
        ("struct_size", c_uint32),
        ("use_thresholds", c_int32),
        ("apcer", c_double),
        ("bpcer", c_double),
        ("live_score", c_float),
        ("spoof_score", c_float),
        ("min_size_px", c_float),
        ("min_inside", c_float),
        ("min_crop", c_float),
        ("min_sharpness", c_float),
    ]


class fm_liveness_summary(Structure):
    verdict: int
    reason: int
    score: float
    reserved: int
    _fields_ = [
        ("verdict", c_int32),
        ("reason", c_int32),
        ("score", c_float),
        ("reserved", c_int32),
    ]


class fm_liveness_fusion(Structure):
    struct_size: int
    verdict: int
    reason: int
    score: float
    apcer: float
    bpcer: float
    live_threshold: float
    spoof_threshold: float
    decided: int
    frames: int
    used: int
    unusable: int
    stills: int
    other_faces: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("verdict", c_int32),
        ("reason", c_int32),
        ("score", c_float),
        ("apcer", c_double),
        ("bpcer", c_double),
        ("live_threshold", c_float),
        ("spoof_threshold", c_float),
        ("decided", c_int32),
        ("frames", c_int32),
        ("used", c_int32),
        ("unusable", c_int32),
        ("stills", c_int32),
        ("other_faces", c_int32),
    ]


class fm_pairs_report(Structure):
    struct_size: int
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
    _fields_ = [
        ("struct_size", c_uint32),
        ("folds", c_int32),
        ("pairs", c_int64),
        ("genuine", c_int64),
        ("impostor", c_int64),
        ("undecided", c_int64),
        ("accuracy", c_double),
        ("accuracy_sem", c_double),
        ("eer", c_double),
        ("eer_threshold", c_double),
        ("threshold", c_double),
    ]


class fm_rate(Structure):
    value: float
    low: float
    high: float
    hits: int
    trials: int
    _fields_ = [
        ("value", c_double),
        ("low", c_double),
        ("high", c_double),
        ("hits", c_int64),
        ("trials", c_int64),
    ]


class fm_evaluation_options(Structure):
    struct_size: int
    failures: int
    confidence: float
    _fields_ = [
        ("struct_size", c_uint32),
        ("failures", c_int32),
        ("confidence", c_double),
    ]


class fm_evaluation_report(Structure):
    struct_size: int
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
    _fields_ = [
        ("struct_size", c_uint32),
        ("people", c_int32),
        ("genuine", c_int64),
        ("impostor", c_int64),
        ("genuine_failed", c_int64),
        ("impostor_failed", c_int64),
        ("eer", c_double),
        ("eer_low", c_double),
        ("eer_high", c_double),
        ("eer_threshold", c_double),
        ("lowest", c_float),
        ("highest", c_float),
    ]


class fm_det_point(Structure):
    fmr: float
    fnmr: float
    threshold: float
    reserved: float
    _fields_ = [
        ("fmr", c_double),
        ("fnmr", c_double),
        ("threshold", c_float),
        ("reserved", c_float),
    ]


class fm_calibration_options(Structure):
    struct_size: int
    metric: int
    dataset: bytes | None
    _fields_ = [
        ("struct_size", c_uint32),
        ("metric", c_int32),
        ("dataset", c_char_p),
    ]


class fm_face_quality(Structure):
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
    reserved: Any
    _fields_ = [
        ("quality", c_float),
        ("size_px", c_float),
        ("eye_distance_px", c_float),
        ("score", c_float),
        ("sharpness", c_float),
        ("brightness", c_float),
        ("clipped", c_float),
        ("yaw_deg", c_float),
        ("pitch_deg", c_float),
        ("roll_deg", c_float),
        ("reserved", c_float * 2),
    ]


class fm_gate_options(Structure):
    struct_size: int
    off: int
    other_faces: float
    min_size_px: float
    min_score: float
    min_sharpness: float
    min_brightness: float
    max_brightness: float
    max_yaw_deg: float
    max_pitch_deg: float
    max_roll_deg: float
    use_scores: int
    another_score: float
    itself_score: float
    another_fpir: float
    itself_fmr: float
    _fields_ = [
        ("struct_size", c_uint32),
        ("off", c_int32),
        ("other_faces", c_float),
        ("min_size_px", c_float),
        ("min_score", c_float),
        ("min_sharpness", c_float),
        ("min_brightness", c_float),
        ("max_brightness", c_float),
        ("max_yaw_deg", c_float),
        ("max_pitch_deg", c_float),
        ("max_roll_deg", c_float),
        ("use_scores", c_int32),
        ("another_score", c_float),
        ("itself_score", c_float),
        ("another_fpir", c_double),
        ("itself_fmr", c_double),
    ]


class fm_gallery_info(Structure):
    struct_size: int
    dim: int
    identities: int
    templates: int
    created_ms: int
    model_id: bytes
    model_name: bytes
    sealed: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("dim", c_int32),
        ("identities", c_int64),
        ("templates", c_int64),
        ("created_ms", c_int64),
        ("model_id", c_char * 65),
        ("model_name", c_char * 64),
        ("sealed", c_int32),
    ]


class fm_identity(Structure):
    id: bytes
    display_name: bytes
    created_ms: int
    updated_ms: int
    templates: int
    reserved: int
    _fields_ = [
        ("id", c_char * 256),
        ("display_name", c_char * 256),
        ("created_ms", c_int64),
        ("updated_ms", c_int64),
        ("templates", c_int32),
        ("reserved", c_int32),
    ]


class fm_template(Structure):
    template_id: int
    created_ms: int
    quality: float
    label: bytes
    reserved: int
    _fields_ = [
        ("template_id", c_int64),
        ("created_ms", c_int64),
        ("quality", c_float),
        ("label", c_char * 64),
        ("reserved", c_int32),
    ]


class fm_match(Structure):
    id: bytes
    fmr: float
    template_id: int
    score: float
    rank: int
    _fields_ = [
        ("id", c_char * 256),
        ("fmr", c_double),
        ("template_id", c_int64),
        ("score", c_float),
        ("rank", c_int32),
    ]


class fm_augmentation(Structure):
    flip: float
    shift: float
    scale: float
    brightness: float
    contrast: float
    blur: float
    _fields_ = [
        ("flip", c_float),
        ("shift", c_float),
        ("scale", c_float),
        ("brightness", c_float),
        ("contrast", c_float),
        ("blur", c_float),
    ]


class fm_finding(Structure):
    kind: int
    fatal: int
    person: bytes | None
    image: bytes | None
    other: bytes | None
    message: bytes | None
    _fields_ = [
        ("kind", c_int32),
        ("fatal", c_int32),
        ("person", c_char_p),
        ("image", c_char_p),
        ("other", c_char_p),
        ("message", c_char_p),
    ]


class fm_training_step(Structure):
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    active: float
    positive_distance: float
    negative_distance: float
    _fields_ = [
        ("epoch", c_int32),
        ("epochs", c_int32),
        ("step", c_int32),
        ("steps", c_int32),
        ("loss", c_double),
        ("active", c_double),
        ("positive_distance", c_double),
        ("negative_distance", c_double),
    ]


class fm_training_stats(Structure):
    struct_size: int
    finished: int
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
    _fields_ = [
        ("struct_size", c_uint32),
        ("finished", c_int32),
        ("epoch", c_int32),
        ("epochs", c_int32),
        ("steps", c_int32),
        ("people", c_int32),
        ("photographs", c_int64),
        ("validation_people", c_int32),
        ("best_epoch", c_int32),
        ("validation_photographs", c_int64),
        ("loss", c_double),
        ("active", c_double),
        ("positive_distance", c_double),
        ("negative_distance", c_double),
        ("learning_rate", c_double),
        ("eer", c_double),
        ("best_eer", c_double),
        ("first_eer", c_double),
        ("validation_loss", c_double),
        ("best_validation_loss", c_double),
        ("first_validation_loss", c_double),
    ]


class fm_trainer_save_options(Structure):
    struct_size: int
    overwrite: int
    name: bytes | None
    license: bytes | None
    source: bytes | None
    training_data: bytes | None
    dataset: bytes | None
    _fields_ = [
        ("struct_size", c_uint32),
        ("overwrite", c_int32),
        ("name", c_char_p),
        ("license", c_char_p),
        ("source", c_char_p),
        ("training_data", c_char_p),
        ("dataset", c_char_p),
    ]


class fm_transfer(Structure):
    struct_size: int
    reserved: int
    identities: int
    templates: int
    skipped: int
    bytes: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("identities", c_int64),
        ("templates", c_int64),
        ("skipped", c_int64),
        ("bytes", c_int64),
    ]


class fm_build_info(Structure):
    struct_size: int
    abi_version: int
    version: bytes | None
    backend: bytes | None
    backend_version: bytes | None
    compiler: bytes | None
    git_id: bytes | None
    bfloat16: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("abi_version", c_int32),
        ("version", c_char_p),
        ("backend", c_char_p),
        ("backend_version", c_char_p),
        ("compiler", c_char_p),
        ("git_id", c_char_p),
        ("bfloat16", c_int32),
    ]


fm_key_fn = CFUNCTYPE(c_int32, c_void_p, POINTER(c_uint8))


fm_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p, c_char_p)


fm_check_fn = CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64)


fm_progress_fn = CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64)


class fm_liveness_result(Structure):
    struct_size: int
    verdict: int
    reason: int
    score: float
    apcer: float
    bpcer: float
    live_threshold: float
    spoof_threshold: float
    value: float
    limit: float
    quality: float
    face_count: int
    face: fm_face
    _fields_ = [
        ("struct_size", c_uint32),
        ("verdict", c_int32),
        ("reason", c_int32),
        ("score", c_float),
        ("apcer", c_double),
        ("bpcer", c_double),
        ("live_threshold", c_float),
        ("spoof_threshold", c_float),
        ("value", c_float),
        ("limit", c_float),
        ("quality", c_float),
        ("face_count", c_int32),
        ("face", fm_face),
    ]


class fm_liveness_sequence_options(Structure):
    struct_size: int
    min_frames: int
    max_frames: int
    still_difference: float
    same_fmr: float
    use_same_score: int
    same_score: float
    liveness: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("min_frames", c_int32),
        ("max_frames", c_int32),
        ("still_difference", c_float),
        ("same_fmr", c_double),
        ("use_same_score", c_int32),
        ("same_score", c_float),
        ("liveness", POINTER(fm_liveness_options)),
    ]


class fm_verify_options(Structure):
    struct_size: int
    use_threshold: int
    fmr: float
    threshold: float
    aligned: int
    extrapolate: int
    liveness: int
    liveness_options: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("use_threshold", c_int32),
        ("fmr", c_double),
        ("threshold", c_float),
        ("aligned", c_int32),
        ("extrapolate", c_int32),
        ("liveness", c_int32),
        ("liveness_options", POINTER(fm_liveness_options)),
    ]


class fm_verification(Structure):
    struct_size: int
    match: int
    score: float
    threshold: float
    fmr: float
    fmr_low: float
    fmr_high: float
    threshold_fmr: float
    threshold_fmr_low: float
    threshold_fmr_high: float
    threshold_fnmr: float
    liveness: fm_liveness_summary
    _fields_ = [
        ("struct_size", c_uint32),
        ("match", c_int32),
        ("score", c_float),
        ("threshold", c_float),
        ("fmr", c_double),
        ("fmr_low", c_double),
        ("fmr_high", c_double),
        ("threshold_fmr", c_double),
        ("threshold_fmr_low", c_double),
        ("threshold_fmr_high", c_double),
        ("threshold_fnmr", c_double),
        ("liveness", fm_liveness_summary),
    ]


class fm_operating_point(Structure):
    struct_size: int
    threshold: float
    fmr: fm_rate
    fnmr: fm_rate
    _fields_ = [
        ("struct_size", c_uint32),
        ("threshold", c_float),
        ("fmr", fm_rate),
        ("fnmr", fm_rate),
    ]


class fm_gate_report(Structure):
    struct_size: int
    reason: int
    value: float
    limit: float
    face_count: int
    face: fm_face
    quality: fm_face_quality
    other_id: bytes
    _fields_ = [
        ("struct_size", c_uint32),
        ("reason", c_int32),
        ("value", c_float),
        ("limit", c_float),
        ("face_count", c_int32),
        ("face", fm_face),
        ("quality", fm_face_quality),
        ("other_id", c_char * 256),
    ]


class fm_gallery_key(Structure):
    struct_size: int
    reserved: int
    bytes: Any
    size: int
    passphrase: bytes | None
    callback: Any
    user: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_int32),
        ("bytes", POINTER(c_uint8)),
        ("size", c_size_t),
        ("passphrase", c_char_p),
        ("callback", fm_key_fn),
        ("user", c_void_p),
    ]


class fm_enrollment(Structure):
    struct_size: int
    new_identity: int
    template_id: int
    templates: int
    face_count: int
    face: fm_face
    liveness: fm_liveness_summary
    _fields_ = [
        ("struct_size", c_uint32),
        ("new_identity", c_int32),
        ("template_id", c_int64),
        ("templates", c_int32),
        ("face_count", c_int32),
        ("face", fm_face),
        ("liveness", fm_liveness_summary),
    ]


class fm_identify_options(Structure):
    struct_size: int
    use_threshold: int
    fpir: float
    threshold: float
    aligned: int
    score: int
    liveness: int
    liveness_options: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("use_threshold", c_int32),
        ("fpir", c_double),
        ("threshold", c_float),
        ("aligned", c_int32),
        ("score", c_int32),
        ("liveness", c_int32),
        ("liveness_options", POINTER(fm_liveness_options)),
    ]


class fm_identification(Structure):
    struct_size: int
    threshold: float
    fmr: float
    identities: int
    face_count: int
    face: fm_face
    liveness: fm_liveness_summary
    _fields_ = [
        ("struct_size", c_uint32),
        ("threshold", c_float),
        ("fmr", c_double),
        ("identities", c_int64),
        ("face_count", c_int32),
        ("face", fm_face),
        ("liveness", fm_liveness_summary),
    ]


fm_finding_fn = CFUNCTYPE(None, c_void_p, POINTER(fm_finding))


fm_training_fn = CFUNCTYPE(c_int32, c_void_p, POINTER(fm_training_step))


class fm_gallery_options(Structure):
    struct_size: int
    mode: int
    timeout_ms: int
    threads: int
    index: int
    reserved: int
    key: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("mode", c_int32),
        ("timeout_ms", c_int32),
        ("threads", c_int32),
        ("index", c_int32),
        ("reserved", c_int32),
        ("key", POINTER(fm_gallery_key)),
    ]


class fm_enroll_options(Structure):
    struct_size: int
    aligned: int
    display_name: bytes | None
    metadata_json: bytes | None
    label: bytes | None
    has_quality: int
    quality: float
    gate: Any
    report: Any
    liveness_options: Any
    liveness: int
    reserved: int
    _fields_ = [
        ("struct_size", c_uint32),
        ("aligned", c_int32),
        ("display_name", c_char_p),
        ("metadata_json", c_char_p),
        ("label", c_char_p),
        ("has_quality", c_int32),
        ("quality", c_float),
        ("gate", POINTER(fm_gate_options)),
        ("report", POINTER(fm_gate_report)),
        ("liveness_options", POINTER(fm_liveness_options)),
        ("liveness", c_int32),
        ("reserved", c_int32),
    ]


class fm_trainer_options(Structure):
    struct_size: int
    loss: int
    mining: int
    reduction: int
    margin: float
    people_per_batch: int
    photographs_per_person: int
    epochs: int
    steps_per_epoch: int
    optimizer: int
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: int
    schedule_epochs: int
    patience: int
    fresh: int
    head_dim: int
    freeze: Any
    freeze_count: int
    augmentation: fm_augmentation
    seed: int
    device: bytes | None
    threads: int
    aligned: int
    detector: Any
    on_finding: Any
    user: Any
    liveness: Any
    on_check: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("loss", c_int32),
        ("mining", c_int32),
        ("reduction", c_int32),
        ("margin", c_float),
        ("people_per_batch", c_int32),
        ("photographs_per_person", c_int32),
        ("epochs", c_int32),
        ("steps_per_epoch", c_int32),
        ("optimizer", c_int32),
        ("learning_rate", c_float),
        ("momentum", c_float),
        ("weight_decay", c_float),
        ("schedule", c_int32),
        ("schedule_epochs", c_int32),
        ("patience", c_int32),
        ("fresh", c_int32),
        ("head_dim", c_int32),
        ("freeze", POINTER(c_char_p)),
        ("freeze_count", c_size_t),
        ("augmentation", fm_augmentation),
        ("seed", c_uint64),
        ("device", c_char_p),
        ("threads", c_int32),
        ("aligned", c_int32),
        ("detector", POINTER(fm_model)),
        ("on_finding", fm_finding_fn),
        ("user", c_void_p),
        ("liveness", POINTER(fm_liveness_options)),
        ("on_check", fm_check_fn),
    ]


class fm_transfer_options(Structure):
    struct_size: int
    on_existing: int
    progress: Any
    user: Any
    key: Any
    _fields_ = [
        ("struct_size", c_uint32),
        ("on_existing", c_int32),
        ("progress", fm_progress_fn),
        ("user", c_void_p),
        ("key", POINTER(fm_gallery_key)),
    ]


# name: (what it returns, [what it takes])
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "fm_status_name": (c_char_p, [c_int32]),
    "fm_image_options_init": (None, [POINTER(fm_image_options), c_uint32]),
    "fm_image_load_file": (c_int32, [POINTER(POINTER(fm_image)), c_char_p, POINTER(fm_image_options), POINTER(fm_error)]),
    "fm_image_load_memory": (c_int32, [POINTER(POINTER(fm_image)), c_void_p, c_size_t, POINTER(fm_image_options), POINTER(fm_error)]),
    "fm_image_from_pixels": (c_int32, [POINTER(POINTER(fm_image)), c_void_p, c_size_t, c_int32, c_int32, c_size_t, c_int32, POINTER(fm_error)]),
    "fm_image_describe": (c_int32, [POINTER(fm_image), POINTER(fm_image_info), POINTER(fm_error)]),
    "fm_image_copy_rgb": (c_int32, [POINTER(fm_image), POINTER(c_uint8), c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_image_save_file": (c_int32, [POINTER(fm_image), c_char_p, POINTER(fm_error)]),
    "fm_image_free": (None, [POINTER(fm_image)]),
    "fm_model_options_init": (None, [POINTER(fm_model_options), c_uint32]),
    "fm_model_load": (c_int32, [POINTER(POINTER(fm_model)), c_char_p, POINTER(fm_model_options), POINTER(fm_error)]),
    "fm_model_load_memory": (c_int32, [POINTER(POINTER(fm_model)), c_void_p, c_size_t, POINTER(fm_model_options), POINTER(fm_error)]),
    "fm_model_describe": (c_int32, [POINTER(fm_model), POINTER(fm_model_info), POINTER(fm_error)]),
    "fm_model_threshold": (c_int32, [POINTER(fm_model), c_double, POINTER(c_float), POINTER(fm_error)]),
    "fm_model_fmr": (c_int32, [POINTER(fm_model), c_float, POINTER(c_double), POINTER(fm_error)]),
    "fm_model_free": (None, [POINTER(fm_model)]),
    "fm_session_options_init": (None, [POINTER(fm_session_options), c_uint32]),
    "fm_session_create": (c_int32, [POINTER(POINTER(fm_session)), POINTER(fm_model), POINTER(fm_session_options), POINTER(fm_error)]),
    "fm_session_free": (None, [POINTER(fm_session)]),
    "fm_detect": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_face), c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_align": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_face), POINTER(POINTER(fm_image)), POINTER(fm_error)]),
    "fm_image_draw_faces": (c_int32, [POINTER(POINTER(fm_image)), POINTER(fm_image), POINTER(fm_face), c_size_t, POINTER(fm_error)]),
    "fm_embed": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_face), POINTER(c_float), c_size_t, POINTER(fm_face), POINTER(c_size_t), POINTER(fm_error)]),
    "fm_embed_batch": (c_int32, [POINTER(fm_session), POINTER(POINTER(fm_image)), c_size_t, POINTER(c_float), c_size_t, POINTER(c_int32), POINTER(fm_error)]),
    "fm_embed_aligned": (c_int32, [POINTER(fm_session), POINTER(POINTER(fm_image)), c_size_t, POINTER(c_float), c_size_t, POINTER(fm_error)]),
    "fm_liveness_verdict_name": (c_char_p, [c_int32]),
    "fm_liveness_reason_name": (c_char_p, [c_int32]),
    "fm_liveness_options_init": (None, [POINTER(fm_liveness_options), c_uint32]),
    "fm_liveness": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_face), POINTER(fm_liveness_options), POINTER(fm_liveness_result), POINTER(fm_error)]),
    "fm_liveness_batch": (c_int32, [POINTER(fm_session), POINTER(POINTER(fm_image)), c_size_t, POINTER(fm_face), POINTER(fm_liveness_options), POINTER(fm_liveness_result), c_size_t, POINTER(c_int32), POINTER(fm_error)]),
    "fm_liveness_thresholds": (c_int32, [c_char_p, POINTER(fm_liveness_options), POINTER(c_float), POINTER(c_float), POINTER(fm_error)]),
    "fm_liveness_sequence_options_init": (None, [POINTER(fm_liveness_sequence_options), c_uint32]),
    "fm_liveness_sequence_create": (c_int32, [POINTER(POINTER(fm_liveness_sequence)), POINTER(fm_session), POINTER(fm_liveness_sequence_options), POINTER(fm_error)]),
    "fm_liveness_sequence_add": (c_int32, [POINTER(fm_liveness_sequence), POINTER(fm_session), POINTER(fm_image), POINTER(fm_face), POINTER(fm_liveness_result), POINTER(fm_error)]),
    "fm_liveness_sequence_result": (c_int32, [POINTER(fm_liveness_sequence), POINTER(fm_liveness_fusion), POINTER(fm_error)]),
    "fm_liveness_sequence_free": (None, [POINTER(fm_liveness_sequence)]),
    "fm_verify_options_init": (None, [POINTER(fm_verify_options), c_uint32]),
    "fm_compare": (c_int32, [POINTER(fm_model), POINTER(c_float), POINTER(c_float), c_size_t, POINTER(c_float), POINTER(fm_error)]),
    "fm_verify_embeddings": (c_int32, [POINTER(fm_model), POINTER(c_float), POINTER(c_float), c_size_t, POINTER(fm_verify_options), POINTER(fm_verification), POINTER(fm_error)]),
    "fm_verify": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_image), POINTER(fm_verify_options), POINTER(fm_verification), POINTER(fm_error)]),
    "fm_evaluate_pairs": (c_int32, [POINTER(c_float), POINTER(c_uint8), POINTER(c_int32), c_size_t, POINTER(c_double), c_size_t, POINTER(c_double), POINTER(fm_pairs_report), POINTER(fm_error)]),
    "fm_evaluation_options_init": (None, [POINTER(fm_evaluation_options), c_uint32]),
    "fm_evaluation_new": (c_int32, [POINTER(POINTER(fm_evaluation)), POINTER(fm_evaluation_options), POINTER(fm_error)]),
    "fm_evaluation_free": (None, [POINTER(fm_evaluation)]),
    "fm_evaluation_add": (c_int32, [POINTER(fm_evaluation), POINTER(c_float), POINTER(c_uint8), POINTER(c_int32), POINTER(c_int32), c_size_t, POINTER(fm_error)]),
    "fm_evaluation_describe": (c_int32, [POINTER(fm_evaluation), POINTER(fm_evaluation_report), POINTER(fm_error)]),
    "fm_evaluation_at_threshold": (c_int32, [POINTER(fm_evaluation), c_float, POINTER(fm_operating_point), POINTER(fm_error)]),
    "fm_evaluation_at_fmr": (c_int32, [POINTER(fm_evaluation), c_double, POINTER(fm_operating_point), POINTER(fm_error)]),
    "fm_evaluation_curve": (c_int32, [POINTER(fm_evaluation), POINTER(fm_det_point), c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_evaluation_histogram": (c_int32, [POINTER(fm_evaluation), c_float, c_float, c_size_t, POINTER(c_int64), POINTER(c_int64), POINTER(fm_error)]),
    "fm_calibration_options_init": (None, [POINTER(fm_calibration_options), c_uint32]),
    "fm_calibrate": (c_int32, [POINTER(fm_evaluation), POINTER(fm_calibration_options), c_char_p, c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_liveness_calibrate": (c_int32, [POINTER(c_float), POINTER(c_int32), c_size_t, POINTER(fm_calibration_options), c_char_p, c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_gate_options_init": (None, [POINTER(fm_gate_options), c_uint32]),
    "fm_refusal_name": (c_char_p, [c_int32]),
    "fm_quality": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_face), POINTER(fm_face_quality), POINTER(fm_error)]),
    "fm_gate_check": (c_int32, [POINTER(fm_session), POINTER(fm_image), POINTER(fm_gate_options), POINTER(fm_gate_report), POINTER(fm_error)]),
    "fm_gallery_options_init": (None, [POINTER(fm_gallery_options), c_uint32]),
    "fm_gallery_key_init": (None, [POINTER(fm_gallery_key), c_uint32]),
    "fm_enroll_options_init": (None, [POINTER(fm_enroll_options), c_uint32]),
    "fm_identify_options_init": (None, [POINTER(fm_identify_options), c_uint32]),
    "fm_gallery_open": (c_int32, [POINTER(POINTER(fm_gallery)), c_char_p, POINTER(fm_model), POINTER(fm_gallery_options), POINTER(fm_error)]),
    "fm_gallery_describe": (c_int32, [POINTER(fm_gallery), POINTER(fm_gallery_info), POINTER(fm_error)]),
    "fm_gallery_enroll": (c_int32, [POINTER(fm_gallery), POINTER(fm_session), c_char_p, POINTER(fm_image), POINTER(fm_enroll_options), POINTER(fm_enrollment), POINTER(fm_error)]),
    "fm_gallery_add": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(c_float), c_size_t, POINTER(fm_enroll_options), POINTER(fm_enrollment), POINTER(fm_error)]),
    "fm_gallery_remove": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_gallery_remove_template": (c_int32, [POINTER(fm_gallery), c_char_p, c_int64, POINTER(fm_error)]),
    "fm_gallery_rekey": (c_int32, [POINTER(fm_gallery), POINTER(fm_gallery_key), POINTER(fm_error)]),
    "fm_gallery_get": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(fm_identity), POINTER(fm_error)]),
    "fm_gallery_get_metadata": (c_int32, [POINTER(fm_gallery), c_char_p, c_char_p, c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_gallery_get_templates": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(fm_template), c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_gallery_get_embedding": (c_int32, [POINTER(fm_gallery), c_char_p, c_int64, POINTER(c_float), c_size_t, POINTER(fm_error)]),
    "fm_gallery_list": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(fm_identity), c_size_t, POINTER(c_size_t), POINTER(fm_error)]),
    "fm_gallery_count": (c_int32, [POINTER(fm_gallery), POINTER(c_size_t), POINTER(c_size_t), POINTER(fm_error)]),
    "fm_identify": (c_int32, [POINTER(fm_gallery), POINTER(fm_session), POINTER(fm_image), POINTER(fm_identify_options), POINTER(fm_match), c_size_t, POINTER(c_size_t), POINTER(fm_identification), POINTER(fm_error)]),
    "fm_gallery_search": (c_int32, [POINTER(fm_gallery), POINTER(c_float), c_size_t, c_size_t, POINTER(fm_identify_options), POINTER(fm_match), c_size_t, POINTER(c_size_t), POINTER(fm_identification), POINTER(fm_error)]),
    "fm_verify_identity": (c_int32, [POINTER(fm_gallery), POINTER(fm_session), c_char_p, POINTER(fm_image), POINTER(fm_verify_options), POINTER(fm_verification), POINTER(fm_error)]),
    "fm_gallery_recall": (c_int32, [POINTER(fm_gallery), c_size_t, c_size_t, POINTER(c_double), POINTER(fm_error)]),
    "fm_gallery_close": (None, [POINTER(fm_gallery)]),
    "fm_log_set": (None, [fm_log_fn, c_void_p, c_int32]),
    "fm_trainer_options_init": (None, [POINTER(fm_trainer_options), c_uint32]),
    "fm_trainer_save_options_init": (None, [POINTER(fm_trainer_save_options), c_uint32]),
    "fm_trainer_create": (c_int32, [POINTER(POINTER(fm_trainer)), POINTER(fm_model), POINTER(fm_trainer_options), POINTER(fm_error)]),
    "fm_trainer_add_image": (c_int32, [POINTER(fm_trainer), POINTER(fm_image), c_char_p, c_char_p, c_int32, POINTER(fm_error)]),
    "fm_trainer_add_frame": (c_int32, [POINTER(fm_trainer), POINTER(fm_image), c_int32, c_char_p, c_char_p, c_int32, POINTER(fm_error)]),
    "fm_trainer_check": (c_int32, [POINTER(fm_trainer), POINTER(c_size_t), POINTER(fm_error)]),
    "fm_trainer_epoch": (c_int32, [POINTER(fm_trainer), fm_training_fn, c_void_p, POINTER(fm_error)]),
    "fm_trainer_stats": (c_int32, [POINTER(fm_trainer), POINTER(fm_training_stats), POINTER(fm_error)]),
    "fm_trainer_checkpoint": (c_int32, [POINTER(fm_trainer), c_char_p, POINTER(fm_error)]),
    "fm_trainer_resume": (c_int32, [POINTER(fm_trainer), c_char_p, POINTER(fm_error)]),
    "fm_trainer_save": (c_int32, [POINTER(fm_trainer), c_char_p, POINTER(fm_trainer_save_options), POINTER(fm_error)]),
    "fm_trainer_free": (None, [POINTER(fm_trainer)]),
    "fm_transfer_options_init": (None, [POINTER(fm_transfer_options), c_uint32]),
    "fm_gallery_export": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(fm_transfer_options), POINTER(fm_transfer), POINTER(fm_error)]),
    "fm_gallery_import": (c_int32, [POINTER(fm_gallery), c_char_p, POINTER(fm_transfer_options), POINTER(fm_transfer), POINTER(fm_error)]),
    "fm_gallery_compact": (c_int32, [POINTER(fm_gallery), POINTER(fm_error)]),
    "fm_gallery_shard": (c_int32, [POINTER(fm_gallery), POINTER(c_char_p), c_size_t, POINTER(fm_transfer_options), POINTER(fm_transfer), POINTER(fm_error)]),
    "fm_version": (c_char_p, []),
    "fm_abi_version": (c_int32, []),
    "fm_build_info_get": (c_int32, [POINTER(fm_build_info), POINTER(fm_error)]),
}
