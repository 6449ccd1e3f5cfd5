"""The sizes of a folder's pictures in one figure."""

import pytest

from densekit.errors import DataError
from densekit.plots import alt_text, size_scatter


def legend_of(figure):
    (legend,) = figure.legends or [figure.axes[0].get_legend()]
    return [text.get_text() for text in legend.get_texts()]


def test_the_words_tell_the_range_and_the_commonest_sizes():
    figure = size_scatter({"cat": [(128, 96)] * 3 + [(12, 9)], "dog": [(384, 96)]}, "Sizes")

    assert alt_text(figure) == (
        "Sizes: width and height of 5 pictures, 3 sizes. Widths from 12 to 384, heights from 9 to 96 pixels. "
        "The commonest: 128 × 96 (3), 12 × 9 (1), 384 × 96 (1)."
    )


def test_each_size_of_a_class_is_one_dot():
    (axes,) = size_scatter({"cat": [(128, 96)] * 3 + [(12, 9)], "dog": [(384, 96)]}, "Sizes").axes

    assert [len(dots.get_offsets()) for dots in axes.collections] == [2, 1]


def test_a_class_without_pictures_is_left_out():
    figure = size_scatter({"cat": [(1, 1)], "dog": []}, "Sizes")

    assert "cat" in legend_of(figure)
    assert "dog" not in legend_of(figure)


@pytest.mark.parametrize("sizes", [{}, {"cat": []}])
def test_without_pictures_there_is_nothing_to_draw(sizes):
    with pytest.raises(DataError, match="no pictures"):
        size_scatter(sizes, "Sizes")
