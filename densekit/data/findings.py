"""What the doctor finds in one image file: what is wrong with it, and what is kept to compare it with others."""

from pathlib import Path
from typing import NamedTuple

from densekit.data.appearance import Appearance
from densekit.data.problems import Problem


class Place(NamedTuple):
    """An image file, and what its place in the folder says of it.

    Args:
        path: the file.
        split: 'train', 'val', 'test', or 'all' in a flat folder.
        name: of its class.
    """

    path: Path
    split: str
    name: str


class Finding(NamedTuple):
    """What was found in an image file.

    Args:
        place: the file.
        problems: what is wrong with it.
        content_hash: of its bytes; None if it can't be read.
        bits: of a colour; None for floats, and where it can't be read.
        appearance: how it looks; None if it can't be read.
    """

    place: Place
    problems: tuple[Problem, ...]
    content_hash: str | None = None
    bits: int | None = None
    appearance: Appearance | None = None


def worst_of(kinds: tuple[str, str, str], one: Place, other: Place) -> str:
    """Return which of three kinds it is that two places hold one picture.

    Args:
        kinds: if they are of one class and split, if they are of two splits, if they are of two classes.
        one: a place.
        other: another.
    """
    if one.name != other.name:
        return kinds[2]
    return kinds[1] if one.split != other.split else kinds[0]
