"""What a classifier says of single pictures, the likeliest classes first."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from densekit.data.image_files import find_images
from densekit.data.problems import Problem
from densekit.errors import DataError
from densekit.evaluation.outcome import Outcome
from densekit.files import is_folder, named
from densekit.words import percent, shown

_ADDRESS = re.compile(r"(https?|ftp|file|s3|gs):/", re.IGNORECASE)  # a Path has one slash of the two left


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one picture: classes and their probabilities, the likeliest first."""

    path: Path
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __str__(self) -> str:
        shares = zip(self.classes, self.probabilities, strict=True)
        return f"{shown(self.path)}: " + ", ".join(f"{name} {percent(share)}" for name, share in shares)


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of several pictures, and which of them could not be read."""

    made: tuple[Prediction, ...]
    skipped: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.made, *self.skipped)))


def as_paths(images: object) -> list[Path]:
    """Return the names of pictures as paths, from one or several.

    Raises:
        DataError: one is empty, is an address, or is no name at all.
    """
    if isinstance(images, str | bytes | PathLike) or not isinstance(images, Iterable):
        images = [images]
    names = list(images)
    for name in names:
        if not isinstance(name, str | PathLike):
            raise DataError(
                f"a picture is given as {type(name).__name__}: expected the name of a file, or of a folder of "
                "pictures; save what is in memory as a PNG first"
            )
        if _ADDRESS.match(os.fspath(name)):
            raise DataError(
                f"{name} is an address, and nothing is fetched from there: name the file itself, or save the "
                "picture and name that"
            )
    return [named(name) for name in names]


def found(paths: Iterable[Path]) -> tuple[list[Path], list[Problem]]:
    """Put the pictures of a folder in its place, and list what else is in there."""
    files: list[Path] = []
    problems: list[Problem] = []
    for path in paths:
        inside, left_out = find_images(path) if is_folder(path) else ([path], [])
        if not inside and not left_out:
            problems.append(Problem.of("empty-folder", path, "there is no picture in it"))
        files += inside
        problems += left_out
    return files, problems


def ranked(outcome: Outcome, top: int) -> Predictions:
    """Name the likeliest classes of each picture of an outcome, `top` of them, 1 or more."""
    probabilities, order = outcome.probabilities.sort(dim=1, descending=True)  # (N, classes) each
    made = tuple(
        Prediction(sample.path, tuple(outcome.classes[index] for index in indices[:top]), tuple(shares[:top]))
        for sample, indices, shares in zip(
            outcome.samples, order.tolist(), probabilities.tolist(), strict=True
        )
    )
    return Predictions(made, outcome.skipped)
