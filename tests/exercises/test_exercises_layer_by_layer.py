"""Notebook 03 finds all of its exercises in one place, each with help."""

import pytest

from densekit.exercises import layer_by_layer as check


@pytest.mark.parametrize("number", range(1, 11))
def test_help_comes_in_two_steps_or_more(number):
    assert len(getattr(check, f"exercise_{number}").hints) >= 2
