"""A clean copy of a data folder: what can be used of it, and a list of what was left out and why.

The folder itself stays as it is. Left out is what the loaders leave out, and what spoils a result without doubt:
all but one of equal files, and both where one file lies in two classes, since nobody knows which is right. What
is merely doubtful, a dark picture, an odd size, one that looks like another, is copied: it is for you to judge.
Copied is what the doctor has looked at, and as it was then: what has changed since is left out and told.
"""

import hashlib
import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from densekit.data.doctor import Diagnosis
from densekit.data.image_files import judge
from densekit.data.outside import check_outside
from densekit.data.problems import Problem, name_below
from densekit.data.scan import scan_folder
from densekit.errors import DataError
from densekit.files import NO_ROOM, named, place_without_room, real_path, write_atomically
from densekit.tables import as_csv
from densekit.words import shown

MANIFEST = "manifest.csv"

_TOO_LIKE = (
    "the disk of the copy takes '{}' and '{}' for one name, as it doesn't tell such letters apart: rename "
    "one of the two, or name a folder on another disk"
)

_LEFT_OUT = ("label-conflict", "duplicate", "leakage", "one-colour")
_ABANDONED = 24 * 3600  # seconds, after which nobody is writing an unfinished copy any more


@dataclass(frozen=True)
class CleanCopy:
    """What became of the files of a data folder.

    Args:
        folder: the copy.
        copied: number of images in it.
        left_out: what is not in it, and why.
        changed: of these, what has changed, vanished or come since the doctor looked.
    """

    folder: Path
    copied: int
    left_out: tuple[Problem, ...]
    changed: tuple[Problem, ...] = ()


def check_target(target: Path, root: Path, images: Iterable[Path]) -> None:
    """Make sure that a folder can be written without touching the source.

    Args:
        target: the folder for the copy.
        root: the data folder.
        images: its image files.

    Raises:
        DataError: it holds something, is no folder, lies in a folder of the source, or leads nowhere.
    """
    check_outside(target, root, images, "a folder")
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file: name a new folder for the clean copy")
    real = real_path(target)
    if real.is_dir() and not set(real.iterdir()) <= set(_unfinished_copies(real, real.name)):
        raise DataError(f"{target} is not empty: name a new folder for the clean copy, or empty that one")
    if there := place_without_room(real):  # an empty folder is filled where it is
        raise DataError(f"no folder can be made in {there}: name another place for the clean copy")


def write_clean_copy(
    diagnosis: Diagnosis, target: Path | str, left_out: Iterable[Path | str] | None = None
) -> CleanCopy:
    """Copy what can be used of a data folder, and write manifest.csv beside it; all of it appears, or nothing.

    Args:
        diagnosis: what the doctor found in the folder.
        target: a new or empty folder; its images have the names that they have in the source.
        left_out: pictures and folders to do without, as somebody has chosen them; what `left_out_of_a_copy` says
            if not given. What can't be read is left out in any case.

    Raises:
        DataError: the target can't be used (see `check_target`), no image is left to copy, a class has the
            manifest's name, or something is to be left out that isn't there.
    """
    target = named(target)
    root = diagnosis.root
    check_target(target, root, diagnosis.images)
    if any(image.relative_to(root).parts[0] == MANIFEST for image in diagnosis.images):
        raise DataError(
            f"{root / MANIFEST} has the name of the list in a clean copy: give that class another name"
        )
    without = left_out_of_a_copy(diagnosis) if left_out is None else _as_chosen(diagnosis, left_out)
    images = _but_for(diagnosis.images, without)
    if not images:
        raise DataError(f"nothing of {root} can be used, so there is nothing to copy")
    with _appearing(real_path(target)) as unfinished:
        changed = (*_copied_but_for(images, diagnosis, unfinished), *_new(diagnosis))
        copied = len(_but_for(images, changed))
        if not copied:
            raise DataError(f"all pictures of {root} have changed meanwhile: let the doctor look at it again")
        with write_atomically(unfinished / MANIFEST) as file:
            file.write(_manifest(root, (*without, *changed)))
    return CleanCopy(target, copied, (*without, *changed), changed)


def left_out_of_a_copy(diagnosis: Diagnosis) -> tuple[Problem, ...]:
    """Return what a clean copy does without: one problem for each file or folder."""
    problems = (*diagnosis.problems, *_other_sides(diagnosis.problems))
    return _once(problem for problem in problems if problem.left_out or problem.kind in _LEFT_OUT)


