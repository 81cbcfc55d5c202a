"""Galleries: the people an application knows, and who of them is in a photograph."""
from __future__ import annotations

import contextlib
import ctypes
import json
import os
from typing import Any, Callable, Iterator, Mapping, Sequence, Union

import numpy as np
from numpy.typing import ArrayLike

from . import _abi
from ._callbacks import Caught
from ._convert import (Floats, choice, floats, integer, optional_text, options, path_bytes, pointer, read, rows, size,
                       sized, text, vector)
from ._handle import Handle, new, use, use_optional
from .enums import Existing, GalleryIndex, GalleryMode, LivenessPolicy, ScoreRule, Status
from .errors import InvalidArgumentError, NotFoundError, RefusedError, attempt
from .image import ImageLike, shown
from .liveness import LivenessLimits, set_policy
from .model import Model, not_live_told, verify_options
from .results import (Enrollment, GalleryInfo, GateReport, Identification, Identity, Match, Template, Transfer,
                      Verification)
from .session import Gate, Session

Key = Union[bytes, str, Callable[[], bytes]]
"""Of a sealed gallery: 32 random bytes, a passphrase, or a function that gives the bytes."""
Progress = Callable[[int, int], Union[bool, None]]
"""Is told how much is done of how much (0: not known); stops by returning True."""

PAGE = 256


