import pytest
import torch

from densekit.exercises.predictions import predict


@pytest.mark.parametrize(
    ("guess", "answer", "options", "told"),
    [
        (23, 23, {"unit": "channels"}, "exactly: it is 23 channels"),
        (20, 23, {"unit": "channels"}, "you said 20 channels, it is 23 channels: 3 channels too low"),
        (80, 50, {"unit": "%"}, "you said 80%, it is 50%: 30% too high"),
        (22, 23, {}, "close: you said 22, it is 23: 1 too low"),
        (22, 23, {"close": 0}, "you said 22, it is 23"),
        (20, torch.tensor(23), {}, "you said 20, it is 23: 3 too low"),
        ("many", 23, {}, "you said 'many', which is not a number; guess one"),
        (None, 23, {}, "you said None, which is not a number"),
        ("b", "b", {}, "yes, it is 'b'"),
        ("a", "b", {}, "you said 'a', it is 'b'"),
        (True, False, {}, "you said True, it is False"),
        (0, 0, {}, "exactly: it is 0"),
        (0.5, 0.9375, {}, "you said 0.5, it is 0.9375: 0.4375 too low"),
        (float("inf"), 23, {}, "you said inf, which is not a number"),
        (1, 0, {}, "you said 1, it is 0: 1 too high"),
        (6_953_856, 7_978_856, {}, "you said 6,953,856, it is 7,978,856: 1,025,000 too low"),
    ],
)
def test_a_guess_is_told_how_far_it_was(capsys, guess, answer, options, told):
    predict("channels", guess=guess, answer=answer, **options)

    assert told in capsys.readouterr().out


def test_without_a_guess_nothing_is_given_away(capsys):
    predict("channels after the block", guess=..., answer=2317)

    shown = capsys.readouterr().out
    assert "channels after the block · your guess: put it in the place of ..." in shown
    assert "2317" not in shown


def test_an_object_that_can_not_be_compared_is_told(capsys):
    class Hostile:
        def __eq__(self, other):
            raise ValueError("no")

        __hash__ = None

    predict("the layer", guess=Hostile(), answer="conv")

    assert "can't be compared: ValueError: no" in capsys.readouterr().out
