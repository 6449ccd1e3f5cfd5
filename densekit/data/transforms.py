"""From a picture to the numbers a network was trained on.

Weights expect the preprocessing they were trained with: another size, another mean, and the features mean
something else. So the preprocessing is data that travels with the weights, into each head file and run
folder.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from densekit.errors import WeightsError, listed

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_LARGEST = 4096  # pixels; from there on one picture takes gigabytes in the network
_LONG = 10  # above this ratio of the sides, only the part that is kept is resized


@dataclass(frozen=True)
class Preprocessing:
    """Resize the shorter side, crop the centre, scale to [0, 1], normalise each channel.

    Args:
        resize: length of the shorter side after resizing, in pixels.
        crop: side of the square that is cut from the centre, in pixels.
        mean: mean of each channel (red, green, blue) that is subtracted, for values in [0, 1].
        std: standard deviation of each channel that is divided by, for values in [0, 1].
        interpolation: how new pixels come from old ones, 'bilinear' or 'bicubic', always with antialiasing.
    """

    resize: int
    crop: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __call__(self, image: Image.Image) -> Tensor:
        """Return the picture as a float32 tensor, (3, crop, crop)."""
        return self.normalise(self.cut(image))

    def cut(self, image: Image.Image) -> Tensor:
        """Return the resized and cropped picture as bytes, uint8 (3, crop, crop)."""
        return as_pixels(self.cut_out(image))

    def cut_out(self, image: Image.Image) -> Image.Image:
        """Return the resized and cropped picture as a picture, RGB, crop × crop."""
        image = image if image.mode == "RGB" else image.convert("RGB")
        width, height = self._resized(*image.size)
        left, top = round((width - self.crop) / 2), round((height - self.crop) / 2)
        resampling = _RESAMPLING[self.interpolation]
        if max(width, height) > _LONG * min(width, height):
            # Resized as a whole, a strip of 1 × 1000 pixels would become one of 256 × 256 000.
            across, down = image.width / width, image.height / height
            box = (left * across, top * down, (left + self.crop) * across, (top + self.crop) * down)
            return image.resize((self.crop, self.crop), resampling, box=box)
        resized = image.resize((width, height), resampling)
        return resized.crop((left, top, left + self.crop, top + self.crop))

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height after resizing, rounded as torchvision's Resize rounds them."""
        short, long = sorted((width, height))
        long = int(self.resize * long / short)
        return (self.resize, long) if width <= height else (long, self.resize)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Scale and normalise bytes, uint8 (..., 3, H, W), to float32 of the same shape."""
        mean = torch.tensor(self.mean, device=pixels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(3, 1, 1)
        return pixels.to(torch.float32, copy=True).div_(255).sub_(mean).div_(std)

    def with_size(self, crop: int) -> "Preprocessing":
        """Return the same preprocessing for another image size; the resize keeps its ratio to the crop."""
        return replace(self, crop=crop, resize=round(crop * self.resize / self.crop))

    @property
    def identity(self) -> str:
        """A text that is equal for two preprocessings exactly if they give equal pixels."""
        return (
            f"resize {self.resize} {self.interpolation} crop {self.crop} "
            f"mean {list(self.mean)} std {list(self.std)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Read what `to_dict` wrote.

        Raises:
            WeightsError: a key is missing or unknown, or a value can't be a preprocessing.
        """
        if missing := [key for key in ("resize", "crop", "mean", "std") if key not in values]:
            raise WeightsError(f"the preprocessing {dict(values)} lacks {listed(missing)}")
        try:
            mean, std = (tuple(map(float, values[key])) for key in ("mean", "std"))
            made = cls(**{**values, "mean": mean, "std": std})
        except (TypeError, ValueError) as error:
            raise WeightsError(f"the preprocessing {dict(values)} can't be read: {error}") from error
        if not made._is_possible():
            raise WeightsError(
                f"the preprocessing {dict(values)} can't be: expected whole numbers 0 < crop ≤ resize ≤ "
                f"{_LARGEST}, three means, three positive stds, and interpolation 'bilinear' or 'bicubic'"
            )
        return made

    def _is_possible(self) -> bool:
        return (
            type(self.resize) is type(self.crop) is int
            and 0 < self.crop <= self.resize <= _LARGEST
            and len(self.mean) == len(self.std) == 3
            and all(map(isfinite, self.mean + self.std))
            and min(self.std) > 0
            and self.interpolation in _RESAMPLING
        )


def as_pixels(image: Image.Image) -> Tensor:
    """Return an RGB picture as bytes, uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
