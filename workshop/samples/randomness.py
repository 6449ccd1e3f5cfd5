"""Chance that can be repeated: a named source of random numbers, and smooth noise over space."""

import random
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from workshop.samples.vectors import mix

T = TypeVar("T")


class Chance:
    """A stream of random numbers with a name; the same name gives the same stream, always and everywhere.

    It rests on `random.Random.random`, whose sequence Python promises to keep, and on plain arithmetic.
    """

    def __init__(self, name: str) -> None:
        self._random = random.Random(name)

    def between(self, low: float, high: float) -> float:
        """Return a number from low to high, each as likely."""
        return low + (high - low) * self._random.random()

    def happens(self, probability: float) -> bool:
        """Say yes with this probability."""
        return self._random.random() < probability

    def one_of(self, choices: Sequence[T]) -> T:
        """Pick one, each as likely."""
        return choices[self.whole(0, len(choices) - 1)]

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))


def scatter(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Return a random number from 0 to 1 for each whole-numbered place (x, y, z), all int32, (N,).

    Multiply and shift until the bits are well mixed: the same place always gets the same number, so no table
    is kept and the order of the places doesn't matter.
    """
    h = x * 668265263 + y * 374761393 + z * 1274126177
    h = (h ^ (h >> 13)) * 1103515245
    h = (h ^ (h >> 16)) * 668265263
    h = h ^ (h >> 15)
    return (h & 0xFFFF).to(torch.float32) / 65535.0


def noise(points: Tensor) -> Tensor:
    """Return smooth noise from 0 to 1, (N,), at the points, (3, N): one hill or hollow per unit of length."""
    floor = torch.floor(points)
    inside = points - floor
    share = inside * inside * (3.0 - 2.0 * inside)  # (3, N)
    x, y, z = floor.to(torch.int32)
    planes = []
    for dz in (0, 1):
        rows = [mix(scatter(x, y + dy, z + dz), scatter(x + 1, y + dy, z + dz), share[0]) for dy in (0, 1)]
        planes.append(mix(rows[0], rows[1], share[1]))
    return mix(planes[0], planes[1], share[2])


def rough_noise(points: Tensor, octaves: int = 3) -> Tensor:
    """Return noise with finer noise on top, each octave twice as fine and half as high; from 0 to 1, (N,)."""
    total = torch.zeros_like(points[0])
    height, sum_of_heights = 1.0, 0.0
    for octave in range(octaves):
        total = total + height * noise(points * float(2**octave) + 17.3 * octave)
        sum_of_heights += height
        height *= 0.5
    return total / sum_of_heights
