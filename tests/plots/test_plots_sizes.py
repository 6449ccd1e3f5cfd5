"""The size ladder draws the maps as high and as wide as the ledger says, and says so in words."""

import pytest
from figures import SMALL
from matplotlib.patches import Rectangle

from densekit.errors import ConfigError
from densekit.plots import alt_text, size_ladder


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


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match="image_size is 8"):
        size_ladder(None, 8)
