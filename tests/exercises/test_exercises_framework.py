import importlib.util
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from densekit.exercises.expectations import NotYet, expect, expect_close, expect_equal, expect_letter, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.exercises.testing import assert_checker

HINTS = (
    Hint("my number is far too small", "Nothing is lost."),
    Hint("my number is 64 too small", "What enters is still there."),
)


def make(checker, **settings):
    settings = {
        "number": 1,
        "title": "Channels",
        "minutes": 5,
        "difficulty": "easy",
        "hints": HINTS,
    } | settings
    return exercise(**settings)(checker)


@make
def channels(answer):
    expect_equal(answer, 256, because="64 enter and 6 layers add 32 each")
    return "64 enter and 6 layers add 32 each"


@make
def doubled(function):
    expect_equal(function(4), 8, because="twice 4 is 8", name="double(4)")
    return "twice is twice"


def in_a_cell(tmp_path, code):
    """Run code as IPython does: from a file whose name says that it is a cell."""
    path = tmp_path / "ipykernel_1234" / "5678.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(code))
    spec = importlib.util.spec_from_file_location("cell", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_three_states():
    assert channels.judge(...).state == "todo"
    assert channels.judge(256).state == "passed"
    assert channels.judge(192).state == "not yet"


def test_a_failure_quotes_the_readers_value_beside_the_expected_one_with_the_reason():
    reason = "your value is 192, expected 256, because 64 enter and 6 layers add 32 each"

    assert channels.judge(192).reason == reason


@pytest.mark.parametrize("answer", [[..., 3], (1, ...), {"a": ...}])
def test_a_placeholder_inside_an_answer_is_still_to_do(answer):
    assert channels.judge(answer).state == "todo"


def test_a_function_with_a_placeholder_is_still_to_do_and_named():
    def double(x):
        """Return x twice."""
        y = x  # noqa: F841
        ...

    verdict = doubled.judge(double)

    assert verdict.state == "todo"
    assert "double()" in verdict.reason


def test_an_ellipsis_that_is_an_index_is_no_placeholder():
    def double(x):
        return (torch.full((1, 1), x)[..., 0] * 2).item()

    assert doubled.judge(double).state == "passed"


def test_an_ellipsis_behind_except_does_nothing_and_is_no_placeholder():
    def answer(text):
        try:
            return int(text)
        except ValueError:
            ...

    def unfinished(numbers):
        for _ in numbers:
            ...

    assert doubled.judge(answer).state != "todo"
    assert doubled.judge(unfinished).state == "todo"


def test_a_class_is_to_do_while_one_method_is():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()

        def forward(self, x): ...

    verdict = make(lambda layer: "fine").judge(Layer)

    assert verdict.state == "todo"
    assert "Layer.forward()" in verdict.reason


def test_untouched_code_to_repair_is_still_to_do():
    repaired = make(
        lambda classes: expect(classes == 8, f"{classes}") or "right", untouched=lambda n: n == 1000
    )

    assert [repaired.judge(n).state for n in (1000, 7, 8)] == ["todo", "not yet", "passed"]


def test_an_error_in_the_readers_function_is_told_with_its_line(tmp_path):
    cell = in_a_cell(
        tmp_path,
        """
        def double(x):
            sizes = {}
            return sizes["x"] * 2
        """,
    )

    reason = doubled.judge(cell.double).reason

    assert reason == "your code stopped with KeyError: 'x' — line 4 of double: return sizes[\"x\"] * 2"


def test_an_answer_that_can_not_be_looked_at_is_told():
    assert "you gave 'many'" in doubled.judge("many").reason
    assert "TypeError: 'str' object is not callable" in doubled.judge("many").reason


@pytest.mark.parametrize("error", [SystemExit(1), RecursionError("deep"), AssertionError(), MemoryError()])
def test_whatever_the_readers_code_raises_stays_inside(error):
    def double(x):
        raise error

    assert doubled.judge(double).state == "not yet"


def test_ctrl_c_still_stops_an_endless_answer():
    def double(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        doubled.judge(double)


class Hostile:
    """An object that raises whatever is done with it."""

    def __repr__(self):
        raise ValueError("no")

    def __eq__(self, other):
        raise ValueError("no")

    __hash__ = None

    def __getattr__(self, name):
        raise ValueError("no")


def test_a_hostile_answer_is_told_and_never_raises():
    verdict = channels.judge(Hostile())

    assert verdict.state == "not yet"
    assert "a Hostile whose repr raises ValueError" in verdict.reason


def test_too_few_and_too_many_answers_are_told():
    assert "missing 1 required positional argument" in channels.judge().reason
    assert channels.judge(1, 2).state == "not yet"


def test_true_is_not_one_as_an_answer():
    assert make(lambda n: expect_equal(n, 1, because="one") or "one").judge(True).state == "not yet"


@pytest.mark.parametrize(
    ("value", "expected", "equal"),
    [
        (torch.ones(2), torch.ones(2), True),
        (torch.ones(2), torch.zeros(2), False),
        (torch.ones(1), torch.ones(3), False),
        (np.int64(3), 3, True),
        (torch.tensor(3), 3, True),
        ([1, 2], [1, 2], True),
        ([1, 2], (1, 2), False),
        (torch.Size([1, 2]), (1, 2), True),
        (np.array([1, 2]), [1, 2], False),
        ("3", 3, False),
    ],
)
def test_equality_knows_arrays_and_tensors(value, expected, equal):
    verdict = make(lambda given: expect_equal(given, expected, because="so") or "equal").judge(value)

    assert verdict.state == ("passed" if equal else "not yet"), verdict.reason


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.5, "your value is 0.5, expected 0.9 (± 0.05), because so"),
        ("high", "your value is 'high', expected a number near 0.9, because so"),
        (float("nan"), "your value is nan, expected 0.9 (± 0.05)"),
    ],
)
def test_closeness_tells_value_target_and_tolerance(value, told):
    close = make(lambda number: expect_close(number, 0.9, 0.05, because="so") or "close")

    assert close.judge(0.93).state == "passed"
    assert told in close.judge(value).reason


