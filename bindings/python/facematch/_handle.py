"""What all objects around a handle of the library share: they close themselves, once, and never while a call of
another thread is still at work in them."""
from __future__ import annotations

import contextlib
import ctypes
import threading
import weakref
from types import TracebackType
from typing import Any, Callable, ClassVar, Iterator, TypeVar

from . import errors
from ._library import LIBRARY

H = TypeVar("H", bound="Handle")


class _State:
    """The handle and how many calls are in it. Apart from its owner, which must be able to go."""

    def __init__(self, pointer: Any, free: Callable[[Any], None], kept: Any) -> None:
        self.pointer = pointer
        self.free = free
        self.kept = kept  # memory that the handle borrows
        self.calls = 0
        self.closed = False
        self.lock = threading.Lock()

    def enter(self, name: str) -> None:
        with self.lock:
            if self.closed:
                raise errors.ClosedError(f"the {name} is closed")
            self.calls += 1

    def leave(self) -> None:
        with self.lock:
            self.calls -= 1
            last = self.closed and self.calls == 0
        if last:
            self._release()

    def close(self) -> None:
        """At once, or when the last call that is at work returns."""
        with self.lock:
            last = not self.closed and self.calls == 0
            self.closed = True
        if last:
            self._release()

    def _release(self) -> None:
        pointer, self.pointer = self.pointer, None
        self.free(pointer)
        self.kept = None


class Handle:
    """Base of Image, Model, Session, Gallery, Trainer and Evaluation: a context manager, with close()."""

    _free: ClassVar[str]
    _name: ClassVar[str]
    _state: _State
    _finalizer: Callable[[], Any]

    def _adopt(self, pointer: Any, kept: Any = None) -> None:
        self._state = _State(pointer, getattr(LIBRARY, self._free), kept)
        self._finalizer = weakref.finalize(self, self._state.close)

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        """The pointer, which stays valid inside."""
        state = self._state
        state.enter(self._name)
        try:
            yield state.pointer
        finally:
            state.leave()

    def close(self) -> None:
        """Release it; closing again does nothing. Where another thread is in a call, that call still ends well."""
        self._finalizer()

    @property
    def closed(self) -> bool:
        return self._state.closed

    def __enter__(self: H) -> H:
        if self.closed:
            raise errors.ClosedError(f"the {self._name} is closed")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{', closed' if self.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"a {self._name} cannot be pickled or copied")


class ConfinedHandle(Handle):
    """One that the library lets one thread use at a time: others wait."""

    _turn: threading.Lock
    _owner: int | None

    def _adopt(self, pointer: Any, kept: Any = None) -> None:
        super()._adopt(pointer, kept)
        self._turn = threading.Lock()
        self._owner = None

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        me = threading.get_ident()
        if self._owner == me:  # from a callback
            raise errors.StateError(f"the {self._name} is at work in this thread")
        with self._turn:
            self._owner = me
            try:
                with super()._use() as pointer:
                    yield pointer
            finally:
                self._owner = None


def use(handle: Any, name: str) -> contextlib.AbstractContextManager[Any]:
    """The pointer of an argument, which must be such a handle."""
    if not isinstance(handle, Handle) or handle._name != name:
        raise TypeError(f"a {name} is wanted, not a {type(handle).__name__}")
    return handle._use()


def use_optional(handle: Any, name: str) -> contextlib.AbstractContextManager[Any]:
    """The same; NULL for None."""
    return contextlib.nullcontext() if handle is None else use(handle, name)


def new(kind: type[ctypes.Structure]) -> Any:
    """An empty place for a handle that a call gives."""
    return ctypes.POINTER(kind)()
