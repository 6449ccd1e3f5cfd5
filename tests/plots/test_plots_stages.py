"""Figures of a network stage by stage."""

import pytest

from densekit.errors import DataError
from densekit.plots import alt_text, dial, stage_bars

STOPS = [
    {"stop": "classifier", "accuracy": 0.9, "half": 0.02, "seconds": 8.0, "megabytes": 120},
    {"stop": "all", "accuracy": 0.95, "half": 0.01, "seconds": 70.0, "megabytes": 900},
]


def test_the_shares_of_all_stages_stand_in_the_words():
    figure = stage_bars({"one rate": {"stem": 0.02, "block 1": 0.101}}, "Moved", "distance, %")

    assert alt_text(figure) == "Moved: distance, %. one rate: stem 2.0 %, block 1 10.1 %."


def test_each_way_has_its_own_bars_and_a_name():
    ways = {name: {"stem": 0.1, "block 1": 0.2} for name in ("one rate", "slower in front")}

    (axes,) = stage_bars(ways, "Moved", "distance, %").axes

    assert len(axes.patches) == 4
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(ways)


@pytest.mark.parametrize("ways", [{}, {"a": {}}, {"a": {"stem": 1.0}, "b": {"block 1": 1.0}}])
def test_ways_with_other_stages_are_refused(ways):
    with pytest.raises(DataError, match="expected the same stages"):
        stage_bars(ways, "Moved", "distance, %")


def test_a_dial_tells_accuracy_and_costs_of_each_stop():
    figure = dial(STOPS, "The dial")

    assert "classifier 90.0 % ± 2.0 points, 8 s, 120 MB; all 95.0 % ± 1.0 points, 70 s, 900 MB" in alt_text(
        figure
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["classifier", "all"]


@pytest.mark.parametrize("stops", [[], [{"stop": "all", "accuracy": 0.9}]])
def test_a_dial_without_its_numbers_is_refused(stops):
    with pytest.raises(DataError, match="expected stop, accuracy, half, seconds, megabytes"):
        dial(stops, "The dial")
