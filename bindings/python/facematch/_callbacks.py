"""Python functions that the library calls: what they raise comes out of the call that called them."""
from __future__ import annotations

import contextlib
from typing import Callable, Iterator

STOP = 1


class Caught:
    """What a callback raised, to be raised again where Python can hear it."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def run(self, function: Callable[[], int | None], failed: int = STOP) -> int:
        """What the function answers, or `failed`. After a first exception nothing is run any more."""
        if self.error is not None:
            return failed
        try:
            return function() or 0
        except BaseException as error:
            self.error = error
            return failed

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        self.error = None
        try:
            yield
        finally:
            error, self.error = self.error, None
            if error is not None:
                raise error
