"""Finding photographs among the diagrams, screenshots and icons that packages bring.

A photograph, or a painting, has many colours, and few neighbours in it are equal. What is drawn by a program has
few colours and large flat parts. Documentation also shows one photograph many times, each time changed a little
by a tool: of those the first one is enough. (Photographs in greys have few colours, too: they are left out.)
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from densekit.data.near_duplicates import RADIUS
from densekit.data.perceptual_hash import WORDS, distance, hashes, thumbnail
from workshop.distillation.crops import opaque, randomness_of
from workshop.distillation.pictures import Picture

_SIDE = 192
_FEWEST_COLOURS = 250  # of 32 levels each of red, green and blue, in the middle square
_MOST_FLAT = 0.45  # the part of neighbours, left and right, that differ by less than one grey level
_LEAST_SPREAD = 14.0  # the standard deviation of the greys: below it there is next to nothing to be seen


def photographs_among(pictures: Iterable[Picture]) -> list[Picture]:
    """Return the pictures that look like photographs, without those that resemble an earlier one.

    What can't be read is left out.
    """
    found: list[Picture] = []
    known = np.empty((0, WORDS), np.uint64)
    for picture in pictures:
        square = _middle_square(picture)
        if square is None or not looks_like_a_photograph(square):
            continue
        hashed = hashes(thumbnail(square.convert("L"))[None])  # (1, WORDS)
        if not (distance(hashed, known) <= RADIUS).any():
            found.append(picture)
            known = np.concatenate([known, hashed])
    return found


def looks_like_a_photograph(image: Image.Image) -> bool:
    """Say whether an image in RGB has many colours and few flat parts."""
    pixels = np.asarray(image)  # (H, W, 3)
    coarse = pixels.astype(np.int32) >> 3
    colours = np.unique(coarse[..., 0] << 10 | coarse[..., 1] << 5 | coarse[..., 2])
    greys = pixels.mean(axis=2)
    flat = float((np.abs(np.diff(greys, axis=1)) < 1).mean())
    return len(colours) > _FEWEST_COLOURS and flat < _MOST_FLAT and float(greys.std()) > _LEAST_SPREAD


def _middle_square(picture: Picture) -> Image.Image | None:
    """Return the middle of a picture in RGB, as its crops will show it."""
    read = picture.image(2 * _SIDE)
    if read is None:
        return None
    image = opaque(read, randomness_of(picture, 0))
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
