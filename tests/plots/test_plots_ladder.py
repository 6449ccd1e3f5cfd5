"""The ladder of differences: what stands on each rung, what is red, and in words."""

import math
from typing import ClassVar

import pytest
import torch
from figures import assert_nothing_is_cut_off
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from densekit.errors import DensekitError
from densekit.model.proof import parity
from densekit.model.proof.parity import compare_networks
from densekit.model.proof.planted import PLANTED, specimen
from densekit.plots.described import alt_text, png
from densekit.plots.ladder import TOLERANCE, difference_ladder, difference_strip, first_red, rungs
from densekit.plots.style import GREEN, VERMILLION

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LADDER = {"conv0": 0.0, "norm0": 3e-16, "features.pool0": 2e-5, "classifier": math.inf}


def marks(figure):
    return {
        group.get_label(): [(round(float(x), 2), int(y)) for x, y in group.get_offsets()]
        for axes in figure.axes
        for group in axes.collections
        if not group.get_label().startswith("_")
    }


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


class TestRungs:
    def test_modules_that_compute_are_rungs_and_those_around_them_are_not(self):
        network = specimen()

        ladder = rungs(compare_networks(network, network, IMAGES))

        assert list(ladder)[:2] == ["features.conv0", "features.norm0"]
        assert list(ladder)[-2:] == ["features.norm5", "classifier"]
        assert len(ladder) == 4 + 4 * 6 + 4 + 2
        assert not any(name.endswith(("block1", "layer2", "features", "network")) for name in ladder)

    def test_training_mode_has_a_ladder_too(self):
        network = specimen()
        report = compare_networks(PLANTED["wrong eps"](network), network, IMAGES)

        assert list(rungs(report, "train")) == list(rungs(report, "eval"))
        assert rungs(report, "train") != rungs(report, "eval")

    def test_the_first_red_rung_is_where_the_bug_shows(self):
        network = specimen()
        for bug in (PLANTED["wrong eps"], PLANTED["last ReLU forgotten"]):
            assert first_red(rungs(compare_networks(bug(network), network, IMAGES))) == bug.shows_at


def test_green_is_what_a_comparison_calls_close():
    assert TOLERANCE == parity.TOLERANCE


def test_nothing_red_is_none():
    assert first_red({"a": 0.0, "b": 1e-12}) is None


def test_what_is_no_number_is_red():
    assert first_red({"a": 0.0, "b": math.nan}) == "b"


class TestFigure:
    def test_zeros_rounding_differences_and_shapes_are_told_apart(self):
        found = marks(difference_ladder(LADDER, "Mine against the reference"))

        assert set(found) == {"exactly equal", "rounding", "different", "another shape, or not reached"}
        assert [y for _, y in found["exactly equal"]] == [0]
        assert found["rounding"] == [(round(math.log10(3e-16), 2), 1)]
        assert found["different"] == [(round(math.log10(2e-5), 2), 2)]
        zero, shape = found["exactly equal"][0][0], found["another shape, or not reached"][0][0]
        assert zero < math.log10(1e-17) and shape > 3

    def test_its_words_name_the_first_red_rung(self):
        text = alt_text(difference_ladder(LADDER, "Mine against the reference", predicted="norm0"))

        assert text == (
            "Ladder of differences over 4 modules. Mine against the reference. The first red rung is "
            "features.pool0, and 2 of 4 are red. Marked as predicted: norm0."
        )

    def test_its_words_do_not_tell_rounding_from_zero(self):
        green = difference_ladder({"a": 0.0, "b": 1e-16}, "Green")

        assert alt_text(green) == alt_text(difference_ladder({"a": 0.0, "b": 0.0}, "Green"))

    def test_the_prediction_is_marked(self):
        assert "your prediction" in texts(difference_ladder(LADDER, "Hunt", predicted="norm0"))
        assert "your prediction" not in texts(difference_ladder(LADDER, "Hunt"))

    def test_several_stand_side_by_side_under_their_headings(self):
        figure = difference_ladder({"one": LADDER, "two": dict.fromkeys(LADDER, 0.0)}, "Two")

        assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
        assert "one: the first red rung is features.pool0" in alt_text(figure)
        assert "two: all differences are 1e-09 or less" in alt_text(figure)

    @pytest.mark.parametrize("count", [1, 34, 366])
    def test_nothing_is_cut_off_however_many_rungs(self, count):
        names = [f"features.denseblock{1 + index // 60}.denselayer{index}" for index in range(count)]
        figure = difference_ladder(dict.fromkeys(names, 1e-4), "Many")
        png(figure)
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()

        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert height < 10

    def test_a_large_network_has_its_blocks_named(self):
        names = [f"features.denseblock{1 + index // 60}.denselayer{index}" for index in range(180)]

        labels = difference_ladder(dict.fromkeys(names, 0.0), "Many").axes[0].get_yticklabels()

        assert [label.get_text() for label in labels] == ["denseblock1", "denseblock2", "denseblock3"]

    @pytest.mark.parametrize("nothing", [{}, {"one": {}}])
    def test_nothing_to_draw_is_refused(self, nothing):
        with pytest.raises(DensekitError, match="one module at least"):
            difference_ladder(nothing, "Nothing")

    def test_ladders_with_other_rungs_are_refused(self):
        with pytest.raises(DensekitError, match="'two' has other modules"):
            difference_ladder({"one": {"a": 0.0}, "two": {"b": 0.0}}, "Two")


class TestStrip:
    STRIPS: ClassVar = {
        "the same": dict.fromkeys("abcd", 0.0),
        "a bug": {"a": 0.0, "b": 1e-16, "c": 1e-3, "d": math.inf},
    }

    def test_a_module_is_a_cell_and_a_difference_has_another_colour(self):
        figure = difference_strip(self.STRIPS, "Two strips")
        same, bug = (axes.images[0].get_array()[0] for axes in figure.axes)
        assert [tuple(cell) for cell in same] == [to_rgb(GREEN)] * 4
        assert [tuple(cell) for cell in bug] == [to_rgb(GREEN)] * 2 + [to_rgb(VERMILLION)] * 2

    def test_it_counts_what_differs_and_says_it_in_words(self):
        figure = difference_strip(self.STRIPS, "Two strips")
        assert {"the same: 0 of 4 differ", "a bug: 2 of 4 differ"} <= set(texts(figure))
        assert "a bug: the first red rung is c, and 2 of 4 are red" in alt_text(figure)

    def test_nothing_is_cut_off(self):
        assert_nothing_is_cut_off(difference_strip(self.STRIPS, "Two strips"))
