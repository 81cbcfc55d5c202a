"""Training: from labelled photographs to a model file. docs/training.md"""
from __future__ import annotations

import ctypes
import os
from dataclasses import astuple, dataclass
from typing import Any, Callable, Iterator, Sequence, Union

from . import _abi
from ._callbacks import Caught
from ._convert import choice, optional_text, options, path_bytes, read, sized, text
from ._handle import ConfinedHandle, new, use, use_optional
from .enums import FindingKind, FrameClass, Loss, Mining, Optimizer, Reduction, Role, Schedule
from .errors import attempt
from .gallery import Progress
from .image import ImageLike, shown
from .liveness import LivenessLimits
from .model import Model
from .results import Finding, TrainingStats, TrainingStep

OnStep = Callable[[TrainingStep], Union[bool, None]]
"""Is told of each step; stops by returning True."""


@dataclass(frozen=True)
class Augmentation:
    """How much photographs are varied each time they are shown; see fm_augmentation."""
    flip: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0


class Trainer(ConfinedHandle):
    """A network being trained, and its photographs. The model itself, an embedder or a liveness model, is not changed.

    Options are those of fm_trainer_options, None for the default; `limits` (its min_*) says which frames of a
    liveness model are fit. Everything random follows from `seed`. What is found wrong with data or run is kept in
    `findings` and told to on_finding."""

    _free = "fm_trainer_free"
    _name = "trainer"

    def __init__(self, model: Model, *, detector: Model | None = None, aligned: bool = False, fresh: bool = False,
                 loss: Loss | str | None = None, mining: Mining | str | None = None,
                 reduction: Reduction | str | None = None, margin: float | None = None,
                 people_per_batch: int | None = None, photographs_per_person: int | None = None,
                 epochs: int | None = None, steps_per_epoch: int | None = None,
                 optimizer: Optimizer | str | None = None, learning_rate: float | None = None,
                 momentum: float | None = None, weight_decay: float | None = None,
                 schedule: Schedule | str | None = None, schedule_epochs: int | None = None,
                 patience: int | None = None, head_dim: int | None = None, freeze: Sequence[str] = (),
                 augmentation: Augmentation | None = None, seed: int | None = None, device: str | None = None,
                 threads: int | None = None, limits: LivenessLimits | None = None,
                 on_finding: Callable[[Finding], None] | None = None) -> None:
        made = options(
            _abi.fm_trainer_options, aligned=aligned, fresh=fresh, loss=_chosen(Loss, loss, "loss"),
            mining=_chosen(Mining, mining, "mining"), reduction=_chosen(Reduction, reduction, "reduction"),
            optimizer=_chosen(Optimizer, optimizer, "optimizer"), schedule=_chosen(Schedule, schedule, "schedule"),
            margin=margin, people_per_batch=people_per_batch, photographs_per_person=photographs_per_person,
            epochs=epochs, steps_per_epoch=steps_per_epoch, learning_rate=learning_rate, momentum=momentum,
            weight_decay=weight_decay, schedule_epochs=schedule_epochs, patience=patience, head_dim=head_dim,
            seed=seed, device=optional_text(device, "device"), threads=threads)
        if isinstance(freeze, str):
            raise TypeError("freeze is one string, not several")
        if freeze:
            names = (ctypes.c_char_p * len(freeze))(*[text(name, "freeze") for name in freeze])
            made.freeze = ctypes.cast(names, ctypes.POINTER(ctypes.c_char_p))
            made.freeze_count = len(freeze)
        if augmentation is not None:
            made.augmentation = _abi.fm_augmentation(*astuple(augmentation))
        if limits is not None:
            made.liveness = ctypes.pointer(limits._struct())
        self.findings: list[Finding] = []
        self._caught = Caught()
        listener = _finding_listener(self.findings, on_finding, self._caught)
        self._following: list[Progress] = []  # whom a check is told to
        follower = _check_listener(self._following, self._caught)
        made.on_finding, made.on_check = listener, follower
        out = new(_abi.fm_trainer)
        with use(model, "model") as embedder, use_optional(detector, "model") as finder, self._caught.raised():
            if finder is not None:
                made.detector = finder
            attempt("fm_trainer_create", ctypes.byref(out), embedder, ctypes.byref(made))
        self._adopt(out, kept=(listener, follower))

    def add(self, image: ImageLike, person: str, name: str | None = None, *, validation: bool = False) -> None:
        """Add a photograph; validation: of a person left out of training, who measures each epoch."""
        role = Role.VALIDATION if validation else Role.TRAIN
        with shown(image) as photo, self._use() as trainer, self._caught.raised():
            attempt("fm_trainer_add_image", trainer, photo, text(person, "person"), optional_text(name, "name"), role)

    def add_frame(self, image: ImageLike, shows: FrameClass | str | int, person: str, name: str | None = None, *,
                  validation: bool = False) -> None:
        """For a liveness model: add a whole frame that shows a live face ("live"), an attack of any kind ("attack"), or
        the class of a number. RefusedError: liveness() would be uncertain of it whatever it scores, by the trainer's
        limits."""
        role = Role.VALIDATION if validation else Role.TRAIN
        with shown(image) as photo, self._use() as trainer, self._caught.raised():
            attempt("fm_trainer_add_frame", trainer, photo, choice(FrameClass, shows, "shows"), text(person, "person"),
                    optional_text(name, "name"), role)

    def check(self, progress: Progress | None = None) -> list[Finding]:
        """Photographs that seem to be of another person, by the network as it is now. progress is told how many are
        done of how many, twice up to all, and stops the check by returning True."""
        before = len(self.findings)
        with self._use() as trainer, self._caught.raised():
            self._following[:] = [] if progress is None else [progress]
            try:
                attempt("fm_trainer_check", trainer, None)
            finally:
                self._following.clear()
        return [found for found in self.findings[before:] if found.kind == FindingKind.WRONG_LABEL]

    def epoch(self, on_step: OnStep | None = None) -> TrainingStats:
        """Train for one epoch, then measure on the people left out."""
        listener = _abi.fm_training_fn()
        if on_step is not None:
            told, caught = on_step, self._caught
            listener = _abi.fm_training_fn(
                lambda _user, step: caught.run(lambda: told(read(TrainingStep, step.contents))))
        with self._use() as trainer, self._caught.raised():
            attempt("fm_trainer_epoch", trainer, listener, None)
        return self.stats

    def run(self, on_step: OnStep | None = None) -> Iterator[TrainingStats]:
        """Train to the end: for stats in trainer.run(): ..."""
        stats = self.stats
        while not stats.finished:
            stats = self.epoch(on_step)
            yield stats

    @property
    def stats(self) -> TrainingStats:
        out = sized(_abi.fm_training_stats)
        with self._use() as trainer:
            attempt("fm_trainer_stats", trainer, ctypes.byref(out))
        return read(TrainingStats, out)

    def checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write all that is needed to go on from here, but the photographs."""
        with self._use() as trainer:
            attempt("fm_trainer_checkpoint", trainer, path_bytes(path))

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Go on where a checkpoint was written, with the same model, options and photographs."""
        with self._use() as trainer, self._caught.raised():
            attempt("fm_trainer_resume", trainer, path_bytes(path))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False, name: str | None = None,
             license: str | None = None, source: str | None = None, training_data: str | None = None,
             dataset: str | None = None) -> None:
        """Write the network as a model file."""
        made = options(_abi.fm_trainer_save_options, overwrite=overwrite, name=optional_text(name, "name"),
                       license=optional_text(license, "license"), source=optional_text(source, "source"),
                       training_data=optional_text(training_data, "training_data"),
                       dataset=optional_text(dataset, "dataset"))
        with self._use() as trainer, self._caught.raised():
            attempt("fm_trainer_save", trainer, path_bytes(path), ctypes.byref(made))


def _chosen(kind: Any, value: Any, name: str) -> int | None:
    return None if value is None else choice(kind, value, name)


def _check_listener(following: list[Progress], caught: Caught) -> Any:
    """Apart from the trainer, too."""
    def hear(done: int, total: int) -> int:
        return any(progress(done, total) for progress in following)
    return _abi.fm_check_fn(lambda _user, done, total: caught.run(lambda: hear(done, total)))


def _finding_listener(findings: list[Finding], on_finding: Callable[[Finding], None] | None, caught: Caught) -> Any:
    """Apart from the trainer, which must be able to go."""
    def hear(raw: Any) -> None:
        finding = read(Finding, raw.contents)
        findings.append(finding)
        if on_finding is not None:
            on_finding(finding)
    return _abi.fm_finding_fn(lambda _user, raw: (caught.run(lambda: hear(raw)), None)[1])
