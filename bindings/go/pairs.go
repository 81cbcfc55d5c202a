package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "unsafe"

// PairsReport is the figures of one run over pairs, by the protocol of LFW.
type PairsReport struct {
	Folds                               int
	Pairs, Genuine, Impostor, Undecided int64
	Accuracy, AccuracySEM               float64
	EER, EERThreshold                   float64
	Threshold                           float64   // best for accuracy over all pairs
	TARs                                []float64 // of the rates that were asked for
}

// EvaluatePairs evaluates scored pairs, in folds or, with nil, all in one. For each false accept rate of fars it tells
// the share of genuine pairs that are accepted.
func EvaluatePairs(scores []float32, genuine []bool, folds []int32, fars []float64) (PairsReport, error) {
	n := len(scores)
	if len(genuine) != n || (folds != nil && len(folds) != n) {
		return PairsReport{}, refuse("scores, genuine and folds have %d, %d and %d items", n, len(genuine), len(folds))
	}
	if err := checkLibrary(); err != nil {
		return PairsReport{}, err
	}
	tars := make([]float64, len(fars))
	r, failure := C.fm_pairs_report{struct_size: C.sizeof_fm_pairs_report}, noError()
	status := C.fm_evaluate_pairs(floatsOf(scores), bytesOf(genuine), intsOf(folds), C.size_t(n),
		(*C.double)(unsafe.SliceData(fars)), C.size_t(len(fars)), (*C.double)(unsafe.SliceData(tars)), &r, &failure)
	if err := answer(status, &failure); err != nil {
		return PairsReport{}, err
	}
	return PairsReport{
		int(r.folds), int64(r.pairs), int64(r.genuine), int64(r.impostor), int64(r.undecided), float64(r.accuracy),
		float64(r.accuracy_sem), float64(r.eer), float64(r.eer_threshold), float64(r.threshold), tars,
	}, nil
}
