package facematch

/*
#include "callbacks.h"
*/
import "C"

import (
	"context"
	"errors"
	"iter"
	"runtime/cgo"
	"unsafe"
)

// Trainer is a network being trained, a copy of a model's, and its photographs. It does one thing at a time.
type Trainer struct {
	own  confined
	hear *hearing
}

// TrainerOptions tells how a network is trained; see fm_trainer_options. Everything random follows from Seed.
type TrainerOptions struct {
	Loss                 Loss
	Mining               Mining
	Reduction            Reduction
	Margin               float32 // of squared distances; default 0.2
	PeoplePerBatch       int     // default 8
	PhotographsPerPerson int     // default 4
	Epochs               int     // default 30
	StepsPerEpoch        int     // default: as many as show each photograph about once
	Optimizer            Optimizer
	LearningRate         float32 // default 0.001, of a liveness model 0.0001
	Momentum             float32 // of SGD; default 0.9, negative: none
	WeightDecay          float32
	Schedule             Schedule
	ScheduleEpochs       int      // of ScheduleStep; default 10
	Patience             int      // epochs without a lower EER after which training ends; default: never
	Fresh                bool     // draw all weights anew, for a model that is an architecture
	HeadDim              int      // outputs of a new linear layer behind the network; default: none
	Freeze               []string // names of layers that stay as they are; "all": the whole network, see fm_trainer_options
	Augmentation         Augmentation
	Seed                 uint64
	Device               string           // "cpu" (default) or "cuda:0"
	Threads              int              // cores that one step may use; default 1
	Aligned              bool             // photographs are crops already
	Detector             *Model           // finds the faces unless they are aligned
	Limits               *LivenessOptions // its Min... say which frames of a liveness model are fit
	OnFinding            func(Finding)    // is told what is wrong with data or run; must not use the trainer
}

// Augmentation is how much photographs are varied each time they are shown; see fm_augmentation.
type Augmentation struct{ Flip, Shift, Scale, Brightness, Contrast, Blur float32 }

// Finding is something that is wrong with the data or the run.
type Finding struct {
	Kind          FindingKind
	Fatal         bool   // the call fails with ErrTraining and this message
	Person, Image string // "" where it is about none
	Other         string // of FindingWrongLabel: the person it is nearest to
	Message       string // what is wrong, and what to do
}

// TrainingStep is where a run stands within an epoch.
type TrainingStep struct {
	Epoch, Epochs, Step, Steps int // of 1 and up
	Loss                       float64
	Active                     float64 // share of triplets with a loss; of pairs or photographs: decided wrongly
	PositiveDistance           float64 // means of the batch's genuine pairs
	NegativeDistance           float64 // and of its impostor pairs
}

// TrainingStats is how a run stands after its last whole epoch. What is not known is NaN.
type TrainingStats struct {
	Finished                                         bool
	Epoch, Epochs                                    int
	Steps                                            int // of an epoch
	People, Photographs                              int // trained on
	ValidationPeople, ValidationPhotographs          int // left out
	BestEpoch                                        int // is saved; 0: before the first
	Loss, Active, PositiveDistance, NegativeDistance float64
	LearningRate                                     float64
	EER, BestEER, FirstEER                           float64 // on the people left out

	// Of a liveness model, on the frames of the people left out; of others 0.
	ValidationLoss, BestValidationLoss, FirstValidationLoss float64
}

// SaveOptions is what a saved model says about itself; see fm_trainer_save_options.
type SaveOptions struct {
	Overwrite                                    bool // replace a file that is there
	Name, License, Source, TrainingData, Dataset string
}

// hearing is what findings and the progress of checks are told to: C has its number as long as the trainer is. It must
// not lead to the trainer, which otherwise was never forgotten.
type hearing struct {
	guard
	told  func(Finding)
	check *checking // while one runs
}

// checking is a check that runs: who stops it, who is told, and what it found.
type checking struct {
	ctx      context.Context
	progress func(done, total int64)
	suspects []Finding
}

