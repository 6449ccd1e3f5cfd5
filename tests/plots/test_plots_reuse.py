"""The heat map of weights by source."""

import pytest

from densekit.errors import DataError
from densekit.plots import alt_text, png
from densekit.plots.features import weight_by_source


def test_a_cell_is_relative_to_the_mean_of_its_layer():
    figure = weight_by_source([[5.0], [1.0, 3.0]], "A block")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00", "0.50", "1.50"]
    assert "less than 0.50 of it, none more than 1.50" in alt_text(figure)
    assert "before with 0.50, 1.50" in alt_text(figure)
    assert png(figure)


def test_a_layer_with_too_few_numbers_is_refused():
    with pytest.raises(DataError, match="layer 2 has 1 numbers: expected 2"):
        weight_by_source([[1.0], [1.0]], "A block")
