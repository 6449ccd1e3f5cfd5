"""What exercises need to judge one step of an optimiser: what it returns, and which slip would lead there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from densekit.exercises.apart import max_difference
from densekit.exercises.expectations import NotYet, expect, quoted

_ALMOST = 1e-12


def tensors_in(found: Any, names: Sequence[str], like: Tensor, function: str) -> tuple[Tensor, ...]:
    """Return the tensors that a reader's step returned, or stop the check.

    Args:
        found: what it returned.
        names: of the tensors, in their order.
        like: a tensor of the shape that each must have.
        function: the step's name.
    """
    expect(
        isinstance(found, tuple | list) and len(found) == len(names),
        f"{function} returns {quoted(found)}, expected {len(names)} tensors: {', '.join(names)}",
    )
    for name, one in zip(names, found, strict=True):
        expect(isinstance(one, Tensor), f"the {name} is {quoted(one)}, expected a tensor")
        expect(
            one.shape == like.shape,
            f"the {name} has the shape {tuple(one.shape)}, expected {tuple(like.shape)}",
        )
    return tuple(one.detach() for one in found)


def expect_step(
    found: Tensor,
    expected: Tensor,
    number: int,
    given: Sequence[Any],
    step: Callable[..., tuple[Tensor, ...]],
    mistakes: Mapping[str, dict[str, Any]],
) -> None:
    """Stop unless the weight is where torch's is; if it is where a usual mistake leads, say which.

    Args:
        found: the weight after the reader's step.
        expected: the weight after torch's.
        number: of the step, from 1.
        given: what the step was given; the weight comes first.
        step: the step, written rightly; it returns the weight first.
        mistakes: from what is told of each, to the keywords that make `step` do it.
    """
    apart = max_difference(found, expected)
    if apart < _ALMOST:
        return
    told = f"at step {number} the weight is off by max|Δ| {apart:.2g}, expected below {_ALMOST:g}"
    if max_difference(found, 2 * given[0] - expected) < _ALMOST:
        raise NotYet(f"{told}: it moves the right way back. Go against the gradient, with a minus")
    follows = max_difference(found, step(*given)[0]) < _ALMOST  # right by what it was given, which was wrong
    for mistake, knobs in mistakes.items():
        if not follows and max_difference(found, step(*given, **knobs)[0]) < _ALMOST:
            raise NotYet(f"{told}: {mistake}")
    if number > 1:
        told += f". Step {number - 1} was right: what do you hand over to the next one?"
    raise NotYet(told)
