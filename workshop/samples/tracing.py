"""Sphere tracing: follow rays until they meet something.

A ray is followed through the field of distances: at each place the nearest surface is d away, so the ray may go
d ahead without looking. Where d shrinks to nothing it has arrived. The same walk towards the lamp tells whether
a place lies in shadow, and how narrowly the ray passed something tells how deep in the half-shadow.

All rays of a picture walk together: a step is one evaluation of the shape for a batch of points, (3, N), and
rays that are done leave the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workshop.samples.scene import Body, Plane, Scene
from workshop.samples.vectors import dot, rotate_back, smooth_step, vector

FAR = 60.0
"""Nothing is seen beyond this distance."""

_TOUCH = 0.0012  # a ray this near has arrived


@dataclass(frozen=True)
class Hits:
    """Where rays end: the distance, (N,), and the number of the surface, (N,), −1 where there is none."""

    distance: Tensor
    surface: Tensor


def trace(scene: Scene, origins: Tensor, directions: Tensor) -> Hits:
    """Find the first surface on each ray: bodies are numbered first, then planes."""
    nearest = torch.full_like(origins[0], FAR)
    surface = torch.full_like(nearest, -1, dtype=torch.int64)
    for number, thing in enumerate(scene.surfaces):
        meet = (
            meet_body(thing, origins, directions)
            if isinstance(thing, Body)
            else _meet_plane(thing, origins, directions)
        )
        closer = meet < nearest
        nearest = torch.where(closer, meet, nearest)
        surface = torch.where(closer, number, surface)
    return Hits(nearest, surface)


def _meet_plane(plane: Plane, origins: Tensor, directions: Tensor) -> Tensor:
    normal = vector(*plane.normal)
    approach = dot(directions, normal)
    distance = (plane.offset - dot(origins, normal)) / torch.where(approach < -1e-6, approach, -1.0)
    meets = (approach < -1e-6) & (distance > 1e-3)
    if plane.edge is not None:
        meets = meets & (origins[2] + directions[2] * distance > -plane.edge)
    return torch.where(meets, distance, FAR)


def meet_body(body: Body, origins: Tensor, directions: Tensor) -> Tensor:
    """Walk to a body; only rays that pass its ball do, and only from one side of the ball to the other."""
    o, d = into_body(body, origins, directions)
    enter, leave = _through_ball(body, o, d, body.radius)
    index = (leave > enter.clamp(min=0.0)).nonzero()[:, 0]
    met = torch.full_like(enter, FAR)
    o, d, t, leave = o[:, index], d[:, index], enter[index].clamp(min=0.0), leave[index]
    for step in range(90):
        gap = body.shape(o + d * t)
        arrived = gap < _TOUCH
        t = torch.where(arrived, t, t + gap)
        if step % 3 == 2:  # let go of the rays that are done
            met[index[arrived]] = t[arrived]
            going = ~arrived & (t < leave)
            if not bool(going.any()):
                break
            o, d, t, leave, index = o[:, going], d[:, going], t[going], leave[going], index[going]
    return met


def past_body(body: Body, points: Tensor, lamp: Tensor, softness: float) -> Tensor:
    """Walk from each point towards the lamp past one body: the narrowest passage tells how much gets by."""
    o, d = into_body(body, points, lamp)
    enter, leave = _through_ball(body, o, d, body.radius * (1.0 + softness) + 0.05)
    passed = torch.ones_like(enter)
    index = (leave > enter.clamp(min=0.0)).nonzero()[:, 0]
    o, d, t, leave = o[:, index], d[:, index], enter[index].clamp(min=0.015), leave[index]
    narrowest = torch.ones_like(t)
    for step in range(40):
        gap = body.shape(o + d * t)
        narrowest = torch.minimum(narrowest, 0.5 + 0.5 * gap / (softness * t))
        t = t + gap.clamp(0.012, 0.25)
        if step % 4 == 3:
            going = (narrowest > 0) & (t < leave)
            passed[index] = torch.minimum(passed[index], narrowest)
            if not bool(going.any()):
                break
            o, d, t, leave = o[:, going], d[:, going], t[going], leave[going]
            narrowest, index = narrowest[going], index[going]
    passed[index] = torch.minimum(passed[index], narrowest)
    return smooth_step(0.0, 1.0, passed)


def into_body(body: Body, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    return (
        rotate_back(body.rotation, origins - vector(*body.position)),
        rotate_back(body.rotation, directions),
    )


def _through_ball(body: Body, o: Tensor, d: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """Return where rays enter and leave a ball around the body; a ray that misses leaves before it enters."""
    to_centre = vector(*body.centre) - o
    middle = dot(to_centre, d)
    square = radius * radius - (dot(to_centre, to_centre) - middle * middle)
    half = torch.where(square > 0, torch.sqrt(square.clamp(min=0.0)), -1e9)
    return middle - half, middle + half
