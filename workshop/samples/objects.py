"""The ten classes, written down as shapes: each call makes one more mug, bottle or nut, none like another.

An object stands upright in its own coordinates, about one unit from its middle to its farthest point, and knows
how it may rest on a table: as it is, upside down, or on its side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from workshop.samples.randomness import Chance
from workshop.samples.shapes import (
    Shape,
    balls,
    blend,
    both,
    box,
    cut,
    cylinder,
    grown,
    lathe,
    move,
    prism,
    rod,
    smooth_line,
    sphere,
    stretch,
    torus,
    turn,
    union,
)
from workshop.samples.vectors import cosine_sine, turn_x, turn_y, turn_z

Rest = Literal["upright", "side", "upside down", "any face"]


@dataclass(frozen=True)
class Thing:
    """One object.

    Args:
        shape: its distances.
        rests: the ways it may rest on a table, the likely ones more than once.
        trim: where it has a second material, if anywhere.
        telling: the part that makes it what it is, if there is one (a mug's handle): a picture must show it.
    """

    shape: Shape
    rests: Sequence[Rest]
    trim: Shape | None = None
    telling: Shape | None = None


def mug(chance: Chance) -> Thing:
    """Make a straight or slightly bellied cup with one handle."""
    radius, height = chance.between(0.5, 0.62), chance.between(1.0, 1.35)
    body = _cup(chance, radius, height, radius * chance.between(0.88, 1.02))
    size = height * chance.between(0.28, 0.35)
    handle = _handle(chance, radius * 0.93, size, chance.between(-0.08, 0.08))
    return Thing(
        blend(body, handle, 0.04),
        ("upright",) * 15 + ("side",),
        telling=grown(handle, 0.01),
    )


def tumbler(chance: Chance) -> Thing:
    """Make a cup without a handle."""
    radius, height = chance.between(0.44, 0.56), chance.between(1.2, 1.65)
    return Thing(
        _cup(chance, radius, height, radius * chance.between(0.64, 0.86)), ("upright",) * 15 + ("side",)
    )


def bowl(chance: Chance) -> Thing:
    """Make something wider than high, open at the top, on a small foot."""
    radius, height = chance.between(0.85, 1.0), chance.between(0.45, 0.75)
    foot = radius * chance.between(0.3, 0.45)
    belly = chance.between(0.72, 0.92)
    half = height / 2
    line = smooth_line(
        [
            (0.0, -half + 0.05),
            (foot, -half + 0.05),
            (radius * belly, -half + height * 0.42),
            (radius, half),
        ]
    )
    wall = lathe(line, chance.between(0.05, 0.09))
    base = move(cut(cylinder(foot, 0.12), cylinder(foot - 0.07, 0.3)), 0, -half, 0)
    return Thing(union(wall, base), ("upright",))


def teapot(chance: Chance) -> Thing:
    """Make a round pot with a lid, a spout and a handle."""
    radius, height = chance.between(0.5, 0.6), chance.between(0.75, 1.0)
    half, mouth = height / 2, chance.between(0.24, 0.32)
    shoulder = chance.between(0.85, 1.0)
    line = smooth_line(
        [
            (0.0, -half),
            (radius * 0.62, -half),
            (radius, -half + height * 0.42),
            (radius * 0.9 * shoulder, half - height * 0.18),
            (mouth, half),
        ]
    )
    knob = chance.between(0.07, 0.11)
    lid = stretch(sphere(mouth + 0.03), 1, chance.between(0.3, 0.6), 1)
    top = union(move(lid, 0, half, 0), move(sphere(knob), 0, half + mouth * 0.45 + knob, 0))
    low, high = -half * chance.between(0.1, 0.5), half * chance.between(0.8, 1.15)
    tip, bend = radius + chance.between(0.34, 0.48), radius + chance.between(0.14, 0.22)
    spout = blend(
        rod((radius * 0.8, low, 0), (bend, (low + high) * 0.45, 0), 0.15, 0.095),
        rod((bend, (low + high) * 0.45, 0), (tip, high, 0), 0.095, 0.065),
        0.06,
    )
    pot = union(blend(lathe(line, 0.06), spout, 0.07), top)
    handle = turn(_handle(chance, radius * 0.95, height * 0.33, 0.0), turn_y(0.5))
    return Thing(
        union(pot, handle),
        ("upright",),
        trim=move(sphere(mouth + 0.1), 0, half + 0.12, 0) if chance.happens(0.3) else None,
        telling=grown(union(spout, handle), 0.01),
    )


def bottle(chance: Chance) -> Thing:
    """Make a body with a shoulder and a narrow neck of its own."""
    radius, neck = chance.between(0.26, 0.38), chance.between(0.085, 0.13)
    low, shoulder = -1.0, chance.between(-0.05, 0.35)
    slope = chance.between(0.12, 0.4)
    neck_from = min(shoulder + slope, 0.6)
    line = [(0.0, low), (radius - 0.06, low), (radius - 0.015, low + 0.02), (radius, low + 0.07)]
    line += smooth_line(
        [(radius, shoulder), (radius * 0.82, shoulder + slope * 0.45), (neck + 0.02, neck_from), (neck, 0.72)]
    )
    line += [(neck, 0.95)]
    glass = lathe(line, 0.05)
    lip = move(torus(neck + 0.005, 0.04), 0, chance.between(0.86, 0.95), 0)
    shape, trim = union(glass, lip), None
    if chance.happens(0.5):  # a cap or cork
        cap = move(cylinder(neck + 0.05, chance.between(0.14, 0.26)), 0, 0.93, 0)
        shape, trim = union(shape, cap), cap
    if chance.happens(0.45):  # a label
        tall, at = chance.between(0.3, 0.6), chance.between(-0.6, -0.4)
        label = move(cylinder(radius + 0.06, tall), 0, at, 0)
        trim = label if trim is None else union(trim, label)
    return Thing(
        shape,
        ("upright",) * 15 + ("side",),
        trim=None if trim is None else grown(trim, 0.003),
    )


def vase(chance: Chance) -> Thing:
    """Make a swelling body under a waist and an open, flaring rim."""
    belly, waist = chance.between(0.42, 0.62), chance.between(0.14, 0.26)
    rim, foot = waist + chance.between(0.1, 0.26), chance.between(0.2, 0.34)
    at, neck_at = chance.between(-0.45, 0.15), chance.between(0.5, 0.68)
    line = smooth_line(
        [
            (0.0, -0.95),
            (foot, -0.95),
            (belly, at),
            (waist + 0.03, neck_at - 0.12),
            (waist, neck_at),
            (rim, 0.95),
        ],
    )
    return Thing(lathe(line, chance.between(0.045, 0.075)), ("upright",) * 15 + ("side",))


def dice(chance: Chance) -> Thing:
    """Make a cube with round corners and hollow pips: 1 to 6, opposite faces adding up to seven."""
    side, rounding = 1.1, chance.between(0.06, 0.2)
    pip, spread = chance.between(0.095, 0.13), chance.between(0.25, 0.29)
    cube = box(side, side, side, rounding)
    if chance.happens(0.5):  # corners ground off by a ball
        cube = both(cube, sphere(chance.between(0.78, 0.86)))
    pips = balls(_pip_places(side / 2 + 0.3 * pip, spread), pip)
    return Thing(cut(cube, pips), ("any face",), trim=grown(pips, 0.008), telling=grown(pips, 0.008))


def carton(chance: Chance) -> Thing:
    """Make a box of any proportions: closed, with a lid, tied with a ribbon, or open."""
    width, height, depth = chance.between(0.8, 1.3), chance.between(0.45, 1.2), chance.between(0.7, 1.2)
    kind = chance.one_of(("closed", "lid", "ribbon", "open"))
    block = box(width, height, depth, chance.between(0.01, 0.05))
    if kind == "open":
        hollow = move(box(width - 0.12, height, depth - 0.12, 0.01), 0, 0.07, 0)
        return Thing(cut(block, hollow), ("upright",) * 6 + ("side",))
    if kind == "lid":
        tall = height * chance.between(0.2, 0.4)
        lid = move(box(width + 0.07, tall, depth + 0.07, 0.015), 0, height / 2 - tall / 2 + 0.03, 0)
        return Thing(union(block, lid), ("upright",), trim=grown(lid, 0.004) if chance.happens(0.6) else None)
    if kind == "ribbon":
        wide = chance.between(0.12, 0.22)
        band = union(
            box(width + 0.03, height + 0.03, wide, 0.01), box(wide, height + 0.03, depth + 0.03, 0.01)
        )
        tied = union(block, band)
        if chance.happens(0.6):
            band = union(band, _bow(height / 2 + 0.02, chance.between(0.13, 0.2)))
            tied = union(tied, band)
        return Thing(tied, ("upright",), trim=grown(band, 0.004))
    return Thing(block, ("any face",))


def ring(chance: Chance) -> Thing:
    """Make a round hoop: a tube, a flat band or something between."""
    radius, kind = chance.between(0.6, 0.75), chance.one_of(("tube", "tube", "band", "washer"))
    if kind == "tube":
        return Thing(torus(radius, chance.between(0.1, 0.24)), ("upright",) * 6 + ("side",))
    tall = chance.between(0.28, 0.5) if kind == "band" else chance.between(0.12, 0.22)
    wide = chance.between(0.1, 0.16) if kind == "band" else chance.between(0.25, 0.36)
    hoop = cut(cylinder(radius + wide / 2, tall, 0.05), cylinder(radius - wide / 2, 2.0))
    return Thing(hoop, ("upright",) * 6 + ("side",))


def nut(chance: Chance) -> Thing:
    """Make a six-sided nut with bevelled corners and a thread in its hole."""
    inner, height = chance.between(0.58, 0.68), chance.between(0.4, 0.7)
    hole = inner * chance.between(0.5, 0.66)
    body = prism(6, inner, height, 0.03)
    # Two cones (here: one flat ball) take the corners off above and below.
    body = both(body, stretch(sphere(inner * 1.16), 1, chance.between(0.62, 0.85) * height / 0.6, 1))
    bore = cylinder(hole, 2.0)
    threads = union(*(move(torus(hole - 0.01, 0.035), 0, (k - 3) * 0.11, 0) for k in range(7)))
    nut_shape = cut(union(cut(body, bore), both(body, threads)), cylinder(hole - 0.04, 2.0))
    if chance.happens(0.25):  # a flange
        flange = cut(cylinder(inner * chance.between(1.2, 1.35), 0.1, 0.04), cylinder(hole, 2.0))
        nut_shape = union(nut_shape, move(flange, 0, -height / 2 + 0.05, 0))
    return Thing(nut_shape, ("upright",) * 6 + ("side",), telling=cylinder(hole + 0.01, 4.0))


CLASSES: dict[str, Callable[[Chance], Thing]] = {
    "bottle": bottle,
    "bowl": bowl,
    "box": carton,
    "dice": dice,
    "mug": mug,
    "nut": nut,
    "ring": ring,
    "teapot": teapot,
    "tumbler": tumbler,
    "vase": vase,
}
"""Each class and the function that makes one of its kind."""


def _cup(chance: Chance, radius: float, height: float, bottom: float) -> Shape:
    """Make a cup's wall: straight, tapering or bellied."""
    half = height / 2
    middle = radius * chance.between(0.95, 1.06)
    line = [(0.0, -half), (bottom - 0.08, -half), (bottom - 0.02, -half + 0.02), (bottom, -half + 0.08)]
    line += smooth_line([(bottom, -half + 0.08), (0.5 * (bottom + middle), -0.1 * half), (radius, half)])
    return lathe(line, chance.between(0.05, 0.09))


def _handle(chance: Chance, radius: float, size: float, at: float) -> Shape:
    """Half a ring that stands out from a wall of this radius, to the right."""
    loop = turn(torus(size, chance.between(0.055, 0.085)), turn_x(0.25))
    loop = move(stretch(loop, chance.between(0.8, 1.1), 1, chance.between(1.0, 1.5)), radius, at, 0)
    return cut(loop, cylinder(radius - 0.02, 4.0))


def _pip_places(face: float, spread: float) -> list[tuple[float, float, float]]:
    corners = [(-spread, -spread), (spread, spread), (-spread, spread), (spread, -spread)]
    sides = [(-spread, 0.0), (spread, 0.0)]
    layouts = {
        1: [(0.0, 0.0)],
        2: corners[:2],
        3: [(0.0, 0.0), *corners[:2]],
        4: corners,
        5: [(0.0, 0.0), *corners],
        6: [*corners, *sides],
    }
    places = []
    for number, layout in layouts.items():
        for u, v in layout:
            places.append(
                {
                    1: (u, face, v),
                    6: (u, -face, v),
                    2: (face, u, v),
                    5: (-face, u, v),
                    3: (u, v, face),
                    4: (u, v, -face),
                }[number]
            )
    return places


def _bow(height: float, size: float) -> Shape:
    """Two loops of ribbon on top of a box."""
    loops = []
    for side in (-1, 1):
        c, s = cosine_sine(0.08)
        loop = turn(stretch(torus(size * 0.75, 0.035), 1, 2.2, 1), turn_x(0.25))
        loop = turn(stretch(loop, 1.3, 0.9, 1), turn_z(side * 0.08))
        loops.append(move(loop, side * size * 1.05 * c, height + size * (0.55 + s), 0))
    return union(*loops, move(sphere(size * 0.4), 0, height + 0.03, 0))
