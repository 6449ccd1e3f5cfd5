"""Runs drawn together, and figures drawn by two threads at once."""

import threading

import matplotlib
import pytest
from figures import assert_nothing_is_cut_off

from densekit.errors import DensekitError
from densekit.plots import alt_text, png
from densekit.plots.runs import RunCurves, runs_together
from densekit.plots.style import styled


def a_run(number: int, name: str = "") -> RunCurves:
    losses, accuracies = [(0.5, 2.0), (1.5, 1.0)], [(1.0, 0.5), (2.0, 0.75)]
    return RunCurves(number, name or f"{number}: head", losses, losses, accuracies, accuracies)


def test_each_run_has_its_curves_and_its_name_in_the_legend():
    figure = runs_together([a_run(1, "1: rate 0.001"), a_run(2, "2: rate 0.01")])
    losses, accuracies = figure.axes
    assert len(losses.lines) == len(accuracies.lines) == 4
    assert list(accuracies.lines[1].get_ydata()) == [50, 75]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["1: rate 0.001", "2: rate 0.01"]
    assert "2 runs" in alt_text(figure)
    assert "Run 2: rate 0.01: training loss from 2.000 to 1.000" in alt_text(figure)
    assert "validation accuracy up to 75.0 %" in alt_text(figure)
    assert_nothing_is_cut_off(figure)


def test_a_run_keeps_its_colour_whichever_others_are_drawn():
    alone, together = runs_together([a_run(3)]), runs_together([a_run(2), a_run(3)])
    assert alone.axes[0].lines[0].get_color() == together.axes[0].lines[2].get_color()
    assert together.axes[0].lines[0].get_color() != together.axes[0].lines[2].get_color()


@pytest.mark.parametrize("runs", [[], [RunCurves(1, "1: head")]])
def test_before_anything_is_known_it_says_so(runs):
    figure = runs_together(runs)
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["nothing yet", "nothing yet"]
    assert_nothing_is_cut_off(figure)


def test_accuracy_is_not_drawn_far_above_all():
    perfect = RunCurves(1, "1", val_accuracy=[(1.0, 1.0), (2.0, 1.0)])
    assert runs_together([perfect]).axes[1].get_ylim()[1] <= 102


def test_more_runs_than_there_are_looks_for_are_refused():
    with pytest.raises(DensekitError, match="6 runs in one figure can't be told apart: give 5 at most"):
        runs_together([a_run(number) for number in range(1, 7)])


def test_five_long_names_fit():
    names = [f"{number}: head-then-full, rate 0.001 → 0.0005 $x^2$ 한글 😀" for number in range(1, 6)]
    assert_nothing_is_cut_off(runs_together([a_run(n, name) for n, name in enumerate(names, start=1)]))


@pytest.mark.slow
def test_two_threads_that_draw_at_once_leave_the_settings_of_the_reader():
    before = dict(matplotlib.rcParams)

    def draw() -> None:
        for _ in range(3):
            png(runs_together([a_run(1)]))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(matplotlib.rcParams) == before


def test_what_the_reader_sets_while_a_thread_draws_stays():
    """In a cell beside a training whose curves are drawn."""
    before = matplotlib.rcParams["font.size"]
    try:
        with styled():
            matplotlib.rcParams["font.size"] = 31.0
        assert matplotlib.rcParams["font.size"] == 31.0
        assert matplotlib.rcParams["legend.frameon"] == matplotlib.rcParamsDefault["legend.frameon"]
    finally:
        matplotlib.rcParams["font.size"] = before


def test_the_second_thread_waits_until_the_first_has_put_the_settings_back():
    entered, leave, done = threading.Event(), threading.Event(), []

    def first() -> None:
        with styled():
            entered.set()
            leave.wait(30)
            done.append("first")

    def second() -> None:
        with styled():
            done.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    entered.wait(30)
    threads[1].start()
    threads[1].join(0.2)  # it would be through by now
    leave.set()
    for thread in threads:
        thread.join(30)
    assert done == ["first", "second"]
