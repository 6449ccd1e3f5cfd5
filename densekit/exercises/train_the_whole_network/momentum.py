"""One step of gradient descent with momentum, written out."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from densekit.exercises.framework import Hint, exercise
from densekit.exercises.optimizer_steps import expect_step, tensors_in

_RATES = (0.1, 0.1, 0.1, 0.05, 0.05, 0.025)
"""It falls on the way: a velocity that has the rate in it goes on at the old one."""


def momentum_step(
    weight: Tensor,
    gradient: Tensor,
    velocity: Tensor,
    rate: float,
    momentum: float,
    whole: bool = True,
    inside: bool = False,
    new: bool = True,
    ahead: bool = False,
) -> tuple[Tensor, Tensor]:
    """Take one step of gradient descent with momentum (Polyak, 1964), in the form of `torch.optim.SGD`.

    Args:
        weight: any shape; so are gradient and velocity.
        gradient: of the loss.
        velocity: as the step before left it, 0 before the first one.
        rate: the learning rate.
        momentum: which share of the velocity is kept.
        whole: False is a usual mistake, as are the others below, which a checker tells apart.
        inside: True keeps the rate in the velocity.
        new: False steps along the velocity of the step before.
        ahead: True is Nesterov's form.

    Returns:
        New weight and velocity; what was given is left as it is.
    """
    taken_in = gradient if whole else (1 - momentum) * gradient
    old, velocity = velocity, momentum * velocity + (rate * taken_in if inside else taken_in)
    direction = velocity if new else old
    if ahead:
        direction = gradient + momentum * velocity
    return weight - (1 if inside else rate) * direction, velocity


_MISTAKES: Mapping[str, dict[str, Any]] = {
    "the gradient is added in whole, and not 1 − momentum of it: here the velocity is no mean": {
        "whole": False
    },
    "the rate is in the velocity. While the rate stays, this comes to the same. It has just fallen, and what the "
    "velocity keeps still has the old one: keep gradients alone in it, and multiply by the rate last": {
        "inside": True
    },
    "the step goes along the velocity of the step before: take this step's gradient in first": {"new": False},
    "this is Nesterov's form, which looks a step ahead: here the step is the velocity itself": {
        "ahead": True
    },
}


@exercise(
    number=3,
    title="Momentum by hand",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("I don't know where to begin", "Two lines: first the new velocity, then the new weight."),
        Hint("my second step is too short", "Return the new velocity: the next step is given it."),
        Hint(
            "it is right until the rate falls",
            "Where do you multiply by the rate? The velocity must not have it.",
        ),
    ),
)
def exercise_3(step_of_momentum: Callable[[Tensor, Tensor, Tensor, float, float], Any]) -> str:
    """Check six steps against torch's SGD, in float64, at a rate that falls on the way."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    velocity = torch.zeros_like(weight)
    learned = torch.nn.Parameter(weight.clone())
    optimizer = torch.optim.SGD([learned], lr=_RATES[0], momentum=0.9)
    for number, rate in enumerate(_RATES, start=1):
        optimizer.param_groups[0]["lr"] = rate
        learned.grad = torch.randn(4, 3, generator=generator, dtype=torch.float64)
        gradient = learned.grad.clone()
        optimizer.step()
        found = step_of_momentum(weight.clone(), gradient.clone(), velocity.clone(), rate, 0.9)
        given = (weight, gradient, velocity, rate, 0.9)
        weight, velocity = tensors_in(found, ("weight", "velocity"), weight, "momentum_step")
        expect_step(weight, learned.detach(), number, given, momentum_step, _MISTAKES)
    return f"{len(_RATES)} steps like torch.optim.SGD's, while the rate fell twice"
