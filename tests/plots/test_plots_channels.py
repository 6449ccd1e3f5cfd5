"""Staircase and strips draw the channels that the ledger has, and say so in words."""

import pytest
from figures import SMALL, assert_nothing_is_cut_off
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from densekit.model.proof.ledger import make_ledger
from densekit.plots import alt_text, block_staircase, channel_strip


def rows(figure: Figure) -> list[list[int]]:
    """Return the widths of the bars in each row, from left to right."""
    bars = [bar for group in figure.axes[0].containers for bar in group]
    places = sorted({round(bar.get_y() + bar.get_height() / 2, 3) for bar in bars})
    return [
        [
            int(bar.get_width())
            for bar in sorted(bars, key=Rectangle.get_x)
            if abs(bar.get_y() + bar.get_height() / 2 - y) < 0.01
        ]
        for y in places
    ]


class TestStaircase:
    def test_a_layer_sees_all_that_is_there_and_adds_its_own(self):
        assert rows(block_staircase(3, 10, 4)) == [[10, 4], [10, 4, 4], [10, 4, 4, 4], [10, 4, 4, 4]]

    def test_a_layers_channels_have_the_same_colour_wherever_they_are_seen(self):
        axes = block_staircase(3, 10, 4).axes[0]
        at_14 = {
            to_hex(bar.get_facecolor())
            for group in axes.containers
            for bar in group
            if bar.get_x() == 14 and to_hex(bar.get_facecolor()) != "#ffffff"  # white: being added
        }
        assert len(at_14) == 1

    def test_it_says_so_in_words(self):
        figure = block_staircase(6, 64, 32)
        assert figure.get_suptitle() == "A dense block: 64 + 6 × 32 = 256 channels"
        assert "Layer 1 sees 64, the last one sees 224; 256 leave" in alt_text(figure)


class TestStrip:
    def test_a_strip_is_as_long_as_the_stage_has_channels(self):
        ledger = make_ledger(SMALL, 64, num_classes=0)
        expected = [stage.channels_out for stage in ledger.stages if stage.name not in ("conv0", "norm5")]
        assert [sum(row) for row in rows(channel_strip(SMALL))] == expected

    def test_a_block_keeps_what_entered_and_a_transition_mixes_it(self):
        assert rows(channel_strip(SMALL)) == [[10], [10, 4, 4], [9], [9, 4, 4, 4]]

    def test_it_says_so_in_words(self):
        assert "denseblock3 256 + 24 × 32 = 1024, transition3 half: 512" in alt_text(channel_strip())


@pytest.mark.parametrize("figure", [block_staircase(24, 256, 32), block_staircase(1, 1, 1)])
def test_no_stair_is_cut_off(figure):
    assert_nothing_is_cut_off(figure)
