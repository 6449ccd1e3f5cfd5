import numpy as np
import pytest
import torch
from IPython.core.formatters import IPythonDisplayFormatter

from densekit.exercises import predictions
from densekit.exercises.predictions import guess, reveal, show_guesses


@pytest.fixture(autouse=True)
def no_guesses_yet(monkeypatch):
    monkeypatch.setattr(predictions, "_guesses", {})


@pytest.mark.parametrize(
    ("mine", "answer", "unit", "told"),
    [
        (23, 23, "channels", "exactly: it is 23 channels"),
        (20, 23, "channels", "you said 20 channels, it is 23 channels: 3 channels too low"),
        (80, 50, "%", "you said 80%, it is 50%: 30 points too high"),
        (51, 50, "%", "close: you said 51%, it is 50%: 1 point too high"),
        (22, 23, "", "close: you said 22, it is 23: 1 too low"),
        (10, 11.5, "×", "you said 10×, it is 11.5×: 1.5 too low"),  # and not by a factor of 1.5
        (20, torch.tensor(23), "", "you said 20, it is 23: 3 too low"),
        ("10,250", 10_250, "", "exactly: it is 10,250"),
        ("94 %", 94, "%", "exactly: it is 94%"),
        (0.94, 94, "%", "exactly: it is 94%"),
        ("0.5%", 40, "%", "you said 0.5%, it is 40%: 39.5 points too low"),
        ("0,125", 0.125, "", "exactly: it is 0.125"),
        ("0,031", 0.031, "", "exactly: it is 0.031"),
        (0.5, 0.4, "%", "you said 0.5%, it is 0.4%"),
        ("1/2", 0.5, "", "exactly: it is 0.5"),
        ("10'250", 10_250, "", "exactly: it is 10,250"),
        ("0,5", 0.5, "", "exactly: it is 0.5"),
        (10.25, 10_250, "", "you said 10.25, it is 10,250: 10,240 too low"),
        ("dense block 4", "block 4", "", "right: 'block 4'"),
        ("denseblock4", "block 4", "", "right: 'block 4'"),
        ("denseblock14", "block 4", "", "you said 'denseblock14', it is 'block 4'"),
        ("block 4", "denseblock4", "", "right: 'denseblock4'"),
        ("block 3", "denseblock4", "", "you said 'block 3', it is 'denseblock4'"),
        ("block", "denseblock4", "", "you said 'block', it is 'denseblock4'"),
        ("pretrained and random", "pretrained", "", "you said 'pretrained and random', it is 'pretrained'"),
        ("B", "b", "", "right: 'b'"),
        ("(b)", "b", "", "right: 'b'"),
        ("a", "b", "", "you said 'a', it is 'b'"),
        ("No", False, "", "right: no"),
        (False, False, "", "right: no"),
        (True, False, "", "you said True, it is no"),
        ("yes", np.bool_(True), "", "right: yes"),
        ("yes", torch.tensor(False), "", "you said 'yes', it is no"),
        ("yes", True, "", "right: yes"),
        (4, "block 4", "", "right: 'block 4'"),
        ("Block 4", "block 4", "", "right: 'block 4'"),
        (3, "block 4", "", "you said 3, it is 'block 4'"),
        ("mug, cup", ["cup", "mug"], "", "right: ['cup', 'mug']"),
        (0, 0, "", "exactly: it is 0"),
        (0.5, 0.9375, "", "you said 0.5, it is 0.9375: 0.4375 too low"),
        (1, 0, "", "you said 1, it is 0: 1 too high"),
        (6_953_856, 7_978_856, "", "you said 6,953,856, it is 7,978,856: 1,025,000 too low"),
    ],
)
def test_a_guess_is_told_how_far_it_was(capsys, mine, answer, unit, told):
    guess("channels", mine, unit=unit)
    reveal("channels", answer)

    assert told in capsys.readouterr().out


@pytest.mark.parametrize("nothing", [..., None, "", "  ", "...", float("nan")])
def test_an_empty_guess_is_none_and_nothing_is_told(capsys, nothing):
    guess("channels", nothing)
    with reveal("channels", 2317):
        print(2317)

    shown = capsys.readouterr().out
    assert shown.count("your guess") == 2
    assert "2317" not in shown


