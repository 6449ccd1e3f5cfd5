"""A run folder: whose it is, what lies where in it, and which pictures it learned from."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from densekit.config import RunConfig, load_config
from densekit.data.scan import Sample
from densekit.errors import ConfigError, DensekitError, RunError, listed, nearest, one_line
from densekit.features.extraction import Pictures
from densekit.files import is_file, is_folder, read_json, write_json

CONFIG = "config.yaml"
SPLIT = "split.json"
HISTORY = "history.csv"
HEAD = "head.safetensors"
MODEL = "model.safetensors"
CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.json"
EVALUATION = "evaluation"
TENSORBOARD = "tensorboard"
_LOCK = ".lock"
_WRITTEN = (HISTORY, SPLIT, HEAD, MODEL, CHECKPOINT, METRICS, EVALUATION, TENSORBOARD)


@contextmanager
def claimed(out: Path | None, name: str) -> Iterator[Path]:
    """Have a new run folder for oneself, whoever else looks for one at the same moment.

    Args:
        out: the folder; a new one below runs/ if not given.
        name: what to call that one: tabletop-1, tabletop-2 and so on.

    Raises:
        RunError: the folder holds a run or something else already, or another process is at work in it.
    """
    was_there = out is not None and is_folder(out)
    folder = _made(out) if out else new_folder(Path("runs"), name)
    was_locked = (folder / _LOCK).exists()
    with locked(folder):
        try:
            _check_free(folder)
        except RunError:
            if not was_locked:
                with suppress(OSError):
                    (folder / _LOCK).unlink()  # nothing of ours stays in a folder that is not ours
            raise
        try:
            yield folder
        except DensekitError:
            _give_back(folder, was_there)
            raise


def _give_back(folder: Path, was_there: bool) -> None:
    """Leave nothing of a training that failed before its first step: its name is free for the next try."""
    with suppress(OSError):
        if any((folder / name).exists() for name in _WRITTEN if name not in (SPLIT, TENSORBOARD)):
            return  # it failed later on
        for name in (CONFIG, SPLIT, _LOCK):  # none of which was there before
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
        if not was_there and not any(folder.iterdir()):
            folder.rmdir()


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds what a run would replace, and say what it is."""
    if os.path.lexists(folder / CONFIG):
        try:
            read_config(folder)
        except RunError:
            raise RunError(
                f"{folder} holds a {CONFIG} already, which is not, or no longer, that of a run: name another "
                "folder"
            ) from None
        raise RunError(
            f"{folder} holds a run already: name another folder, or continue it with --resume {folder}"
        )
    if there := [name for name in _WRITTEN if (folder / name).exists()]:
        raise RunError(
            f"{folder} holds {listed(there)}, which a run would replace: name a folder of its own for it"
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a run folder. The lock ends with the process, however that ends.

    Raises:
        RunError: another process is at work in it.
    """
    lock = folder / _LOCK
    try:
        with FileLock(lock, timeout=0):
            yield
            if (folder / METRICS).exists():  # nothing is left to lock; whoever comes now finds it complete
                with suppress(OSError):
                    lock.unlink()
    except Timeout as error:
        raise RunError(
            f"another process is training in {folder}: wait for its end, or name another folder"
        ) from error


def read_config(folder: Path) -> RunConfig:
    """Read the configuration of a run folder.

    Raises:
        RunError: the folder is missing, holds no run, or its configuration can't be read.
    """
    path = folder / CONFIG
    if not is_file(path):
        siblings = [run.parent.name for run in folder.parent.glob(f"*/{CONFIG}") if run.is_file()]
        hint = f": {nearest(folder.name, siblings)}" if siblings else ""
        if is_folder(folder) and any(folder.glob(f"*/{CONFIG}")):
            hint = f"; there are runs below it: {folder}/*"
        raise RunError(f"there is no run in {folder}, as it has no {CONFIG}{hint}")
    try:
        return load_config(path)
    except ConfigError as error:
        raise RunError(f"the run {folder} can't be used: {error}") from error


@dataclass(frozen=True)
class Remembered:
    """A picture of a run.

    Args:
        path: below the data folder, with slashes; absolute if it lies elsewhere.
        name: of its class.
        sha256: of its file.
    """

    path: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Split:
    """Which pictures a run learned from, and which were held back.

    Args:
        classes: names of the classes, in the order of the labels.
        train: learned from.
        val: held back.
        left_out: files that could not be used or are worth a look, as `Problem.to_dict` tells them.
    """

    classes: tuple[str, ...]
    train: tuple[Remembered, ...]
    val: tuple[Remembered, ...]
    left_out: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, root: Path, classes: tuple[str, ...], train: Pictures, val: Pictures) -> "Split":
        """Remember the pictures of a training."""
        return cls(classes, _remembered(root, classes, train), _remembered(root, classes, val))

    def samples(self, root: Path, part: str) -> list[Sample]:
        """Return the pictures of 'train' or 'val' where they were, below a data folder."""
        pictures: tuple[Remembered, ...] = getattr(self, part)
        return [Sample(root / one.path, self.classes.index(one.name)) for one in pictures]

    def check(self) -> None:
        """Raise a ValueError if it can't be that of a run."""
        unknown = {one.name for one in (*self.train, *self.val)} - set(self.classes)
        if unknown or not self.train or not self.val:
            raise ValueError(f"no class is called {min(unknown)!r}" if unknown else "train or val is empty")
        if not all({"path", "message", "remedy", "left_out"} <= set(problem) for problem in self.left_out):
            raise ValueError("left_out holds what is no problem")

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, asdict(self), indent=1)

    @classmethod
    def read(cls, path: Path) -> "Split | None":
        """Read what `write` wrote; None if there is no such file.

        Raises:
            RunError: it is damaged.
        """
        try:
            split = TypeAdapter(cls).validate_python(read_json(path))
            split.check()
            return split
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path} is damaged ({one_line(error)}), so nobody knows which pictures this run held back: "
                "put the file back, or start a new run"
            ) from error


def _remembered(root: Path, classes: tuple[str, ...], pictures: Pictures) -> tuple[Remembered, ...]:
    return tuple(
        Remembered(
            sample.path.relative_to(root).as_posix()
            if sample.path.is_relative_to(root)
            else sample.path.as_posix(),
            classes[sample.label],
            content_hash,
        )
        for sample, content_hash in zip(pictures.samples, pictures.hashes, strict=True)
    )


def _made(folder: Path) -> Path:
    if folder.is_file():
        raise RunError(f"{folder} is a file: name a folder for the run")
    if folder.is_symlink() and not is_folder(folder):
        raise RunError(f"{folder} is a link that leads to no folder: name another one for the run")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_folder(parent: Path, name: str) -> Path:
    """Make the next free folder NAME-1, NAME-2 and so on: two processes that do so at once get two.

    Raises:
        RunError: none can be made there.
    """
    try:
        if parent.is_file():
            raise RunError(f"{parent} is a file: name a folder for the runs")
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = next_folder(parent, name)
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
    except OSError as error:
        raise RunError(f"no folder for a run can be made in {parent} ({one_line(error)})") from error


def next_folder(parent: Path, name: str) -> Path:
    """Return the folder that `new_folder` would make, if nobody else is faster."""
    numbered = (parent / f"{name}-{number}" for number in count(1))
    return next(folder for folder in numbered if not os.path.lexists(folder))
