"""Which of many hashes are near which others, without comparing each with each.

A word of 64 bits is taken apart into three pieces. If two words differ in 8 bits or fewer, then one of the three
pieces differs in 2 or fewer (else there were 9). So it is enough to look up every piece, with up to two of its
bits turned over, in a table of where each piece occurs, and to compare what is found there: multi-index hashing
(Norouzi, Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing, 2012).
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from densekit.data.perceptual_hash import count_bits

_PIECES = 3
_AT_ONCE = 2**21  # candidates that are compared at once

Found = tuple[NDArray[np.intp], NDArray[np.intp]]


class NearHashes:
    """Words of 64 bits, ready to be searched.

    Args:
        words: uint64 (N,).
    """

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self._words = words
        self._tables = [_Table(_piece(words, place), _width(place)) for place in range(_PIECES)]

    def within(self, radius: int, queries: NDArray[np.uint64]) -> Iterator[Found]:
        """Yield, in parts, the pairs of a query and a word that differ in `radius` bits or fewer.

        Args:
            radius: in bits.
            queries: uint64 (Q,).

        Yields:
            Places in `queries` and places in the words, of the same length. A pair may come several times.
        """
        for place, table in enumerate(self._tables):
            pieces = _piece(queries, place)
            for flips in _flips(_width(place), radius // _PIECES):
                for query, word in table.look_up(pieces ^ flips):
                    near = count_bits(queries[query] ^ self._words[word]) <= radius
                    yield query[near], word[near]


class _Table:
    """Where each value of a piece occurs."""

    def __init__(self, pieces: NDArray[np.uint32], width: int) -> None:
        self._order = np.argsort(pieces, kind="stable")
        counts = np.bincount(pieces, minlength=2**width).astype(np.int32)
        self._starts = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
        self._occurs = counts > 0  # small enough for a processor's cache, where most questions end

    def look_up(self, pieces: NDArray[np.uint32]) -> Iterator[Found]:
        known = np.flatnonzero(self._occurs[pieces])
        starts = self._starts[pieces[known]]
        counts = self._starts[pieces[known] + 1] - starts
        ends = np.cumsum(counts, dtype=np.int64)
        first = 0
        while first < len(known):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
            yield self._spread(known[first:last], starts[first:last], counts[first:last])
            first = last

    def _spread(self, known: NDArray[np.intp], starts: NDArray[np.int32], counts: NDArray[np.int32]) -> Found:
        """Return a pair for each occurrence, where so far there is a stretch of them for each query."""
        before = np.cumsum(counts) - counts
        places = np.arange(counts.sum()) + np.repeat(starts - before, counts)
        return np.repeat(known, counts), self._order[places]


def _width(place: int) -> int:
    return 64 // _PIECES + (place < 64 % _PIECES)


def _piece(words: NDArray[np.uint64], place: int) -> NDArray[np.uint32]:
    lowest = sum(map(_width, range(place)))
    piece: NDArray[np.uint64] = (words >> np.uint64(lowest)) & np.uint64(2 ** _width(place) - 1)
    return piece.astype(np.uint32)


def _flips(width: int, at_most: int) -> Iterator[np.uint32]:
    """Yield a number for each choice of up to so many bits of a piece, those bits set."""
    for count in range(at_most + 1):
        for bits in combinations(range(width), count):
            yield np.uint32(sum(1 << bit for bit in bits))
