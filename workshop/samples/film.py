"""From light to a photograph: exposure, haze, darker corners, a filmic curve, grain, and 255 levels."""

import torch
from torch import Tensor

from workshop.samples.randomness import scatter
from workshop.samples.scene import Film


def develop(light: Tensor, film: Film, seed: int) -> Tensor:
    """Turn light, (3, H, W), into a photograph: uint8, (H, W, 3)."""
    _, height, width = light.shape
    x = ((torch.arange(width, dtype=torch.float32) + 0.5) / width - 0.5).expand(height, width)
    y = ((torch.arange(height, dtype=torch.float32) + 0.5) / height - 0.5)[:, None].expand(height, width)
    light = _soften(light, film.softness)
    light = light * film.cast.column()[:, :, None] * film.exposure
    light = light * (1.0 - film.haze) + film.veil.column()[:, :, None] * film.haze
    light = light * (1.0 - film.vignette * (x * x + y * y) * 2.0)
    # The filmic curve of Narkowicz (2016, after ACES): contrast in the middle, a gentle shoulder at the top.
    light = (light * (2.51 * light + 0.03)) / (light * (2.43 * light + 0.59) + 0.14)
    light = light.clamp(0.0, 1.0)
    # The sRGB curve, made of square roots (Barré-Brisebois, after Chilliant 2012).
    root = torch.sqrt(light)
    root2 = torch.sqrt(root)
    srgb = 0.662002687 * root + 0.684122060 * root2 - 0.323583601 * torch.sqrt(root2) - 0.0225411470 * light
    srgb = srgb + film.grain * _grain(height, width, seed)
    return torch.floor(srgb.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous()


def _soften(light: Tensor, softness: float) -> Tensor:
    """Blur over the eight neighbours: 0 not at all, 1 evenly."""
    if softness == 0:
        return light
    for axis in (1, 2):
        before = torch.cat([light.narrow(axis, 0, 1), light.narrow(axis, 0, light.shape[axis] - 1)], axis)
        after = torch.cat([light.narrow(axis, 1, light.shape[axis] - 1), light.narrow(axis, -1, 1)], axis)
        light = light * (1.0 - softness * 2.0 / 3.0) + (before + after) * (softness / 3.0)
    return light


def _grain(height: int, width: int, seed: int) -> Tensor:
    """Return noise from −1 to 1, (3, H, W): mostly the same in all colours."""
    column = torch.arange(width, dtype=torch.int32).repeat(height)
    row = torch.arange(height, dtype=torch.int32).repeat_interleave(width)
    layers = [
        scatter(column, row, torch.full_like(row, seed % 65536 + 65536 * (8 + k))) * 2.0 - 1.0
        for k in range(4)
    ]
    return torch.stack([0.7 * layers[3] + 0.3 * layers[k] for k in range(3)]).view(3, height, width)
