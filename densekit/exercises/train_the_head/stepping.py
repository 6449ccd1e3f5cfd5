"""One step of Adam, written out."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from densekit.exercises.framework import Hint, exercise
from densekit.exercises.optimizer_steps import expect_step, tensors_in

_SIZES = (1.0, 1e-3, 1e3, 1e-7, 1e-7, 1.0)  # of the gradients: the smallest ones show where epsilon stands


def adam_step(
    weight: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    step: int,
    rate: float,
    corrected: bool = True,
    root: bool = True,
    inside: bool = False,
    squared: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step of Adam (Kingma and Ba, *Adam: a method for stochastic optimization*, 2015).

    Args:
        weight: any shape; so are gradient, mean and square.
        gradient: of the loss.
        mean: running mean of the gradients, 0 before the first step.
        square: running mean of their squares.
        step: counted from 1.
        rate: the learning rate.
        corrected: False is a usual mistake, as are the others below, which a checker tells apart.
        root: False leaves the root out.
        inside: True puts epsilon below the root.
        squared: False takes sizes for squares.

    Returns:
        New weight, mean and square; what was given is left as it is.
    """
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * (gradient**2 if squared else gradient.abs())
    direction = mean / (1 - 0.9**step) if corrected else mean
    size = square / (1 - 0.999**step) if corrected else square
    size = (size + 1e-8).sqrt() if inside else (size.sqrt() if root else size) + 1e-8
    return weight - rate * direction / size, mean, square


_MISTAKES: Mapping[str, dict[str, Any]] = {
    "the corrections are missing: mean and square begin at 0, so they are too small at first": {
        "corrected": False
    },
    "the root of the square is missing": {"root": False},
    "epsilon stands inside the square root: it is added after it": {"inside": True},
    "the gradient is not squared in the second mean": {"squared": False},
}


@exercise(
    number=5,
    title="Adam by hand",
    minutes=12,
    difficulty="hard",
    hints=(
        Hint("I don't know where to begin", "Five lines, one for each line of the recipe, in its order."),
        Hint(
            "my first step has the wrong length",
            "Both means begin at 0, so both are corrected: each by 1 minus its own number to the power of t.",
        ),
        Hint("it is right at first, and then drifts away", "Return the means as they are, not corrected."),
        Hint(
            "it is wrong where gradients are tiny", "Epsilon is added after the square root, not inside it."
        ),
    ),
)
def exercise_5(step_of_adam: Callable[[Tensor, Tensor, Tensor, Tensor, int, float], Any]) -> str:
    """Check six steps against torch's Adam, in float64, with gradients from tiny to huge."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    learned = torch.nn.Parameter(weight.clone())
    optimizer = torch.optim.Adam([learned], lr=0.01)
    for step, size in enumerate(_SIZES, start=1):
        learned.grad = size * torch.randn(4, 3, generator=generator, dtype=torch.float64)
        gradient = learned.grad.clone()
        optimizer.step()
        given = (weight, gradient, mean, square, step, 0.01)
        found = step_of_adam(weight.clone(), gradient.clone(), mean.clone(), square.clone(), step, 0.01)
        weight, mean, square = tensors_in(found, ("weight", "mean", "square"), weight, "adam_step")
        expect_step(weight, learned.detach(), step, given, adam_step, _MISTAKES)
    return f"{len(_SIZES)} steps like torch.optim.Adam's, with gradients from 1e-7 to 1e3"
