"""The search finds exactly the pairs that comparing each with each would find."""

import numpy as np
import pytest
from numpy.typing import NDArray

from densekit.data.near_hashes import NearHashes
from densekit.data.perceptual_hash import _bits_by_table, count_bits


def words(count: int, seed: int = 0, centres: int = 6) -> NDArray[np.uint64]:
    """Words in clusters, so that many are near each other."""
    generator = np.random.default_rng(seed)
    centre = generator.integers(0, 2**64, centres, dtype=np.uint64)[generator.integers(0, centres, count)]
    for _ in range(9):
        centre ^= np.uint64(1) << generator.integers(0, 64, count).astype(np.uint64)
    return centre


def pairs(found: NearHashes, radius: int, queries: NDArray[np.uint64]) -> set[tuple[int, int]]:
    return {
        pair
        for query, word in found.within(radius, queries)
        for pair in zip(query.tolist(), word.tolist(), strict=True)
    }


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5, 8])
def test_all_pairs_within_the_radius_and_no_other(radius: int) -> None:
    stored, queries = words(400), np.concatenate([words(150, seed=1), words(400)[:50]])
    each_with_each = count_bits(queries[:, None] ^ stored) <= radius
    assert each_with_each.sum() >= 50
    assert pairs(NearHashes(stored), radius, queries) == set(map(tuple, np.argwhere(each_with_each).tolist()))


def test_many_candidates_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = words(300, centres=1)
    at_once = pairs(NearHashes(stored), 5, stored)
    monkeypatch.setattr("densekit.data.near_hashes._AT_ONCE", 7)
    assert pairs(NearHashes(stored), 5, stored) == at_once
    assert len(at_once) > 300


def test_nobody_is_near() -> None:
    assert pairs(NearHashes(np.array([0], np.uint64)), 3, np.array([2**64 - 1], np.uint64)) == set()


def test_a_hundred_thousand_words_are_compared_with_few_others() -> None:
    """Each with each would be 5,000,000,000 pairs."""
    stored = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64)
    stored[1::2] = stored[::2] ^ np.uint64(2**60 + 2**40 + 2**3)
    found = pairs(NearHashes(stored), 5, stored)
    assert len(found) == 200_000
    assert all(abs(one - other) <= 1 for one, other in found)


def test_bits_are_counted_alike_with_and_without_numpy_2() -> None:
    some = words(1000).reshape(50, 20)
    expected = [[int(word).bit_count() for word in row] for row in some]
    assert _bits_by_table(some).tolist() == expected
    assert count_bits(some).tolist() == expected
