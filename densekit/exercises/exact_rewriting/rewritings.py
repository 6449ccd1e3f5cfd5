"""Rewritings that change nothing: a pool before its convolution, and a norm taken into the layer after it."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from densekit.exercises.apart import ROUNDING, max_difference
from densekit.exercises.expectations import expect, expect_close, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise


class _ConvolutionsWatched(TorchFunctionMode):
    """Notes the shapes that go into convolutions, however those are called."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.conv2d:
            self.shapes.append(tuple((args[0] if args else kwargs["input"]).shape))
        return func(*args, **kwargs)


@exercise(
    number=1,
    title="Pool first, convolve less",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "I don't see why the order does not matter",
            "Write one output pixel as a sum over channels of a sum over four positions. Sums may change places.",
        ),
        Hint(
            "what is saved?",
            "A 1×1 convolution does the same work at every position. Count those before and after the pool.",
        ),
        Hint(
            "I can't decide about max pooling or 3×3",
            "Try it with random numbers: compute both orders, and look at the largest difference.",
        ),
    ),
)
def exercise_1(
    pooled_first: Callable[[Tensor, nn.Conv2d], Tensor],
    saving: float,
    max_pool_may_come_first: bool,
    pool_may_precede_3x3: bool,
) -> str:
    """Check that pooling may come first, what it saves, and where it may not."""
    generator = torch.Generator().manual_seed(0)
    for bias in (False, True):
        conv = nn.Conv2d(6, 4, kernel_size=1, bias=bias).double()
        for parameter in conv.parameters():
            nn.init.normal_(parameter, generator=generator)
        x = torch.randn(2, 6, 8, 8, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            with _ConvolutionsWatched() as watched:
                found = pooled_first(x, conv)
            expected = F.avg_pool2d(F.conv2d(x, conv.weight, conv.bias), 2)
        _expect_same(found, expected, "pooled_first(x, conv)")
        for shape in watched.shapes:  # none, where somebody writes the convolution as a matrix product
            expect_equal(
                shape, (2, 6, 4, 4), because="the pool comes first", name="the shape that conv is given"
            )
    expect_close(saving, 4, 1e-6, because="8 × 8 positions become 4 × 4", name="saving")
    expect_equal(
        max_pool_may_come_first,
        False,
        because="a maximum of sums is not the sum of maxima",
        name="max_pool_may_come_first",
    )
    expect_equal(
        pool_may_precede_3x3,
        False,
        because="a 3×3 convolution reaches over the edges of the pool's squares",
        name="pool_may_precede_3x3",
    )
    return "a sum over channels and a mean over positions are both linear and don't touch each other"


@exercise(
    number=2,
    title="A ReLU becomes a clamp",
    minutes=15,
    difficulty="hard",
    hints=(
        Hint(
            "I don't know where to begin",
            "relu(s·x + b) has one bend. At which x is s·x + b = 0? Clamp x there.",
        ),
        Hint(
            "it is right for s > 0 and wrong for s < 0",
            "With s < 0 the line falls: it is positive to the left of the bend. Which of the two bounds is it?",
        ),
        Hint("ZeroDivisionError", "With s = 0 there is no bend. What does relu(0·x + b) give, for every x?"),
        Hint(
            "the values are off by a constant",
            "At the bend itself the result has to be 0: with x = −b/s, what must be added to s·x?",
        ),
    ),
)
def exercise_2(as_clamp: Callable[[float, float], tuple[float, float, float, float]]) -> str:
    """Check four numbers for which scale · clamp(x, lower, upper) + shift is relu(s·x + b)."""
    for s, b in ((2.0, 1.0), (0.5, -1.5), (-2.0, 3.0), (-0.25, -1.0), (0.0, 1.5), (0.0, -2.0)):
        numbers = _four_numbers(as_clamp(s, b), f"with s = {s:g} and b = {b:g} you returned")
        if not _is_relu(numbers, s, b):
            expect(
                not any(_is_relu(other, s, b) for other in permutations(numbers)),
                "your four numbers are right, in another order: expected lower, upper, scale, shift",
            )
        lower, upper, scale, shift = numbers
        for x in _INPUTS:
            expect_close(
                scale * min(max(x, lower), upper) + shift,
                max(s * x + b, 0.0),
                ROUNDING,
                because=f"relu({s:g}·{x:g} + {b:g}) is that",
                name=f"with s = {s:g}, b = {b:g} and x = {x:g}, your value",
            )
    return "a bend at −b/s, clamped from below for s > 0 and from above for s < 0; for s = 0 a constant"


@exercise(
    number=3,
    title="Into the next layer",
    minutes=12,
    difficulty="hard",
    hints=(
        Hint(
            "I don't know where to begin",
            "W·(scale·c + shift) = W·(scale·c) + W·shift. One part depends on c, the other does not.",
        ),
        Hint(
            "the shapes don't fit, or the wrong axis is scaled",
            "W is (out, in), scale is (in,): each column of W gets its own factor.",
        ),
        Hint(
            "the values are off by a constant for each output",
            "That constant is W @ shift: it is the new bias.",
        ),
    ),
)
def exercise_3(folded: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Check weights and bias that take in a scale and a shift of their inputs."""
    generator = torch.Generator().manual_seed(0)
    for out_channels, in_channels in ((3, 5), (4, 4)):  # a square one, too, where any axis fits
        weight = torch.randn(out_channels, in_channels, generator=generator, dtype=torch.float64)
        scale, shift = torch.randn(2, in_channels, generator=generator, dtype=torch.float64)
        clamped = torch.randn(7, in_channels, generator=generator, dtype=torch.float64)
        answer = folded(weight.clone(), scale.clone(), shift.clone())
        expect(
            isinstance(answer, tuple | list) and len(answer) == 2,
            f"you returned {type(answer).__name__}, expected two tensors: the new weights and the bias",
        )
        new_weight, bias = answer
        expect_equal(
            tuple(new_weight.shape),
            (out_channels, in_channels),
            because="the layer keeps its inputs and outputs",
            name="the shape of the new weights",
        )
        expect_equal(
            tuple(getattr(bias, "shape", ())),
            (out_channels,),
            because="each output has one bias",
            name="the shape of the bias",
        )
        expected = (scale * clamped + shift) @ weight.T
        _expect_same(clamped @ new_weight.T + bias, expected, "what your layer makes of clamped inputs")
    return "each column of the weights takes its channel's scale, and W · shift becomes the bias"


_INPUTS = (-100.0, -7.0, -1.0, -0.3, 0.0, 0.3, 1.0, 7.0, 100.0)


def _four_numbers(answer: Any, name: str) -> tuple[float, ...]:
    """Return the four numbers of a tuple, a list, an array or a tensor."""
    try:
        numbers = tuple(float(number) for number in answer)
    except (TypeError, ValueError):
        numbers = ()
    expect(len(numbers) == 4, f"{name} {quoted(answer)}, expected four numbers: lower, upper, scale, shift")
    return numbers


def _is_relu(numbers: Sequence[float], s: float, b: float) -> bool:
    lower, upper, scale, shift = numbers
    return all(
        abs(scale * min(max(x, lower), upper) + shift - max(s * x + b, 0.0)) <= ROUNDING for x in _INPUTS
    )


def _expect_same(found: Any, expected: Tensor, name: str) -> None:
    expect(isinstance(found, Tensor), f"{name} is of type {type(found).__name__}, expected a tensor")
    expect_equal(
        tuple(found.shape),
        tuple(expected.shape),
        because="nothing else is changed",
        name=f"the shape of {name}",
    )
    apart = max_difference(found, expected)
    expect(apart <= ROUNDING, f"{name} is {apart:.2g} off (max|Δ| in float64), expected 0 up to rounding")