@pytest.mark.parametrize("words", ["many", "ten thousand", "90-100", float("inf")])
def test_where_a_number_is_asked_for_words_are_asked_back_and_nothing_is_told(capsys, words):
    guess("channels", words)
    with reveal("channels", 2317):
        print(2317)

    shown = capsys.readouterr().out
    assert "can't be read as a number: write it in digits" in shown
    assert "2317" not in shown


def test_how_close_is_close_is_for_the_question_to_say(capsys):
    guess("channels", 22)
    reveal("channels", 23, close=0)

    assert "close" not in capsys.readouterr().out


def test_the_cell_of_the_guess_does_not_know_the_answer(capsys):
    guess("channels", 22, unit="channels")

    assert "noted: 22 channels" in capsys.readouterr().out


def test_a_share_where_percent_are_asked_for_is_asked_back(capsys):
    guess("accuracy", 0.94, unit="%")

    assert "In percent? Then it counts as 94%" in capsys.readouterr().out


def test_words_where_a_number_is_asked_for_are_told_at_once(capsys):
    guess("accuracy", "high", unit="%")

    assert "a number is asked for (%)" in capsys.readouterr().out


def test_without_a_guess_nothing_is_given_away_and_everything_runs(capsys):
    guess("channels after the block", ...)
    with reveal("channels after the block", 2317):
        channels = 2317
        print(channels)

    shown = capsys.readouterr().out
    assert "channels after the block · your guess: put it in the place of ..." in shown
    assert "first type it in the cell above" in shown
    assert "2317" not in shown
    assert channels == 2317


def test_a_cell_of_a_guess_that_was_not_run_counts_as_none(capsys):
    with reveal("channels", 2317):
        print(2317)

    assert "2317" not in capsys.readouterr().out


def test_an_error_in_what_is_held_back_is_not_swallowed():
    guess("channels", ...)
    with pytest.raises(ZeroDivisionError), reveal("channels", 1):
        _ = 1 / 0


def test_with_a_guess_the_rest_is_shown(capsys):
    guess("channels", 2000)
    with reveal("channels", 2317):
        print("so it grew")

    assert "so it grew" in capsys.readouterr().out


def test_a_second_cell_that_tells_the_same_is_quiet(capsys):
    guess("channels", ...)
    capsys.readouterr()
    with reveal("channels", 2317, quiet=True):
        print(2317)
    assert capsys.readouterr().out == ""

    guess("channels", 2000)
    capsys.readouterr()
    with reveal("channels", 2317, quiet=True):
        print("above 2000")
    assert capsys.readouterr().out == "above 2000\n"


def test_a_second_cell_leaves_the_verdict_of_the_first(capsys):
    guess("accuracy", 60)
    reveal("accuracy", 68, close=0.3)
    with reveal("accuracy", 68, quiet=True):
        pass
    capsys.readouterr()

    show_guesses()

    assert "1 of them right or close" in capsys.readouterr().out


def test_as_the_last_line_of_a_cell_it_shows_nothing_of_itself(capsys):
    guess("channels", ...)
    body = reveal("channels", 2317)
    capsys.readouterr()

    assert IPythonDisplayFormatter()(body) is True  # it takes care of its own display
    assert capsys.readouterr().out == ""


def test_two_questions_hold_back_what_answers_both(capsys):
    guess("small", 1)
    guess("large", ...)
    with reveal("small", 1), reveal("large", 9):
        print("1 and 9")

    assert "1 and 9" not in capsys.readouterr().out


def test_an_object_that_can_not_be_compared_is_told(capsys):
    class Hostile:
        def __str__(self):
            raise ValueError("no")

    guess("the layer", Hostile())
    reveal("the layer", "conv")

    assert "can't be compared: ValueError: no" in capsys.readouterr().out


def test_the_end_tells_how_good_the_guesses_were(capsys):
    for question, mine, right in (("small", 1, 1), ("large", 5, 9), ("missing", ..., 3)):
        guess(question, mine)
        reveal(question, right)
    capsys.readouterr()

    show_guesses()

    assert "2 of 3 made, 1 of them right or close; look again at: large" in capsys.readouterr().out


def test_the_end_tells_that_no_guess_was_made(capsys):
    guess("small", ...)
    capsys.readouterr()

    show_guesses()

    assert "none made yet, of 1" in capsys.readouterr().out
