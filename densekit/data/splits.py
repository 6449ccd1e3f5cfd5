"""Some images of each class aside, to check on: the same ones on every machine, every time.

Each image gets a number from its name and a seed alone, and the images with the lowest numbers are set aside.
So neither the order in which a file system lists files nor the place of the folder matters, and an image that
is added later moves at most one other across the line: results before and after stay comparable.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densekit.errors import ConfigError, DataError
from densekit.words import counted


def split_off(
    images: Mapping[str, Iterable[Path]], root: Path, fraction: float, seed: int
) -> tuple[dict[str, tuple[Path, ...]], dict[str, tuple[Path, ...]]]:
    """Set a share of each class aside.

    Args:
        images: the images of each class, all below `root`.
        root: the folder that the images' names are taken from.
        fraction: the share to set aside, above 0 and below 1.
        seed: another seed sets other images aside.

    Returns:
        What is kept and what is set aside, each in the given order. A class with two or more images has at
        least one on both sides; an only image is kept.

    Raises:
        ConfigError: the fraction is out of range.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"val_fraction is {fraction}: expected a share above 0 and below 1, such as 0.2")
    kept, aside = {}, {}
    for name, paths in images.items():
        everything = tuple(paths)
        ranked = sorted(everything, key=lambda path: _rank(path.relative_to(root), seed))
        chosen = set(ranked[: _how_many(len(everything), fraction)])
        kept[name] = tuple(path for path in everything if path not in chosen)
        aside[name] = tuple(path for path in everything if path in chosen)
    return kept, aside


def some_of_each(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Choose equally many images of each class: the few that a measurement learns from.

    Args:
        labels: class numbers, (N,).
        count: images of each class.
        seed: another seed chooses others.

    Returns:
        Positions in `labels`, class by class, none of them twice.

    Raises:
        DataError: a class has fewer images.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        if len(places) < count:
            raise DataError(f"class {label} has {counted(len(places), 'image')}: expected {count} or more")
        chosen.append(rng.permutation(places)[:count])
    return np.concatenate(chosen)


def _how_many(total: int, fraction: float) -> int:
    if total < 2:
        return 0
    return min(max(round(total * fraction), 1), total - 1)


def _rank(name: Path, seed: int) -> bytes:
    text = f"{seed}/{unicodedata.normalize('NFC', name.as_posix())}"
    try:
        return sha256(text.encode("utf-8", "surrogateescape")).digest()  # bytes that are no UTF-8, on Linux
    except UnicodeEncodeError:
        return sha256(text.encode("utf-8", "surrogatepass")).digest()  # half of a character, on Windows
