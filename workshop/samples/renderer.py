"""From a scene to a picture, and how well a picture would show it.

The camera sends four rays through each pixel (`scene`), each is followed to a surface (`tracing`), the light that
comes back is worked out there (`shading`), and film makes a photograph of it (`film`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workshop.samples.film import develop
from workshop.samples.randomness import scatter
from workshop.samples.scene import Body, Camera, Scene
from workshop.samples.shading import radiance
from workshop.samples.tracing import FAR, meet_body, trace
from workshop.samples.vectors import rotate_back, vector

_SAMPLES = 2  # rays per pixel, along each side


def render(scene: Scene, size: int, seed: int = 0) -> Tensor:
    """Render a square picture.

    Args:
        scene: what to show.
        size: width and height in pixels.
        seed: for the places of the rays within a pixel and for the grain.

    Returns:
        Colours from 0 to 255, uint8, (size, size, 3).
    """
    origins, directions = _camera_rays(scene, size, seed)
    light = radiance(scene, origins, directions)  # (3, N)
    samples = light.view(3, size, _SAMPLES, size, _SAMPLES)
    # Bright spots are squeezed before averaging, or a single ray on a highlight leaves a jagged edge.
    samples = samples / (1.0 + 0.25 * samples)
    pixels = (samples[:, :, 0, :, 0] + samples[:, :, 0, :, 1]) + (
        samples[:, :, 1, :, 0] + samples[:, :, 1, :, 1]
    )
    pixels = pixels / 4.0
    return develop(pixels / (1.0 - 0.25 * pixels), scene.film, seed)


@dataclass(frozen=True)
class View:
    """How well a picture shows its first body, in shares from 0 to 1.

    Args:
        covered: of the picture, by the body.
        unhidden: of the body, not behind others.
        border: of the picture's border, touched by the body.
        telling: of what is seen of the body, its telling part; 1 if it has none.
    """

    covered: float
    unhidden: float
    border: float
    telling: float


def view(scene: Scene, size: int) -> View:
    """Look at the first body in a small, quick picture."""
    x, y = _pixel_places(size)
    middle = torch.zeros_like(x)
    origins, directions = scene.camera.rays(x, y, middle, middle)
    body = scene.bodies[0]
    alone = (meet_body(body, origins, directions) < FAR).view(size, size)
    hits = trace(scene, origins, directions)
    seen = hits.surface == 0
    border = torch.cat([alone[0], alone[-1], alone[:, 0], alone[:, -1]])
    covered, unhidden, telling = int(alone.sum()), int(seen.sum()), 1.0
    if body.telling is not None:
        points = (origins + directions * hits.distance)[:, seen]
        local = rotate_back(body.rotation, points - vector(*body.position))
        telling = int((body.telling(local) < 0).sum()) / max(unhidden, 1)
    return View(covered / size**2, unhidden / max(covered, 1), int(border.sum()) / (4 * size), telling)


def outline(body: Body, camera: Camera, size: int = 48) -> tuple[float, float, float, float]:
    """Return where a body lies in the picture: left, right, bottom, top, from −0.5 to 0.5."""
    x, y = _pixel_places(size)
    middle = torch.zeros_like(x)
    met = meet_body(body, *camera.rays(x, y, middle, middle)) < FAR
    if not bool(met.any()):
        return -0.5, 0.5, -0.5, 0.5
    x, y, half = x[met], y[met], 0.5 / size
    return (
        float(x.min()) - half,
        float(x.max()) + half,
        float(y.min()) - half,
        float(y.max()) + half,
    )


def _pixel_places(size: int) -> tuple[Tensor, Tensor]:
    axis = (torch.arange(size, dtype=torch.float32) + 0.5) / size - 0.5
    return axis.repeat(size), -axis.repeat_interleave(size)


def _camera_rays(scene: Scene, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return rays for 2×2 places in each pixel, each moved at random, through random places of the lens."""
    count = size * _SAMPLES
    column = torch.arange(count, dtype=torch.int32).repeat(count)
    row = torch.arange(count, dtype=torch.int32).repeat_interleave(count)
    chances = [scatter(column, row, torch.full_like(row, seed % 65536 + 65536 * k)) for k in range(4)]
    x = (column.to(torch.float32) + 0.3 + 0.4 * chances[0]) / count - 0.5
    y = 0.5 - (row.to(torch.float32) + 0.3 + 0.4 * chances[1]) / count
    # The four rays of a pixel go through the four quarters of the lens.
    lens_x = (column % 2).to(torch.float32) + chances[2] - 1.0
    lens_y = (row % 2).to(torch.float32) + chances[3] - 1.0
    return scene.camera.rays(x, y, lens_x, lens_y)
