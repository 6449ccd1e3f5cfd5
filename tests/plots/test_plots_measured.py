"""Accuracies with intervals: lines, bars, chance and words agree with what was measured."""

import numpy as np
import pytest

from densekit.errors import DataError
from densekit.intervals import half_interval
from densekit.plots import accuracy_lines, alt_text, png

TABLE = np.array([[0.5, 0.8], [0.6, 0.9], [0.7, 0.85]])


def _drawn(**ways):
    return accuracy_lines({"tabletop": ways}, [2, 50], {"tabletop": 0.1}, "pictures", "Measured")


def test_a_line_goes_through_the_means_and_bars_hold_the_interval():
    axes = _drawn(pretrained=TABLE).axes[0]
    (container,) = axes.containers
    line, _, (bars,) = container.lines
    assert line.get_ydata() == pytest.approx([60, 85])
    low, high = bars.get_segments()[0][:, 1]
    assert (high - low) / 2 == pytest.approx(100 * half_interval(TABLE[:, 0].tolist()))


def test_chance_is_drawn_in_each_panel_where_it_is():
    figure = accuracy_lines(
        {"ten": {"a": TABLE}, "four": {"a": TABLE}}, [1, 2], {"ten": 0.1, "four": 0.25}, "x", "Two panels"
    )
    levels = [
        next(line for line in axes.lines if line.get_label() == "chance").get_ydata()[0]
        for axes in figure.axes
    ]
    assert levels == [10, 25]


def test_one_seed_has_no_bars():
    (container,) = _drawn(once=[[0.2, 0.3]]).axes[0].containers
    assert container.lines[2] == ()


def test_the_words_hold_means_seeds_and_chance():
    words = alt_text(_drawn(pretrained=TABLE, random=TABLE / 2))
    assert "where chance is 10.0 %" in words
    assert "pretrained over 3 seeds 2: 60.0 % ± 24.8 %, 50: 85.0 % ± 12.4 %" in words
    assert "random over 3 seeds 2: 30.0 %" in words


def test_the_figure_can_be_drawn():
    assert png(_drawn(pretrained=TABLE, random=TABLE / 2))


@pytest.mark.parametrize("table", [[0.1, 0.2], [[0.1], [0.2]], [[0.1, 0.2, 0.3]]])
def test_accuracies_of_another_shape_are_refused(table):
    with pytest.raises(DataError, match=r"'odd' have the shape .* expected \(seeds, 2\)"):
        _drawn(odd=table)
