"""The figures of a network's ledger: they draw the numbers that the ledger has, whole and in words."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig, read_architecture
from densekit.model.ledger import make_ledger
from densekit.plots import (
    alt_text,
    block_staircase,
    channel_strip,
    cost_bars,
    ledger_overview,
    png,
    size_ladder,
)

SMALL = DenseNetConfig(growth_rate=4, block_config=(2, 3), num_init_features=10, bn_size=2)
EXTREME = DenseNetConfig(growth_rate=48, block_config=(6, 12, 64, 48), num_init_features=8)


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


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def assert_nothing_is_cut_off(figure: Figure) -> None:
    png(figure)
    box = figure.get_tightbbox()  # in inches
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


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


class TestSizes:
    def test_a_box_is_as_high_as_the_maps(self):
        boxes = [patch for patch in size_ladder(SMALL, 64).axes[0].patches if isinstance(patch, Rectangle)]
        assert [box.get_height() for box in boxes] == [64, 32, 16, 16, 8, 8]

    def test_a_box_is_the_wider_the_more_channels_there_are(self):
        boxes = [patch for patch in size_ladder().axes[0].patches if isinstance(patch, Rectangle)]
        widths = [box.get_width() for box in boxes]
        channels = [3, 64, 64, 256, 128, 512, 256, 1024, 512, 1024]
        assert sorted(range(10), key=widths.__getitem__) == sorted(range(10), key=channels.__getitem__)

    def test_it_says_so_in_words(self):
        assert "transition3 512 maps of 7×7, denseblock4 1024 maps of 7×7" in alt_text(size_ladder())


class TestCosts:
    def test_bars_are_shares_that_add_up(self):
        axes = cost_bars(read_architecture("densenet169"), 96).axes[0]
        ledger = make_ledger(read_architecture("densenet169"), 96, num_classes=0)
        parameters, multiply_adds = ([bar.get_width() for bar in group] for group in axes.containers)
        norm5 = 100 * ledger["norm5"].parameters / ledger.parameters  # has parameters, but no convolution
        assert sum(parameters) + norm5 == pytest.approx(100)
        assert sum(multiply_adds) == pytest.approx(100)

    def test_the_title_has_the_sums(self):
        title = "6.95 million parameters, 2.83 billion multiply-adds at 224×224"
        assert cost_bars().get_suptitle() == title
        assert cost_bars(SMALL, 32).get_suptitle().startswith(f"{make_ledger(SMALL, 32, 0).parameters:,} par")


@pytest.mark.parametrize("config", [None, EXTREME])
def test_nothing_is_cut_off(config):
    assert_nothing_is_cut_off(ledger_overview(config, 320))


@pytest.mark.parametrize("figure", [block_staircase(24, 256, 32), block_staircase(1, 1, 1)])
def test_no_stair_is_cut_off(figure):
    assert_nothing_is_cut_off(figure)


def test_the_overview_has_all_three_and_all_their_words():
    figure = ledger_overview(SMALL, 64)
    assert len(figure.axes) == 3
    assert all(alt_text(part) in alt_text(figure) for part in (channel_strip(SMALL), size_ladder(SMALL, 64)))
    assert alt_text(cost_bars(SMALL, 64)) in alt_text(figure)
    assert {"10 + 2 × 4 = 18", "half: 9", "16×16"} <= set(texts(figure))


@pytest.mark.parametrize("draw", [size_ladder, cost_bars, ledger_overview])
def test_too_small_images_are_refused(draw):
    with pytest.raises(ConfigError, match="image_size is 8"):
        draw(None, 8)
