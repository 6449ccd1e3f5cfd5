"""The split is disjoint, complete, stratified, and the same everywhere."""

import os
import unicodedata
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densekit.data.splits import some_of_each, split_off
from densekit.errors import ConfigError, DataError

ROOT = Path("data")
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=8)
COUNTS = st.dictionaries(NAMES, st.integers(0, 40), min_size=1, max_size=5)
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 5)


def paths(counts: dict[str, int], root: Path = ROOT) -> dict[str, tuple[Path, ...]]:
    return {
        name: tuple(root / f"class {number}" / f"{name} {index}.jpg" for index in range(count))
        for number, (name, count) in enumerate(counts.items())
    }


@pytest.mark.parametrize("name", ["half of an emoji \ud83d", "no utf-8 \udcff"])
def test_names_that_are_no_text_are_split_like_others(name: str) -> None:
    images = {"cat": tuple(ROOT / "cat" / f"{name} {index}.jpg" for index in range(10))}
    kept, aside = split_off(images, ROOT, 0.2, 0)
    assert sorted(kept["cat"] + aside["cat"]) == sorted(images["cat"])
    assert len(aside["cat"]) == 2


@given(COUNTS, FRACTIONS, SEEDS)
def test_every_image_is_on_exactly_one_side(counts: dict[str, int], fraction: float, seed: int) -> None:
    images = paths(counts)
    kept, aside = split_off(images, ROOT, fraction, seed)
    assert kept.keys() == aside.keys() == images.keys()
    for name, everything in images.items():
        assert not set(kept[name]) & set(aside[name])
        assert sorted(kept[name] + aside[name]) == sorted(everything)


@given(COUNTS, FRACTIONS, SEEDS)
def test_each_class_gives_its_share_and_at_least_one(
    counts: dict[str, int], fraction: float, seed: int
) -> None:
    kept, aside = split_off(paths(counts), ROOT, fraction, seed)
    for name, count in counts.items():
        if count >= 2:
            assert kept[name] and aside[name]
            assert abs(len(aside[name]) - count * fraction) <= 1
        else:
            assert not aside[name]


@given(COUNTS, FRACTIONS, SEEDS, st.randoms(use_true_random=False))
def test_neither_order_nor_place_matters(
    counts: dict[str, int], fraction: float, seed: int, random: Random
) -> None:
    images = paths(counts)
    shuffled = {name: random.sample(images[name], len(images[name])) for name in reversed(images)}
    elsewhere = paths(counts, Path("/somewhere/else"))
    _, aside = split_off(images, ROOT, fraction, seed)
    _, aside_shuffled = split_off(shuffled, ROOT, fraction, seed)
    _, aside_elsewhere = split_off(elsewhere, Path("/somewhere/else"), fraction, seed)
    for name in counts:
        assert set(aside[name]) == set(aside_shuffled[name])
        assert [path.relative_to(ROOT) for path in aside[name]] == [
            path.relative_to("/somewhere/else") for path in aside_elsewhere[name]
        ]


@given(st.integers(2, 40), FRACTIONS, SEEDS)
def test_an_image_added_moves_at_most_one_other(count: int, fraction: float, seed: int) -> None:
    before, after = paths({"cat": count}), paths({"cat": count + 1})
    _, aside_before = split_off(before, ROOT, fraction, seed)
    _, aside_after = split_off(after, ROOT, fraction, seed)
    moved = set(aside_before["cat"]) ^ (set(aside_after["cat"]) & set(before["cat"]))
    assert len(moved) <= 1


def test_another_seed_sets_other_images_aside() -> None:
    images = paths({"cat": 40})
    chosen = {split_off(images, ROOT, 0.2, seed)[1]["cat"] for seed in range(5)}
    assert len(chosen) == 5


def test_the_choice_is_the_same_for_ever() -> None:
    # Written down, so that a change which would silently move images between train and val is seen.
    _, aside = split_off(paths({"cat": 10}), ROOT, 0.3, 0)
    assert [path.name for path in aside["cat"]] == ["cat 0.jpg", "cat 2.jpg", "cat 8.jpg"]


def test_a_name_is_the_same_however_the_system_stores_it() -> None:
    composed = {"a": [ROOT / f"고양이 {index}.jpg" for index in range(30)]}
    letters = {"a": [Path(unicodedata.normalize("NFD", str(path))) for path in composed["a"]]}
    assert composed != letters
    places = [
        [images["a"].index(path) for path in split_off(images, ROOT, 0.2, 0)[1]["a"]]
        for images in (composed, letters)
    ]
    assert places[0] == places[1]


def test_a_name_that_is_no_text_is_no_trouble() -> None:
    images = {"a": [ROOT / os.fsdecode(b"caf\xe9.jpg"), ROOT / "b.jpg"]}
    kept, aside = split_off(images, ROOT, 0.5, 0)
    assert len(kept["a"]) == len(aside["a"]) == 1


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 20, float("nan")])
def test_a_share_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(
        ConfigError, match=f"val_fraction is {fraction}: expected a share above 0 and below 1"
    ):
        split_off(paths({"cat": 3}), ROOT, fraction, 0)


def test_some_of_each_are_as_many_of_each_class_and_none_twice():
    labels = np.array([2, 0, 1, 0, 1, 2, 2, 1, 0])
    chosen = some_of_each(labels, 2, seed=0)
    assert labels[chosen].tolist() == [0, 0, 1, 1, 2, 2]
    assert len(set(chosen.tolist())) == 6


def test_some_of_each_follow_their_seed():
    labels = np.repeat(np.arange(3), 10)
    choices = {tuple(some_of_each(labels, 2, seed).tolist()) for seed in (0, 0, 1, 2)}
    assert len(choices) == 3


def test_more_of_each_than_there_are_is_refused():
    with pytest.raises(DataError, match="class 1 has 1 image: expected 2 or more"):
        some_of_each(np.array([0, 0, 1]), 2, seed=0)
