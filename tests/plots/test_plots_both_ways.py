"""The figures of two ways to one head: what they cost, and whether their losses agree."""

import pytest

from densekit.errors import DataError
from densekit.plots import Way, alt_text, losses_compared, time_and_accuracy
from tests.plots.figures import assert_nothing_is_cut_off

SLOW = Way([0.0, 2.0, 4.0], [0.5, 0.8])
FAST = Way([1.0, 1.1, 1.2], [0.5, 0.8])


def test_time_begins_before_the_first_epoch_and_accuracy_behind_it():
    figure = time_and_accuracy({"every epoch": SLOW, "once": FAST}, "Both ways", chance=0.1)
    times, accuracies = figure.axes
    assert times.lines[1].get_xdata().tolist() == [0, 1, 2]
    assert list(times.lines[1].get_ydata()) == [1.0, 1.1, 1.2]
    assert accuracies.lines[0].get_xdata().tolist() == [1, 2]
    assert accuracies.lines[0].get_ydata() == pytest.approx([50, 80])
    assert list(accuracies.lines[2].get_ydata()) == [10, 10]
    assert_nothing_is_cut_off(figure)


def test_equal_accuracies_stay_visible_below_each_other():
    accuracies = time_and_accuracy({"every epoch": SLOW, "once": FAST}, "Both ways").axes[1]
    first, second = accuracies.lines
    assert first.get_markersize() > second.get_markersize()
    assert first.get_markerfacecolor() == second.get_markerfacecolor() == "none"


def test_the_words_tell_seconds_and_accuracy_of_each_way():
    words = alt_text(time_and_accuracy({"every epoch": SLOW, "once": FAST}, "Both ways"))
    assert "every epoch, 0.0 s before the first epoch and 4.0 s in all, 80.0 % right at the end" in words
    assert "once, 1.0 s before the first epoch and 1.2 s in all" in words


@pytest.mark.parametrize("way", [Way([1.0], []), Way([1.0, 2.0], [0.5, 0.6]), Way([1.0, 2.0, 3.0], [0.5])])
def test_times_and_accuracies_that_do_not_fit_are_refused(way):
    with pytest.raises(DataError, match=r"'odd' has \d times and \d accuracies"):
        time_and_accuracy({"odd": way}, "Both ways")


@pytest.mark.parametrize("ways", [{}, {str(number): FAST for number in range(5)}])
def test_no_way_and_too_many_ways_are_refused(ways):
    with pytest.raises(DataError, match=r"expected 1 to 4"):
        time_and_accuracy(ways, "Both ways")


def test_losses_lie_upon_each_other_with_the_means_of_epochs():
    figure = losses_compared({"by hand": [4.0, 2.0, 1.0], "fit": [4.0, 2.0, 1.0]}, "Twice", batches=2)
    broad, thin, means = figure.axes[0].lines
    assert list(broad.get_ydata()) == list(thin.get_ydata()) == [4.0, 2.0, 1.0]
    assert broad.get_linewidth() > thin.get_linewidth()
    assert (list(means.get_xdata()), list(means.get_ydata())) == ([1.5, 3.0], [3.0, 1.0])
    assert "by hand and fit, are the same to the last bit" in alt_text(figure)
    assert_nothing_is_cut_off(figure)


def test_the_words_tell_how_far_losses_are_apart():
    words = alt_text(losses_compared({"by hand": [4.0, 2.0], "fit": [4.0, 2.25]}, "Twice"))
    assert "The losses of 2 steps, by hand and fit, differ by 0.25 at most" in words


@pytest.mark.parametrize(
    "losses",
    [{}, {"one": [1.0]}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [], "b": []}, {"a": [[1.0]], "b": [[1.0]]}],
)
def test_losses_that_can_not_be_compared_are_refused(losses):
    with pytest.raises(DataError, match=r"expected two of one shape"):
        losses_compared(losses, "Twice")
