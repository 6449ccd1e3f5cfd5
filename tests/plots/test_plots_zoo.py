"""The scatter of the zoo: every network has its point and its label, and no label covers another."""

import itertools

import pandas as pd
import pytest
from matplotlib.text import Annotation

from densekit.errors import DataError
from densekit.model.proof.zoo_table import FAMILIES, published
from densekit.plots import alt_text, png
from densekit.plots.measured import zoo_scatter

# As published with the weights: counting them anew takes seconds, and is tested elsewhere.
META = {name: published(name)[0].meta for name in FAMILIES}
TABLE = pd.DataFrame(
    {
        "family": list(FAMILIES.values()),
        "parameters": [meta["num_params"] for meta in META.values()],
        "multiply_adds": [1e9 * meta["_ops"] for meta in META.values()],
        "accuracy": [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in META.values()],
    },
    index=list(FAMILIES),
)
TABLE.loc["inception_v3", "parameters"] = 23_834_568  # without the auxiliary classifier, as it is counted


def test_every_network_is_labelled_in_both_panels_and_no_label_covers_another():
    figure = zoo_scatter(TABLE)
    png(figure)
    for axes in figure.axes:
        labels = [text for text in axes.texts if isinstance(text, Annotation)]
        assert len(labels) == len(TABLE)
        boxes = [(label.get_text(), label.get_window_extent()) for label in labels]
        covered = [(a, b) for (a, one), (b, two) in itertools.combinations(boxes, 2) if one.overlaps(two)]
        assert covered == []


def test_the_words_hold_the_numbers():
    words = alt_text(zoo_scatter(TABLE))
    assert "densenet121 8.0 M parameters, 2.83 G multiply-adds, 74.4 %" in words
    assert words.index("resnet152") < words.index("alexnet")


def test_networks_without_a_sign_of_their_own_are_drawn_too():
    own = TABLE.loc[["resnet18"]].assign(family="of mine").rename(index={"resnet18": "mine"})
    assert "mine 11.7 M" in alt_text(zoo_scatter(own))


def test_a_table_that_lacks_something_is_refused():
    with pytest.raises(DataError, match="no accuracy"):
        zoo_scatter(TABLE.drop(columns="accuracy"))
    with pytest.raises(DataError, match="no row"):
        zoo_scatter(TABLE.iloc[:0])
