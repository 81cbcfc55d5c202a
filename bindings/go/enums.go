package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

// ModelKind is what a network does.
type ModelKind int32

const (
	Embedder      ModelKind = C.FM_MODEL_EMBEDDER
	Detector      ModelKind = C.FM_MODEL_DETECTOR
	LivenessModel ModelKind = C.FM_MODEL_LIVENESS
)

// ModelFamily is how a network was trained.
type ModelFamily int32

const (
	Softmax ModelFamily = C.FM_FAMILY_SOFTMAX
	Triplet ModelFamily = C.FM_FAMILY_TRIPLET
	Bundle  ModelFamily = C.FM_FAMILY_BUNDLE
)

// Metric is how two embeddings are compared; scores grow with likeness.
type Metric int32

const (
	Cosine       Metric = C.FM_METRIC_COSINE
	Euclidean    Metric = C.FM_METRIC_EUCLIDEAN
	SqEuclidean  Metric = C.FM_METRIC_SQEUCLIDEAN
	InnerProduct Metric = C.FM_METRIC_INNER_PRODUCT
	ChiSquared   Metric = C.FM_METRIC_CHI_SQUARED
	Siamese      Metric = C.FM_METRIC_SIAMESE
)

// Precision is the arithmetic of the embedder.
type Precision int32

const (
	Float32  Precision = C.FM_PRECISION_FLOAT32
	BFloat16 Precision = C.FM_PRECISION_BFLOAT16
)

// Selection is which of several faces is meant, and so the order in which faces are told.
type Selection int32

const (
	Largest      Selection = C.FM_SELECT_LARGEST
	MostCentral  Selection = C.FM_SELECT_MOST_CENTRAL
	HighestScore Selection = C.FM_SELECT_HIGHEST_SCORE
	Prominent    Selection = C.FM_SELECT_PROMINENT // large and central: the default
)

// Refusal is why the enrolment gate refused a photograph.
type Refusal int32

const (
	RefusalNone              Refusal = C.FM_REFUSAL_NONE
	RefusalNoFace            Refusal = C.FM_REFUSAL_NO_FACE
	RefusalSeveralFaces      Refusal = C.FM_REFUSAL_SEVERAL_FACES
	RefusalFaceTooSmall      Refusal = C.FM_REFUSAL_FACE_TOO_SMALL
	RefusalLowDetectionScore Refusal = C.FM_REFUSAL_LOW_DETECTION_SCORE
	RefusalBlurred           Refusal = C.FM_REFUSAL_BLURRED
	RefusalTooDark           Refusal = C.FM_REFUSAL_TOO_DARK
	RefusalTooBright         Refusal = C.FM_REFUSAL_TOO_BRIGHT
	RefusalExtremePose       Refusal = C.FM_REFUSAL_EXTREME_POSE
	RefusalLooksLikeAnother  Refusal = C.FM_REFUSAL_LOOKS_LIKE_ANOTHER
	RefusalUnlikeItself      Refusal = C.FM_REFUSAL_UNLIKE_ITSELF
)

// String is the reason's name, such as "face_too_small".
func (r Refusal) String() string { return C.GoString(C.fm_refusal_name(C.fm_refusal(r))) }

// LivenessVerdict is whether a face is live.
type LivenessVerdict int32

const (
	LivenessNotChecked LivenessVerdict = C.FM_LIVENESS_NOT_CHECKED
	LivenessLive       LivenessVerdict = C.FM_LIVENESS_LIVE
	LivenessSpoof      LivenessVerdict = C.FM_LIVENESS_SPOOF
	LivenessUncertain  LivenessVerdict = C.FM_LIVENESS_UNCERTAIN
)

// String is the verdict's name, such as "live".
func (v LivenessVerdict) String() string {
	return C.GoString(C.fm_liveness_verdict_name(C.fm_liveness_verdict(v)))
}

// LivenessReason is why a verdict is uncertain.
type LivenessReason int32

const (
	LivenessReasonNone      LivenessReason = C.FM_LIVENESS_REASON_NONE
	LivenessReasonTooSmall  LivenessReason = C.FM_LIVENESS_REASON_TOO_SMALL
	LivenessReasonCut       LivenessReason = C.FM_LIVENESS_REASON_CUT
	LivenessReasonCrop      LivenessReason = C.FM_LIVENESS_REASON_CROP
	LivenessReasonBlurred   LivenessReason = C.FM_LIVENESS_REASON_BLURRED
	LivenessReasonBetween   LivenessReason = C.FM_LIVENESS_REASON_BETWEEN
	LivenessReasonOtherFace LivenessReason = C.FM_LIVENESS_REASON_OTHER_FACE // of a sequence, as what follows
	LivenessReasonStill     LivenessReason = C.FM_LIVENESS_REASON_STILL
	LivenessReasonTooFew    LivenessReason = C.FM_LIVENESS_REASON_TOO_FEW
)

