"""A clean copy of a data folder: what can be used of it, and a list of what was left out and why.

The folder itself stays as it is. Left out is what the loaders leave out, and what spoils a result without doubt:
all but one of equal pictures, and both where one picture lies in two classes, since nobody knows which is right.
What is merely doubtful, a dark picture or an odd size, is copied: it is for you to judge.
"""

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from densekit.data.doctor import Diagnosis
from densekit.data.problems import Problem
from densekit.data.scan import scan_folder
from densekit.errors import DataError
from densekit.files import write_text
from densekit.words import shown

MANIFEST = "manifest.csv"

_CONFLICTS = ("label-conflict", "near-label-conflict")
_LEFT_OUT = (*_CONFLICTS, "duplicate", "leakage", "near-duplicate", "near-leakage", "one-colour")


@dataclass(frozen=True)
class CleanCopy:
    """What became of the files of a data folder.

    Args:
        folder: the copy.
        copied: number of images in it.
        left_out: what is not in it, and why.
    """

    folder: Path
    copied: int
    left_out: tuple[Problem, ...]


def check_target(target: Path, source: Path) -> None:
    """Make sure that a folder can be written without touching the source.

    Raises:
        DataError: it holds something, is no folder, is the source, or lies in it.
    """
    real, kept = target.resolve(), source.resolve()
    if real == kept or kept in real.parents:
        raise DataError(f"{target} lies in {source}, which is never changed: name a folder outside of it")
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file: name a new folder for the clean copy")
    if target.is_dir() and any(target.iterdir()):
        raise DataError(f"{target} is not empty: name a new folder for the clean copy, or empty that one")


def write_clean_copy(diagnosis: Diagnosis, target: Path | str) -> CleanCopy:
    """Copy what can be used of a data folder, and write manifest.csv beside it; all of it appears, or nothing.

    Args:
        diagnosis: what the doctor found in the folder.
        target: a new or empty folder; its images have the names that they have in the source.

    Raises:
        DataError: the target can't be used (see `check_target`), or no image is left to copy.
    """
    target = Path(target).expanduser()
    check_target(target, diagnosis.root)
    left_out = left_out_of_a_copy(diagnosis)
    images = _kept(diagnosis.root, {problem.path for problem in left_out})
    if not images:
        raise DataError(f"nothing of {diagnosis.root} can be used, so there is nothing to copy")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=f".{target.name}.", suffix=".partial", ignore_cleanup_errors=True
    ) as name:
        unfinished = Path(name) / "copy"
        for image in images:
            copy = unfinished / image.relative_to(diagnosis.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, copy)
        write_text(unfinished / MANIFEST, _manifest(diagnosis.root, left_out))
        if target.is_dir():
            target.rmdir()  # it is empty, or this fails
        unfinished.rename(target)
    return CleanCopy(target, len(images), left_out)


def left_out_of_a_copy(diagnosis: Diagnosis) -> tuple[Problem, ...]:
    """Return what a clean copy does without: one problem for each file or folder."""
    return tuple(_left_out(diagnosis.problems))


def _left_out(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield what is left out, each file once."""
    seen: set[Path] = set()
    for problem in (*problems, *_other_sides(problems)):
        if (problem.left_out or problem.kind in _LEFT_OUT) and problem.path not in seen:
            seen.add(problem.path)
            yield problem


def _other_sides(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield for each picture in two classes the one that was met first: the doctor reports the later one."""
    for problem in problems:
        if problem.kind in _CONFLICTS and problem.other:
            message = f"lies in another class as well, as {shown(problem.path.name)}"
            yield Problem.of(problem.kind, problem.other, message, other=problem.path)


def _kept(root: Path, left_out: set[Path]) -> list[Path]:
    scan = scan_folder(root)
    return [
        path
        for classes in scan.images.values()
        for paths in classes.values()
        for path in paths
        if path not in left_out
    ]


def _manifest(root: Path, left_out: Sequence[Problem]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["left_out", "kind", "why", "other"])
    for problem in left_out:
        other = shown(problem.other.relative_to(root)) if problem.other else ""
        writer.writerow([shown(problem.path.relative_to(root)), problem.kind, problem.message, other])
    return text.getvalue()