class Gallery(Handle):
    """People and their templates, in a file or on a PostgreSQL server, pinned to one model. Threads may share it.

    Without a model it opens for management only. What a call has acknowledged survives a crash. Iterating gives
    the identities, `id in gallery` asks for one, len() counts them."""

    _free = "fm_gallery_close"
    _name = "gallery"

    def __init__(self, uri: str | os.PathLike[str], model: Model | None = None, *,
                 mode: GalleryMode | str | None = None, key: Key | None = None, timeout_ms: int | None = None,
                 threads: int | None = None, index: GalleryIndex | str | None = None) -> None:
        made = options(_abi.fm_gallery_options, timeout_ms=timeout_ms, threads=threads,
                       mode=None if mode is None else choice(GalleryMode, mode, "mode"),
                       index=None if index is None else choice(GalleryIndex, index, "index"))
        out = new(_abi.fm_gallery)
        with use_optional(model, "model") as embedder, given_key(key) as keyed:
            if keyed is not None:
                made.key = keyed
            attempt("fm_gallery_open", ctypes.byref(out), path_bytes(uri, "uri"), embedder, ctypes.byref(made))
        self._adopt(out)

    @property
    def info(self) -> GalleryInfo:
        info = sized(_abi.fm_gallery_info)
        with self._use() as gallery:
            attempt("fm_gallery_describe", gallery, ctypes.byref(info))
        return read(GalleryInfo, info)

    # --- people ---

    def __len__(self) -> int:
        return self.count()[0]

    def __bool__(self) -> bool:
        return True  # an empty gallery is a gallery

    def count(self) -> tuple[int, int]:
        """Identities and templates."""
        identities, templates = ctypes.c_size_t(), ctypes.c_size_t()
        with self._use() as gallery:
            attempt("fm_gallery_count", gallery, ctypes.byref(identities), ctypes.byref(templates))
        return identities.value, templates.value

    def __iter__(self) -> Iterator[Identity]:
        """In the order of their ids' bytes, read in pages."""
        page = (_abi.fm_identity * PAGE)()
        count = ctypes.c_size_t()
        after = b""
        while True:
            with self._use() as gallery:
                attempt("fm_gallery_list", gallery, after, page, PAGE, ctypes.byref(count))
            found = [read(Identity, item) for item in page[:count.value]]
            if found:
                after = page[count.value - 1].id
            yield from found
            if count.value < PAGE:
                return

    def __contains__(self, id: object) -> bool:
        if not isinstance(id, str):
            return False
        try:
            self.get(id)
        except NotFoundError:
            return False
        return True

    def get(self, id: str) -> Identity:
        out = _abi.fm_identity()
        with self._use() as gallery:
            attempt("fm_gallery_get", gallery, text(id, "id"), ctypes.byref(out))
        return read(Identity, out)

    def metadata(self, id: str) -> dict[str, Any]:
        out = ctypes.create_string_buffer(_abi.FM_METADATA_MAX + 1)
        with self._use() as gallery:
            attempt("fm_gallery_get_metadata", gallery, text(id, "id"), out, len(out), None)
        found: dict[str, Any] = json.loads(out.value)
        return found

    def templates(self, id: str) -> list[Template]:
        """Oldest first."""
        out = (_abi.fm_template * _abi.FM_LIMIT_TEMPLATES)()
        count = ctypes.c_size_t()
        with self._use() as gallery:
            attempt("fm_gallery_get_templates", gallery, text(id, "id"), out, len(out), ctypes.byref(count))
        return [read(Template, item) for item in out[:count.value]]

    def embedding(self, id: str, template_id: int) -> Floats:
        out = np.empty(self.info.dim, np.float32)
        with self._use() as gallery:
            attempt("fm_gallery_get_embedding", gallery, text(id, "id"),
                    integer(template_id, ctypes.c_int64, "template_id"), floats(out), out.size)
        return out

    def enroll(self, session: Session, id: str, image: ImageLike, *, display_name: str | None = None,
               metadata: Mapping[str, Any] | None = None, label: str | None = None, quality: float | None = None,
               aligned: bool = False, gate: Gate | None = None,
               liveness: LivenessPolicy | str | None = None, liveness_limits: LivenessLimits | None = None) -> Enrollment:
        """Enrol a photograph, unless the gate refuses it: RefusedError.report tells why."""
        report = sized(_abi.fm_gate_report)
        made = _enroll_options(display_name, metadata, label, quality, gate)
        made.aligned = aligned
        made.report = ctypes.pointer(report)
        set_policy(made, liveness, liveness_limits)
        out = sized(_abi.fm_enrollment)
        with shown(image) as photo, use(session, "session") as working, self._use() as gallery:
            with _reported(report), not_live_told(out):
                attempt("fm_gallery_enroll", gallery, working, text(id, "id"), photo, ctypes.byref(made),
                        ctypes.byref(out))
        return read(Enrollment, out)

    def add(self, id: str, embedding: ArrayLike, *, display_name: str | None = None,
            metadata: Mapping[str, Any] | None = None, label: str | None = None, quality: float | None = None,
            gate: Gate | None = None) -> Enrollment:
        """Store an embedding as a further template; without a gate nothing is refused."""
        report = sized(_abi.fm_gate_report)
        made = _enroll_options(display_name, metadata, label, quality, gate)
        made.report = ctypes.pointer(report)
        out = sized(_abi.fm_enrollment)
        values = vector(embedding, "embedding")
        with self._use() as gallery, _reported(report):
            attempt("fm_gallery_add", gallery, text(id, "id"), floats(values), values.size, ctypes.byref(made),
                    ctypes.byref(out))
        return read(Enrollment, out)

    def remove(self, id: str) -> int:
        """Remove an identity for good; how many templates it had."""
        removed = ctypes.c_size_t()
        with self._use() as gallery:
            attempt("fm_gallery_remove", gallery, text(id, "id"), ctypes.byref(removed))
        return removed.value

    def remove_template(self, id: str, template_id: int) -> None:
        with self._use() as gallery:
            attempt("fm_gallery_remove_template", gallery, text(id, "id"),
                    integer(template_id, ctypes.c_int64, "template_id"))

    # --- questions ---

    def identify(self, session: Session, image: ImageLike, *, most: int = 5, fpir: float | None = None,
                 threshold: float | None = None, aligned: bool = False,
                 score: ScoreRule | str | None = None, liveness: LivenessPolicy | str | None = None,
                 liveness_limits: LivenessLimits | None = None) -> Identification:
        """Who is in this photograph? At the false positive identification rate `fpir` (1e-2), or a threshold of your
        own."""
        made = _identify_options(fpir, threshold, aligned, score)
        set_policy(made, liveness, liveness_limits)
        matches = (_abi.fm_match * _most(most))()
        count = ctypes.c_size_t()
        out = sized(_abi.fm_identification)
        with shown(image) as photo, use(session, "session") as working, self._use() as gallery, not_live_told(out):
            attempt("fm_identify", gallery, working, photo, ctypes.byref(made), matches, len(matches),
                    ctypes.byref(count), ctypes.byref(out))
        return read(Identification, out, matches=_matches(matches, 0, count.value))

    def search(self, queries: ArrayLike, *, most: int = 5, fpir: float | None = None, threshold: float | None = None,
               score: ScoreRule | str | None = None) -> list[Identification]:
        """Look up embeddings float32[n][dim] in one call: one answer for each."""
        values = rows(queries, "queries")
        made = _identify_options(fpir, threshold, False, score)
        n, dim = values.shape
        most = _most(most)
        matches = (_abi.fm_match * (n * most))()
        counts = np.zeros(n, np.uintp)
        out = sized(_abi.fm_identification)
        with self._use() as gallery:
            attempt("fm_gallery_search", gallery, floats(values), n, dim, ctypes.byref(made), matches, most,
                    pointer(counts, ctypes.c_size_t), ctypes.byref(out))
        return [read(Identification, out, matches=_matches(matches, i * most, int(counts[i]))) for i in range(n)]

    def verify(self, session: Session, id: str, image: ImageLike, *, fmr: float | None = None,
               threshold: float | None = None, aligned: bool = False, extrapolate: bool = False,
               liveness: LivenessPolicy | str | None = None, liveness_limits: LivenessLimits | None = None) -> Verification:
        """Is this photograph of the person with this id?"""
        made = verify_options(fmr, threshold, aligned, extrapolate, liveness, liveness_limits)
        out = sized(_abi.fm_verification)
        with shown(image) as photo, use(session, "session") as working, self._use() as gallery, not_live_told(out):
            attempt("fm_verify_identity", gallery, working, text(id, "id"), photo, ctypes.byref(made),
                    ctypes.byref(out))
        return read(Verification, out)

    def recall(self, samples: int = 1000, k: int = 1) -> float:
        """How good approximate search is here: 1 for exact search."""
        out = ctypes.c_double()
        with self._use() as gallery:
            attempt("fm_gallery_recall", gallery, size(samples, "samples"), size(k, "k"), ctypes.byref(out))
        return out.value

    # --- the whole of it ---

    def rekey(self, key: Key) -> None:
        """Change the key, or seal a plain gallery."""
        with given_key(key) as keyed, self._use() as gallery:
            attempt("fm_gallery_rekey", gallery, keyed)

    def compact(self) -> None:
        """Give unused room back, and leave nothing of what was removed."""
        with self._use() as gallery:
            attempt("fm_gallery_compact", gallery)

    def export_to(self, path: str | os.PathLike[str], *, key: Key | None = None,
                  progress: Progress | None = None) -> Transfer:
        """Write everything to a file of JSON lines; sealed with a key, if there is one."""
        return self._transfer("fm_gallery_export", [path_bytes(path)], None, key, progress)

    def import_from(self, path: str | os.PathLike[str], *, on_existing: Existing | str | None = None,
                    key: Key | None = None, progress: Progress | None = None) -> Transfer:
        """Add all people of such a file, or none of them."""
        return self._transfer("fm_gallery_import", [path_bytes(path)], on_existing, key, progress)

    def shard(self, servers: Sequence[str], *, progress: Progress | None = None) -> Transfer:
        """Spread the templates of a gallery on PostgreSQL over other servers, for good."""
        if isinstance(servers, str):
            raise TypeError("servers is one string, not several")
        uris = (ctypes.c_char_p * len(servers))(*[text(uri, "servers") for uri in servers])
        return self._transfer("fm_gallery_shard", [uris, len(uris)], None, None, progress)

    def _transfer(self, name: str, where: list[Any], on_existing: Existing | str | None, key: Key | None,
                  progress: Progress | None) -> Transfer:
        made = options(_abi.fm_transfer_options, on_existing=None if on_existing is None
                       else choice(Existing, on_existing, "on_existing"))
        out = sized(_abi.fm_transfer)
        caught = Caught()
        if progress is not None:
            told = progress
            made.progress = _abi.fm_progress_fn(lambda _user, done, total: caught.run(lambda: told(done, total)))
        with given_key(key) as keyed, self._use() as gallery, caught.raised():
            if keyed is not None:
                made.key = keyed
            attempt(name, gallery, *where, ctypes.byref(made), ctypes.byref(out))
        return read(Transfer, out)


