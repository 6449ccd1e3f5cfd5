"""The checkers of Adam, of schedules and of the longest way accept what is right and tell slips apart."""

from functools import partial

import pytest
import torch

from densekit.config import TrainingConfig
from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_head import schedules, stepping
from densekit.training.schedule import learning_rate_at, validates_at


def _in_place(weight, gradient, mean, square, step, rate):
    mean.lerp_(gradient, 0.1)
    square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    size = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
    weight.addcdiv_(mean, size, value=-rate / (1 - 0.9**step))
    return [weight, mean, square]


def _against(weight, gradient, mean, square, step, rate):
    new, mean, square = stepping.adam_step(weight, gradient, mean, square, step, rate)
    return 2 * weight - new, mean, square


def _forgets(weight, gradient, mean, square, step, rate):
    return stepping.adam_step(weight, gradient, mean, square, step, rate)[0], mean, square


def test_exercise_5_wants_torchs_adam():
    assert_checker(
        stepping.exercise_5,
        right=[stepping.adam_step, _in_place],
        wrong=[
            (partial(stepping.adam_step, corrected=False), "the corrections are missing"),
            (partial(stepping.adam_step, root=False), "the root of the square is missing"),
            (partial(stepping.adam_step, inside=True), "epsilon stands inside the square root"),
            (partial(stepping.adam_step, squared=False), "the gradient is not squared"),
            (_against, "with a minus"),
            (_forgets, "Step 1 was right: what do you hand over"),
            (lambda weight, *rest: weight, "expected 3 tensors: weight, mean, square"),
            (lambda weight, *rest: (weight[:1], *rest[1:3]), "the weight has the shape (1, 3)"),
            (lambda weight, *rest: (weight, None, None), "the mean is None, expected a tensor"),
        ],
    )


def _falling(epoch, first, every, factor):
    rate = first
    for done in range(1, epoch):
        if done % every == 0:
            rate *= factor
    return rate


def test_exercise_6_wants_a_rate_that_falls_when_its_epochs_are_done():
    def from_the_schedule(epoch, first, every, factor):
        settings = TrainingConfig(learning_rate=first, reduce_lr_every=every, reduce_lr_factor=factor)
        return learning_rate_at(epoch, settings)

    assert_checker(
        schedules.exercise_6,
        right=[
            lambda epoch, first, every, factor: first * factor ** ((epoch - 1) // every),
            _falling,
            from_the_schedule,
            schedules.rate_at,
        ],
        wrong=[
            (
                lambda epoch, first, every, factor: first * factor ** (epoch // every),
                "2 epochs came before it, so the rate has fallen 0 times",
            ),
            (
                lambda epoch, first, every, factor: first * (1 - factor) ** ((epoch - 1) // every),
                "rate_at(4, 5e-05, 3, 0.85) is 7.5e-06",
            ),
            (lambda epoch, first, every, factor: first * factor ** (epoch - 1), "rate_at(2, 5e-05"),
            (lambda epoch, first, every, factor: first, "the rate has fallen 1 time"),
            (lambda epoch, first, every, factor: None, "a function needs a `return`"),
        ],
    )


def _steps(batches, epochs, every, least, first=0, end=True):
    due = [step for step in range(1, batches * epochs + 1) if step % every == 0]
    kept = [step for step in due if step >= least * batches + first]
    return sorted({*kept, *([batches * epochs] if end else [])})


def test_exercise_7_wants_every_look_and_one_at_the_end():
    def as_a_tuple(batches, epochs, every, least):
        settings = TrainingConfig(epochs=epochs, save_step=every, min_epoch_to_save=least)
        pairs = [(epoch, batch) for epoch in range(1, epochs + 1) for batch in range(1, batches + 1)]
        due = [pair for pair in pairs if validates_at(pair[1], batches, pair[0], settings)]
        return tuple((epoch - 1) * batches + batch for epoch, batch in due)

    def end_twice(batches, epochs, every, least):
        return [*_steps(batches, epochs, every, least, end=False), batches * epochs]

    assert_checker(
        schedules.exercise_7,
        right=[schedules.steps_to_validate, _steps, as_a_tuple],
        wrong=[
            (partial(_steps, end=False), "the end of the training is missing"),
            (end_twice, "a step is in it twice"),
            (partial(_steps, first=1), "after the last batch of an epoch, that epoch is done"),
            (lambda batches, epochs, every, least: _steps(batches, epochs, every, 0), "before enough epochs"),
            (lambda *given: _steps(*given)[::-1], "their order is not"),
            (lambda *given: [*_steps(*given)[:-1], "the end"], "not all of them are numbers"),
            (lambda *given: 300, "expected a list of steps"),
            (lambda *given: [], "the end of the training is missing"),
        ],
    )


def test_exercise_8_wants_the_sum_of_the_rates():
    right = 5e-5 * 75 * (3 + 3 * 0.85 + 3 * 0.85**2 + 0.85**3)
    assert_checker(
        schedules.exercise_8,
        right=[right, 0.0312, 0.031, "3.12e-2", torch.tensor(right)],
        wrong=[
            (0.0375, "every step at the first rate"),
            (right / 75, "each epoch has 75 steps, and it counts one"),
            (8 * right, "not a picture"),
            (0.05, "75 steps go at the rate of each"),
            ("far", "expected a number"),
        ],
    )


def test_the_reference_is_torchs_adam_to_rounding():
    learned = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.Adam([learned], lr=0.1)
    learned.grad = torch.tensor([1e-6, 1.0, -50.0], dtype=torch.float64)
    zeros = torch.zeros(3, dtype=torch.float64)
    weight, _, _ = stepping.adam_step(torch.ones(3, dtype=torch.float64), learned.grad, zeros, zeros, 1, 0.1)
    optimizer.step()
    assert weight.tolist() == pytest.approx(learned.tolist(), abs=1e-15)
