"""Notebook 04 finds all of its exercises in one place, each with help."""

import pytest

from densekit.exercises import proven


@pytest.mark.parametrize("number", range(1, 8))
def test_help_rises_in_at_least_two_steps(number):
    hints = getattr(proven, f"exercise_{number}").hints

    assert len(hints) >= 2
    assert len({hint.symptom for hint in hints}) == len(hints)
