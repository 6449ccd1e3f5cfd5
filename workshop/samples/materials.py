"""What surfaces are made of: two colours, the pattern that mixes them, and a finish.

A material is chosen without looking at what it covers: a class can't be told by its colour or its pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from workshop.samples.patterns import GROUND_PATTERNS, OBJECT_PATTERNS, Pattern
from workshop.samples.randomness import Chance
from workshop.samples.vectors import mix


class Colour(NamedTuple):
    """A colour as light, not as a file stores it: each part from 0 to 1 (a lamp may have more)."""

    red: float
    green: float
    blue: float

    def column(self) -> Tensor:
        """Return it as a tensor, (3, 1)."""
        return torch.tensor(self, dtype=torch.float32)[:, None]

    def times(self, factor: float) -> "Colour":
        """Return it brighter or darker."""
        return Colour(self.red * factor, self.green * factor, self.blue * factor)

    def towards(self, other: "Colour", share: float) -> "Colour":
        """Return a colour on the way to another one: share 0 is here, 1 is there."""
        return Colour(*(a + (b - a) * share for a, b in zip(self, other, strict=True)))

    def brightness(self) -> float:
        """Say how bright it looks (Rec. 709 luminance)."""
        return 0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue


@dataclass(frozen=True)
class Finish:
    """How a surface throws light back.

    Args:
        name: what people call it.
        mirror: share of light from straight ahead that is reflected as in a mirror.
        shine: strength of the bright spot that the lamp makes.
        doublings: how small the spot is: the cosine is squared this many times.
        metal: reflections take the surface's colour, and little light is scattered.
    """

    name: str
    mirror: float
    shine: float
    doublings: int
    metal: bool = False


FINISHES = {
    finish.name: finish
    for finish in (
        Finish("matte", mirror=0.0, shine=0.03, doublings=3),
        Finish("satin", mirror=0.015, shine=0.22, doublings=4),
        Finish("glossy", mirror=0.05, shine=0.7, doublings=7),
        Finish("metal", mirror=0.62, shine=1.1, doublings=5, metal=True),
    )
}


@dataclass(frozen=True)
class Material:
    """Two colours, the pattern that mixes them (and its name), and a finish."""

    name: str
    first: Colour
    second: Colour
    finish: Finish
    pattern: Pattern

    def colours(self, points: Tensor) -> Tensor:
        """Return the colour at each point, (3, N)."""
        return mix(self.first.column(), self.second.column(), self.pattern(points))

    def mean(self) -> Colour:
        """Return about the colour that the material has from afar."""
        if self.name == "plain":
            return self.first
        return Colour(*((a + b) / 2 for a, b in zip(self.first, self.second, strict=True)))


def from_hue(hue: float, saturation: float, value: float) -> Colour:
    """Return the colour of a hue (0 red, 1/3 green, 2/3 blue, 1 red again)."""
    parts = []
    for offset in (0.0, 2 / 3, 1 / 3):
        position = (hue + offset) % 1.0 * 6.0
        ramp = min(max(abs(position - 3.0) - 1.0, 0.0), 1.0)
        parts.append(value * (1.0 - saturation + saturation * ramp))
    return Colour(*parts)


def any_colour(chance: Chance) -> Colour:
    """Return a colour as things in a room have them: any hue, seldom garish, from dark to nearly white."""
    kind = chance.between(0, 1)
    if kind < 0.25:  # white, grey, black, a little warm or cool
        grey, warmth = chance.between(0.03, 0.85), chance.between(-0.08, 0.08)
        return Colour(grey * (1 + warmth), grey, grey * (1 - warmth))
    saturation = chance.between(0.25, 0.6) if kind < 0.65 else chance.between(0.6, 0.9)
    return from_hue(chance.between(0, 1), saturation, chance.between(0.08, 0.68))


def contrasting(chance: Chance, colour: Colour) -> Colour:
    """Return a colour that can be told from another one: clearly brighter or darker."""
    for _ in range(40):
        other = any_colour(chance)
        low, high = sorted((other.brightness(), colour.brightness()))
        if high > 2.2 * low + 0.05:
            return other
    return Colour(0.8, 0.8, 0.78) if colour.brightness() < 0.3 else Colour(0.04, 0.04, 0.05)


def any_material(chance: Chance) -> Material:
    """Return a material for an object: pattern, finish and colours, each drawn on its own."""
    name = "plain" if chance.happens(0.75) else chance.one_of(tuple(OBJECT_PATTERNS))
    finish = FINISHES[
        chance.one_of(("matte", "matte", "satin", "satin", "satin", "glossy", "glossy", "glossy", "metal"))
    ]
    first = any_colour(chance)
    second = first.towards(any_colour(chance), chance.between(0.25, 0.75))
    if finish.metal:
        first = chance.one_of(_METALS)
        second = first.times(chance.between(0.55, 0.8))
    elif name in ("wood", "marble", "cloud"):
        second = first.times(chance.between(0.35, 0.7))
    return Material(name, first, second, finish, OBJECT_PATTERNS[name](chance))


def any_ground(chance: Chance) -> Material:
    """Return a material for a table top or a wall: calmer than an object's, so that objects stand out."""
    name = chance.one_of(tuple(GROUND_PATTERNS))
    finish = FINISHES[chance.one_of(("matte", "matte", "satin", "satin", "glossy"))]
    first = from_hue(
        chance.between(0, 1), chance.between(0.05, 0.5) * chance.between(0, 1), chance.between(0.08, 0.7)
    )
    if name == "planks":
        first = chance.one_of(_WOODS)
    depth = chance.between(0.7, 0.93)
    return Material(name, first, first.times(depth), finish, GROUND_PATTERNS[name](chance))


def plain(colour: Colour, finish: str) -> Material:
    """Return a material of one colour."""
    return Material("plain", colour, colour, FINISHES[finish], OBJECT_PATTERNS["plain"](Chance("plain")))


_METALS: Sequence[Colour] = (
    Colour(0.78, 0.78, 0.80),  # steel
    Colour(0.55, 0.56, 0.60),  # iron
    Colour(0.95, 0.70, 0.30),  # gold
    Colour(0.88, 0.50, 0.34),  # copper
    Colour(0.78, 0.62, 0.30),  # brass
    Colour(0.30, 0.48, 0.72),  # blue lacquer
    Colour(0.70, 0.22, 0.22),  # red lacquer
    Colour(0.25, 0.52, 0.34),  # green lacquer
)

_WOODS: Sequence[Colour] = (
    Colour(0.42, 0.24, 0.12),
    Colour(0.60, 0.40, 0.22),
    Colour(0.30, 0.16, 0.09),
    Colour(0.72, 0.56, 0.36),
    Colour(0.22, 0.13, 0.09),
    Colour(0.55, 0.50, 0.44),
)
