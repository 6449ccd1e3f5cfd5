"""The bug hunt, driven as a reader drives it."""

import pytest

from densekit.errors import DensekitError
from densekit.model.proof.planted import PLANTED
from densekit.plots.described import alt_text
from densekit.widgets.bug_hunt import bug_hunt, hunt


@pytest.fixture(scope="module")
def explorer():
    return bug_hunt()


def test_before_a_prediction_nothing_is_given_away(explorer):
    explorer.set(bug="border repeated", predicted="")

    assert explorer.figure is None
    assert "padding_mode" in explorer.facts
    assert PLANTED["border repeated"].shows_at not in explorer.facts


@pytest.mark.parametrize("name", PLANTED)
def test_every_bug_can_be_chosen_and_every_prediction_is_judged(explorer, name):
    bug = PLANTED[name]
    explorer.controls["bug"].value = name
    assert bug.written in explorer.facts

    figure, text = hunt(name, predicted=bug.shows_at)

    assert f"Yes: {bug.shows_at.removeprefix('features.')}. {bug.reason}" in text
    assert f"first red rung is {bug.shows_at}" in alt_text(figure)
    assert ("this one is no bug" in text) == bug.harmless


def test_a_right_prediction_brings_the_ladder(explorer):
    explorer.set(bug="wrong eps", predicted="features.norm0", norms="randomised")

    assert "Yes: norm0." in explorer.facts
    assert explorer.figure is not None and explorer.error is None


def test_a_wrong_prediction_is_told_beside_the_right_one(explorer):
    explorer.set(bug="last ReLU forgotten", predicted="features.norm5", norms="randomised")

    assert "You said norm5, it is classifier." in explorer.facts
    assert "look at the code of the whole network" in explorer.facts


def test_another_bug_takes_the_prediction_back(explorer):
    explorer.set(bug="wrong eps", predicted="classifier")
    assert explorer.figure is not None

    explorer.controls["bug"].value = "newest first"

    assert explorer.values["predicted"] == ""
    assert explorer.figure is None
    explorer.controls["predicted"].value = "features.conv0"
    assert "it is denseblock1.denselayer2.norm1" in explorer.facts
    explorer.set(bug="border repeated")
    assert (explorer.values["predicted"], explorer.figure) == ("", None)
    explorer.set(bug="wrong eps", predicted="classifier")
    explorer.set(bug="wrong eps", norms="freshly made")  # the same bug
    assert explorer.values["predicted"] == "classifier"


@pytest.mark.parametrize("name", ["statistics left behind", "classifier without its bias"])
def test_fresh_norms_hide_what_they_hide(name):
    assert "All green, and the bug is there" in hunt(name, "classifier", "freshly made")[1]
    assert "All green" not in hunt(name, "classifier", "randomised")[1]


def test_the_list_of_norms_is_connected(explorer):
    explorer.set(bug="statistics left behind", predicted="classifier", norms="freshly made")
    assert "All green" in explorer.facts

    explorer.controls["norms"].value = "randomised"
    assert "All green" not in explorer.facts


def test_what_does_not_exist_is_refused():
    with pytest.raises(DensekitError, match=r"'wrong epsilon'.*'wrong eps'"):
        hunt("wrong epsilon")
    with pytest.raises(DensekitError, match="no module is called 'norm9'"):
        hunt("wrong eps", predicted="norm9")
    with pytest.raises(DensekitError, match="no BatchNorms are called 'nope'"):
        hunt("newest first", "features.norm0", "nope")


def test_what_hides_a_bug_is_named():
    assert (
        "Freshly made BatchNorms hide it" in hunt("statistics left behind", "classifier", "freshly made")[1]
    )
    text = hunt("classifier without its bias", "classifier", "freshly made")[1]
    assert "BatchNorms" not in text and "A freshly made classifier hides it" in text
