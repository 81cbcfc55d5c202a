package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "unsafe"

// Model is a network: one that embeds faces or one that finds them. It never changes.
//
// A model file is code that libtorch runs: load only what you trust, or name the ids you know in AllowedIDs.
type Model struct{ h *handle }

// ModelOptions restricts what is loaded.
type ModelOptions struct {
	MaxBytes   uint64   // of the file; default 2 GiB, ^uint64(0) is no limit
	Manifest   string   // text of a facematch.json, for an archive that carries none
	AllowedIDs []string // hexadecimal ids; none: any model
}

// ModelInfo is what a model says about itself.
type ModelInfo struct {
	Kind                                ModelKind
	Family                              ModelFamily
	Metric                              Metric
	Dim                                 int // floats of an embedding
	InputWidth, InputHeight             int // of the aligned crop
	Normalized                          bool
	ID                                  string // equal ids: comparable embeddings
	Name, Source, License, TrainingData string
	CalibrationDataset                  string // "" without a calibration
	CalibrationComparisons              int64
	CalibrationMinFMR                   float64
}

func (o *ModelOptions) c(s *scratch) C.fm_model_options {
	var c C.fm_model_options
	C.fm_model_options_init(&c, C.sizeof_fm_model_options)
	if o == nil {
		return c
	}
	c.max_bytes = C.uint64_t(o.MaxBytes)
	c.manifest_json = s.optional(o.Manifest)
	if len(o.AllowedIDs) > 0 {
		ids := make([]*C.char, len(o.AllowedIDs))
		for i, id := range o.AllowedIDs {
			ids[i] = s.text(id)
		}
		c.allowed_ids = pinned(s, &ids[0])
		c.allowed_ids_count = C.size_t(len(ids))
	}
	return c
}

func (m *Model) handle() *handle {
	if m == nil {
		return nil
	}
	return m.h
}

func (m *Model) c() *C.fm_model { return (*C.fm_model)(m.handle().pointer()) }

func loadModel(options *ModelOptions, load func(*scratch, **C.fm_model, *C.fm_model_options, *C.fm_error) C.fm_status) (
	*Model, error) {
	var s scratch
	defer s.done()
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	given, failure := options.c(&s), noError()
	if s.err != nil {
		return nil, s.err
	}
	var out *C.fm_model
	status := load(&s, &out, &given, &failure)
	if s.err != nil {
		return nil, s.err
	}
	if err := answer(status, &failure); err != nil {
		return nil, err
	}
	return &Model{newHandle(unsafe.Pointer(out), func() { C.fm_model_free(out) })}, nil
}

// LoadModel loads a model file.
func LoadModel(path string, options *ModelOptions) (*Model, error) {
	return loadModel(options, func(s *scratch, out **C.fm_model, o *C.fm_model_options, e *C.fm_error) C.fm_status {
		cpath := s.text(path)
		if s.err != nil {
			return C.FM_E_INVALID_ARGUMENT
		}
		return C.fm_model_load(out, cpath, o, e)
	})
}

// LoadModelBytes loads the bytes of a model file.
func LoadModelBytes(data []byte, options *ModelOptions) (*Model, error) {
	return loadModel(options, func(_ *scratch, out **C.fm_model, o *C.fm_model_options, e *C.fm_error) C.fm_status {
		return C.fm_model_load_memory(out, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), o, e)
	})
}

// Close lets the model go. Sessions and galleries made from it stay valid.
func (m *Model) Close() error {
	m.handle().close()
	return nil
}

// Info is what the model says about itself.
func (m *Model) Info() (ModelInfo, error) {
	taken, err := hold(m.handle())
	if err != nil {
		return ModelInfo{}, err
	}
	defer taken.release()
	i, failure := C.fm_model_info{struct_size: C.sizeof_fm_model_info}, noError()
	if err := answer(C.fm_model_describe(m.c(), &i, &failure), &failure); err != nil {
		return ModelInfo{}, err
	}
	return ModelInfo{
		Kind: ModelKind(i.kind), Family: ModelFamily(i.family), Metric: Metric(i.metric), Dim: int(i.dim),
		InputWidth: int(i.input_width_px), InputHeight: int(i.input_height_px), Normalized: i.normalized != 0,
		ID: C.GoString(&i.id[0]), Name: C.GoString(i.name), Source: C.GoString(i.source),
		License: C.GoString(i.license), TrainingData: C.GoString(i.training_data),
		CalibrationDataset:     C.GoString(i.calibration_dataset),
		CalibrationComparisons: int64(i.calibration_comparisons), CalibrationMinFMR: float64(i.calibration_min_fmr),
	}, nil
}

// Threshold is the score at which strangers match at the false match rate.
func (m *Model) Threshold(fmr float64) (float32, error) {
	taken, err := hold(m.handle())
	if err != nil {
		return 0, err
	}
	defer taken.release()
	var threshold C.float
	failure := noError()
	err = answer(C.fm_model_threshold(m.c(), C.double(fmr), &threshold, &failure), &failure)
	return float32(threshold), err
}

// FMR is the share of strangers that would score at least this high; "at most" at the calibration's lowest rate.
func (m *Model) FMR(score float32) (float64, error) {
	taken, err := hold(m.handle())
	if err != nil {
		return 0, err
	}
	defer taken.release()
	var fmr C.double
	failure := noError()
	err = answer(C.fm_model_fmr(m.c(), C.float(score), &fmr, &failure), &failure)
	return float64(fmr), err
}

func sameLength(a, b []float32) error {
	if len(a) != len(b) {
		return refuse("embeddings of %d and %d floats cannot be compared", len(a), len(b))
	}
	return nil
}

// Compare scores two embeddings of the model.
func (m *Model) Compare(a, b []float32) (float32, error) {
	if err := sameLength(a, b); err != nil {
		return 0, err
	}
	taken, err := hold(m.handle())
	if err != nil {
		return 0, err
	}
	defer taken.release()
	var score C.float
	failure := noError()
	err = answer(C.fm_compare(m.c(), floatsOf(a), floatsOf(b), C.size_t(len(a)), &score, &failure), &failure)
	return float32(score), err
}

// Verify decides whether two embeddings of the model are of one person.
func (m *Model) Verify(a, b []float32, options *VerifyOptions) (Verification, error) {
	if err := sameLength(a, b); err != nil {
		return Verification{}, err
	}
	taken, err := hold(m.handle())
	if err != nil {
		return Verification{}, err
	}
	defer taken.release()
	var s scratch
	defer s.done()
	given, out, failure := options.c(&s), noVerification(), noError()
	status := C.fm_verify_embeddings(m.c(), floatsOf(a), floatsOf(b), C.size_t(len(a)), &given, &out, &failure)
	return verificationOf(&out), answer(status, &failure)
}
