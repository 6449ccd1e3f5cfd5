"""The stage: one object of a class, a few distractions, a table, a room, light and a camera, all by chance.

What a picture is about decides the shape and nothing else. Materials, grounds, light, camera and clutter are
drawn from the same distributions for every class, so that none of them gives the class away.
"""

from dataclasses import dataclass, replace

from densekit.errors import DataError
from workshop.samples.distractions import distraction
from workshop.samples.materials import (
    Colour,
    Material,
    any_ground,
    any_material,
    contrasting,
    from_hue,
    plain,
)
from workshop.samples.objects import CLASSES, Rest, Thing
from workshop.samples.randomness import Chance
from workshop.samples.renderer import outline, view
from workshop.samples.scene import Body, Camera, Film, Light, Plane, Point, Room, Scene
from workshop.samples.shapes import Shape, extent, turn
from workshop.samples.vectors import Rotation, combine, cosine_sine, turn_x, turn_y, turn_z

_ATTEMPTS = 60


@dataclass(frozen=True)
class Staged:
    """A scene, and what was drawn for it: material, table, clutter and so on, by name."""

    scene: Scene
    seed: int
    drawn: dict[str, str | int | float]


def stage(class_name: str, picture: str) -> Staged:
    """Set up a scene for a class; `picture` is a name such as 'train/mug/0001' and decides everything by chance.

    Scenes in which the object is too small, cut off or hidden are thrown away and drawn again.

    Raises:
        DataError: none of many scenes was good.
    """
    for attempt in range(_ATTEMPTS):
        staged = draw(class_name, Chance(f"tabletop {picture} {attempt}"))
        seen = view(staged.scene, size=36)
        shown = seen.covered > 0.08 and seen.unhidden > 0.8 and seen.border < 0.03
        if shown and seen.telling > 0.08:
            return staged
    raise DataError(f"'{picture}': no scene in {_ATTEMPTS} shows the {class_name} well; choose another name")


def draw(class_name: str, chance: Chance) -> Staged:
    """Set up any scene for a class, good to look at or not."""
    # Each part has a stream of its own, so that a class which draws more numbers for its shape doesn't move
    # the colours.
    streams = {
        part: Chance(f"{part} {chance.whole(0, 2**40)}")
        for part in ("shape", "pose", "material", "ground", "light", "camera", "clutter", "film")
    }
    thing = CLASSES[class_name](streams["shape"])
    material = any_material(streams["material"])
    trim = _trim_material(streams["material"], material)
    body = _rest(thing, material, trim, (0.0, 0.0), streams["pose"])
    ground = _ground_for(streams["ground"], material)
    clutter = _clutter(streams["clutter"], body)
    camera = _camera(streams["camera"], body)
    planes, room = _surroundings(streams["ground"], ground)
    light, room = _light(streams["light"], room)
    film = _film(streams["film"], ground, material)
    scene = Scene((body, *clutter), planes, light, room, camera, film)
    drawn: dict[str, str | int | float] = {
        "pattern": material.name,
        "finish": material.finish.name,
        "brightness": material.mean().brightness(),
        "redness": material.first.red - material.first.blue,
        "ground": ground.name,
        "ground_brightness": ground.mean().brightness(),
        "clutter": len(clutter),
        "grain": film.grain,
        "haze": film.haze,
    }
    return Staged(scene, streams["film"].whole(0, 65535), drawn)


def _trim_material(chance: Chance, material: Material) -> Material:
    return plain(contrasting(chance, material.mean()), chance.one_of(("matte", "satin", "glossy")))


def _ground_for(chance: Chance, material: Material) -> Material:
    """Draw grounds until one differs enough from the object to be told from it."""
    ground = any_ground(chance)
    for _ in range(8):
        apart = [abs(a - b) for a, b in zip(ground.mean(), material.mean(), strict=True)]
        if max(apart) > 0.2:
            break
        ground = any_ground(chance)
    return ground


def _rest(
    thing: Thing, material: Material, trim: Material, place: tuple[float, float], chance: Chance
) -> Body:
    """Put a thing down on the table: choose how it rests, turn it, lower it until it touches."""
    rotation = combine(turn_y(chance.between(0, 1)), _resting(chance.one_of(thing.rests), chance))
    ranges = [(-extent(thing.shape, axis, -1), extent(thing.shape, axis, 1)) for axis in range(3)]
    centre = tuple((low + high) / 2 for low, high in ranges)
    radius = _reach(thing.shape, ranges)
    lowest = -extent(turn(thing.shape, rotation), 1, -1)
    middle = _turned(rotation, (centre[0], centre[1], centre[2]))
    position = (place[0] - middle[0], -lowest, place[1] - middle[2])
    return Body(
        thing.shape,
        material,
        rotation,
        position,
        (centre[0], centre[1], centre[2]),
        radius,
        thing.trim,
        trim,
        thing.telling,
    )


def _reach(shape: Shape, ranges: list[tuple[float, float]]) -> float:
    """Return the radius of a ball that holds a box of these ranges: half its diagonal."""
    square = 0.0
    for low, high in ranges:
        square += (high - low) * (high - low) / 4
    return square**0.5 + 0.01


def _resting(rest: Rest, chance: Chance) -> Rotation:
    if rest == "upside down":
        return turn_x(0.5)
    if rest == "side":
        return combine(turn_x(0.25), turn_y(chance.between(0, 1)))
    if rest == "any face":
        return combine(turn_x(0.25 * chance.whole(0, 3)), turn_z(0.25 * chance.whole(0, 3)))
    return turn_y(0.0)


