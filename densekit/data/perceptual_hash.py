"""Perceptual hashes: a few bits of how a picture looks, which stay nearly the same when it is saved anew.

A picture is shrunk to 32 × 32 greys and taken apart into waves (a discrete cosine transform). Of each of the 256
longest waves the hash keeps its sign, and whether it is strong enough for the sign to mean anything. Compression,
another size and other light change few signs
(Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, is where this comes from).
Signs have two more merits. A mirrored picture has all waves that are odd across its width turned over, so the
hash of the mirror image is the hash with certain bits flipped. And the waves of any window of the picture are two
matrix products away, so cropped copies are found by the hashes of such windows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
"""Width and height of the thumbnail that is hashed, in pixels."""
BITS = 256
"""Bits of a hash; the first 64 of them, those of the longest waves, are enough to look for candidates."""
WORDS = 2 * BITS // 64
"""Words of 64 bits in which a hash is kept."""
NOISE = 2.0
"""A wave that is weaker, in grey levels, has a sign by chance. Rounding to whole greys makes waves of 0.3."""
LEAST_BITS = 160
"""Hashes of which fewer bits rise above the noise are not compared: flat pictures, gradients and what is far out
of focus are all alike. Measured: photographs have 212 or more, and 187 when blurred by 2 % of their width."""
WINDOWS = {0.95: 3, 0.9: 5}
"""Windows keep these shares of width and height, as a picture does that loses a tenth of its area, or of each
side. They stand at so many places along each side: 34 in all, 2.5 % of a side from one to the next."""

_WAVES = 24  # along each side: the 256 longest, by u + v, are among these


def thumbnail(grey: Image.Image) -> NDArray[np.uint8]:
    """Return what is hashed of a picture in greys: uint8 (SIDE, SIDE), each the mean of a part of it."""
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))


def hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the hashes of pictures, without their windows.

    Args:
        thumbnails: (N, SIDE, SIDE).

    Returns:
        uint64 (N, WORDS): first the signs, BITS of them, then for each whether its wave rises above the noise.
    """
    parts = np.array_split(thumbnails, max(1, len(thumbnails) // 4096))
    return np.concatenate([_hashed(_waves(part, _WHOLE, BITS))[:, 0] for part in parts])


def hashes_of_windows(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the hashes of the windows of pictures, in which cropped copies are found.

    Args:
        thumbnails: (N, SIDE, SIDE); a thousand at once, since each takes some 100 kB on the way.

    Returns:
        uint64 (N, 34, WORDS).
    """
    return np.concatenate([_hashed(_waves(thumbnails, windows, BITS)) for windows in _WINDOWS], axis=1)


def first_words_of_windows(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the first word of each hash that `hashes_of_windows` returns, uint64 (N, 34): it is much faster."""
    signs = [_waves(thumbnails, windows, 64) > 0 for windows in _WINDOWS]
    return _pack(np.concatenate(signs, axis=1))[..., 0]


def mirrored(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the hashes of the mirror images, (..., WORDS), or their first words alone, (..., 1)."""
    return hashed ^ _TURNED_OVER[: hashed.shape[-1]]


def distance(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return in how many of 256 bits hashes differ, going by those whose waves are above the noise in both.

    Args:
        one: uint64 (..., WORDS).
        other: of a shape that fits.

    Returns:
        int (...), from 0 to 256; 256 also where fewer than `LEAST_BITS` bits can be compared.
    """
    differ, told = (
        one[..., : BITS // 64] ^ other[..., : BITS // 64],
        one[..., BITS // 64 :] & other[..., BITS // 64 :],
    )
    count = count_bits(told).sum(-1, dtype=np.intp)
    differing = count_bits(differ & told).sum(-1, dtype=np.intp)
    return np.where(count >= LEAST_BITS, -(-BITS * differing // np.maximum(count, 1)), BITS)


def bits_told(hashed: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return how many bits of hashes, (..., WORDS), are of waves that are above the noise."""
    return count_bits(hashed[..., BITS // 64 :]).sum(-1, dtype=np.intp)


def count_bits(words: NDArray[np.uint64]) -> NDArray[Any]:
    """Return how many bits of each word are set."""
    if hasattr(np, "bitwise_count"):  # from numpy 2 on
        counts: NDArray[Any] = np.bitwise_count(words)
        return counts
    return _bits_by_table(words)


def _bits_by_table(words: NDArray[np.uint64]) -> NDArray[Any]:
    parts = np.ascontiguousarray(words)[..., None].view(np.uint16)
    counts: NDArray[Any] = _BITS_OF_16[parts].sum(-1, dtype=np.uint8)
    return counts


def _waves(thumbnails: NDArray[np.uint8], windows: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Return the longest waves, (N, W², bits), of W windows along each side, (W, _WAVES, SIDE)."""
    rows, columns = _ROWS[:bits], _COLUMNS[:bits]
    longest = int(max(rows.max(), columns.max())) + 1
    along = windows[:, :longest].reshape(-1, SIDE)
    measured = along @ thumbnails.astype(np.float32) @ along.T  # (N, W * longest, W * longest)
    apart = measured.reshape(-1, len(windows), longest, len(windows), longest).swapaxes(2, 3)
    return apart[..., rows, columns].reshape(len(thumbnails), len(windows) ** 2, bits)


def _hashed(waves: NDArray[np.float32]) -> NDArray[np.uint64]:
    return np.concatenate([_pack(waves > 0), _pack(np.abs(waves) > NOISE)], axis=-1)


def _pack(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(np.packbits(bits, axis=-1)).view(np.uint64)


def _waves_of(left: float, right: float) -> NDArray[np.float32]:
    """Return how strong each wave is in a window of a line of SIDE pixels, as a matrix (_WAVES, SIDE)."""
    edges = np.linspace(left, right, SIDE + 1) * SIDE
    pixels = np.arange(SIDE)
    cut = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares = cut.clip(0) / (edges[1] - edges[0])  # of each pixel in each of the window's own
    cosines = np.cos(np.pi * np.outer(np.arange(_WAVES), (pixels + 0.5) / SIDE))
    cosines *= np.where(np.arange(_WAVES) > 0, 2 / SIDE, 1 / SIDE)[:, None] ** 0.5  # each is of length 1
    waves: NDArray[np.float32] = (cosines @ shares).astype(np.float32)
    return waves


def _longest_waves() -> NDArray[np.intp]:
    """Return row and column of each wave that gives a bit; those of one length follow each other."""
    of_a_length = sorted((row + column, row, column) for row in range(_WAVES) for column in range(_WAVES))
    return np.array(of_a_length[1 : BITS + 1])[:, 1:].T  # without the mean, which is brightness


_ROWS, _COLUMNS = _longest_waves()
_WHOLE = _waves_of(0, 1)[None]
_WINDOWS = [
    np.stack([_waves_of(left, left + share) for left in np.linspace(0, 1 - share, places)])
    for share, places in WINDOWS.items()
]
_TURNED_OVER = np.concatenate([_pack(_COLUMNS % 2 == 1), np.zeros(BITS // 64, np.uint64)])
_BITS_OF_16 = np.array([number.bit_count() for number in range(2**16)], np.uint8)
