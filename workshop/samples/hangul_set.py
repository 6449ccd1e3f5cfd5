"""The Hangul pictures as a data set: how many there are, and how they are made and made again."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from workshop.samples.hangul import SIDE, SYLLABLES, write_syllable
from workshop.samples.hangul_card import data_card
from workshop.samples.hangul_fonts import Font
from workshop.samples.picture_set import (
    QUALITY,
    Picture,
    as_jpeg,
    check_again,
    in_processes,
    names_of,
    write_set,
)

COUNTS = {"train": 48, "val": 21, "test": 21}
"""Pictures of each class in each split: so many that each of a split's fonts writes as many as the others."""

Fonts = Mapping[Font, Path]
"""Where each font is, as `find_fonts` says."""


def syllable_names() -> list[str]:
    """Return the names of all pictures of the data set, such as 'train/ga/0001.jpg', in order."""
    return names_of(SYLLABLES, COUNTS)


def make_syllable(name: str, fonts: Fonts) -> Picture:
    """Draw one picture of the data set; the name alone decides what it shows.

    Raises:
        DataError: no split or class of that name, or no number.
    """
    written = write_syllable(name, fonts)
    return Picture(name, as_jpeg(written.image), written.drawn)


def make_hangul(folder: Path, fonts: Fonts, processes: int | None = None) -> Iterator[Picture]:
    """Write the data set into a folder, as `write_set` does, yielding each picture once it is on the disk.

    Args:
        folder: where to.
        fonts: where each font is.
        processes: how many to use; all the cores there are, if not given.
    """
    pictures = in_processes(partial(make_syllable, fonts=fonts), syllable_names(), processes)
    return write_set(folder, pictures, partial(data_card, COUNTS, SIDE, QUALITY))


def check_drawing(folder: Path, names: Sequence[str], fonts: Fonts) -> list[str]:
    """Draw pictures again and compare digests; return one sentence for each that comes out differently."""
    return check_again(folder, in_processes(partial(make_syllable, fonts=fonts), names))