//export facematchGoFound
func facematchGoFound(number C.uintptr_t, f *C.fm_finding) {
	h := cgo.Handle(number).Value().(*hearing)
	found := Finding{
		FindingKind(f.kind), f.fatal != 0, C.GoString(f.person), C.GoString(f.image), C.GoString(f.other),
		C.GoString(f.message),
	}
	if h.check != nil && found.Kind == FindingWrongLabel {
		h.check.suspects = append(h.check.suspects, found)
	}
	if h.told != nil {
		h.run(func() { h.told(found) })
	}
}

func (o *TrainerOptions) c(s *scratch) *C.fm_trainer_options {
	c := pinned(s, new(C.fm_trainer_options))
	C.fm_trainer_options_init(c, C.sizeof_fm_trainer_options)
	if o == nil {
		return c
	}
	c.loss, c.mining, c.reduction = C.fm_loss(o.Loss), C.fm_mining(o.Mining), C.fm_reduction(o.Reduction)
	c.margin = C.float(o.Margin)
	c.people_per_batch = s.number(o.PeoplePerBatch, "people_per_batch")
	c.photographs_per_person = s.number(o.PhotographsPerPerson, "photographs_per_person")
	c.epochs, c.steps_per_epoch = s.number(o.Epochs, "epochs"), s.number(o.StepsPerEpoch, "steps_per_epoch")
	c.optimizer, c.learning_rate = C.fm_optimizer(o.Optimizer), C.float(o.LearningRate)
	c.momentum, c.weight_decay = C.float(o.Momentum), C.float(o.WeightDecay)
	c.schedule, c.schedule_epochs = C.fm_schedule(o.Schedule), s.number(o.ScheduleEpochs, "schedule_epochs")
	c.patience, c.fresh, c.head_dim = s.number(o.Patience, "patience"), flag(o.Fresh), s.number(o.HeadDim, "head_dim")
	if len(o.Freeze) > 0 {
		names := make([]*C.char, len(o.Freeze))
		for i, name := range o.Freeze {
			names[i] = s.text(name)
		}
		c.freeze, c.freeze_count = pinned(s, &names[0]), C.size_t(len(names))
	}
	a := o.Augmentation
	c.augmentation = C.fm_augmentation{
		flip: C.float(a.Flip), shift: C.float(a.Shift), scale: C.float(a.Scale), brightness: C.float(a.Brightness),
		contrast: C.float(a.Contrast), blur: C.float(a.Blur),
	}
	c.seed, c.device, c.threads = C.uint64_t(o.Seed), s.optional(o.Device), s.number(o.Threads, "threads")
	c.aligned, c.detector, c.liveness = flag(o.Aligned), o.Detector.c(), o.Limits.pinned(s)
	return c
}

// NewTrainer begins to train a copy of the network of an embedder, or of a liveness model. It keeps its models: they may be
// closed.
func NewTrainer(model *Model, options *TrainerOptions) (*Trainer, error) {
	var s scratch
	defer s.done()
	hear := &hearing{}
	var detector *Model
	if options != nil {
		detector, hear.told = options.Detector, options.OnFinding
	}
	taken, err := hold(model.handle(), detector.handle())
	if err != nil {
		return nil, err
	}
	defer taken.release()
	given, failure := options.c(&s), noError()
	if s.err != nil {
		return nil, s.err
	}
	number := cgo.NewHandle(hear)
	C.facematch_go_hear(given, C.uintptr_t(number))
	var out *C.fm_trainer
	if err := answer(C.fm_trainer_create(&out, model.c(), given, &failure), &failure); err != nil {
		number.Delete()
		return nil, err
	}
	made := &Trainer{hear: hear}
	made.own.h = newHandle(unsafe.Pointer(out), func() {
		C.fm_trainer_free(out)
		number.Delete()
	})
	return made, nil
}

func (t *Trainer) confined() *confined {
	if t == nil {
		return nil
	}
	return &t.own
}

func (t *Trainer) c() *C.fm_trainer { return (*C.fm_trainer)(t.confined().handle().pointer()) }

// Close lets network and photographs go, wiped.
func (t *Trainer) Close() error {
	t.confined().handle().close()
	return nil
}

// call runs one call in the trainer's turn, and goes on with a panic of what it told.
func (t *Trainer) call(run func(*C.fm_trainer, *C.fm_error) C.fm_status, others ...*handle) error {
	end, err := t.confined().begin(others...)
	if err != nil {
		return err
	}
	defer end()
	failure := noError()
	err = answer(run(t.c(), &failure), &failure)
	if t != nil && t.hear != nil {
		t.hear.raise()
	}
	return err
}

