"""The views that teacher and student look at: the same random crop, colours and mixture for both.

Every view follows from the seed, the step and the process, so a run that goes on after an interruption sees what
it would have seen without it. Random numbers are drawn on the CPU and are the same on every device.
"""

import math
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from workshop.distillation.settings import Recipe


class Beyond(IntEnum):
    """Steps that no run reaches: at their views is measured what is not learned."""

    STANDARDS = 2**31
    FILTERS = 2**31 + 1
    ADAPTERS = 2**31 + 2
    FRONT = 2**31 + 3
    NORMS = 2**31 + 4


def generator_for(seed: int, step: int, rank: int) -> torch.Generator:
    """Return the random numbers of one step in one process."""
    mixed = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed) >> 1)


def batch_at(numbers: NDArray[np.int64], start: int, size: int, seed: int) -> NDArray[np.int64]:
    """Return the crops from position `start` on of an endless list that shuffles them anew each round."""
    positions = np.arange(start, start + size)
    chosen = np.empty(size, np.int64)
    rounds = positions // len(numbers)
    for number in np.unique(rounds):
        order = np.random.default_rng([seed, int(number)]).permutation(numbers)
        chosen[rounds == number] = order[positions[rounds == number] % len(numbers)]
    return chosen


def make_views(crops: Tensor, size: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Turn crops into random views.

    Args:
        crops: uint8 (N, 3, H, W).
        size: width and height of the views.
        recipe: how strong the changes are.
        generator: on the CPU.

    Returns:
        Views in [0, 1], float32 (N, 3, size, size).
    """
    views = _random_crops(crops, size, recipe, generator)
    views = _other_colours(views, recipe, generator)
    views = _some_blurred(views, recipe, generator)
    return _mixed(views.clamp_(0, 1), recipe, generator)


def whole_views(crops: Tensor, size: int) -> Tensor:
    """Return crops as they are, in another size and without chance: uint8 (N, 3, H, W) to (N, 3, size, size)."""
    return F.interpolate(crops.float() / 255, size=size, mode="bilinear", antialias=True)


def _random_crops(crops: Tensor, size: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Crop, flip and turn, in one resampling."""
    n = len(crops)
    area = torch.exp(_uniform(n, math.log(recipe.smallest_area), 0, generator))
    ratio = torch.exp(_uniform(n, math.log(3 / 4), math.log(4 / 3), generator))
    wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    across = _uniform(n, -1, 1, generator) * (1 - wide)
    down = _uniform(n, -1, 1, generator) * (1 - high)
    flip = torch.where(_uniform(n, 0, 1, generator) < 0.5, -1.0, 1.0)
    angle = _uniform(n, -1, 1, generator) ** 3 * recipe.largest_angle  # mostly small
    cos, sin = angle.cos(), angle.sin()
    matrix = torch.stack(
        [
            torch.stack([cos * wide * flip, -sin * high, across], dim=1),
            torch.stack([sin * wide * flip, cos * high, down], dim=1),
        ],
        dim=1,
    ).to(crops.device)  # (N, 2, 3)
    grid = F.affine_grid(matrix, [n, 3, size, size], align_corners=False)
    pixels = crops.float().div_(255)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _other_colours(views: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Change saturation, contrast, brightness and tint."""
    n, most = len(views), recipe.colour
    saturation, contrast, brightness = (
        _uniform(n, 1 - most, 1 + most, generator).view(n, 1, 1, 1).to(views.device) for _ in range(3)
    )
    tint = _uniform(n * 3, 0.9, 1.1, generator).view(n, 3, 1, 1).to(views.device)
    grey = views.mean(dim=1, keepdim=True)
    views = grey + (views - grey) * saturation
    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    return ((views - mean) * contrast + mean * brightness) * tint


def _some_blurred(views: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Give some views the look of a picture with few pixels."""
    size = views.shape[-1]
    chosen = (_uniform(len(views), 0, 1, generator) < recipe.blurred).to(views.device)
    low = int(torch.randint(size // 4, size // 2 + 1, (1,), generator=generator))
    if not chosen.any():
        return views
    small = F.interpolate(views[chosen], size=low, mode="bilinear", antialias=True)
    views = views.clone()
    views[chosen] = F.interpolate(small, size=size, mode="bilinear")
    return views


def _mixed(views: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Blend each view with its neighbour, or paste a square of it, in some batches.

    The teacher looks at the mixture too, so there are no labels to be mixed.
    """
    happens, blends, share, left, top = _uniform(5, 0, 1, generator).tolist()
    if happens >= recipe.mixed:
        return views
    others = views.roll(1, 0)
    if blends < 0.5:
        return views * share + others * (1 - share)
    size = views.shape[-1]
    side = max(1, int(size * math.sqrt(0.2 + 0.6 * share)))
    x, y = int(left * (size - side)), int(top * (size - side))
    views = views.clone()
    views[:, :, y : y + side, x : x + side] = others[:, :, y : y + side, x : x + side]
    return views


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.empty(n).uniform_(low, high, generator=generator)