def test_long_values_are_quoted_short_and_on_one_line():
    assert len(quoted(torch.zeros(50, 50))) == 60
    assert "\n" not in quoted("a\nb" * 30)


def test_calling_an_exercise_shows_the_verdict_and_returns_nothing(capsys):
    assert channels(192) is None

    shown = capsys.readouterr().out
    assert "✗ Exercise 1 · Channels · 5 min, easy · not yet: your value is 192, and that is not it" in shown
    assert "stuck? check.channels.hint(1)" in shown


def test_hints_are_titled_by_the_symptom(capsys):
    channels.hint(1)
    channels.hint(2)

    shown = capsys.readouterr().out
    assert "hint 1 of 2\n  “my number is far too small”: Nothing is lost." in shown
    assert "hint 2 of 2\n  “my number is 64 too small”: What enters is still there." in shown


@pytest.mark.parametrize("step", [0, 3, "one", None])
def test_a_hint_that_is_not_there_is_told(capsys, step):
    channels.hint(step)

    assert f"there is no hint {step!r}: this exercise has 2" in capsys.readouterr().out


def test_an_exercise_without_two_steps_of_help_is_refused():
    with pytest.raises(ValueError, match="exercise 1 has 1 hints: expected two"):
        make(lambda x: "fine", hints=HINTS[:1])


def test_a_solution_that_can_not_be_found_is_told(capsys):
    channels.solution()

    assert "the solution can't be found: no notebook" in capsys.readouterr().out


def test_assert_checker_holds_a_good_checker_to_be_good():
    wrong = [(192, "192, expected 256"), ("many", "'many'"), (None, "None"), (255, "255")]
    assert_checker(channels, right=[256, np.int64(256)], wrong=wrong)
    assert_checker(channels, right=[256], wrong=wrong[:1], part=True)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ([255], [(1, "")], "right answer 255 is told: your value is 255"),
        ([256], [(256, "")], "wrong answer 256 is told 'passed'"),
        ([256], [(1, "two")], "'two' is not in the message"),
        ([], [(1, "")], "right answers: 0, expected 1 ways"),
        ([256], [], "wrong answers: 0, expected 1 plausible ones"),
    ],
)
def test_assert_checker_tells_a_bad_test_or_checker(right, wrong, message):
    with pytest.raises(AssertionError, match=message):
        assert_checker(channels, right=right, wrong=wrong, part=True)


