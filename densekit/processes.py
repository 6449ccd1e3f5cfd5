"""Processes that were started by another one: they end when it is gone, and at once when their work is done."""

import multiprocessing
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def end_with_parent() -> None:
    """Let this process end when the one that started it is gone, however it went: nobody would stop it then."""
    threading.Thread(target=_wait_for_its_end, daemon=True).start()


def _wait_for_its_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_at_once(status: int) -> NoReturn:
    """End this process with an exit status, without an orderly end of Python.

    The caller has written and closed everything before: other threads are not waited for, and what is registered
    with `atexit` is not called. It is for one of several processes that train together. If anything still holds
    their group, the threads by which they talk to each other are there until the end of Python, where torch may
    abort; then whoever started them takes for failed what has been done.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is in a process without a terminal
            with suppress(ValueError):  # it is closed
                stream.flush()
    os._exit(status)
