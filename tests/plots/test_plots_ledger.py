"""The page of a network's ledger has all of its figures, whole and in words."""

import re

import pytest
from figures import SMALL, assert_nothing_is_cut_off
from matplotlib.figure import Figure
from matplotlib.text import Text

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig
from densekit.plots import alt_text, channel_strip, cost_bars, ledger_overview, size_ladder

EXTREME = DenseNetConfig(growth_rate=48, block_config=(6, 12, 64, 48), num_init_features=8)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("config", [None, EXTREME])
@pytest.mark.slow
def test_nothing_is_cut_off(config):
    assert_nothing_is_cut_off(ledger_overview(config, 320))


def test_the_overview_has_all_three_and_all_their_words():
    figure = ledger_overview(SMALL, 64)
    assert len(figure.axes) == 3
    assert all(alt_text(part) in alt_text(figure) for part in (channel_strip(SMALL), size_ladder(SMALL, 64)))
    assert alt_text(cost_bars(SMALL, 64)) in alt_text(figure)
    assert {"10 + 2 × 4 = 18", "half: 9", "16×16"} <= set(texts(figure))


def test_boxes_without_numbers_give_nothing_away():
    figure = size_ladder(image_size=128, numbers=False)
    written = " ".join([*texts(figure), alt_text(figure)])
    assert "denseblock3" in written
    given_away = {number for number in re.findall(r"\d+", written) if len(number) > 1}
    assert given_away == set()
    assert "1024" in texts(size_ladder(image_size=128))


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match="image_size is 8"):
        ledger_overview(None, 8)
