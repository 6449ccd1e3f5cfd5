"""The checkers about rewritings accept every right answer and tell the usual mistakes apart."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from densekit.exercises.exact_rewriting import rewritings as check
from densekit.exercises.testing import assert_checker


def test_exercise_1_pools_first():
    def by_function(x, conv):
        return conv(F.avg_pool2d(x, 2))

    def by_module(x, conv):
        return conv(nn.AvgPool2d(kernel_size=2, stride=2)(x))

    def by_reshaping(x, conv):
        n, c, h, w = x.shape
        return conv(x.reshape(n, c, h // 2, 2, w // 2, 2).mean(dim=(3, 5)))

    assert_checker(
        check.exercise_1,
        right=[
            (by_function, 4, False, False),
            (by_module, 4.0, False, False),
            (by_reshaping, 4, False, False),
            (lambda x, conv: F.conv2d(F.avg_pool2d(x, 2), conv.weight, conv.bias), 4, False, False),
        ],
        wrong=[
            (
                (lambda x, conv: F.avg_pool2d(conv(x), 2), 4, False, False),
                "(2, 6, 8, 8), expected (2, 6, 4, 4)",
            ),
            (
                (lambda x, conv: F.avg_pool2d(F.conv2d(x, conv.weight, conv.bias), 2), 4, False, False),
                "(2, 6, 8, 8), expected (2, 6, 4, 4)",
            ),
            (
                (lambda x, conv: F.avg_pool2d(conv.forward(input=x), 2), 4, False, False),
                "(2, 6, 8, 8), expected (2, 6, 4, 4)",
            ),
            ((lambda x, conv: conv(F.max_pool2d(x, 2)), 4, False, False), "off (max|Δ| in float64)"),
            ((lambda x, conv: conv(x), 4, False, False), "(2, 4, 8, 8), expected (2, 4, 4, 4)"),
            ((lambda x, conv: conv(x[..., ::2, ::2]), 4, False, False), "off (max|Δ| in float64)"),
            ((by_function, 2, False, False), "saving is 2, expected 4"),
            ((by_function, 4, True, False), "max_pool_may_come_first is True, expected False"),
            ((by_function, 4, False, True), "pool_may_precede_3x3 is True, expected False"),
        ],
    )


def test_exercise_2_clamps_from_below_and_from_above():
    def three_cases(s, b):
        if s == 0:
            return -math.inf, math.inf, 0.0, max(b, 0.0)
        return (-b / s, math.inf, s, b) if s > 0 else (-math.inf, -b / s, s, b)

    def constant_by_clamping(s, b):
        if s == 0:
            return max(b, 0.0), max(b, 0.0), 1.0, 0.0
        return three_cases(s, b)

    def always_from_below(s, b):
        return three_cases(abs(s), b) if s == 0 else (-b / s, math.inf, s, b)

    def as_its_formula(s, b):
        lower, upper, scale, shift = three_cases(s, b)
        return scale, lower, upper, shift

    def no_shift(s, b):
        return (*three_cases(s, b)[:3], 0.0)

    def bend_at_b(s, b):
        return three_cases(s, b) if s == 0 else ((b, math.inf, s, b) if s > 0 else (-math.inf, b, s, b))

    def divides_by_zero(s, b):
        return (-b / s, math.inf, s, b) if s >= 0 else (-math.inf, -b / s, s, b)

    def forgets_the_sign_of_b(s, b):
        return (-math.inf, math.inf, 0.0, b) if s == 0 else three_cases(s, b)

    assert_checker(
        check.exercise_2,
        right=[
            three_cases,
            constant_by_clamping,
            lambda s, b: np.array(three_cases(s, b)),
            lambda s, b: torch.tensor(three_cases(s, b)),
        ],
        wrong=[
            (always_from_below, "with s = -2, b = 3 and x = -100"),
            (no_shift, "with s = 2, b = 1 and x = -100, your value is -1, expected 0"),
            (bend_at_b, "with s = 2, b = 1"),
            (divides_by_zero, "ZeroDivisionError"),
            (forgets_the_sign_of_b, "with s = 0, b = -2 and x = -100, your value is -2, expected 0"),
            (lambda s, b: max(s, b), "expected four numbers: lower, upper, scale, shift"),
            (lambda s, b: None, "expected four numbers: lower, upper, scale, shift"),
            (as_its_formula, "right, in another order: expected lower, upper, scale, shift"),
        ],
    )


def test_exercise_3_takes_scale_and_shift_in():
    assert_checker(
        check.exercise_3,
        right=[
            lambda weight, scale, shift: (weight * scale, weight @ shift),
            lambda weight, scale, shift: (weight @ torch.diag(scale), (weight * shift).sum(dim=1)),
            lambda weight, scale, shift: [weight * scale[None, :], F.linear(shift, weight)],
        ],
        wrong=[
            (lambda weight, scale, shift: (weight, weight @ shift), "off (max|Δ| in float64)"),
            (lambda weight, scale, shift: (weight * scale, torch.zeros(len(weight))), "off (max|Δ|"),
            (lambda weight, scale, shift: (weight * scale, (weight * scale) @ shift), "off (max|Δ|"),
            (lambda weight, scale, shift: (weight * scale[:, None], weight @ shift), "size"),
            (lambda weight, scale, shift: ((weight * scale).T, weight @ shift), "(5, 3), expected (3, 5)"),
            (lambda weight, scale, shift: weight * scale, "you returned Tensor, expected two tensors"),
            (
                lambda weight, scale, shift: (weight * scale, shift),
                "the shape of the bias is (5,), expected (3,)",
            ),
        ],
    )
