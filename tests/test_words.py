"""How numbers are written."""

import math

import pytest

from densekit.words import counted, percent


@pytest.mark.parametrize(
    ("share", "decimals", "text"),
    [
        (0.9, 1, "90.0 %"),
        (0.875, 0, "88 %"),
        (0.0, 1, "0.0 %"),
        (1.0, 1, "100.0 %"),
        (0.9999, 1, ">99.9 %"),
        (0.0001, 1, "<0.1 %"),
        (0.996, 0, ">99 %"),
        (0.004, 0, "<1 %"),
        (0.006, 0, "1 %"),
        (math.nan, 1, "–"),
    ],
)
def test_a_percentage_never_claims_all_or_nothing_falsely(share, decimals, text):
    assert percent(share, decimals) == text


def test_a_number_stands_with_its_noun():
    assert counted(1, "class", "classes") == "1 class"
    assert counted(0, "image") == "0 images"