def _turned(rotation: Rotation, point: Point) -> Point:
    x, y, z = (row[0] * point[0] + row[1] * point[1] + row[2] * point[2] for row in rotation)
    return x, y, z


def _clutter(chance: Chance, body: Body) -> tuple[Body, ...]:
    """Scatter up to four small things around the object."""
    bodies = []
    for _ in range(chance.one_of((0, 0, 0, 0, 1, 1, 2, 3))):
        c, s = cosine_sine(chance.between(0, 1))
        away = body.radius * chance.between(0.85, 1.7) + 0.2
        material = any_material(chance)
        thing = distraction(chance)
        bodies.append(_rest(thing, material, _trim_material(chance, material), (c * away, s * away), chance))
    return tuple(bodies)


def _camera(chance: Chance, body: Body) -> Camera:
    """Stand somewhere around the table, lower or higher, nearer or farther, and aim not quite at the object."""
    height = body.position[1] + _turned(body.rotation, body.centre)[1]
    c, s = cosine_sine(chance.between(0.06, 0.105))  # 22 to 38 degrees above the table
    width = chance.between(0.4, 1.0)
    distance = 2.2 * body.radius / width
    target = (0.0, height, 0.0)
    camera = Camera(
        position=(0.0, height + s * distance, c * distance),
        target=target,
        width=width,
        roll=chance.between(-0.012, 0.012),
        aperture=chance.one_of((0.0, 0.005, 0.012)) * distance,
    )
    return _frame(camera, body, chance)


def _frame(camera: Camera, body: Body, chance: Chance) -> Camera:
    """Cut the picture out around the object, as a photographer does: not too small, not quite in the middle."""
    left, right, bottom, top = outline(body, camera)
    zoom = max(right - left, top - bottom) / chance.between(0.76, 0.92)
    x = (left + right) / 2 + zoom * chance.between(-0.05, 0.05)
    y = (bottom + top) / 2 + zoom * chance.between(-0.05, 0.05)
    return replace(camera, width=camera.width * zoom, offset=(x * camera.width, y * camera.width))


def _surroundings(chance: Chance, ground: Material) -> tuple[tuple[Plane, ...], Room]:
    """Set the table before a wall, in a room with a blurred background, or under an open sky."""
    kind = chance.one_of(("wall", "room", "room", "horizon"))
    level = from_hue(chance.between(0, 1), chance.between(0.03, 0.35), chance.between(0.15, 0.8))
    above = Colour(*(part * chance.between(0.75, 1.15) for part in level))
    below = Colour(*(part * chance.between(0.3, 0.7) for part in level))
    table = Plane((0.0, 1.0, 0.0), 0.0, ground)
    glows = _glows(chance) if kind == "room" else ()
    if kind == "wall":
        lean, lean_z = cosine_sine(chance.between(-0.07, 0.07))
        wall = Plane((lean_z, 0.0, lean), -chance.between(1.6, 4.0), any_ground(chance))
        return (table, wall), Room(above, level, below)
    if kind == "room":
        table = Plane((0.0, 1.0, 0.0), 0.0, ground, edge=chance.between(1.6, 4.5))
    return (table,), Room(above, level, below, glows)


def _glows(chance: Chance) -> tuple[tuple[Point, float, Colour], ...]:
    """Blurred lamps, windows and things in the background."""
    glows = []
    for _ in range(chance.whole(3, 9)):
        x, y = chance.between(-1.0, 1.0), chance.between(-0.45, 0.5)
        inverse = 1.0 / (x * x + y * y + 1.0) ** 0.5
        hue = from_hue(chance.between(0, 1), chance.between(0.1, 0.7), chance.between(0.08, 0.45))
        glows.append(((x * inverse, y * inverse, -inverse), chance.between(0.004, 0.05), hue))
    return tuple(glows)


def _light(chance: Chance, room: Room) -> tuple[Light, Room]:
    """Hang a lamp or open a window; shiny things mirror it as a bright patch in the room."""
    across_c, across_s = cosine_sine(chance.between(-0.06, 0.56))  # seldom from behind
    c, s = cosine_sine(chance.between(0.09, 0.2))  # 32 to 72 degrees above the table
    direction = (c * across_c, s, c * across_s)
    warmth, strength = chance.between(-0.12, 0.18), chance.between(1.5, 2.8)
    colour = Colour(strength * (1 + warmth), strength, strength * (1 - warmth))
    fill = chance.between(0.5, 0.95)
    softness = chance.one_of((0.05, 0.12, 0.2, 0.35))
    patch = (direction, 0.02 + 0.25 * softness, Colour(3.0, 3.0, 3.0))
    lit = Room(
        Colour(*(part * fill for part in room.above)),
        Colour(*(part * fill for part in room.level)),
        Colour(*(part * fill for part in room.below)),
        (*room.glows, patch),
    )
    return Light(direction, colour, softness), lit


def _film(chance: Chance, ground: Material, material: Material) -> Film:
    """Expose for the table and the object, too long or too short, with a poor camera or a good one."""
    brightness = 0.35 * ground.mean().brightness() + 0.3 * material.mean().brightness() + 0.12
    return Film(
        exposure=chance.between(0.7, 1.4) * 0.18 / (brightness + 0.06),
        cast=Colour(*(chance.between(0.8, 1.2) for _ in range(3))),
        haze=chance.between(0.0, 0.33),
        veil=from_hue(chance.between(0, 1), chance.between(0.0, 0.3), chance.between(0.1, 0.5)),
        vignette=chance.between(0.0, 0.5),
        grain=chance.between(0.004, 0.075),
        softness=chance.one_of((0.1, 0.1, 0.2, 0.4)),
    )
