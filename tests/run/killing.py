"""Trainings that end at a moment of our choice: in children, killed, or here, as if a plug were pulled.

Children are forked, so that they begin at once.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from densekit.training.events import BatchDone, Event

FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


class PlugPulled(Exception):  # noqa: N818
    """What a cut cable raises."""


def pull_when(is_time: Callable[[Event], bool]) -> Callable[[Event], None]:
    """Return a listener that ends a training behind an event as a cut cable would."""

    def pull(event: Event) -> None:
        if is_time(event):
            raise PlugPulled

    return pull


def pull_at(step: int) -> Callable[[Event], None]:
    """Return a listener that ends a training behind a step as a cut cable would."""
    return pull_when(lambda event: isinstance(event, BatchDone) and event.step == step)


def in_child(work: Callable[[], object], kill_after: float | None = None) -> int:
    """Call `work` in a forked process, killed with -9 after some seconds; return its wait status."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            torch.set_num_threads(1)  # OpenMP's threads are not there any more after a fork
            work()
            status = 0
        finally:
            os._exit(status)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def killed_at_event(work: Callable[[], object], below: Path, number: int, torn: bool) -> int:
    """Call `work` in a child that dies just before its n-th file event below a folder.

    Args:
        work: what to do.
        below: the folder.
        number: which event, from 0.
        torn: if it is a file's renaming, cut the file in half first; and let half a checkpoint get its name, as
            happens when a disk loses what it said it had written.

    Returns:
        The child's wait status: 0 if there were fewer events.
    """

    def counted() -> None:
        left = number

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if left < 0:
                return
            if event not in FILE_EVENTS or not str(arguments[0]).startswith(str(below)):
                return
            if event == "open" and not _writes(arguments):
                return
            if left == 0:
                left = -1
                if torn and event == "os.rename":
                    os.truncate(arguments[0], Path(arguments[0]).stat().st_size // 2)
                    if Path(arguments[1]).name == "checkpoint.safetensors":
                        os.rename(*arguments[:2])  # noqa: PTH104
                os._exit(9)
            left -= 1

        sys.addaudithook(hook)
        work()

    return in_child(counted)


def _writes(arguments: tuple[Any, ...]) -> bool:
    return bool(int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def contents(run: Path) -> dict[str, object]:
    """Return everything in a run folder that must not depend on how often the training was interrupted."""
    found: dict[str, object] = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        if path.name.startswith(".") or path.name.startswith("checkpoint"):
            continue
        if name == "metrics.json":
            values = json.loads(path.read_text(encoding="utf-8"))
            found[name] = {
                key: value for key, value in values.items() if not key.endswith(("seconds", "_second"))
            }
        else:
            found[name] = path.read_bytes()
    return found
