package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "unsafe"

// Rate is a share, with an interval that covers the true one.
type Rate struct {
	Value, Low, High float64
	Hits, Trials     int64
}

// Comparisons are scores of which it is known whether they are of one person. A score of NaN could not be made.
type Comparisons struct {
	Scores        []float32
	Genuine       []bool
	First, Second []int32 // who is in the photographs, 0 and up; nil: not known
}

// EvaluationOptions tells how rates are told.
type EvaluationOptions struct {
	Failures   Failures
	Confidence float64 // of the intervals; default 0.95
}

// EvaluationReport is counts and the equal error rate.
type EvaluationReport struct {
	People                        int
	Genuine, Impostor             int64
	GenuineFailed, ImpostorFailed int64
	EER, EERLow, EERHigh          float64
	EERThreshold                  float64
	Lowest, Highest               float32
}

// OperatingPoint is the rates at a threshold.
type OperatingPoint struct {
	Threshold float32
	FMR, FNMR Rate
}

// DETPoint is a point of the curve of errors.
type DETPoint struct {
	FMR, FNMR float64
	Threshold float32
}

// Evaluation is all comparisons of an experiment. It does one thing at a time.
type Evaluation struct{ own confined }

// NewEvaluation makes one without comparisons.
func NewEvaluation(options *EvaluationOptions) (*Evaluation, error) {
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	var given C.fm_evaluation_options
	C.fm_evaluation_options_init(&given, C.sizeof_fm_evaluation_options)
	if options != nil {
		given.failures, given.confidence = C.fm_failures(options.Failures), C.double(options.Confidence)
	}
	failure := noError()
	var out *C.fm_evaluation
	if err := answer(C.fm_evaluation_new(&out, &given, &failure), &failure); err != nil {
		return nil, err
	}
	made := &Evaluation{}
	made.own.h = newHandle(unsafe.Pointer(out), func() { C.fm_evaluation_free(out) })
	return made, nil
}

func (e *Evaluation) confined() *confined {
	if e == nil {
		return nil
	}
	return &e.own
}

// Close lets the scores go, wiped.
func (e *Evaluation) Close() error {
	e.confined().handle().close()
	return nil
}

// call runs one call in the evaluation's turn.
func (e *Evaluation) call(run func(*C.fm_evaluation, *C.fm_error) C.fm_status) error {
	return e.confined().run(func() error {
		failure := noError()
		return answer(run((*C.fm_evaluation)(e.confined().handle().pointer()), &failure), &failure)
	})
}

func bytesOf(flags []bool) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(flags))) }

func intsOf(values []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(values)) }

// Add adds comparisons; any number of times.
func (e *Evaluation) Add(c Comparisons) error {
	n := len(c.Scores)
	if len(c.Genuine) != n || (c.First != nil && len(c.First) != n) || (c.Second != nil && len(c.Second) != n) {
		return refuse("scores, genuine, first and second have %d, %d, %d and %d items", n, len(c.Genuine),
			len(c.First), len(c.Second))
	}
	return e.call(func(evaluation *C.fm_evaluation, failure *C.fm_error) C.fm_status {
		return C.fm_evaluation_add(evaluation, floatsOf(c.Scores), bytesOf(c.Genuine), intsOf(c.First),
			intsOf(c.Second), C.size_t(n), failure)
	})
}

// Report is counts and the equal error rate.
func (e *Evaluation) Report() (EvaluationReport, error) {
	r := C.fm_evaluation_report{struct_size: C.sizeof_fm_evaluation_report}
	err := e.call(func(evaluation *C.fm_evaluation, failure *C.fm_error) C.fm_status {
		return C.fm_evaluation_describe(evaluation, &r, failure)
	})
	return EvaluationReport{
		int(r.people), int64(r.genuine), int64(r.impostor), int64(r.genuine_failed), int64(r.impostor_failed),
		float64(r.eer), float64(r.eer_low), float64(r.eer_high), float64(r.eer_threshold), float32(r.lowest),
		float32(r.highest),
	}, err
}

func rateOf(r *C.fm_rate) Rate {
	return Rate{float64(r.value), float64(r.low), float64(r.high), int64(r.hits), int64(r.trials)}
}

func (e *Evaluation) point(at func(*C.fm_evaluation, *C.fm_operating_point, *C.fm_error) C.fm_status) (
	OperatingPoint, error) {
	p := C.fm_operating_point{struct_size: C.sizeof_fm_operating_point}
	err := e.call(func(evaluation *C.fm_evaluation, failure *C.fm_error) C.fm_status {
		return at(evaluation, &p, failure)
	})
	return OperatingPoint{float32(p.threshold), rateOf(&p.fmr), rateOf(&p.fnmr)}, err
}

