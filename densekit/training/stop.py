"""Stopping a training before its end: a button, Ctrl-C and lost patience all ask for it in the same way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """A wish to end a training, which the loop looks at after each step. Any thread may express it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def stop(self) -> None:
        """Ask the training to end: it restores the best weights and finishes."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()


@contextmanager
def stopped_by_interrupt(stop: Stop) -> Iterator[None]:
    """Let the first Ctrl-C ask the training to end properly; the second one interrupts at once, as usual.

    The stop button of a notebook sends the same signal. Elsewhere than in the main thread nothing is changed,
    since only that one receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop.stop()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
