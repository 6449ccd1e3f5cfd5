"""How a picture looks, in a few numbers: taken once, while it is decoded, and kept instead of its pixels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from densekit.data.perceptual_hash import thumbnail

LOOKED_AT = 256
"""A larger picture is looked at with a longer side of 256 to 511 pixels, so that all are judged alike."""


class Appearance(NamedTuple):
    """How a picture looks.

    Args:
        size: width and height, in pixels.
        thumbnail: in greys, uint8 (32, 32).
        tint: the shares of red, green and blue in the light of the picture, float32 (3,).
    """

    size: tuple[int, int]
    thumbnail: NDArray[np.uint8]
    tint: NDArray[np.float32]


def appearance_of(image: Image.Image) -> Appearance:
    """Look at a picture, RGB."""
    smaller = max(1, max(image.size) // LOOKED_AT)
    seen = image.reduce(smaller) if smaller > 1 else image
    return Appearance(image.size, thumbnail(seen.convert("L")), _tint(seen))


def _tint(image: Image.Image) -> NDArray[np.float32]:
    light = np.asarray(image.resize((1, 1), Image.Resampling.BOX), np.float32)[0, 0]
    tint: NDArray[np.float32] = (light + 1) / (light + 1).sum()
    return tint