// AtThreshold is the rates at a threshold.
func (e *Evaluation) AtThreshold(threshold float32) (OperatingPoint, error) {
	return e.point(func(evaluation *C.fm_evaluation, p *C.fm_operating_point, failure *C.fm_error) C.fm_status {
		return C.fm_evaluation_at_threshold(evaluation, C.float(threshold), p, failure)
	})
}

// AtFMR is the rates at the lowest threshold whose false match rate is at most fmr.
func (e *Evaluation) AtFMR(fmr float64) (OperatingPoint, error) {
	return e.point(func(evaluation *C.fm_evaluation, p *C.fm_operating_point, failure *C.fm_error) C.fm_status {
		return C.fm_evaluation_at_fmr(evaluation, C.double(fmr), p, failure)
	})
}

// Curve is the curve of errors in at most so many points, 8 or more.
func (e *Evaluation) Curve(points int) ([]DETPoint, error) {
	if points < 1 || points > 1<<24 {
		return nil, refuse("%d points must be 8..%d", points, 1<<24)
	}
	out := make([]C.fm_det_point, points)
	var count C.size_t
	err := e.call(func(evaluation *C.fm_evaluation, failure *C.fm_error) C.fm_status {
		return C.fm_evaluation_curve(evaluation, &out[0], C.size_t(points), &count, failure)
	})
	if err != nil {
		return nil, err
	}
	curve := make([]DETPoint, count)
	for i := range curve {
		curve[i] = DETPoint{float64(out[i].fmr), float64(out[i].fnmr), float32(out[i].threshold)}
	}
	return curve, nil
}

// Histogram counts the scores in so many equal parts of low..high.
func (e *Evaluation) Histogram(low, high float32, bins int) (genuine, impostor []int64, err error) {
	if bins < 1 || bins > 65536 {
		return nil, nil, refuse("%d bins must be 1..65,536", bins)
	}
	genuine, impostor = make([]int64, bins), make([]int64, bins)
	err = e.call(func(evaluation *C.fm_evaluation, failure *C.fm_error) C.fm_status {
		return C.fm_evaluation_histogram(evaluation, C.float(low), C.float(high), C.size_t(bins),
			(*C.int64_t)(&genuine[0]), (*C.int64_t)(&impostor[0]), failure)
	})
	if err != nil {
		return nil, nil, err
	}
	return genuine, impostor, nil
}

// calibration is the text of one; ask is told the options.
func calibration(metric Metric, dataset string, ask func(*C.fm_calibration_options, *buffer) error) (string, error) {
	var s scratch
	defer s.done()
	given := pinned(&s, new(C.fm_calibration_options))
	C.fm_calibration_options_init(given, C.sizeof_fm_calibration_options)
	given.metric, given.dataset = C.fm_metric(metric), s.optional(dataset)
	if s.err != nil {
		return "", s.err
	}
	return growing(1<<16, func(out *buffer) error { return ask(given, out) })
}

// Calibrate is the calibration of a model with the metric, for its manifest: a JSON object. The dataset says, for
// people, what was measured.
func (e *Evaluation) Calibrate(metric Metric, dataset string) (string, error) {
	return calibration(metric, dataset, func(given *C.fm_calibration_options, out *buffer) error {
		return e.call(func(evaluation *C.fm_evaluation, failure *C.fm_error) C.fm_status {
			return C.fm_calibrate(evaluation, given, out.c(), out.size(), &out.needed, failure)
		})
	})
}

// CalibrateLiveness is the calibration of a liveness model, for its manifest: a JSON object. Scores are those of its
// results; the kind of each is 0 for a live face, else which attack it was.
func CalibrateLiveness(scores []float32, kinds []int32, dataset string) (string, error) {
	if len(scores) != len(kinds) {
		return "", refuse("%d scores and %d kinds", len(scores), len(kinds))
	}
	if err := checkLibrary(); err != nil {
		return "", err
	}
	return calibration(0, dataset, func(given *C.fm_calibration_options, out *buffer) error {
		failure := noError()
		status := C.fm_liveness_calibrate(floatsOf(scores), intsOf(kinds), C.size_t(len(scores)), given, out.c(),
			out.size(), &out.needed, &failure)
		return answer(status, &failure)
	})
}