def _other_sides(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield for each picture in two classes the one that was met first: the doctor reports the later one."""
    for problem in problems:
        if problem.kind == "label-conflict" and problem.other:
            message = f"lies in another class as well, as {shown(problem.path.name)}"
            yield Problem.of(problem.kind, problem.other, message, other=problem.path)


def _once(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the first problem of each file."""
    first: dict[Path, Problem] = {}
    for problem in problems:
        first.setdefault(problem.path, problem)
    return tuple(first.values())


def _as_chosen(diagnosis: Diagnosis, chosen: Iterable[Path | str]) -> tuple[Problem, ...]:
    """Return what can't be used, and what somebody has chosen, with the reason that the doctor gave for it."""
    root = diagnosis.root
    told = {problem.path: problem for problem in (*diagnosis.problems, *left_out_of_a_copy(diagnosis))}
    there = {place for image in diagnosis.images for place in (image, *image.parents)}
    left = [problem for problem in diagnosis.problems if problem.left_out]
    for name in chosen:
        path = Path(name) if Path(name).is_relative_to(root) else root / name
        if path not in told and path not in there:
            raise DataError(
                f"{name} is to be left out of the clean copy, but the doctor saw nothing of this name"
            )
        left.append(told.get(path) or Problem.of("by-choice", path, "somebody has chosen to leave it out"))
    return _once(left)


def _but_for(images: Iterable[Path], problems: Iterable[Problem]) -> list[Path]:
    out = {problem.path for problem in problems}
    return [image for image in images if out.isdisjoint((image, *image.parents))]


def _copied_but_for(images: Iterable[Path], diagnosis: Diagnosis, folder: Path) -> Iterator[Problem]:
    """Copy images, and yield those that are not any more what the doctor saw."""
    made: dict[tuple[int, int], Path] = {}
    for image in images:
        copy = folder / image.relative_to(diagnosis.root)
        _make(copy.parent, folder, made)
        if not image.exists() and not image.is_symlink():
            yield Problem.of("missing-file", image, "it is not there any more")
        elif problem := judge(image):
            yield problem
        else:
            _copy_new(image, copy)
            with copy.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == diagnosis.images[image]:
                    continue
            yield Problem.of("changed-file", image, "it has changed since the doctor looked at it")
        copy.unlink(missing_ok=True)


def _make(folder: Path, root: Path, made: dict[tuple[int, int], Path]) -> None:
    """Make a folder below `root`, and remember it and those on the way to it.

    Raises:
        DataError: a disk that doesn't tell large letters from small ones takes it for another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    while folder != root:
        status = folder.stat()
        first = made.setdefault((status.st_dev, status.st_ino), folder)
        if first != folder:
            raise DataError(_TOO_LIKE.format(first.name, folder.name))
        folder = folder.parent


def _copy_new(image: Path, copy: Path) -> None:
    try:
        with image.open("rb") as source, copy.open("xb") as target:
            shutil.copyfileobj(source, target)
    except FileExistsError as error:
        alike = (one.name for one in copy.parent.iterdir() if _folded(one) == _folded(copy))
        other = next(alike, copy.name)
        raise DataError(_TOO_LIKE.format(other, copy.name)) from error


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", path.name).casefold()


def _new(diagnosis: Diagnosis) -> Iterator[Problem]:
    known = {*diagnosis.images, *(problem.path for problem in diagnosis.problems)}
    for path in scan_folder(diagnosis.root).paths:
        if path not in known:
            yield Problem.of("changed-file", path, "it was not there when the doctor looked")


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Make a folder of which all appears under the target's name at the end, or nothing.

    An empty folder is filled where it is: it may be the present one, or a disk, which can't be replaced.
    """
    fills = target.is_dir()
    place = target if fills else target.parent
    place.mkdir(parents=True, exist_ok=True)
    for leftover in _unfinished_copies(place, target.name):
        if time.time() - leftover.stat().st_mtime > _ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)
    prefix = f".{target.name}."
    try:
        with tempfile.TemporaryDirectory(".partial", prefix, place, ignore_cleanup_errors=True) as name:
            unfinished = Path(name) / "copy"
            unfinished.mkdir()
            yield unfinished
            if fills:
                _move_all(unfinished, target)
            else:
                unfinished.rename(target)
    except OSError as error:
        hidden = str(error.filename).startswith(str(place / prefix))
        if (
            error.errno in NO_ROOM or hidden
        ):  # name what was asked for, no picture, and no folder nobody knows of
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


def _move_all(folder: Path, target: Path) -> None:
    """Move all that is in a folder into another one, or nothing."""
    entries = sorted(folder.iterdir())
    try:
        for entry in entries:
            entry.rename(target / entry.name)
    except BaseException:
        for entry in entries:
            if not os.path.lexists(entry):
                (target / entry.name).rename(entry)
        raise


def _unfinished_copies(place: Path, name: str) -> Iterator[Path]:
    """Yield the folders in which copies to a target of this name are made, or were when they were stopped."""
    for path in place.glob(f".{escape(name)}.*.partial"):
        with suppress(OSError):  # a folder of somebody else's, which may not be looked into
            if path.is_dir() and not path.is_symlink() and {one.name for one in path.iterdir()} <= {"copy"}:
                yield path


def _manifest(root: Path, left_out: Sequence[Problem]) -> bytes:
    rows = [["left_out", "kind", "why", "other"]]
    for problem in left_out:
        other = name_below(problem.other, root) if problem.other else ""
        rows.append([name_below(problem.path, root), problem.kind, problem.message, other])
    return as_csv(rows)
