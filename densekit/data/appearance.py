"""How a picture looks, in a few numbers: taken once, while it is decoded, and kept instead of its pixels."""

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from densekit.data.perceptual_hash import SIDE, thumbnail

LOOKED_AT = 256
"""A larger picture is looked at with a longer side of 256 to 511 pixels, so that all are judged alike."""


class Appearance(NamedTuple):
    """How a picture looks.

    Args:
        size: width and height, in pixels.
        thumbnail: in greys, uint8 (32, 32).
        tint: the shares of red, green and blue in the light of the picture, float32 (3,).
        darkest: the grey that 1 % of the pixels are darker than or equal to, 0 to 255.
        brightest: the grey that 99 % are darker than or equal to.
        blur: which share of the differences between neighbours is left after a mean over 3 × 3 pixels: the more,
            the fewer fine details there were to lose. 0 to about 1.
        spread: how far the smallest and the largest value of all pixels lie apart, in red, green or blue,
            whichever is more, 0 to 255.
        is_grey: whether red, green and blue are the same all over.
    """

    size: tuple[int, int]
    thumbnail: NDArray[np.uint8]
    tint: NDArray[np.float32]
    darkest: int
    brightest: int
    blur: float
    spread: int
    is_grey: bool


def appearance_of(image: Image.Image, size: tuple[int, int] | None = None) -> Appearance:
    """Look at a picture, RGB.

    Args:
        image: the picture, perhaps decoded smaller than it is in its file.
        size: width and height in the file; those of the image if not given.
    """
    smaller = max(1, max(image.size) // LOOKED_AT)
    seen = image.reduce(smaller) if smaller > 1 else image
    grey = seen.convert("L")
    parts = np.asarray(seen.resize((SIDE, SIDE), Image.Resampling.BOX))  # (SIDE, SIDE, 3)
    darkest, brightest = _percentiles(grey, 0.01, 0.99)
    return Appearance(
        size or image.size,
        thumbnail(grey),
        _tint(parts),
        darkest,
        brightest,
        _blur(grey),
        _spread(image),
        _is_grey(seen),
    )


def _tint(parts: NDArray[np.uint8]) -> NDArray[np.float32]:
    light = parts.mean(axis=(0, 1), dtype=np.float32)
    tint: NDArray[np.float32] = (light + 1) / (light + 1).sum()
    return tint


def _percentiles(grey: Image.Image, *shares: float) -> list[int]:
    cumulative = np.cumsum(grey.histogram())
    return [int(np.searchsorted(cumulative, share * cumulative[-1])) for share in shares]


def _blur(grey: Image.Image) -> float:
    if min(grey.size) < 4:
        return 0.0
    values = np.asarray(grey)
    before = _differences(values[1:-1, 1:-1])  # without the edge, of which there is no mean
    return _differences(_mean_over_nine(values)) / before if before else 0.0


def _mean_over_nine(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mean over 3 × 3 pixels, rounded, of all pixels that have eight neighbours."""
    wide = values.astype(np.uint16)
    down = wide[:-2] + wide[1:-1] + wide[2:]
    mean: NDArray[np.uint8] = ((down[:, :-2] + down[:, 1:-1] + down[:, 2:] + 4) // 9).astype(np.uint8)
    return mean


def _differences(values: NDArray[np.uint8]) -> float:
    """Return the mean difference between neighbours, in greys, down and across."""
    return _mean_difference(values[1:], values[:-1]) + _mean_difference(values[:, 1:], values[:, :-1])


def _mean_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    differences = _apart(one, other)
    return int(differences.sum(dtype=np.uint32)) / differences.size


def _spread(image: Image.Image) -> int:
    # Of the picture as it was decoded, since made smaller, it would lose the stars of a black sky.
    extremes = cast(tuple[tuple[int, int], ...], image.getextrema())
    return max(largest - smallest for smallest, largest in extremes)


def _is_grey(image: Image.Image) -> bool:
    colours = np.asarray(image)  # (H, W, 3)
    # JPEG makes differences of one or two; and a stamp on 1 % of a picture does not make it one in colour.
    most = colours.shape[0] * colours.shape[1] // 100
    apart = (_apart(colours[..., 0], colours[..., other]) for other in (1, 2))
    return all(np.count_nonzero(differences > 2) <= most for differences in apart)


def _apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how far values differ; in bytes, four times as fast as with signed numbers."""
    return np.maximum(one, other) - np.minimum(one, other)
