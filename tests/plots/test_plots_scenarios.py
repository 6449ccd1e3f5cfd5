"""The grid of four scenarios shows what was answered, and asks where nothing was."""

import pytest

from densekit.errors import DataError
from densekit.plots import alt_text, png, scenario_grid


def test_each_answer_stands_in_its_cell():
    figure = scenario_grid({("small", "similar"): "head", ("large", "different"): "whole"}, "My plan")
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts if text.get_text() != "?"}
    assert places["head"][0] < places["whole"][0]
    assert places["head"][1] > places["whole"][1]
    assert "small and similar: head" in alt_text(figure)
    assert png(figure)


@pytest.mark.parametrize("answers", [{}, {("small", "similar"): ...}, {("small", "similar"): ""}])
def test_what_is_open_is_a_question_mark(answers):
    assert [text.get_text() for text in scenario_grid(answers, "Open").axes[0].texts] == ["?"] * 4


def test_equal_answers_have_equal_colours_and_different_ones_don_t():
    answers = {("small", "similar"): "a", ("small", "different"): "b", ("large", "similar"): "a"}
    colours = [patch.get_facecolor() for patch in scenario_grid(answers, "Colours").axes[0].patches]
    assert colours[0] == colours[2]
    assert len(set(colours)) == 3


def test_a_scenario_that_there_is_not_is_refused():
    with pytest.raises(DataError, match=r"there is no scenario \('tiny', 'similar'\)"):
        scenario_grid({("tiny", "similar"): "head"}, "Wrong")
