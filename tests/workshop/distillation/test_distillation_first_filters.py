import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_distillation import classroom

from workshop.distillation.distil import Classroom
from workshop.distillation.first_filters import first_filters, independent_components


def mixtures(count: int = 6, values: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return patterns, and patches that are their sums with independent, sparse weights."""
    generator = np.random.default_rng(5)
    patterns = generator.standard_normal((count, values)) * np.arange(count, 0, -1)[:, None]
    return patterns, generator.laplace(size=(5000, count)) @ patterns


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (first, second))
    return first @ second.T


def test_patterns_that_were_mixed_are_found_again_strongest_first() -> None:
    patterns, patches = mixtures()
    found = independent_components(patches, 6, seed=0)
    likeness = np.abs(cosines(found, patterns))
    assert sorted(likeness.argmax(axis=1)) == list(range(6))
    assert likeness.max(axis=1).min() > 0.95
    strengths = np.linalg.norm(found, axis=1)
    assert all(one > other for one, other in itertools.pairwise(strengths))


def test_rounding_in_the_patches_changes_neither_order_nor_sign() -> None:
    _, patches = mixtures()
    found = independent_components(patches, 6, seed=0)
    shaken = independent_components(
        patches * (1 + 1e-13 * np.sin(np.arange(patches.size)).reshape(patches.shape)), 6, 0
    )
    assert np.allclose(found, shaken, atol=1e-8)
    reordered = independent_components(patches[::-1], 6, seed=0)  # sums in another order
    assert np.allclose(found, reordered, atol=1e-8)


@pytest.fixture
def room(tmp_path: Path) -> Classroom:
    return classroom(tmp_path / "work")


def test_every_filter_has_the_size_of_random_ones_and_is_the_same_again(room: Classroom) -> None:
    filters = first_filters(room, torch.Size((8, 3, 7, 7)))
    assert filters.dtype == torch.float32
    assert filters.flatten(1).square().mean(dim=1).sqrt().numpy() == pytest.approx((2 / 147) ** 0.5, rel=1e-5)
    assert torch.equal(filters, first_filters(room, torch.Size((8, 3, 7, 7))))


def test_filters_are_smoother_than_noise(room: Classroom) -> None:
    filters = first_filters(room, torch.Size((8, 3, 7, 7)))
    neighbours = (filters[..., 1:] - filters[..., :-1]).square().mean()
    assert neighbours < 0.5 * 2 * filters.var()  # noise has twice its variance
