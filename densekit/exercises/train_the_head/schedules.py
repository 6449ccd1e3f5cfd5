"""When the rate falls, when a training is judged, and how far its steps can reach."""

from collections.abc import Callable, Iterable
from typing import Any

from densekit.config import TrainingConfig
from densekit.exercises.expectations import NotYet, expect, expect_close, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.exercises.kindly import number_in
from densekit.training.schedule import learning_rate_at, validates_at
from densekit.words import counted


def rate_at(epoch: int, first: float, every: int, factor: float) -> float:
    """Return the learning rate of an epoch, counted from 1, that falls by a factor every so many epochs."""
    return first * factor ** ((epoch - 1) // every)


@exercise(
    number=6,
    title="The falling rate",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint("it falls an epoch too early", "When epoch 3 begins, two epochs are done, not three."),
        Hint("my rates are far too small", "15 % less leaves 85 % of it."),
        Hint("it falls in every epoch", "// divides and drops the rest: 5 // 3 is 1."),
    ),
)
def exercise_6(rate_of: Callable[[int, float, int, float], Any]) -> str:
    """Check the rate of several epochs, for several schedules."""
    for first, every, factor in ((5e-5, 3, 0.85), (1.0, 2, 0.5), (0.1, 1, 0.9)):
        settings = TrainingConfig(learning_rate=first, reduce_lr_every=every, reduce_lr_factor=factor)
        for epoch in range(1, 11):
            before, falls = counted(epoch - 1, "epoch"), counted((epoch - 1) // every, "time")
            expect_close(
                rate_of(epoch, first, every, factor),
                learning_rate_at(epoch, settings),
                1e-6 * first,
                because=f"{before} came before it, so the rate has fallen {falls}",
                name=f"rate_at({epoch}, {first:g}, {every}, {factor:g})",
            )
    return "ten epochs with a fall every three: three falls, to 61 % of the first rate"


@exercise(
    number=7,
    title="When to look",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("my list begins too early", "A step counts if enough epochs are done after it."),
        Hint("the last step is missing", "Once more at the end, whatever the number of the last step."),
        Hint("the last step is there twice", "If it is due anyway, once is enough."),
        Hint("my list begins an epoch too late", "After the last batch of epoch 3, three epochs are done."),
    ),
)
def exercise_7(steps_of: Callable[[int, int, int, int], Any]) -> str:
    """Check after which steps a training is judged, for several lengths of an epoch."""
    for given in ((75, 10, 100, 3), (100, 5, 100, 3), (7, 4, 5, 0), (19, 10, 25, 2), (10, 2, 100, 1)):
        found = steps_of(*given)
        expected = steps_to_validate(*given)
        name = f"steps_to_validate{given}"
        expect(
            isinstance(found, Iterable) and not isinstance(found, str),
            f"{name} is {quoted(found)}, expected a list of steps",
        )
        steps = [number_in(one) for one in found]
        if steps == expected:
            continue
        told = f"{name} is {quoted(list(map(_plain, steps)))}, expected {quoted(expected)}"
        raise NotYet(f"{told}: {_slip(steps, expected)}")
    return "with 75 batches an epoch: six looks in ten epochs, the last one at the very end"


def steps_to_validate(batches: int, epochs: int, every: int, min_epochs: int) -> list[int]:
    """Return the steps, counted from 1 over all epochs, after which a training is judged."""
    settings = TrainingConfig(epochs=epochs, save_step=every, min_epoch_to_save=min_epochs)
    return [
        (epoch - 1) * batches + batch
        for epoch in range(1, epochs + 1)
        for batch in range(1, batches + 1)
        if validates_at(batch, batches, epoch, settings)
    ]


def _slip(found: list[float | None], expected: list[int]) -> str:
    """Say what is wrong with a list of steps."""
    steps = [step for step in found if step is not None]
    if len(steps) < len(found):
        return "not all of them are numbers"
    if len(set(steps)) < len(steps):
        return "a step is in it twice"
    if sorted(steps) == expected:
        return "the steps are right, their order is not"
    if steps and min(steps) < expected[0]:
        return "the first ones come before enough epochs are done"
    if expected[-1] not in steps:
        return "the end of the training is missing"
    if expected[0] not in steps:
        return "the first one is missing: after the last batch of an epoch, that epoch is done"
    return "count steps on from 1, over all epochs"


def _plain(number: float | None) -> object:
    return int(number) if number is not None and number.is_integer() else number


@exercise(
    number=8,
    title="The longest way",
    minutes=7,
    difficulty="medium",
    hints=(
        Hint("I don't know where to begin", "75 steps at the rate of epoch 1, 75 at that of epoch 2, …"),
        Hint("my way is a little too long", "The rate falls: epochs 4 to 6 go at 85 % of it."),
        Hint("my way is far too short", "Each epoch has 75 steps, not one."),
    ),
)
def exercise_8(longest_way: Any) -> str:
    """Check the sum of the rates over all steps of the original's training."""
    settings = TrainingConfig(learning_rate=5e-5)
    expected = sum(75 * learning_rate_at(epoch, settings) for epoch in range(1, 11))
    number = number_in(longest_way)
    expect(number is not None, f"longest_way is {quoted(longest_way)}, expected a number")
    for value, slip in (
        (750 * 5e-5, "it counts every step at the first rate, but the rate falls"),
        (expected / 75, "each epoch has 75 steps, and it counts one"),
        (expected * 8, "a step is a batch of eight pictures, not a picture"),
    ):
        expect(abs((number or 0) - value) > 0.01 * value, f"longest_way is {number:g}: {slip}")
    expect_close(
        number,
        expected,
        0.01 * expected,
        because="75 steps go at the rate of each of the ten epochs",
        name="longest_way",
    )
    return "0.031: as far as from 0 to the largest weight that the head begins with, which is 1/32"