def test_assert_checker_wants_two_right_ways_and_four_wrong_ones():
    with pytest.raises(AssertionError, match="right answers: 1, expected 2"):
        assert_checker(channels, right=[256], wrong=[(1, "")] * 4)
    with pytest.raises(AssertionError, match="wrong answers: 3, expected 4"):
        assert_checker(channels, right=[256, 256.0], wrong=[(1, "")] * 3)


def test_assert_checker_wants_a_number_to_pass_as_an_array_and_as_a_tensor():
    @make
    def whole(answer):
        expect(isinstance(answer, int) and answer == 256, "not a whole number")
        return "as it should be"

    with pytest.raises(AssertionError, match=r"right answer .* is told: not a whole number"):
        assert_checker(whole, right=[256], wrong=[(1, "not a whole")], part=True)


def test_assert_checker_tells_a_checker_that_gives_no_reason():
    silent = make(lambda answer: expect(answer == 1, "no") or "")

    with pytest.raises(AssertionError, match="passes without a reason"):
        assert_checker(silent, right=[1], wrong=[(2, "no")], part=True)


def test_a_value_is_given_away_at_the_second_failure_and_not_at_the_first(capsys):
    fresh = make(channels.checker)
    fresh(192)
    assert "256" not in capsys.readouterr().out

    fresh(200)
    assert "your value is 200, expected 256" in capsys.readouterr().out


def test_each_of_several_values_has_a_first_failure_of_its_own(capsys):
    def both(first, second):
        expect_equal(first, 1024, because="so", name="the first")
        expect_equal(second, 1664, because="so", name="the second")
        return "both"

    check = make(both)
    check(1, 2)
    check(1024, 2)
    assert "1664" not in capsys.readouterr().out
    check(1024, 3)
    assert "expected 1664" in capsys.readouterr().out


def test_numbers_that_differ_are_not_told_as_the_same():
    close = make(lambda number: expect_close(number, 1.23456789, 1e-9, because="so") or "close")
    assert "your value is 1.2345678, expected 1.2345679 (± 1e-09)" in close.judge(1.2345678).reason


def test_what_a_function_should_have_returned_is_told_at_once(capsys):
    make(doubled.checker)(lambda x: x)

    assert "double(4) is 4, expected 8" in capsys.readouterr().out


def test_a_number_near_another_is_not_given_away_at_the_first_failure(capsys):
    @make
    def near(answer):
        expect_close(answer, 0.1, 1e-6, because="one of ten")
        return "one of ten"

    near(0.2)
    near(...)
    near("a tenth")
    first, second = capsys.readouterr().out.split("to do", 1)

    assert "expected 0.1" not in first
    assert "expected a number near 0.1" in second


@pytest.mark.parametrize("step", [0, 3, -1, "2", None, 1.5])
def test_a_hint_that_there_is_not_is_told(capsys, step):
    channels.hint(step)

    assert "this exercise has 2" in capsys.readouterr().out


@pytest.mark.parametrize("step", [1, 1.0, np.int64(1), True])
def test_a_hint_may_be_asked_for_by_any_number(capsys, step):
    channels.hint(step)

    assert "Nothing is lost." in capsys.readouterr().out


@pytest.mark.parametrize(
    "written", ["b", "B", "(b)", "option b", "Answer: b", " b. ", "(b) Not that: both.", "B: both"]
)
def test_a_letter_may_be_written_in_any_usual_way(written):
    expect_letter(written, "b", {"a": "no"})


@pytest.mark.parametrize(
    "written", ["(a) Not b: both differ.", "a or b", "both differ (b)", "not b", "a b", "be", "", None, 2]
)
def test_another_letter_or_none_is_not_taken_for_the_right_one(written):
    with pytest.raises(NotYet):
        expect_letter(written, "b", {"a": "no"})
