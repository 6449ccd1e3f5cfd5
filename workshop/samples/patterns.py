"""Patterns over space: stripes, dots, marble, wood, tiles, cloth.

A pattern takes points in the coordinates of what it covers, (3, N), and returns the share of the second colour
there, (N,), from 0 to 1. It fills space, so it covers any shape, as if the thing were cut from a block of it.
Each function here makes one more pattern of its kind.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from workshop.samples.randomness import Chance, noise, rough_noise
from workshop.samples.vectors import angle, combine, length, rotate, smooth_step, turn_x, turn_y, wave

Pattern = Callable[[Tensor], Tensor]


def plain(chance: Chance) -> Pattern:
    """Make one colour."""
    return lambda p: torch.zeros_like(p[0])


def rings(chance: Chance) -> Pattern:
    """Make bands around the vertical axis."""
    count, sharp, share = chance.between(1.2, 4), chance.between(3, 12), chance.between(-0.2, 0.2)
    shift = chance.between(0, 1)
    return lambda p: ((wave(p[1] * count + shift) - 0.5 + share) * sharp + 0.5).clamp(0.0, 1.0)


def staves(chance: Chance) -> Pattern:
    """Make stripes from bottom to top, straight or twisted."""
    count, sharp, twist = chance.whole(4, 12), chance.between(3, 10), chance.between(-0.4, 0.4)

    def pattern(p: Tensor) -> Tensor:
        stripes = wave(angle(p[0], p[2]) * float(count) + p[1] * (twist * count))
        return ((stripes - 0.5) * sharp + 0.5).clamp(0.0, 1.0)

    return pattern


def dots(chance: Chance) -> Pattern:
    """Make round dots in rows."""
    place, size = _placed(chance, 2.2, 4.5), chance.between(0.28, 0.42)

    def pattern(p: Tensor) -> Tensor:
        q = place(p)
        return smooth_step(size, size - 0.06, length(q - torch.floor(q) - 0.5))

    return pattern


def speckle(chance: Chance) -> Pattern:
    """Make small irregular specks, as on stoneware or granite."""
    place, level = _placed(chance, 10, 22), chance.between(0.6, 0.72)
    return lambda p: smooth_step(level, level + 0.06, noise(place(p)))


def cloud(chance: Chance) -> Pattern:
    """Make soft blotches."""
    place = _placed(chance, 1.2, 3)
    return lambda p: smooth_step(0.3, 0.7, rough_noise(place(p)))


def marble(chance: Chance) -> Pattern:
    """Make thin veins: a wave that noise has shifted this way and that (Perlin, 1985)."""
    place, shifted = _placed(chance, 0.9, 2.0), chance.between(2.5, 5)

    def pattern(p: Tensor) -> Tensor:
        q = place(p)
        crest = wave(q[0] + shifted * rough_noise(q))
        return crest * crest * crest

    return pattern


def wood(chance: Chance) -> Pattern:
    """Make year rings, not quite upright, and fibres along them."""
    tilt = combine(turn_x(chance.between(-0.06, 0.06)), turn_y(chance.between(0, 1)))
    years, shift = chance.between(3, 8), chance.between(3, 40)

    def pattern(p: Tensor) -> Tensor:
        x, y, z = rotate(tilt, p)
        year = wave(noise(torch.stack([x * 1.2, y * 0.35, z * 1.2]) + shift) * years)
        fibre = noise(torch.stack([x * 26.0, y * 2.5, z * 26.0]) + shift)
        return 0.7 * year + 0.3 * fibre

    return pattern


def dipped(chance: Chance) -> Pattern:
    """Make glazed from some height up, as pottery often is."""
    level, wobble = chance.between(-0.35, 0.35), chance.between(0, 0.25)
    return lambda p: smooth_step(-0.015, 0.015, p[1] - level + wobble * (noise(p * 2.5 + 9.0) - 0.5))


def patches(chance: Chance) -> Pattern:
    """Make a chessboard in space."""
    place = _placed(chance, 2.0, 4.0)

    def pattern(p: Tensor) -> Tensor:
        x, y, z = torch.floor(place(p))
        half = (x + y + z) / 2.0
        return (half - torch.floor(half)) * 2.0

    return pattern


def tiles(chance: Chance) -> Pattern:
    """Make square tiles with joints."""
    size, turned, joint = chance.between(0.7, 2.2), turn_y(chance.between(0, 1)), chance.between(0.015, 0.04)

    def pattern(p: Tensor) -> Tensor:
        q = rotate(turned, p) * size
        inside = torch.abs(q - torch.floor(q) - 0.5)
        line = smooth_step(0.5 - 2 * joint, 0.5 - joint, torch.maximum(inside[0], inside[2]))
        return (line + 0.35 * rough_noise(q * 3.0)).clamp(0.0, 1.0)

    return pattern


def planks(chance: Chance) -> Pattern:
    """Make boards side by side, each with a grain of its own."""
    width, turned, shift = chance.between(0.8, 2.0), turn_y(chance.between(0, 1)), chance.between(0, 9)

    def pattern(p: Tensor) -> Tensor:
        x, _, z = rotate(turned, p) * width + shift
        board = torch.floor(x)
        gap = smooth_step(0.47, 0.495, torch.abs(x - board - 0.5))
        grain = noise(torch.stack([x * 2.5, board * 7.0, z * 0.35 + board * 3.7]))
        fibre = noise(torch.stack([x * 22.0, board, z * 1.6]))
        return (gap + 0.55 * wave(grain * 5.0) + 0.3 * fibre).clamp(0.0, 1.0)

    return pattern


def checks(chance: Chance) -> Pattern:
    """Make a checked cloth: crossing stripes, darkest where they meet."""
    size, turned = chance.between(0.8, 2.2), turn_y(chance.between(0, 1))

    def pattern(p: Tensor) -> Tensor:
        q = rotate(turned, p) * size
        crossing = smooth_step(0.45, 0.55, wave(q[0])) + smooth_step(0.45, 0.55, wave(q[2]))
        return 0.5 * crossing * (0.8 + 0.2 * noise(q * 24.0))

    return pattern


def weave(chance: Chance) -> Pattern:
    """Make a coarse cloth, a little worn."""
    size, turned = chance.between(7, 13), turn_y(chance.between(0, 1))

    def pattern(p: Tensor) -> Tensor:
        q = rotate(turned, p) * size
        return 0.35 * wave(q[0]) + 0.35 * wave(q[2]) + 0.3 * rough_noise(q * 0.15)

    return pattern


def _placed(chance: Chance, low: float, high: float) -> Callable[[Tensor], Tensor]:
    """Return a random placement in space: a scale from `low` to `high`, a tilt, an offset."""
    scale, shift = chance.between(low, high), chance.between(3, 40)
    tilt = combine(turn_x(chance.between(0, 1)), turn_y(chance.between(0, 1)))
    return lambda p: rotate(tilt, p) * scale + shift


Kinds = dict[str, Callable[[Chance], Pattern]]

OBJECT_PATTERNS: Kinds = {
    kind.__name__: kind
    for kind in (plain, rings, staves, dots, speckle, cloud, marble, wood, dipped, patches)
}
GROUND_PATTERNS: Kinds = {
    kind.__name__: kind for kind in (plain, cloud, marble, speckle, tiles, planks, checks, weave)
}
