"""How much memory decoding may take, over all threads.

A small file can hold a picture of hundreds of megabytes, and as many threads decode as there are cores. So each
states what it needs before it begins, and waits until that is free. One that needs more than everything waits
until it is alone.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import Condition
from typing import cast

_MUCH = 64 * 1024**2  # bytes that are worth giving back at once


class MemoryBudget:
    """A number of bytes that threads share.

    Args:
        total: how many there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._held = 0
        self._changed = Condition()

    @contextmanager
    def hold(self, wanted: int) -> Iterator[None]:
        """Hold so many bytes, or all of them if more are wanted; wait until others have given them back."""
        wanted = min(wanted, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self._held + wanted <= self.total)
            self._held += wanted
        try:
            yield
        finally:
            if wanted >= _MUCH:
                _return_to_the_system()
            with self._changed:
                self._held -= wanted
                self._changed.notify_all()


@cache
def _trim() -> Callable[[int], int]:
    """Return glibc's `malloc_trim`; on other systems, whose allocators need none, something that does nothing."""
    with suppress(Exception):
        return cast(Callable[[int], int], ctypes.CDLL(None).malloc_trim)
    return lambda pad: 0


def _return_to_the_system() -> None:
    # glibc keeps what a thread has freed for this thread: eight threads in turn would hold eight pictures.
    _trim()(0)


DECODING = MemoryBudget(512 * 1024**2)
"""What all pictures together may take that are being decoded."""
