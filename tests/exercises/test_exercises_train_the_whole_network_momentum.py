"""The checker of momentum accepts torch's form alone, however it is written, and tells slips apart."""

from functools import partial

from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_whole_network import momentum
from densekit.exercises.train_the_whole_network.momentum import momentum_step


def _in_place(weight, gradient, velocity, rate, momentum):
    velocity.mul_(momentum).add_(gradient)
    weight.sub_(velocity, alpha=rate)
    return [weight, velocity]


def _against(weight, gradient, velocity, rate, momentum):
    new, velocity = momentum_step(weight, gradient, velocity, rate, momentum)
    return 2 * weight - new, velocity


def _forgets(weight, gradient, velocity, rate, momentum):
    return momentum_step(weight, gradient, velocity, rate, momentum)[0], velocity


def test_exercise_3_wants_torchs_momentum():
    assert_checker(
        momentum.exercise_3,
        right=[momentum_step, _in_place],
        wrong=[
            (partial(momentum_step, whole=False), "at step 1 the weight is off"),
            (partial(momentum_step, whole=False), "added in whole"),
            (partial(momentum_step, inside=True), "at step 4 the weight is off"),
            (partial(momentum_step, inside=True), "the rate is in the velocity"),
            (partial(momentum_step, new=False), "the velocity of the step before"),
            (partial(momentum_step, ahead=True), "Nesterov's form"),
            (_against, "with a minus"),
            (_forgets, "Step 1 was right: what do you hand over"),
            (lambda weight, *rest: weight, "expected 2 tensors: weight, velocity"),
            (lambda weight, gradient, velocity, *rest: (weight[:1], velocity), "has the shape (1, 3)"),
            (lambda weight, *rest: (weight, None), "the velocity is None, expected a tensor"),
        ],
    )
