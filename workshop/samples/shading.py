"""What a surface sends to the eye: light from the lamp, light from all around, and what it mirrors.

Shadows come from walks towards the lamp; a few distances measured along the normal tell how much of the sky a
corner sees (ambient occlusion); mirrors send their rays on.
"""

import torch
from torch import Tensor

from workshop.samples.materials import Finish
from workshop.samples.scene import Body, Plane, Scene
from workshop.samples.tracing import into_body, past_body, trace
from workshop.samples.vectors import (
    dot,
    length,
    mix,
    normalise,
    reflect,
    rotate,
    rotate_back,
    vector,
)


def radiance(scene: Scene, origins: Tensor, directions: Tensor, bounces: int = 1) -> Tensor:
    """Return the light, (3, N), that comes along each ray; mirrors are followed `bounces` times."""
    hits = trace(scene, origins, directions)
    light = scene.room.colours(directions)
    for number, surface in enumerate(scene.surfaces):
        index = (hits.surface == number).nonzero()[:, 0]
        if len(index):
            d = directions[:, index]
            points = origins[:, index] + d * hits.distance[index]
            light[:, index] = _shade(scene, surface, points, d, hits.distance[index], bounces)
    return light


def _shade(
    scene: Scene, surface: Body | Plane, points: Tensor, directions: Tensor, distance: Tensor, bounces: int
) -> Tensor:
    """Return the light that leaves a surface at the points towards the eye, (3, N)."""
    colour, normal, finishes = _surface_at(surface, points, distance)
    normal = torch.where(dot(normal, directions) > 0, -normal, normal)
    lifted = points + normal * 0.004
    lamp = vector(*scene.light.direction).expand_as(points)
    facing = dot(normal, lamp).clamp(min=0.0)
    lit = _lit(scene, lifted, lamp, facing)  # (N,)
    open_sky = _open_sky(scene, points, normal)  # (N,)

    key = scene.light.colour.column() * (facing * lit)
    light = key + _ambient(scene, normal) * open_sky
    seen = torch.zeros_like(points)
    for finish, share in finishes:
        scattered = colour * light * (0.22 if finish.metal else 1.0)
        shiny = _shiny(scene, finish, colour, lifted, normal, directions, lit, open_sky, bounces)
        seen = seen + (scattered + shiny) * share
    return seen


def _surface_at(
    surface: Body | Plane, points: Tensor, distance: Tensor
) -> tuple[Tensor, Tensor, list[tuple[Finish, Tensor]]]:
    """Return colours (3, N), normals (3, N), and each finish with where it applies (N,)."""
    everywhere = torch.ones_like(distance)
    if isinstance(surface, Plane):
        # Fine patterns far away would flicker: fade them to their mean.
        near = 1.0 / (1.0 + (distance * 0.07) * (distance * 0.07) * (distance * 0.07))
        flat = points if surface.normal[1] > 0.5 else torch.stack([points[0], points[2], points[1]])
        colour = mix(surface.material.mean().column(), surface.material.colours(flat), near)
        normal = vector(*surface.normal).expand_as(points)
        return colour, normal, [(surface.material.finish, everywhere)]
    local = rotate_back(surface.rotation, points - vector(*surface.position))
    colour = surface.material.colours(local)
    normal = rotate(surface.rotation, _normals(surface, local))
    if surface.trim is None or surface.trim_material is None:
        return colour, normal, [(surface.material.finish, everywhere)]
    trimmed = (surface.trim(local) < 0).to(torch.float32)
    colour = mix(colour, surface.trim_material.colours(local), trimmed)
    return (
        colour,
        normal,
        [(surface.material.finish, 1.0 - trimmed), (surface.trim_material.finish, trimmed)],
    )


def _normals(body: Body, local: Tensor) -> Tensor:
    """Return the directions in which the distance grows fastest, from four corners of a small tetrahedron."""
    total = torch.zeros_like(local)
    for x, y, z in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        corner = vector(x, y, z)
        total = total + corner * body.shape(local + corner * 0.005)
    return normalise(total)


def _ambient(scene: Scene, normal: Tensor) -> Tensor:
    """Return the light from all around, (3, N): the sky from above, what the table throws back from below."""
    table = scene.planes[0].material.mean().column()
    lamp = scene.light.colour.column() * scene.light.direction[1]
    from_below = table * (0.45 * lamp + 0.5 * scene.room.above.column())
    from_above = 0.65 * scene.room.above.column() + 0.35 * scene.room.level.column()
    return mix(from_below, from_above, 0.5 + 0.5 * normal[1])


def _lit(scene: Scene, points: Tensor, lamp: Tensor, facing: Tensor) -> Tensor:
    """Return how much of the lamp each point sees, (N,): 0 in full shadow, 1 in full light."""
    lit = torch.ones_like(facing)
    for body in scene.bodies:
        index = ((facing > 0) & (lit > 0.01)).nonzero()[:, 0]
        lit[index] = lit[index] * past_body(body, points[:, index], lamp[:, index], scene.light.softness)
    return lit


def _open_sky(scene: Scene, points: Tensor, normal: Tensor) -> Tensor:
    """Return how open the place is, (N,): along the normal, are the bodies as far off as they should be."""
    open_sky = torch.ones_like(points[0])
    reaches = ((0.06, 0.9), (0.16, 0.55), (0.36, 0.35))
    for body in scene.bodies:
        local, n = into_body(body, points, normal)
        index = (length(local - vector(*body.centre)) < body.radius + 0.7).nonzero()[:, 0]
        if not len(index):
            continue
        local, n = local[:, index], n[:, index]
        closed = torch.zeros_like(local[0])
        for reach, weight in reaches:
            gap = body.shape(local + n * reach).clamp(min=0.0)
            closed = closed + weight * (1.0 - gap / reach).clamp(0.0, 1.0)
        open_sky[index] = open_sky[index] * (1.0 - 0.5 * closed).clamp(0.12, 1.0)
    height = points[1] + normal[1] * 0.3  # the table closes half the sky for what faces it nearby
    return open_sky * (0.5 + 0.5 * ((height / 0.3 + 1.0) * 0.5).clamp(0.0, 1.0))


def _shiny(
    scene: Scene,
    finish: Finish,
    colour: Tensor,
    points: Tensor,
    normal: Tensor,
    directions: Tensor,
    lit: Tensor,
    open_sky: Tensor,
    bounces: int,
) -> Tensor:
    """Return mirrored light, (3, N): the lamp's bright spot, and the room where the finish is a mirror."""
    mirrored = reflect(directions, normal)
    spot = dot(mirrored, vector(*scene.light.direction)).clamp(min=0.0)
    for _ in range(finish.doublings):
        spot = spot * spot
    tint = colour if finish.metal else torch.ones_like(colour)
    light = tint * scene.light.colour.column() * (spot * lit * finish.shine)
    if finish.mirror == 0:
        return light
    # Schlick's approximation of Fresnel's law: at grazing angles everything is a mirror.
    grazing = (1.0 + dot(directions, normal)).clamp(0.0, 1.0)
    fifth = grazing * grazing * grazing * grazing * grazing
    share = finish.mirror + (1.0 - finish.mirror) * fifth * (0.75 if finish.shine > 0.5 else 0.3)
    if bounces > 0 and finish.shine > 0.5:
        room = radiance(scene, points, mirrored, bounces - 1).clamp(max=4.0)
    else:
        room = scene.room.colours(mirrored) * open_sky
    return light + tint * room * share