@contextlib.contextmanager
def given_key(key: Key | None) -> Iterator[Any]:
    """A pointer to an fm_gallery_key, for one call; None without one."""
    if key is None:
        yield None
        return
    made = options(_abi.fm_gallery_key)
    caught = Caught()
    if isinstance(key, str):
        made.passphrase = text(key, "the passphrase")
    elif isinstance(key, bytes):
        held = ctypes.create_string_buffer(key, len(key))
        made.bytes = ctypes.cast(held, ctypes.POINTER(ctypes.c_uint8))
        made.size = len(key)
    else:
        ask = key

        def give(out: Any) -> int:
            answer = bytes(ask())
            if len(answer) != _abi.FM_GALLERY_KEY_SIZE:
                raise InvalidArgumentError(f"the key has {len(answer)} bytes, not {_abi.FM_GALLERY_KEY_SIZE}")
            ctypes.memmove(out, answer, len(answer))
            return int(Status.OK)

        made.callback = _abi.fm_key_fn(lambda _user, out: caught.run(lambda: give(out), int(Status.INTERNAL)))
    with caught.raised():
        yield ctypes.pointer(made)


def _enroll_options(display_name: str | None, metadata: Mapping[str, Any] | None, label: str | None,
                    quality: float | None, gate: Gate | None) -> _abi.fm_enroll_options:
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is of type {type(metadata).__name__}, not a dict")
    made = options(_abi.fm_enroll_options, display_name=optional_text(display_name, "display_name"),
                   metadata_json=None if metadata is None else json.dumps(dict(metadata)).encode(),
                   label=optional_text(label, "label"), has_quality=quality is not None, quality=quality)
    if gate is not None:
        made.gate = ctypes.pointer(gate._struct())
    return made


@contextlib.contextmanager
def _reported(report: _abi.fm_gate_report) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        error.report = read(GateReport, report)
        raise


def _identify_options(fpir: float | None, threshold: float | None, aligned: bool,
                      score: ScoreRule | str | None) -> _abi.fm_identify_options:
    if fpir is not None and threshold is not None:
        raise InvalidArgumentError("both an fpir and a threshold are given")
    return options(_abi.fm_identify_options, fpir=fpir, threshold=threshold, use_threshold=threshold is not None,
                   aligned=aligned, score=None if score is None else choice(ScoreRule, score, "score"))


def _most(most: int) -> int:
    if not 1 <= most <= _abi.FM_LIMIT_MATCHES:  # before so much memory is asked for
        raise InvalidArgumentError(f"most is {most}, not 1..{_abi.FM_LIMIT_MATCHES}")
    return most


def _matches(matches: Any, first: int, count: int) -> tuple[Match, ...]:
    return tuple(read(Match, matches[i]) for i in range(first, first + count))
