"""The base of every explorer: real controls are moved, and what they show is looked at."""

import base64
import io
import re

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from densekit.errors import DensekitError
from densekit.plots import describe
from densekit.plots.described import new_figure
from densekit.widgets.explorer import Explorer, choice, slider, switch


def bars(count: int, kind: str = "wide"):
    figure = new_figure(4.0 if kind == "wide" else 2.0, 2.0)
    figure.add_subplot().bar(range(count), range(count))
    return describe(figure, f"{count} bars, {kind}."), f"{count} bars < 100"


def an_explorer() -> Explorer:
    controls = {"count": slider(3, 1, 9, label="bars"), "kind": choice("wide", ["wide", "narrow"], "kind")}
    return Explorer(controls, bars)


def picture(explorer: Explorer) -> Image.Image:
    data = re.search(r"data:image/png;base64,([^\"]+)", words(explorer))
    return Image.open(io.BytesIO(base64.b64decode(data[1])))


def words(explorer: Explorer) -> str:
    return explorer.view.children[-1].value


class TestDrawing:
    def test_the_first_drawing_is_there_before_anything_is_moved(self):
        explorer = an_explorer()
        assert explorer.facts == "3 bars, wide.\n3 bars < 100"
        assert picture(explorer).size == (4 * 144, 2 * 144)
        assert explorer.error is None

    def test_moving_a_control_draws_anew(self):
        explorer = an_explorer()
        before = picture(explorer).tobytes()
        explorer.controls["count"].value = 5
        assert "5 bars" in explorer.facts
        assert picture(explorer).tobytes() != before

    def test_several_controls_are_set_with_one_drawing(self):
        explorer, calls = an_explorer(), []
        explorer.draw = lambda **values: calls.append(values) or bars(**values)
        explorer.set(count=7, kind="narrow")
        assert calls == [{"count": 7, "kind": "narrow"}]
        assert picture(explorer).size == (2 * 144, 2 * 144)

    def test_after_set_the_controls_can_still_be_moved(self):
        explorer = an_explorer()
        explorer.set(count=7)
        explorer.controls["count"].value = 2
        assert "2 bars" in explorer.facts

    def test_text_is_shown_as_it_is_and_the_figure_with_its_words(self):
        shown = words(an_explorer())
        assert "3 bars &lt; 100" in shown
        assert 'alt="3 bars, wide."' in shown

    def test_a_table_is_shown_as_a_table(self):
        explorer = Explorer({"rows": slider(2, 1, 5, label="rows")}, lambda rows: pd.DataFrame({"a": [rows]}))
        assert "<table" in words(explorer)
        assert explorer.figure is None
        assert "2" in explorer.facts

    def test_the_controls_stand_above_the_figure_and_the_figure_above_the_text(self):
        above, below = an_explorer().view.children
        assert [type(child) for child in above.children] == [widgets.IntSlider, widgets.Dropdown]
        assert below.value.index("<img") < below.value.index("<pre")


class TestMistakes:
    def test_what_the_function_raises_is_raised_shown_and_kept(self):
        def divide(by):
            return f"{12 // by}"

        explorer = Explorer({"by": slider(3, 0, 4, label="by")}, divide)
        with pytest.raises(ZeroDivisionError):
            explorer.controls["by"].value = 0
        assert isinstance(explorer.error, ZeroDivisionError)
        assert "ZeroDivisionError" in words(explorer) and "by = 0" in words(explorer)
        assert explorer.facts == ""

        explorer.controls["by"].value = 4
        assert explorer.error is None
        assert explorer.facts == "3"

    def test_a_function_that_never_works_is_not_hidden(self):
        with pytest.raises(TypeError):
            Explorer({"nothing": slider(3, 0, 4, label="by")}, bars)

    def test_an_unknown_control_is_refused_with_the_nearest_name(self):
        with pytest.raises(DensekitError, match=r"no control is called 'counts': did you mean 'count'\?"):
            an_explorer().set(counts=3)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"count": 99}, "count can't be 99: it goes from 1 to 9"),
            ({"count": 3.7}, "count can't be 3.7: it goes from 1 to 9 in whole numbers"),
            ({"count": "many"}, "count can't be 'many'"),
            ({"kind": "tall"}, "kind can't be 'tall'"),
        ],
    )
    def test_a_value_that_a_control_can_not_have_is_refused(self, values, message):
        with pytest.raises(DensekitError, match=message):
            an_explorer().set(**values)

    @pytest.mark.parametrize("refused", [{"count": 99}, {"count": 3.7}, {"count": None}, {"kind": "tall"}])
    def test_after_a_refused_value_nothing_has_changed(self, refused):
        explorer = an_explorer()
        before, shown = explorer.values, words(explorer)
        with pytest.raises(DensekitError):
            explorer.set(**{"count": 7, "kind": "narrow"} | refused)
        assert explorer.values == before
        assert words(explorer) == shown

        explorer.controls["count"].value = 2
        assert "2 bars" in explorer.facts

    def test_what_can_not_be_shown_is_refused(self):
        with pytest.raises(DensekitError, match="can't show a float"):
            Explorer({}, lambda: 0.5)
        with pytest.raises(DensekitError, match="one figure, and was given 2"):
            Explorer({}, lambda: (bars(1)[0], bars(2)[0]))


def test_each_kind_of_control_has_its_label_and_value():
    whole, fraction = slider(3, 1, 9, label="layers"), slider(0.5, 0.0, 1.0, label="rate", step=0.25)
    named, ticked = choice(32, {"few": 12, "many": 32}, "growth"), switch(True, "bias")
    assert isinstance(whole, widgets.IntSlider) and isinstance(fraction, widgets.FloatSlider)
    assert (whole.value, fraction.value, named.value, ticked.value) == (3, 0.5, 32, True)
    assert [one.description for one in (whole, fraction, named, ticked)] == [
        "layers",
        "rate",
        "growth",
        "bias",
    ]


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ({"value": 1, "low": 0.5, "high": 3, "step": 1}, widgets.FloatSlider),
        ({"value": 0.5, "low": 0, "high": 1}, widgets.FloatSlider),
        ({"value": np.int64(3), "low": 1, "high": 12}, widgets.IntSlider),
    ],
)
def test_a_slider_begins_and_ends_where_it_is_told_to(numbers, kind):
    made = slider(label="x", **numbers)
    assert isinstance(made, kind)
    assert (made.value, made.min, made.max) == (numbers["value"], numbers["low"], numbers["high"])
    assert 0 < made.step <= (made.max - made.min) / 2


@pytest.mark.parametrize("value", [0, 13, float("nan")])
def test_a_slider_can_not_begin_beyond_its_ends(value):
    with pytest.raises(DensekitError, match=r"the slider 'layers' can't begin at .*: it goes from 1 to 12"):
        slider(value, 1, 12, label="layers")
