"""Shapes as signed distances: how far is a point from the surface, less than zero inside.

A shape is a function from points, (3, N), to distances, (N,). It may answer too little, never too much: the
sphere tracer walks that far without looking. Unions, cuts and blends are arithmetic on the distances, which is
why an object can be written down in a few lines (Hart, *Sphere tracing*, The Visual Computer, 1996).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from workshop.samples.vectors import Rotation, dot, length, rotate_back, vector

Shape = Callable[[Tensor], Tensor]
Profile = Sequence[tuple[float, float]]
"""Points (radius, height) of a line that is turned about the vertical axis."""


def sphere(radius: float) -> Shape:
    """Return a ball around the origin."""
    return lambda p: length(p) - radius


def balls(centres: Sequence[tuple[float, float, float]], radius: float) -> Shape:
    """Return many balls of one size."""
    x, y, z = (torch.tensor(part, dtype=torch.float32)[:, None] for part in zip(*centres, strict=True))

    def distance(p: Tensor) -> Tensor:
        dx, dy, dz = p[0] - x, p[1] - y, p[2] - z  # (balls, N)
        return torch.sqrt((dx * dx + dy * dy + dz * dz).amin(0)) - radius

    return distance


def box(width: float, height: float, depth: float, rounding: float = 0.02) -> Shape:
    """Return a box around the origin with rounded edges."""
    half = vector(width / 2 - rounding, height / 2 - rounding, depth / 2 - rounding)

    def distance(p: Tensor) -> Tensor:
        q = torch.abs(p) - half
        outside = length(q.clamp(min=0.0))
        inside = torch.maximum(q[0], torch.maximum(q[1], q[2])).clamp(max=0.0)
        return outside + inside - rounding

    return distance


def cylinder(radius: float, height: float, rounding: float = 0.02) -> Shape:
    """Return an upright cylinder around the origin with rounded edges."""
    return lambda p: _extruded(
        torch.sqrt(p[0] * p[0] + p[2] * p[2]) - radius + rounding, p[1], height, rounding
    )


def prism(sides: int, radius: float, height: float, rounding: float = 0.02) -> Shape:
    """Return an upright regular prism; `radius` is that of the circle inside. 4, 6 or 8 sides."""
    directions = {
        4: [(1.0, 0.0), (0.0, 1.0)],
        6: [(1.0, 0.0), (0.5, 0.8660254), (0.5, -0.8660254)],
        8: [(1.0, 0.0), (0.0, 1.0), (0.7071068, 0.7071068), (0.7071068, -0.7071068)],
    }[sides]

    def distance(p: Tensor) -> Tensor:
        across = torch.abs(directions[0][0] * p[0] + directions[0][1] * p[2])
        for x, z in directions[1:]:
            across = torch.maximum(across, torch.abs(x * p[0] + z * p[2]))
        return _extruded(across - radius + rounding, p[1], height, rounding)

    return distance


def torus(radius: float, thickness: float) -> Shape:
    """Return a ring that lies flat: `radius` to the middle of the tube, `thickness` the tube's radius."""

    def distance(p: Tensor) -> Tensor:
        around = torch.sqrt(p[0] * p[0] + p[2] * p[2]) - radius
        return torch.sqrt(around * around + p[1] * p[1]) - thickness

    return distance


def rod(start: tuple[float, float, float], end: tuple[float, float, float], r0: float, r1: float) -> Shape:
    """Return a rod with round ends whose radius goes from r0 to r1."""
    a, along = vector(*start), vector(*end) - vector(*start)
    square = float(dot(along, along))

    def distance(p: Tensor) -> Tensor:
        q = p - a
        share = (dot(q, along) / square).clamp(0.0, 1.0)
        # A radius that changes along the way makes the distance a little too large: shorten it.
        return (length(q - along * share) - r0 - (r1 - r0) * share) * 0.9

    return distance


def lathe(profile: Profile, thickness: float) -> Shape:
    """Turn a line about the vertical axis: a wall of this thickness with a round rim.

    The distance to the line is worked out once, on a grid over (radius, height), and looked up from there.
    """
    cells, size = 216, 1.44  # the grid spans radius 0 to 1.44 and height −1.44 to 1.44
    step = size / cells
    across = (torch.arange(cells + 1) * step).expand(2 * cells + 1, cells + 1).reshape(-1)
    up = (torch.arange(2 * cells + 1) * step - size)[:, None].expand(2 * cells + 1, cells + 1).reshape(-1)
    table = _distance_to_line(profile, across, up)

    def distance(p: Tensor) -> Tensor:
        radius = torch.sqrt(p[0] * p[0] + p[2] * p[2])
        r, y = radius.clamp(max=size - step), p[1].clamp(-size, size - step)
        column, row = r / step, (y + size) / step
        left, below = torch.floor(column), torch.floor(row)
        index = (below * float(cells + 1) + left).to(torch.int64)
        u, v = column - left, row - below
        low = table[index] * (1.0 - u) + table[index + 1] * u
        high = table[index + cells + 1] * (1.0 - u) + table[index + cells + 2] * u
        d = low * (1.0 - v) + high * v
        # Beyond the grid: by Pythagoras at least this far.
        dr, dy = radius - r, p[1] - y
        return torch.sqrt(d * d + dr * dr + dy * dy) - thickness / 2

    return distance


