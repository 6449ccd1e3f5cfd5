"""Pictures that are copies of others, but not byte by byte: saved anew, resized, mirrored, cropped, brightened.

Their hashes lie within a radius of each other. Radius and the other limits were chosen on photographs and on the
sample pictures, which look alike without being copies; `benchmarks/near_duplicates.py` shows how good they are.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from densekit.data import perceptual_hash
from densekit.data.near_hashes import Found, NearHashes
from densekit.data.perceptual_hash import first_words_of_windows, hashes, hashes_of_windows

RADIUS = 40
"""Copies differ in so many of 256 bits or fewer. Measured: changes of size, quality and side at most 9, of light
25, of the part that is seen 39; different pictures of one renderer at least 53, different photographs 82."""
FIRST_LOOK = 8
"""Candidates differ in so many of the first 64 bits or fewer. Measured: 95 of 100 copies in 6 at most."""
FIRST_LOOK_AT_WINDOWS = 5
"""The same for windows, 34 times as many, which therefore are looked up more strictly."""
TINTS_APART = 0.08
"""Copies have the same colours: the shares of red, green and blue differ by no more. Measured: 0.046 at most."""
_AT_ONCE = 1024  # pictures
_NOBODY = np.iinfo(np.int64).max
_WHO = 2**40  # more than there are pictures: how bad a pair is stands above it, who it is with below


class Looks(NamedTuple):
    """What is compared of N pictures.

    Args:
        thumbnails: uint8 (N, 32, 32), as `densekit.data.perceptual_hash` makes them.
        tints: the shares of red, green and blue, float32 (N, 3).
        groups: of each picture, its class and its split, as numbers: int (N, 2).
    """

    thumbnails: NDArray[np.uint8]
    tints: NDArray[np.float32]
    groups: NDArray[np.intp]


class NearCopy(NamedTuple):
    """A picture that is a copy of an earlier one.

    Args:
        copy: its number.
        original: the number of the earlier one; which of the two was made from which, nobody knows.
        bits: in how many of 256 the hashes differ.
        is_mirrored: whether one is the mirror image of the other.
        is_cropped: whether one is a part of the other.
    """

    copy: int
    original: int
    bits: int
    is_mirrored: bool
    is_cropped: bool


def near_copies(looks: Looks) -> list[NearCopy]:
    """Return every picture that is a copy of an earlier one, in order, each once.

    Of several earlier ones that of another class is named, else that of another split, else the most similar.
    """
    whole = hashes(looks.thumbnails)
    compared = np.flatnonzero(perceptual_hash.bits_told(whole) >= perceptual_hash.LEAST_BITS)
    best, follower = np.full((2, len(whole)), _NOBODY)
    if len(compared) < 2:
        return []
    whole = whole[compared]
    compared, whole, equal = _link_equal_ones(looks, compared, whole, best, follower)
    for pairs in _near_pairs(looks.thumbnails[compared], whole):
        _keep_best(looks, compared[pairs.one], compared[pairs.other], pairs, best, follower)
    _share_with_equal_ones(equal, best, follower)
    return [_unpacked(copy, int(best[copy])) for copy in np.flatnonzero(best != _NOBODY).tolist()]


class _Pairs(NamedTuple):
    one: NDArray[np.intp]
    other: NDArray[np.intp]
    bits: NDArray[np.intp]
    is_mirrored: bool
    is_cropped: bool


class _Equal(NamedTuple):
    first: NDArray[np.intp]
    later: NDArray[np.intp]


def _link_equal_ones(
    looks: Looks,
    compared: NDArray[np.intp],
    whole: NDArray[np.uint64],
    best: NDArray[np.int64],
    follower: NDArray[np.int64],
) -> tuple[NDArray[np.intp], NDArray[np.uint64], _Equal]:
    """Link pictures of one group with one hash to the first of these; return who is left, and who was linked.

    Thousands of one and the same picture would be millions of pairs.
    """
    tints = np.rint(looks.tints[compared] * 16)
    keys = np.column_stack([whole, tints.astype(np.uint64), looks.groups[compared].astype(np.uint64)])
    _, firsts, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    first = firsts[group.reshape(-1)]
    later = np.flatnonzero(first != np.arange(len(compared)))
    pairs = _Pairs(first[later], later, np.zeros(len(later), np.intp), is_mirrored=False, is_cropped=False)
    equal = _Equal(compared[pairs.one], compared[pairs.other])
    _keep_best(looks, equal.first, equal.later, pairs, best, follower)
    left = np.sort(firsts)
    return compared[left], whole[left], equal


def _share_with_equal_ones(equal: _Equal, best: NDArray[np.int64], follower: NDArray[np.int64]) -> None:
    """Note for pictures that were linked to one like them what is noted of that one, if it is worse."""
    partners = follower[equal.first]
    between = (partners & (_WHO - 1)) < equal.later  # it comes before the linked one, though behind the first
    best[equal.later] = np.minimum.reduce(
        [best[equal.later], best[equal.first], np.where(between, partners, _NOBODY)]
    )


def _near_pairs(thumbnails: NDArray[np.uint8], whole: NDArray[np.uint64]) -> Iterator[_Pairs]:
    """Yield the pairs whose hashes are near, a part of them at a time."""
    stored = NearHashes(np.ascontiguousarray(whole[:, 0]))
    for start in range(0, len(whole), _AT_ONCE):
        part = thumbnails[start : start + _AT_ONCE]
        windows = first_words_of_windows(part)
        for is_mirrored in (False, True):
            yield from _near_wholes(stored, whole, start, is_mirrored)
            yield from _near_windows(stored, whole, part, windows, start, is_mirrored)


def _near_wholes(
    stored: NearHashes, whole: NDArray[np.uint64], start: int, is_mirrored: bool
) -> Iterator[_Pairs]:
    asked = whole[start : start + _AT_ONCE]
    asked = perceptual_hash.mirrored(asked) if is_mirrored else asked
    for one, other in stored.within(FIRST_LOOK, np.ascontiguousarray(asked[:, 0])):
        later = other > one + start  # each pair once
        one, other = one[later], other[later]
        bits = perceptual_hash.distance(asked[one], whole[other])
        near = bits <= RADIUS
        yield _Pairs(one[near] + start, other[near], bits[near], is_mirrored, is_cropped=False)


def _near_windows(
    stored: NearHashes,
    whole: NDArray[np.uint64],
    part: NDArray[np.uint8],
    windows: NDArray[np.uint64],
    start: int,
    is_mirrored: bool,
) -> Iterator[_Pairs]:
    asked = perceptual_hash.mirrored(windows[..., None])[..., 0] if is_mirrored else windows
    for window, other in _once(stored.within(FIRST_LOOK_AT_WINDOWS, asked.ravel()), len(whole)):
        one, place = np.divmod(window, windows.shape[1])
        apart = np.flatnonzero(one + start != other)
        for few in np.array_split(apart, range(_AT_ONCE, len(apart), _AT_ONCE)):
            if not len(few):
                continue
            pictures, back = np.unique(one[few], return_inverse=True)
            hashed = hashes_of_windows(part[pictures])[back.reshape(-1), place[few]]
            hashed = perceptual_hash.mirrored(hashed) if is_mirrored else hashed
            bits = perceptual_hash.distance(hashed, whole[other[few]])
            near = bits <= RADIUS
            yield _Pairs(one[few][near] + start, other[few][near], bits[near], is_mirrored, is_cropped=True)


def _once(found: Iterator[Found], count: int) -> Iterator[Found]:
    """Yield the pairs, each once, as far as they come in one lot; and lots of fair size."""
    lots: list[NDArray[np.intp]] = []
    for query, word in found:
        lots.append(query * count + word)
        if sum(map(len, lots)) > 2**20:
            yield np.divmod(np.unique(np.concatenate(lots)), count)
            lots = []
    if lots:
        yield np.divmod(np.unique(np.concatenate(lots)), count)


def _keep_best(
    looks: Looks,
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    pairs: _Pairs,
    best: NDArray[np.int64],
    follower: NDArray[np.int64],
) -> None:
    """Note for the later picture of each pair the earlier one, if it is worse or nearer than what is noted.

    And in `follower` for the earlier picture the later one.
    """
    alike = np.abs(looks.tints[one] - looks.tints[other]).max(-1) <= TINTS_APART
    first, second = np.minimum(one, other)[alike], np.maximum(one, other)[alike]
    same = looks.groups[first] == looks.groups[second]
    harmless = np.where(same[:, 0], np.where(same[:, 1], 2, 1), 0)
    # One number, of which the least is looked for: harm, crop or whole, bits, mirror, and who it is.
    code = ((harmless * 2 + pairs.is_cropped) * 2**9 + pairs.bits[alike]) * 2 + pairs.is_mirrored
    np.minimum.at(best, second, code * _WHO + first)
    np.minimum.at(follower, first, code * _WHO + second)


def _unpacked(copy: int, code: int) -> NearCopy:
    code, original = divmod(code, _WHO)
    code, is_mirrored = divmod(code, 2)
    code, bits = divmod(code, 2**9)
    return NearCopy(copy, original, bits, bool(is_mirrored), bool(code % 2))


def looks_of(
    thumbnails: Sequence[NDArray[np.uint8]],
    tints: Sequence[NDArray[np.float32]],
    groups: Sequence[tuple[str, str]],
) -> Looks:
    """Put together what is known of single pictures; their groups are class and split by name."""
    numbers = [np.unique(names, return_inverse=True)[1].reshape(-1) for names in zip(*groups, strict=True)]
    return Looks(np.stack(thumbnails), np.stack(tints), np.column_stack(numbers))