// Add takes a photograph of a person: its face is kept, for training or to measure each epoch. The name is for findings.
func (t *Trainer) Add(photo *Image, person, name string, role Role) error {
	var s scratch
	defer s.done()
	cperson, cname := s.text(person), s.text(name)
	if s.err != nil {
		return s.err
	}
	return t.call(func(trainer *C.fm_trainer, failure *C.fm_error) C.fm_status {
		return C.fm_trainer_add_image(trainer, photo.c(), cperson, cname, C.fm_role(role), failure)
	}, photo.handle())
}

// AddFrame takes a whole frame for a liveness model: what its networks look at around the face is kept. Shows is
// FrameLive, FrameAttack or the number of one of the model's classes; the person is whose face it is, live or pictured.
// ErrRefused: Liveness would be uncertain of it whatever it scores, by the Limits of the options.
func (t *Trainer) AddFrame(frame *Image, shows FrameClass, person, name string, role Role) error {
	var s scratch
	defer s.done()
	cperson, cname := s.text(person), s.text(name)
	if s.err != nil {
		return s.err
	}
	return t.call(func(trainer *C.fm_trainer, failure *C.fm_error) C.fm_status {
		return C.fm_trainer_add_frame(trainer, frame.c(), C.fm_frame_class(shows), cperson, cname, C.fm_role(role), failure)
	}, frame.handle())
}

//export facematchGoChecked
func facematchGoChecked(number C.uintptr_t, done, total C.int64_t) C.int32_t {
	h := cgo.Handle(number).Value().(*hearing)
	return flag(!h.goOn(h.check.ctx, func() {
		if h.check.progress != nil {
			h.check.progress(int64(done), int64(total))
		}
	}))
}