def smooth_line(points: Profile, pieces: int = 10) -> list[tuple[float, float]]:
    """Draw a smooth line through the points (Catmull-Rom), each span cut into straight pieces."""
    ends = [points[0], *points, points[-1]]
    line = [points[0]]
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for piece in range(1, pieces + 1):
            t = piece / pieces
            line.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return [(max(radius, 0.0), height) for radius, height in line]


def union(*shapes: Shape) -> Shape:
    """Put shapes together."""

    def distance(p: Tensor) -> Tensor:
        nearest = shapes[0](p)
        for shape in shapes[1:]:
            nearest = torch.minimum(nearest, shape(p))
        return nearest

    return distance


def blend(a: Shape, b: Shape, width: float) -> Shape:
    """Put two shapes together with a fillet of this width where they meet."""

    def distance(p: Tensor) -> Tensor:
        da, db = a(p), b(p)
        overlap = (width - torch.abs(da - db)).clamp(min=0.0)
        return torch.minimum(da, db) - overlap * overlap / (4.0 * width)

    return distance


def cut(shape: Shape, away: Shape) -> Shape:
    """Return the shape without what lies in `away`."""
    return lambda p: torch.maximum(shape(p), -away(p))


def both(a: Shape, b: Shape) -> Shape:
    """Return what lies in both shapes."""
    return lambda p: torch.maximum(a(p), b(p))


def move(shape: Shape, x: float, y: float, z: float) -> Shape:
    """Return the shape moved."""
    offset = vector(x, y, z)
    return lambda p: shape(p - offset)


def turn(shape: Shape, rotation: Rotation) -> Shape:
    """Return the shape rotated."""
    return lambda p: shape(rotate_back(rotation, p))


def stretch(shape: Shape, x: float, y: float, z: float) -> Shape:
    """Return the shape stretched along the axes; distances shrink to stay on the safe side."""
    factors, smallest = vector(x, y, z), min(x, y, z)
    return lambda p: shape(p / factors) * smallest


def grown(shape: Shape, by: float) -> Shape:
    """Return the shape with a coat of this thickness."""
    return lambda p: shape(p) - by


def extent(shape: Shape, axis: int, sign: int, reach: float = 2.0) -> float:
    """Say how far a shape extends along an axis (0, 1, 2) in one direction (+1 or −1).

    A plane comes in from outside and stops when it touches: each step is as long as the nearest distance over
    a lattice of points on it, so it never passes the surface.
    """
    side = torch.arange(41, dtype=torch.float32) / 20.0 * (0.8 * reach) - 0.8 * reach
    first, second = side.repeat(41), side.repeat_interleave(41)
    place = reach
    for _ in range(60):
        level = torch.full_like(first, sign * place)
        coordinates = [first, second]
        coordinates.insert(axis, level)
        step = float(shape(torch.stack(coordinates)).min())
        place -= step
        if step < 1e-3:
            break
    return place


def _extruded(across: Tensor, y: Tensor, height: float, rounding: float) -> Tensor:
    """Give a flat figure, known by its distances, a height and rounded edges."""
    up = torch.abs(y) - height / 2 + rounding
    a, u = across.clamp(min=0.0), up.clamp(min=0.0)
    return torch.sqrt(a * a + u * u) + torch.maximum(across, up).clamp(max=0.0) - rounding


def _distance_to_line(profile: Profile, r: Tensor, y: Tensor) -> Tensor:
    nearest = torch.full_like(r, 1e9)
    for (r0, y0), (r1, y1) in pairwise(profile):
        dr, dy = r1 - r0, y1 - y0
        square = max(dr * dr + dy * dy, 1e-12)
        share = (((r - r0) * dr + (y - y0) * dy) / square).clamp(0.0, 1.0)
        er, ey = r - r0 - dr * share, y - y0 - dy * share
        nearest = torch.minimum(nearest, er * er + ey * ey)
    return torch.sqrt(nearest)


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
