"""Views: a training picture, changed a little each time that it is seen.

What is drawn for a view follows from the seed, the epoch and the picture's content, and from nothing else. So a
training that was interrupted sees the same views as one that was not, whichever thread decodes them, and in
whatever order.

The changes are torchvision's, with parameters that are drawn here: its own transforms draw from torch's global
generator, whose state depends on everything that happened before.
"""

import importlib
import math
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from PIL import Image
from torch import Tensor

from densekit.config import AugmentationConfig
from densekit.data.transforms import Preprocessing, as_pixels

_NARROWEST = 3 / 4  # width / height of a cut-out lies between this and its inverse


@dataclass(frozen=True)
class View:
    """What was drawn for one view of one picture.

    Args:
        area: part of the picture's area that is cut out, 0 to 1; None for the usual resize and crop.
        ratio: width / height of what is cut out.
        left, top: where it lies, 0 (left, top) to 1 (right, bottom).
        mirrored: whether left and right change places.
        colour: factors of brightness, contrast and saturation; 1 changes nothing.
    """

    area: float | None = None
    ratio: float = 1.0
    left: float = 0.5
    top: float = 0.5
    mirrored: bool = False
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


def draw_view(augmentation: AugmentationConfig, seed: int, epoch: int, content_hash: str) -> View:
    """Draw a view of a picture.

    Args:
        augmentation: what may change.
        seed: of the training.
        epoch: in which it is seen, or the number of a view that is kept.
        content_hash: SHA-256 of the picture's file.
    """
    random = Random(f"{seed}/{epoch}/{content_hash}")
    # Always the same numbers in the same order, so that one setting doesn't change what another draws.
    share, ratio, left, top, mirror, *light = (random.random() for _ in range(8))
    least, narrowest = augmentation.resized_crop, math.log(_NARROWEST)
    colour = tuple(1 + augmentation.colour * (2 * one - 1) for one in light)
    return View(
        area=None if least is None else least + share * (1 - least),
        ratio=math.exp(narrowest * (1 - 2 * ratio)),
        left=left,
        top=top,
        mirrored=augmentation.flip and mirror < 0.5,
        colour=(colour[0], colour[1], colour[2]),
    )


def show_view(view: View, image: Image.Image, preprocessing: Preprocessing) -> Tensor:
    """Return a view of a picture as the network takes it, not normalised: uint8 (3, crop, crop)."""
    image = image if image.mode == "RGB" else image.convert("RGB")
    functional = _functional()
    if view.area is None:
        image = preprocessing.cut_out(image)
    else:
        left, top, width, height = _box(view, *image.size)
        side = [preprocessing.crop] * 2
        mode = functional.InterpolationMode(preprocessing.interpolation)
        image = functional.resized_crop(image, top, left, height, width, side, mode)
    if view.mirrored:
        image = functional.horizontal_flip(image)
    brightness, contrast, saturation = view.colour
    if view.colour != (1.0, 1.0, 1.0):
        image = functional.adjust_brightness(image, brightness)
        image = functional.adjust_contrast(image, contrast)
        image = functional.adjust_saturation(image, saturation)
    return as_pixels(image)


@cache
def _functional() -> Any:
    # torchvision takes a second to import, and most trainings change no picture.
    from densekit.vision import import_torchvision

    import_torchvision()
    return importlib.import_module("torchvision.transforms.v2.functional")


def _box(view: View, width: int, height: int) -> tuple[int, int, int, int]:
    """Return what is cut out, as left, top, width and height; what doesn't fit in is made smaller."""
    assert view.area is not None
    across = math.sqrt(view.area * width * height * view.ratio)
    down = across / view.ratio
    smaller = min(1.0, width / across, height / down)
    across, down = max(1, round(across * smaller)), max(1, round(down * smaller))
    return round(view.left * (width - across)), round(view.top * (height - down)), across, down
