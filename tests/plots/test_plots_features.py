"""Filters and feature maps: everything that is given is drawn, and said in words."""

import numpy as np
import pytest
import torch
from PIL import Image

from densekit.errors import DataError
from densekit.plots import alt_text, feature_map_ladder, filter_grid, png

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))


def test_each_filter_spans_black_to_full():
    filters = torch.stack([torch.linspace(-1, 1, 27).view(3, 3, 3), torch.linspace(5, 9, 27).view(3, 3, 3)])
    figure = filter_grid({"two": filters}, "Filters")
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.shape == (4, 8, 3)
    assert drawn[:3, :3].min() == drawn[:3, 4:7].min() == 0
    assert drawn[:3, :3].max() == drawn[:3, 4:7].max() == 1


@pytest.mark.parametrize("count", [1, 7, 8, 9, 24])
def test_any_number_of_filters_has_room(count):
    figure = filter_grid({"A": torch.randn(count, 3, 7, 7), "B": torch.randn(count, 3, 7, 7)}, "Two")
    assert png(figure)
    assert alt_text(figure).count(f"{count} filter") == 2


def test_filters_of_equal_weights_are_drawn_too():
    assert png(filter_grid({"flat": torch.ones(3, 3, 5, 5)}, "Flat"))


def test_filters_that_read_no_colours_are_refused():
    with pytest.raises(DataError, match=r"'late' have the shape \(8, 16, 3, 3\)"):
        filter_grid({"late": torch.randn(8, 16, 3, 3)}, "Late")


def test_a_ladder_shows_the_liveliest_maps_of_each_depth():
    early, late = torch.rand(5, 12, 12) + 10, torch.rand(7, 3, 3) + 10
    early[3] = torch.linspace(0, 1, 144).view(12, 12)
    figure = feature_map_ladder(PICTURE, {"early": early, "late": late}, "Two depths", channels=4)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "early\n5 maps, 12 × 12"
    assert titles[1] == "channel 3"
    assert titles[5] == "late\n7 maps, 3 × 3"
    assert "late: 7 maps of 3 × 3" in alt_text(figure)


def test_fewer_channels_than_places_leave_places_empty():
    assert png(feature_map_ladder(PICTURE, {"few": torch.rand(2, 4, 4)}, "Few", channels=6))


def test_a_batch_of_maps_is_refused():
    with pytest.raises(DataError, match=r"expected \(C, H, W\)"):
        feature_map_ladder(PICTURE, {"batch": torch.rand(1, 5, 4, 4)}, "Batch")
