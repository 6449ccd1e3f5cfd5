"""Processes that are started by others: they shall not outlive them, and leave without a stumble."""

import multiprocessing
import os
import sys
import threading
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
    """End this process with an exit status, without an orderly end of Python; all is written and closed before.

    It is for one of several processes that train together: their threads for talking to each other don't always
    survive an orderly end. Then torch aborts, and whoever started them takes for failed what has all been done.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
