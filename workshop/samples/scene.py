"""What stands before the camera: bodies on a table, a wall or a room behind, light, and the camera itself."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from workshop.samples.materials import Colour, Material
from workshop.samples.shapes import Shape
from workshop.samples.vectors import Rotation, cosine_sine, dot, mix, normalise, smooth_step, vector

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """A shape with a material, at a place.

    Args:
        shape: the distances, in the body's own coordinates.
        material: what it is made of.
        trim: where it has the second material instead (pips, a ribbon, a cap): points, (3, N), to yes, (N,).
        trim_material: that second material.
        telling: the part by which it is known, if there is one.
        rotation: how it is turned.
        position: where its own origin stands in the room.
        centre: the middle of a ball, in its own coordinates, that holds all of it.
        radius: the radius of that ball.
    """

    shape: Shape
    material: Material
    rotation: Rotation
    position: Point
    centre: Point
    radius: float
    trim: Shape | None = None
    trim_material: Material | None = None
    telling: Shape | None = None


@dataclass(frozen=True)
class Plane:
    """A flat ground: the table (normal up) or a wall (normal towards the viewer).

    Args:
        normal: direction it faces.
        offset: its distance from the origin along the normal.
        material: what it is made of.
        edge: the table ends this far behind the origin, or never.
    """

    normal: Point
    offset: float
    material: Material
    edge: float | None = None


@dataclass(frozen=True)
class Light:
    """One lamp or window, far away.

    Args:
        direction: towards it, length 1.
        colour: its light, where 1 is a white sheet lit face on.
        softness: how large it looks: 0.02 a bulb, 0.3 a window nearby.
    """

    direction: Point
    colour: Colour
    softness: float


@dataclass(frozen=True)
class Room:
    """What is seen and reflected where nothing stands: a gradient, and blurred bright things far away.

    Args:
        above: colour overhead.
        level: colour at eye level.
        below: colour underfoot.
        glows: direction, size (0 to 1) and colour of each.
    """

    above: Colour
    level: Colour
    below: Colour
    glows: tuple[tuple[Point, float, Colour], ...] = ()

    def colours(self, directions: Tensor) -> Tensor:
        """Return the colour seen in each direction, (3, N)."""
        up = directions[1]
        seen = mix(self.level.column(), self.above.column(), smooth_step(0.0, 0.9, up))
        seen = mix(seen, self.below.column(), smooth_step(0.0, 0.5, -up))
        for direction, size, colour in self.glows:
            cosine = dot(directions, vector(*direction))
            seen = seen + colour.column() * smooth_step(1.0 - size, 1.0 - 0.55 * size, cosine)
        return seen


@dataclass(frozen=True)
class Camera:
    """A camera that looks at a target.

    Args:
        position: where it stands.
        target: what is in the middle of the picture.
        width: width of the picture at distance 1: large for a wide angle, small for a long lens.
        roll: how far it is held askew, in turns.
        aperture: radius of the lens; what is not at the target's distance blurs with it.
        offset: how far the picture's middle lies beside the target, to the right and up, at distance 1.
    """

    position: Point
    target: Point
    width: float
    roll: float = 0.0
    aperture: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)

    def rays(self, x: Tensor, y: Tensor, lens_x: Tensor, lens_y: Tensor) -> tuple[Tensor, Tensor]:
        """Return origins and directions, (3, N) each.

        Args:
            x: places in the picture from −0.5 to 0.5, to the right, (N,).
            y: the same, upwards.
            lens_x: places on the lens from −1 to 1, to the right, (N,).
            lens_y: the same, upwards.
        """
        eye, target = vector(*self.position), vector(*self.target)
        ahead = normalise(target - eye)
        level = normalise(torch.stack([-ahead[2], torch.zeros(1), ahead[0]]))
        c, s = cosine_sine(self.roll)
        upright = _cross(level, ahead)
        right, up = level * c + upright * s, upright * c - level * s
        focus = torch.sqrt(dot(target - eye, target - eye))
        across, upwards = x * self.width + self.offset[0], y * self.width + self.offset[1]
        in_focus = eye + (ahead + right * across + up * upwards) * focus
        origin = eye + right * (lens_x * self.aperture) + up * (lens_y * self.aperture)
        return origin, normalise(in_focus - origin)


@dataclass(frozen=True)
class Film:
    """What camera and film do to the light: exposure, colour cast, haze, darker corners, grain, softness.

    Haze is the share of the light that a dusty lens spreads evenly over the picture, in the colour `veil`.
    """

    exposure: float = 1.0
    cast: Colour = field(default_factory=lambda: Colour(1.0, 1.0, 1.0))
    haze: float = 0.0
    veil: Colour = field(default_factory=lambda: Colour(0.18, 0.18, 0.18))
    vignette: float = 0.0
    grain: float = 0.0
    softness: float = 0.0


@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows; the first body is the one that it is about."""

    bodies: tuple[Body, ...]
    planes: tuple[Plane, ...]
    light: Light
    room: Room
    camera: Camera
    film: Film

    @property
    def surfaces(self) -> tuple[Body | Plane, ...]:
        """All that a ray can meet: bodies first, then planes."""
        return (*self.bodies, *self.planes)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
