"""The interval of a mean over seeds."""

import math

import pytest

from densekit.intervals import half_interval


def test_five_seeds_use_the_t_of_the_tables():
    assert half_interval([0.70, 0.72, 0.74, 0.76, 0.78]) == pytest.approx(
        2.776 * 0.0316228 / 5**0.5, abs=1e-5
    )


def test_equal_values_leave_no_doubt():
    assert half_interval([0.9, 0.9, 0.9]) == 0


def test_more_confidence_is_wider():
    values = [1.0, 2.0, 4.0]
    assert half_interval(values, 0.99) > half_interval(values) > half_interval(values, 0.5)


@pytest.mark.parametrize("values", [[], [0.5]])
def test_of_one_value_nothing_can_be_said(values):
    assert math.isnan(half_interval(values))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_leaves_none(bad):
    assert math.isnan(half_interval([0.9, bad]))


@pytest.mark.parametrize("confidence", [0, 1, -1, 1.5, math.nan])
def test_a_confidence_out_of_its_bounds_is_refused(confidence):
    with pytest.raises(ValueError, match="expected 0 < confidence < 1"):
        half_interval([0.8, 0.9], confidence)