// String is the reason's name, such as "too_small".
func (r LivenessReason) String() string {
	return C.GoString(C.fm_liveness_reason_name(C.fm_liveness_reason(r)))
}

// LivenessPolicy is what a decision does about liveness.
type LivenessPolicy int32

const (
	LivenessOff     LivenessPolicy = C.FM_LIVENESS_OFF     // no check: the default
	LivenessReport  LivenessPolicy = C.FM_LIVENESS_REPORT  // check and tell; the decision is as without
	LivenessRequire LivenessPolicy = C.FM_LIVENESS_REQUIRE // what is not live is answered with ErrNotLive
)

// GalleryMode is how a gallery is opened.
type GalleryMode int32

const (
	Create   GalleryMode = C.FM_GALLERY_CREATE // made if it does not exist: the default
	Existing GalleryMode = C.FM_GALLERY_EXISTING
	ReadOnly GalleryMode = C.FM_GALLERY_READ_ONLY
)

// Index is how a gallery is searched.
type Index int32

const (
	Exact Index = C.FM_INDEX_EXACT // nobody is missed: the default
	HNSW  Index = C.FM_INDEX_HNSW
)

// ScoreRule is what the score of an identity is.
type ScoreRule int32

const (
	BestTemplate ScoreRule = C.FM_SCORE_BEST // the default
	MeanTemplate ScoreRule = C.FM_SCORE_MEAN
)

// OnExisting is what an import does with an identity that the gallery has already.
type OnExisting int32

const (
	RefuseExisting OnExisting = C.FM_EXISTING_REFUSE // the default
	SkipExisting   OnExisting = C.FM_EXISTING_SKIP
	MergeExisting  OnExisting = C.FM_EXISTING_MERGE
)

// Failures is what an evaluation does with comparisons that have no score.
type Failures int32

const (
	LeaveOutFailures Failures = C.FM_FAILURES_LEAVE_OUT // FMR and FNMR: the default
	CountFailures    Failures = C.FM_FAILURES_COUNT     // FAR and FRR
)

// Loss is what training makes small; see fm_loss.
type Loss int32

const (
	LossTriplet    Loss = C.FM_LOSS_TRIPLET // the default
	LossSoftmax    Loss = C.FM_LOSS_SOFTMAX
	LossSiamese    Loss = C.FM_LOSS_SIAMESE
	LossChiSquared Loss = C.FM_LOSS_CHI_SQUARED
)

// Mining is which triplets of a batch count; see fm_mining.
type Mining int32

const (
	MiningBatchHard Mining = C.FM_MINING_BATCH_HARD // the default
	MiningSemiHard  Mining = C.FM_MINING_SEMI_HARD
	MiningAll       Mining = C.FM_MINING_ALL
)

// Reduction is how the losses of a batch become one number.
type Reduction int32

const (
	ReductionMean Reduction = C.FM_REDUCTION_MEAN // the default
	ReductionSum  Reduction = C.FM_REDUCTION_SUM
)

// Optimizer is how weights follow from gradients.
type Optimizer int32

const (
	OptimizerAdam    Optimizer = C.FM_OPTIMIZER_ADAM // the default
	OptimizerSGD     Optimizer = C.FM_OPTIMIZER_SGD
	OptimizerAdagrad Optimizer = C.FM_OPTIMIZER_ADAGRAD
)

// Schedule is how the learning rate changes from epoch to epoch.
type Schedule int32

const (
	ScheduleCosine   Schedule = C.FM_SCHEDULE_COSINE // the default
	ScheduleConstant Schedule = C.FM_SCHEDULE_CONSTANT
	ScheduleStep     Schedule = C.FM_SCHEDULE_STEP
)

// Role is what a photograph is for in training.
type Role int32

const (
	RoleTrain      Role = C.FM_ROLE_TRAIN
	RoleValidation Role = C.FM_ROLE_VALIDATION // of people left out of training
)

// FrameClass is what a frame for training a liveness model shows; from 0 on, the model's class of that number.
type FrameClass int32

const (
	FrameLive   FrameClass = C.FM_FRAME_LIVE
	FrameAttack FrameClass = C.FM_FRAME_ATTACK // of any kind
)

// FindingKind is what is wrong with the data or the run of a training.
type FindingKind int32

const (
	FindingCollapse   FindingKind = C.FM_FINDING_COLLAPSE
	FindingExplosion  FindingKind = C.FM_FINDING_EXPLOSION
	FindingNoActive   FindingKind = C.FM_FINDING_NO_ACTIVE
	FindingSingle     FindingKind = C.FM_FINDING_SINGLE
	FindingWrongLabel FindingKind = C.FM_FINDING_WRONG_LABEL
	FindingOverlap    FindingKind = C.FM_FINDING_OVERLAP
)
