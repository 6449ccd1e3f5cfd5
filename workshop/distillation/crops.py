"""Cutting squares from pictures, and setting things that were cut out on backgrounds.

Each picture's crops follow from the seed and the picture's name, not from what was cut before.
"""

import math
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from workshop.distillation.pictures import Picture
from workshop.distillation.sources import KINDS

SIZE = 144
"""Width and height of a crop, in pixels."""

Pixels = NDArray[np.uint8]

_LONGEST_SIDE = 2600  # larger pictures are made smaller first: no crop shows the difference
_FLAT = 14.0  # standard deviation of pixel values below which a crop shows next to nothing
_RATIOS = (math.log(3 / 4), math.log(4 / 3))


def randomness_of(picture: Picture, seed: int) -> random.Random:
    """Return the source of everything that is random about a picture's crops."""
    return random.Random(f"{seed} {picture.package} {picture.name}")


def cut(picture: Picture, count: int, seed: int) -> list[Pixels]:
    """Cut squares of different sizes and places from a picture.

    Args:
        picture: where from.
        count: how many.
        seed: of the run; the picture's name does the rest.

    Returns:
        Crops, each uint8 (3, SIZE, SIZE); fewer where the picture shows next to nothing, and none if it can't
        be read.
    """
    rng = randomness_of(picture, seed)
    image = picture.image(_LONGEST_SIDE)
    if image is None:
        return []
    scene = _shrunk(opaque(image, rng))
    smallest = KINDS[picture.kind].smallest_area
    squares = (_busy_square(scene, smallest, rng) for _ in range(count))
    return [_pixels(square) for square in squares if square is not None]


def opaque(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture in RGB, with a plain colour behind whatever is transparent."""
    if image.mode.startswith("I"):  # 16 bits a pixel
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode not in ("P", "LA", "PA", "RGBA"):
        return image.convert("RGB")
    image = image.convert("RGBA")
    colour = tuple(rng.randint(60, 255) for _ in range(3))
    return Image.alpha_composite(Image.new("RGBA", image.size, (*colour, 255)), image).convert("RGB")


def set_on_backgrounds(
    picture: Picture, count: int, seed: int, backgrounds: Sequence[Pixels]
) -> list[Pixels]:
    """Set a thing that was cut out on backgrounds, in different sizes, places and turns.

    Args:
        picture: the thing; what is transparent shows the background.
        count: how many crops to make.
        seed: of the run.
        backgrounds: crops to choose from, each uint8 (3, SIZE, SIZE).

    Returns:
        Crops, each uint8 (3, SIZE, SIZE); none if the picture can't be read.
    """
    rng = randomness_of(picture, seed)
    image = picture.image(_LONGEST_SIDE)
    if image is None:
        return []
    thing = image.convert("RGBA")
    thing = thing.crop(thing.getchannel("A").getbbox())
    thing.thumbnail((600, 600))
    return [_pixels(_composed(thing, _background(backgrounds, rng), rng)) for _ in range(count)]


def _shrunk(image: Image.Image) -> Image.Image:
    scale = _LONGEST_SIDE / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(SIZE, int(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _busy_square(image: Image.Image, smallest: float, rng: random.Random) -> Image.Image | None:
    """Cut a square that shows something; give up after four that don't."""
    for _ in range(4):
        square = _square(image, smallest, rng)
        if float(np.asarray(square).std()) > _FLAT:
            return square
    return None


def _square(image: Image.Image, smallest: float, rng: random.Random) -> Image.Image:
    """Resize a part of the picture, between `smallest` of its area and all of it, to a square."""
    width, height = image.size
    across = down = min(width, height)
    for _ in range(10):
        area = width * height * math.exp(rng.uniform(math.log(smallest), 0))
        ratio = math.exp(rng.uniform(*_RATIOS))
        wide, high = int(math.sqrt(area * ratio)), int(math.sqrt(area / ratio))
        if 64 <= wide <= width and 64 <= high <= height:
            across, down = wide, high
            break
    left, top = rng.randint(0, width - across), rng.randint(0, height - down)
    box = (left, top, left + across, top + down)
    return image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def _background(backgrounds: Sequence[Pixels], rng: random.Random) -> Image.Image:
    """Choose a background: a crop as it is, a blurred one, or a plain colour."""
    chosen = backgrounds[rng.randrange(len(backgrounds))]
    kind = rng.random()
    if kind < 0.25:
        return Image.new("RGB", (SIZE, SIZE), tuple(rng.randint(0, 255) for _ in range(3)))
    background = Image.fromarray(np.ascontiguousarray(chosen.transpose(1, 2, 0)))
    return background.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))) if kind < 0.6 else background


def _composed(thing: Image.Image, background: Image.Image, rng: random.Random) -> Image.Image:
    scale = SIZE * rng.uniform(0.45, 1.25) / max(thing.size)
    stretch = math.exp(rng.uniform(-0.15, 0.15))
    width, height = max(8, int(thing.width * scale)), max(8, int(thing.height * scale * stretch))
    if rng.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    thing = thing.resize((width, height), Image.Resampling.BICUBIC)
    if rng.random() < 0.7:
        thing = thing.rotate(rng.gauss(0, 18), Image.Resampling.BICUBIC, expand=True)
    background.paste(thing, (_place(thing.width, rng), _place(thing.height, rng)), thing)
    return background


def _place(length: int, rng: random.Random) -> int:
    """Return where a thing of this length begins: near the middle, rarely beyond an edge."""
    middle = (SIZE - length) / 2
    return int(middle + rng.uniform(-1, 1) * max(10, abs(middle) * 0.8))


def _pixels(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), np.uint8).transpose(2, 0, 1))
