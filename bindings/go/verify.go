package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

// VerifyOptions is the operating point of a verification.
type VerifyOptions struct {
	FMR         float64  // accepted false match rate; default 1e-4
	Threshold   *float32 // if given, scores of at least this much match, and FMR is ignored; see At
	Aligned     bool     // the images already are the crops that the model sees
	Extrapolate bool     // allow an FMR below what the calibration measured
	Liveness    LivenessPolicy
	Limits      *LivenessOptions // of the liveness; nil: the defaults
}

// Verification is a decision and what it rests on. What the calibration does not tell is NaN.
type Verification struct {
	Match                                           bool
	Score, Threshold                                float32
	FMR, FMRLow, FMRHigh                            float64 // share of strangers that would score this high
	ThresholdFMR, ThresholdFMRLow, ThresholdFMRHigh float64
	ThresholdFNMR                                   float64 // share of genuine comparisons below the threshold
	Liveness                                        LivenessSummary
}

// At is a threshold for the options.
func At(score float32) *float32 { return &score }

func (o *VerifyOptions) c(s *scratch) C.fm_verify_options {
	var c C.fm_verify_options
	C.fm_verify_options_init(&c, C.sizeof_fm_verify_options)
	if o == nil {
		return c
	}
	c.fmr, c.aligned, c.extrapolate = C.double(o.FMR), flag(o.Aligned), flag(o.Extrapolate)
	if o.Threshold != nil {
		c.use_threshold, c.threshold = 1, C.float(*o.Threshold)
	}
	c.liveness, c.liveness_options = C.fm_liveness_policy(o.Liveness), o.Limits.pinned(s)
	return c
}

func noVerification() C.fm_verification {
	return C.fm_verification{struct_size: C.sizeof_fm_verification}
}

func verificationOf(v *C.fm_verification) Verification {
	return Verification{
		Match: v.match != 0, Score: float32(v.score), Threshold: float32(v.threshold),
		FMR: float64(v.fmr), FMRLow: float64(v.fmr_low), FMRHigh: float64(v.fmr_high),
		ThresholdFMR: float64(v.threshold_fmr), ThresholdFMRLow: float64(v.threshold_fmr_low),
		ThresholdFMRHigh: float64(v.threshold_fmr_high), ThresholdFNMR: float64(v.threshold_fnmr),
		Liveness: summaryOf(&v.liveness),
	}
}
