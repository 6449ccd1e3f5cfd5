"""The figure of gradients by depth: relative to the last layer, with bands over the seeds."""

import numpy as np
import pytest

from densekit.errors import DataError
from densekit.plots import alt_text, png
from densekit.plots.curves import gradient_by_depth

VANISHING = [[2e-10, 1e-5, 1.0], [8e-10, 1e-5, 2.0], [6e-10, 1e-5, 1.0]]
STEADY = [[1.0, 2.0, 1.0]] * 3


def test_sizes_are_drawn_relative_to_the_last_layer():
    figure = gradient_by_depth({"as made": {"plain": VANISHING, "dense": STEADY}}, "Gradients")
    plain, dense, *_ = figure.axes[0].lines
    assert np.allclose(plain.get_ydata(), [4e-10, 1e-5, 1.0])
    assert np.allclose(dense.get_ydata(), [1.0, 2.0, 1.0])
    assert figure.axes[0].get_yscale() == "log"
    assert png(figure)


def test_the_words_tell_the_first_layer_with_its_range():
    words = alt_text(gradient_by_depth({"as made": {"plain": VANISHING, "dense": STEADY}}, "Gradients"))
    assert (
        "plain, 3 layers: at the first 4e-10 times as large as at the last (2e-10 to 6e-10 over 3 seeds)"
        in words
    )
    assert "dense, 3 layers: at the first 1 times" in words


def test_the_scale_is_labelled_with_numbers():
    figure = gradient_by_depth({"as made": {"plain": VANISHING}}, "Gradients")
    png(figure)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels and all(float(label) > 0 for label in labels)


def test_each_setting_has_its_panel():
    settings = {"without norm": {"plain": VANISHING}, "with norm": {"plain": STEADY}}
    assert [axes.get_title() for axes in gradient_by_depth(settings, "Gradients").axes] == list(settings)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [[1.0, 0.0]], [[1.0, -1.0]], [[1.0, float("nan")]], [[]]])
def test_sizes_that_can_not_be_drawn_are_refused(wrong):
    with pytest.raises(DataError, match=r"the gradients of 'plain' have the shape .*, all above 0"):
        gradient_by_depth({"as made": {"plain": wrong}}, "Gradients")


def test_the_scale_is_labelled_in_plain_powers_of_ten_and_not_in_markup():
    figure = gradient_by_depth({"plain": {"plain": [[1e-6, 1e-3, 1.0]]}}, "a title")

    figure.canvas.draw()

    labels = [label.get_text() for label in figure.axes[0].get_yticklabels() if label.get_text()]
    assert "1e-06" in labels
    assert not any("$" in label for label in labels)
