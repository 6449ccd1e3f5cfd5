"""Small things that lie about on a table and belong to no class."""

from workshop.samples.objects import Thing
from workshop.samples.randomness import Chance
from workshop.samples.shapes import blend, cylinder, grown, prism, rod, sphere, stretch, turn, union
from workshop.samples.vectors import turn_z


def distraction(chance: Chance) -> Thing:
    """Make a small thing that belongs to no class: a marble, a pebble, a pencil, a cone, a bean, a coin."""
    kind = chance.one_of(("marble", "pebble", "pencil", "cone", "bean", "coin"))
    size = chance.between(0.13, 0.26)
    if kind == "marble":
        return Thing(sphere(size), ("upright",))
    if kind == "pebble":
        return Thing(
            stretch(sphere(size), chance.between(1, 1.5), chance.between(0.5, 0.8), chance.between(0.8, 1.1)),
            ("upright",),
        )
    if kind == "pencil":
        half = chance.between(0.5, 0.8)
        shaft = turn(prism(6, 0.06, 2 * half, 0.01), turn_z(0.25))
        point = rod((half - 0.02, 0, 0), (half + 0.2, 0, 0), 0.06, 0.012)
        return Thing(union(shaft, point), ("upright",), trim=grown(point, 0.01))
    if kind == "cone":
        return Thing(rod((0, 0, 0), (0, 2.4 * size, 0), size, 0.02), ("upright", "side"))
    if kind == "bean":
        return Thing(
            blend(
                rod((0, 0, 0), (size, 0, 0), size * 0.6, size * 0.5),
                rod((size, 0, 0), (size * 1.6, 0, size), size * 0.5, size * 0.6),
                0.05,
            ),
            ("upright",),
        )
    return Thing(cylinder(size * 1.1, 0.07, 0.02), ("upright",))