// Check gives the photographs that seem to be of another person, by the network as it is now. Progress, if not nil, is
// told how far it is, twice up to total; it must not use the trainer. The context ends the check between photographs.
func (t *Trainer) Check(ctx context.Context, progress func(done, total int64)) ([]Finding, error) {
	if err := ctx.Err(); err != nil {
		return nil, canceled(err)
	}
	run := &checking{ctx: ctx, progress: progress}
	err := t.call(func(trainer *C.fm_trainer, failure *C.fm_error) C.fm_status {
		if trainer == nil {
			return C.fm_trainer_check(nil, nil, failure)
		}
		t.hear.check = run
		defer func() { t.hear.check = nil }()
		return C.fm_trainer_check(trainer, nil, failure)
	})
	if errors.Is(err, ErrCanceled) {
		err = caused(err, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return run.suspects, nil
}

// training is an epoch that runs: who stops it and who is told.
type training struct {
	guard
	ctx      context.Context
	progress func(TrainingStep)
}

//export facematchGoStepped
func facematchGoStepped(number C.uintptr_t, s *C.fm_training_step) C.int32_t {
	run := cgo.Handle(number).Value().(*training)
	return flag(!run.goOn(run.ctx, func() {
		if run.progress != nil {
			run.progress(TrainingStep{
				int(s.epoch), int(s.epochs), int(s.step), int(s.steps), float64(s.loss), float64(s.active),
				float64(s.positive_distance), float64(s.negative_distance),
			})
		}
	}))
}

// Epoch trains for one epoch, then measures on the people left out. Progress, if not nil, is told of each step; it must
// not use the trainer. The context ends the epoch between steps: the trainer then is where it was before.
func (t *Trainer) Epoch(ctx context.Context, progress func(TrainingStep)) (TrainingStats, error) {
	if err := ctx.Err(); err != nil {
		return TrainingStats{}, canceled(err)
	}
	run := &training{ctx: ctx, progress: progress}
	number := cgo.NewHandle(run)
	defer number.Delete()
	out := C.fm_training_stats{struct_size: C.sizeof_fm_training_stats}
	err := t.call(func(trainer *C.fm_trainer, failure *C.fm_error) C.fm_status {
		status := C.facematch_go_epoch(trainer, C.uintptr_t(number), failure)
		if status == C.FM_OK {
			status = C.fm_trainer_stats(trainer, &out, failure)
		}
		return status
	})
	run.raise()
	if errors.Is(err, ErrCanceled) {
		err = caused(err, ctx.Err())
	}
	if err != nil {
		return TrainingStats{}, err
	}
	return trainingStatsOf(&out), nil
}

// Run trains to the end, epoch by epoch, with Progress told of each step: for stats, err := range trainer.Run(ctx, nil).
// After an error it ends. The body of the loop may use the trainer, and leave: Run goes on from there.
func (t *Trainer) Run(ctx context.Context, progress func(TrainingStep)) iter.Seq2[TrainingStats, error] {
	return func(yield func(TrainingStats, error) bool) {
		stats, err := t.Stats()
		for err == nil && !stats.Finished {
			if stats, err = t.Epoch(ctx, progress); err == nil && !yield(stats, nil) {
				return
			}
		}
		if err != nil {
			yield(TrainingStats{}, err)
		}
	}
}

func trainingStatsOf(s *C.fm_training_stats) TrainingStats {
	return TrainingStats{
		Finished: s.finished != 0, Epoch: int(s.epoch), Epochs: int(s.epochs), Steps: int(s.steps),
		People: int(s.people), Photographs: int(s.photographs), ValidationPeople: int(s.validation_people),
		ValidationPhotographs: int(s.validation_photographs), BestEpoch: int(s.best_epoch), Loss: float64(s.loss),
		Active: float64(s.active), PositiveDistance: float64(s.positive_distance),
		NegativeDistance: float64(s.negative_distance), LearningRate: float64(s.learning_rate), EER: float64(s.eer),
		BestEER: float64(s.best_eer), FirstEER: float64(s.first_eer), ValidationLoss: float64(s.validation_loss),
		BestValidationLoss: float64(s.best_validation_loss), FirstValidationLoss: float64(s.first_validation_loss),
	}
}

// Stats is how the run stands after its last whole epoch.
func (t *Trainer) Stats() (TrainingStats, error) {
	out := C.fm_training_stats{struct_size: C.sizeof_fm_training_stats}
	err := t.call(func(trainer *C.fm_trainer, failure *C.fm_error) C.fm_status {
		return C.fm_trainer_stats(trainer, &out, failure)
	})
	if err != nil {
		return TrainingStats{}, err
	}
	return trainingStatsOf(&out), nil
}

// withPath is a call about a file.
func (t *Trainer) withPath(s *scratch, path string,
	call func(trainer *C.fm_trainer, path *C.char, failure *C.fm_error) C.fm_status) error {
	cpath := s.text(path)
	if s.err != nil {
		return s.err
	}
	return t.call(func(trainer *C.fm_trainer, failure *C.fm_error) C.fm_status {
		return call(trainer, cpath, failure)
	})
}

// Checkpoint writes all that is needed to go on from here, but the photographs.
func (t *Trainer) Checkpoint(path string) error {
	var s scratch
	defer s.done()
	return t.withPath(&s, path, func(trainer *C.fm_trainer, path *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_trainer_checkpoint(trainer, path, failure)
	})
}

// Resume goes on where a checkpoint was written, with the same model, options and photographs. Load only what you trust.
func (t *Trainer) Resume(path string) error {
	var s scratch
	defer s.done()
	return t.withPath(&s, path, func(trainer *C.fm_trainer, path *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_trainer_resume(trainer, path, failure)
	})
}

// Save writes the network as a model file: the weights of the best epoch on the people left out, without them the last.
func (t *Trainer) Save(path string, options *SaveOptions) error {
	var s scratch
	defer s.done()
	given := pinned(&s, new(C.fm_trainer_save_options))
	C.fm_trainer_save_options_init(given, C.sizeof_fm_trainer_save_options)
	if o := options; o != nil {
		given.overwrite, given.name, given.license = flag(o.Overwrite), s.optional(o.Name), s.optional(o.License)
		given.source, given.training_data = s.optional(o.Source), s.optional(o.TrainingData)
		given.dataset = s.optional(o.Dataset)
	}
	return t.withPath(&s, path, func(trainer *C.fm_trainer, path *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_trainer_save(trainer, path, given, failure)
	})
}
