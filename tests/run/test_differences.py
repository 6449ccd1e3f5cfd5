"""What keeps the accuracies of runs from being compared."""

import pytest

from densekit.run.differences import incomparable, judged_by
from densekit.run.folder import Remembered, Split

PETS, FRUIT = ("cat", "dog"), ("apple", "pear")
ONE, OTHER = frozenset({("a1", "cat"), ("b2", "dog")}), frozenset({("a1", "cat"), ("b2", "cat")})


def test_runs_with_the_same_classes_and_pictures_may_be_compared():
    assert incomparable([PETS, PETS, PETS], [ONE, ONE, ONE]) == []


def test_a_run_alone_is_compared_with_nothing():
    assert incomparable([PETS], [None]) == []


@pytest.mark.parametrize(
    ("classes", "judged", "reasons"),
    [
        ([PETS, FRUIT], [ONE, ONE], ["tell other classes apart"]),
        ([PETS, PETS], [ONE, OTHER], ["judged by other pictures, or by other labels of them"]),
        ([PETS, PETS], [None, None], ["not all of the runs have a split.json"]),
        ([PETS, PETS], [ONE, None], ["not all of the runs have a split.json"]),
        ([PETS, FRUIT], [ONE, OTHER], ["tell other classes apart", "judged by other pictures"]),
    ],
)
def test_each_reason_is_told(classes, judged, reasons):
    found = incomparable(classes, judged)
    assert len(found) == len(reasons)
    assert all(reason in text for reason, text in zip(reasons, found, strict=True))


def test_a_run_is_judged_by_what_was_held_back_in_its_classes():
    learned, held_back = Remembered("train/cat/0.png", "cat", "a1"), Remembered("val/dog/1.png", "dog", "b2")
    assert judged_by(Split(PETS, (learned,), (held_back,))) == frozenset({("b2", "dog")})
    assert judged_by(None) is None
