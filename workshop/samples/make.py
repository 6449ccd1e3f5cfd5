"""The tabletop pictures as a data set: how many there are, and how they are made and made again."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from densekit.errors import DataError
from workshop.samples.card import data_card
from workshop.samples.objects import CLASSES
from workshop.samples.picture_set import (
    QUALITY,
    Picture,
    as_jpeg,
    check_again,
    in_processes,
    names_of,
    write_set,
)
from workshop.samples.renderer import render
from workshop.samples.tabletop import stage

COUNTS = {"train": 60, "val": 20, "test": 20}
"""Pictures of each class in each split."""

SIZE = 128
"""Width and height of a picture, in pixels."""


def picture_names() -> list[str]:
    """Return the names of all pictures of the data set, such as 'train/mug/0001.jpg', in order."""
    return names_of(CLASSES, COUNTS)


def make_picture(name: str) -> Picture:
    """Render one picture of the data set; the name alone decides what it shows.

    Raises:
        DataError: no class of that name.
    """
    class_name = Path(name).parent.name
    if class_name not in CLASSES:
        raise DataError(f"'{name}': no class '{class_name}'; a name looks like 'train/mug/0001.jpg'")
    staged = stage(class_name, name.removesuffix(".jpg"))
    pixels = render(staged.scene, SIZE, staged.seed)
    return Picture(name, as_jpeg(Image.fromarray(pixels.numpy())), staged.drawn)


def make_pictures(names: Sequence[str], processes: int | None = None) -> Iterator[Picture]:
    """Render pictures in several processes, one thread each, and yield them in order."""
    return in_processes(make_picture, names, processes)


def make_tabletop(folder: Path, processes: int | None = None) -> Iterator[Picture]:
    """Write the data set into a folder, as `write_set` does, yielding each picture once it is on the disk.

    Args:
        folder: where to.
        processes: how many to use; all the cores there are, if not given.
    """
    card = partial(data_card, COUNTS, SIZE, QUALITY)
    return write_set(folder, make_pictures(picture_names(), processes), card)


def check_rendering(folder: Path, names: Sequence[str]) -> list[str]:
    """Render pictures again and compare digests; return one sentence for each that comes out differently."""
    return check_again(folder, make_pictures(names))
