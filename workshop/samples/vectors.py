"""The arithmetic of the renderer: points and directions as tensors, and nothing that two machines do unalike.

IEEE 754 fixes the result of +, −, ×, ÷, √ and of comparisons to the last bit; it leaves sine, exponential and
power to each library, and sums to their order. So the renderer is built from the first kind alone, one tensor
operation at a time, and vector components are added in a written order. So a picture comes out the same to the
byte with any number of threads, and on most processors. Not on all: without AVX-512 about a fifth of the pictures
differ somewhere by a level, and which operation rounds otherwise there is not known.

A batch of N points or directions is one float32 tensor (3, N): x to the right, y up, z towards the viewer.
"""

import math

import torch
from torch import Tensor

Rotation = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
"""A rotation matrix, row by row."""


def vector(x: float, y: float, z: float) -> Tensor:
    """Return one point or direction as a column, (3, 1), which broadcasts against a batch, (3, N)."""
    return torch.tensor([[x], [y], [z]], dtype=torch.float32)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar products, (N,), of two batches, (3, N)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def length(a: Tensor) -> Tensor:
    """Return the lengths, (N,), of a batch of vectors, (3, N)."""
    return torch.sqrt(dot(a, a))


def normalise(a: Tensor) -> Tensor:
    """Return vectors of length 1 in the same directions."""
    return a / length(a).clamp(min=1e-9)


def reflect(direction: Tensor, normal: Tensor) -> Tensor:
    """Return where a mirror with this normal sends light that comes along `direction`."""
    return direction - 2.0 * dot(direction, normal) * normal


def mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Blend from a (share 0) to b (share 1)."""
    return a + (b - a) * share


def smooth_step(low: float, high: float, x: Tensor) -> Tensor:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = ((x - low) / (high - low)).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def wave(x: Tensor) -> Tensor:
    """Return a smooth wave between 0 and 1 with period 1: two parabolas in place of a cosine."""
    t = (x - torch.floor(x)) * 2.0 - 1.0  # −1 to 1
    s = torch.abs(t)
    rising = 2.0 * s * s
    falling = 1.0 - 2.0 * (1.0 - s) * (1.0 - s)
    return torch.where(s < 0.5, rising, falling)


def angle(x: Tensor, z: Tensor) -> Tensor:
    """Return the angle of (x, z) around the vertical axis, in turns from 0 to 1 (to about 0.001)."""
    ax, az = torch.abs(x), torch.abs(z)
    q = torch.minimum(ax, az) / torch.maximum(ax, az).clamp(min=1e-9)  # tangent of 0 to 45 degrees
    turns = q * (0.125 + 0.04345 * (1.0 - q))
    turns = torch.where(az > ax, 0.25 - turns, turns)
    turns = torch.where(x < 0, 0.5 - turns, turns)
    return torch.where(z < 0, 1.0 - turns, turns)


def cosine_sine(turns: float) -> tuple[float, float]:
    """Return cosine and sine of an angle given in turns, by their Taylor series (to 1e-9).

    `math.cos` may differ in its last bit from one C library to the next.
    """
    return _sine(turns + 0.25), _sine(turns)


def _sine(turns: float) -> float:
    t = turns - math.floor(turns + 0.5)  # −0.5 to 0.5
    if abs(t) > 0.25:
        t = math.copysign(0.5, t) - t
    x = t * 2.0 * math.pi
    square = x * x
    total = 0.0
    for n in (15, 13, 11, 9, 7, 5, 3):
        total = (1.0 + total) * -square / (n * (n - 1))
    return x * (1.0 + total)


def turn_y(turns: float) -> Rotation:
    """Return the rotation about the vertical axis."""
    c, s = cosine_sine(turns)
    return (c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c)


def turn_x(turns: float) -> Rotation:
    """Return the rotation about the axis to the right (a quarter turn lays things on their side)."""
    c, s = cosine_sine(turns)
    return (1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c)


def turn_z(turns: float) -> Rotation:
    """Return the rotation about the axis towards the viewer."""
    c, s = cosine_sine(turns)
    return (c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)


def combine(second: Rotation, first: Rotation) -> Rotation:
    """Return the rotation that does `first`, then `second`."""
    # Written out: `sum` rounds differently from Python 3.12 on.
    rows = [
        tuple(row[0] * first[0][k] + row[1] * first[1][k] + row[2] * first[2][k] for k in range(3))
        for row in second
    ]
    return rows[0], rows[1], rows[2]  # type: ignore[return-value]


def rotate(matrix: Rotation, points: Tensor) -> Tensor:
    """Rotate a batch, (3, N)."""
    return torch.stack([a * points[0] + b * points[1] + c * points[2] for a, b, c in matrix])


def rotate_back(matrix: Rotation, points: Tensor) -> Tensor:
    """Undo `rotate`: the inverse of a rotation is its transpose."""
    a, b, c = matrix
    return rotate(((a[0], b[0], c[0]), (a[1], b[1], c[1]), (a[2], b[2], c[2])), points)
