"""Where the report on an evaluation goes, so that no report takes another one's place."""

import re
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

from densekit.files import read_text, write_text
from densekit.words import shown

_ORIGIN = "data.txt"
_OF_THE_TRAINING = re.compile(r"epoch-\d+-step-\d+")
_LONGEST = 60  # characters of a folder's name: four bytes each, and systems allow 255 in all


def report_folder(evaluation: Path, data: Path | None, split: str) -> Path:
    """Return, made if need be, the folder for the report on a split.

    The run's own report on its best validation stands at the top and is never written again. A later one on the
    run's own pictures is called after the split, one on another folder after that folder as well; two folders
    of the same name are told apart by a number.

    Args:
        evaluation: the run's evaluation folder.
        data: the folder of images, absolute; None for the run's own.
        split: which part of it.
    """
    if data is None:
        return evaluation / split
    name = f"{data.name[:_LONGEST]}-{split}"
    for number in count(1):
        folder = evaluation / (name if number == 1 else f"{name}-{number}")
        origin = folder / _ORIGIN
        if _names(origin, data):
            return folder
        if not folder.exists():
            write_text(origin, f"{shown(data)}\n")
            return folder
    raise AssertionError("unreachable")


def forget_reports(evaluation: Path) -> None:
    """Delete the reports that `evaluate` made: they tell of weights that have been trained on since."""
    for folder in evaluation.glob("*"):
        if (folder / "confusion.csv").is_file() and not _OF_THE_TRAINING.fullmatch(folder.name):
            shutil.rmtree(folder)


def _names(origin: Path, data: Path) -> bool:
    with suppress(OSError, ValueError):
        return read_text(origin) == f"{shown(data)}\n"
    return False
