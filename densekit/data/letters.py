"""Pictures of letters, which look like nothing that the embedded weights were made from.

Greek letters from the fonts that matplotlib brings, which differ in font, size, place, turn, colours and
sharpness. They are drawn when they are needed, the same ones for the same random numbers.
"""

import random
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"

_SIDE = 144  # pixels
_FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "DejaVuSansMono",
)


def letter_pictures(letters: str, of_each: int, seed: str = "letters") -> list[Image.Image]:
    """Draw letters, `of_each` pictures of the first one, then of the second one, and so on.

    Args:
        letters: one class for each.
        of_each: pictures of a letter.
        seed: of all that differs.

    Returns:
        RGB pictures of 144 × 144 pixels.
    """
    rng = random.Random(seed)
    return [draw_letter(letter, rng) for letter in letters for _ in range(of_each)]


def draw_letter(letter: str, rng: random.Random) -> Image.Image:
    """Draw a letter once, as `rng` decides."""
    paper, ink = _two_colours(rng)
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{rng.choice(_FONTS)}.ttf")
    font = ImageFont.truetype(str(path), rng.randint(50, 110))
    image = Image.new("RGB", (_SIDE, _SIDE), paper)
    place = (_SIDE / 2 + rng.uniform(-16, 16), _SIDE / 2 + rng.uniform(-16, 16))
    ImageDraw.Draw(image).text(place, letter, ink, font, anchor="mm")
    image = image.rotate(rng.gauss(0, 12), Image.Resampling.BICUBIC, fillcolor=paper)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))


def _two_colours(rng: random.Random) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return two colours of clearly different brightness."""
    while True:
        one, other = (tuple(rng.randint(0, 255) for _ in range(3)) for _ in range(2))
        if abs(sum(one) - sum(other)) > 200:
            return one, other
