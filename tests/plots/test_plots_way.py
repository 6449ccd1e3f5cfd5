"""The drawing of the whole marks the place where the reader is, and says it in words."""

import pytest
from figures import assert_nothing_is_cut_off
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch

from densekit.errors import DensekitError
from densekit.plots import alt_text, you_are_here
from densekit.plots.style import BLUE
from densekit.plots.way import STOPS


def marked(figure):
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    return [to_hex(box.get_facecolor()) == BLUE for box in boxes]


@pytest.mark.parametrize("way", STOPS)
def test_every_stop_can_be_marked_and_nothing_is_cut_off(way):
    names = [name for name, _ in STOPS[way]]
    for name in names:
        figure = you_are_here(name, way=way)
        assert marked(figure) == [other == name for other in names]
    assert_nothing_is_cut_off(figure)


def test_at_the_start_the_whole_way_is_shown():
    figure = you_are_here()

    assert not any(marked(figure))
    assert alt_text(figure).endswith("embedding, head, class. This is the whole way.")


def test_it_says_the_place_in_words():
    assert "You are at features and embedding." in alt_text(you_are_here("features", "embedding"))


def test_an_unknown_stop_or_way_is_refused_with_the_nearest():
    with pytest.raises(DensekitError, match=r"no stop 'haed': did you mean 'head'"):
        you_are_here("haed")
    with pytest.raises(DensekitError, match=r"no way is called 'netwerk': did you mean 'network'"):
        you_are_here(way="netwerk")
