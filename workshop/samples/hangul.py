"""One picture of a written Hangul syllable: a pen on paper, photographed by hand.

A name ('train/ga/0001.jpg') decides everything that is drawn, through a generator of its own. Its split and its
number give the font, and that the shape of the syllable; the pen changes its strokes, the hand its place and
turn; then paper, light, camera.
Nothing is mirrored: a mirrored syllable is another one (ㅏ and ㅓ), or none at all.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

from densekit.errors import DataError
from workshop.samples.hangul_fonts import Font, fonts_of

SYLLABLES = {
    "a": "아",
    "ba": "바",
    "da": "다",
    "ga": "가",
    "ha": "하",
    "ja": "자",
    "ma": "마",
    "na": "나",
    "ra": "라",
    "sa": "사",
}
"""The classes: names in the Revised Romanization, and what is written."""

SIDE = 112
"""Width and height of a picture, in pixels."""

_FINE = 3  # strokes are drawn this many times larger, so that their edges are smooth
_EDGE = SIDE * _FINE // 5  # how far the page goes on beyond the drawn square, for a camera that is turned
_INKS = ((28, 28, 34), (24, 38, 96), (30, 30, 30), (110, 26, 30), (70, 66, 70), (20, 70, 60))
_PAPERS = (
    (246, 244, 238),
    (238, 230, 208),
    (226, 228, 232),
    (250, 250, 250),
    (214, 198, 168),
    (236, 222, 222),
)
_TABLES = ((120, 84, 56), (176, 136, 96), (96, 98, 104), (206, 196, 184), (72, 60, 54), (132, 150, 146))

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Written:
    """A picture, and what was drawn by chance for it."""

    image: Image.Image
    drawn: dict[str, str | float]


def write_syllable(name: str, fonts: Mapping[Font, Path]) -> Written:
    """Draw the picture of that name.

    Args:
        name: such as 'train/ga/0001.jpg': split, class, number.
        fonts: where the font files are, as `find_fonts` says.

    Raises:
        DataError: no split or class of that name, or no number.
    """
    split, class_name, number = _parts(name)
    choice = fonts_of(split)
    # By turns and not by chance: each class has as many pictures of each font, which so tells nothing of it.
    font = choice[(number - 1) % len(choice)]
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    ruling = str(rng.choice(["none", "none", "none", "lines", "grid"]))
    turn = float(np.clip(rng.normal(0, 8), -18, 18))  # degrees
    ink = _penned(_shape(SYLLABLES[class_name], fonts[font], rng), rng)
    # Beyond its edges the paper goes on, reflected; the ink does not, or slivers of it would be mirrored.
    paper = np.pad(_paper(ruling, rng), ((_EDGE, _EDGE), (_EDGE, _EDGE), (0, 0)), mode="reflect")
    ink = np.pad(ink, _EDGE)
    colour = np.array(_INKS[rng.integers(len(_INKS))], dtype=np.float64)
    page = paper * (1 - ink[:, :, None]) + colour * ink[:, :, None]
    if rng.random() < 0.6:
        page = _on_a_table(page, ink, rng)
    page = _photographed(_seen_from(page, turn, rng), rng)
    image = Image.fromarray(np.round(page.clip(0, 255)).astype(np.uint8))
    return Written(image, {"font": font.file, "ruling": ruling, "turn": turn})


def _parts(name: str) -> tuple[str, str, int]:
    """Return split, class and number."""
    path = Path(name)
    number = path.stem
    if len(path.parts) != 3 or not (number.isascii() and number.isdigit()):
        raise DataError(f"'{name}': expected a split, a class and a number, such as 'train/ga/0001.jpg'")
    split, class_name, _ = path.parts
    if class_name not in SYLLABLES:
        raise DataError(f"'{name}': no class '{class_name}'; a name looks like 'train/ga/0001.jpg'")
    return split, class_name, int(number)


def _shape(syllable: str, path: Path, rng: np.random.Generator) -> Plane:
    """Return the syllable as its font has it, 0 to 1, (S, S), at a size and a place drawn by chance."""
    side = SIDE * _FINE
    font = ImageFont.truetype(
        str(path), round(side * rng.uniform(0.5, 0.72)), layout_engine=ImageFont.Layout.BASIC
    )
    left, top, right, bottom = font.getbbox(syllable)
    # Fonts fill their squares differently: what counts is how large the syllable is on the paper.
    wanted = side * rng.uniform(0.42, 0.7)
    font = font.font_variant(size=round(font.size * wanted / max(right - left, bottom - top)))
    mask = Image.new("L", (side, side))
    left, top, right, bottom = font.getbbox(syllable)
    # Anywhere, as long as it stays in sight of a camera that is turned.
    room = 0.4 * side - np.array([right - left, bottom - top]) / 2
    x, y = side / 2 + room * rng.uniform(-1, 1, size=2)
    ImageDraw.Draw(mask).text((x - (left + right) / 2, y - (top + bottom) / 2), syllable, fill=255, font=font)
    return np.asarray(mask, dtype=np.float64) / 255


def _penned(shape: Plane, rng: np.random.Generator) -> Plane:
    """Let a pen write the shape: strokes waver, are thicker or thinner, and the ink is not even. Keeps (S, S)."""
    side = len(shape)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float64)
    waver = side * rng.uniform(0.004, 0.016)
    bent = map_coordinates(
        shape, [rows + waver * _hills(side, 5, rng), columns + waver * _hills(side, 5, rng)], order=1
    )
    # A blurred edge, cut at another height, moves outwards or inwards: never so far that a stroke is lost.
    soft = gaussian_filter(bent, side * 0.006)
    height = rng.uniform(0.28, 0.6)
    stroke = ((soft - height) * 6 + 0.5).clip(0, 1)
    pressure = 1 - rng.uniform(0, 0.35) * _hills(side, 7, rng).clip(0, 1)
    grain = 1 - rng.uniform(0, 0.25) * np.abs(gaussian_filter(rng.normal(0, 1, (side, side)), 1.2)).clip(0, 1)
    return stroke * pressure * grain * rng.uniform(0.8, 1.0)


def _paper(ruling: str, rng: np.random.Generator) -> Plane:
    """Return paper, 0 to 255, (S, S, 3): a colour, fibres, and rules or squares where there are some."""
    side = SIDE * _FINE
    colour = np.array(_PAPERS[rng.integers(len(_PAPERS))], dtype=np.float64)
    fibres = gaussian_filter(rng.normal(0, 1, (side, side)), (1.0, 3.5)) * rng.uniform(2, 16)
    page = colour + (fibres + 5 * _hills(side, 4, rng))[:, :, None]
    if ruling == "none":
        return page
    lines = Image.new("L", (side, side))
    draw = ImageDraw.Draw(lines)
    gap = side * rng.uniform(0.12, 0.2) if ruling == "grid" else side * rng.uniform(0.28, 0.4)
    for place in np.arange(rng.uniform(0, gap), side, gap):
        draw.line([(0, place), (side, place)], fill=255, width=3)
        if ruling == "grid":
            draw.line([(place, 0), (place, side)], fill=255, width=3)
    strength = np.asarray(lines, dtype=np.float64)[:, :, None] / 255 * rng.uniform(0.2, 0.5)
    return page * (1 - strength) + np.array([120, 150, 195]) * strength


def _on_a_table(page: Plane, ink: Plane, rng: np.random.Generator) -> Plane:
    """Let the paper end beside what is written, on a table on which its edge casts a shadow. Keeps (S, S, 3)."""
    side = len(page)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float64)
    angle = rng.uniform(0, 2 * np.pi)
    across = rows * np.sin(angle) + columns * np.cos(angle)
    beyond = across - across[ink > 0.05].max(initial=-np.inf) - SIDE * _FINE * rng.uniform(0.02, 0.14)
    colour = np.array(_TABLES[rng.integers(len(_TABLES))], dtype=np.float64)
    # The grain of the wood runs along the edge or across it.
    grain = gaussian_filter(rng.normal(0, 1, (side, side)), (1.5, 12)[:: rng.choice([-1, 1])])
    shadow = 1 - rng.uniform(0.1, 0.5) * np.exp(-beyond.clip(0) / (SIDE * _FINE * rng.uniform(0.01, 0.04)))
    table = (colour + grain[:, :, None] * rng.uniform(5, 40)) * shadow[:, :, None]
    return np.where(beyond[:, :, None] > 0, table, page)


def _seen_from(page: Plane, turn: float, rng: np.random.Generator) -> Plane:
    """Turn and tilt the page as a hand-held camera sees it, and bring it to its final size, (SIDE, SIDE, 3)."""
    side = len(page) - 2 * _EDGE
    angle = np.deg2rad(turn)
    square = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * side / 2  # left top, left bottom, ...
    turned = square @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = turned * 0.9 + side / 2 + side * rng.uniform(-0.045, 0.045, size=(4, 2))
    image = Image.fromarray(np.round(page.clip(0, 255)).astype(np.uint8))
    quad = tuple(float(value) for value in (corners + _EDGE).ravel())
    seen = image.transform((side, side), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    return np.asarray(seen.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)


def _photographed(page: Plane, rng: np.random.Generator) -> Plane:
    """Light the page from one side, with a shadow at times, and photograph it: blur, tint, noise. Keeps shape."""
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    across = rows * np.sin(angle) + columns * np.cos(angle)
    light = rng.uniform(0.62, 1.05) * (1 + rng.uniform(0, 0.25) * across)
    if rng.random() < 0.35:  # the shadow of a hand or of a telephone
        edge = rng.uniform(-0.5, 0.5)
        softness = rng.uniform(0.05, 0.3)
        light = light * (1 - rng.uniform(0.15, 0.4) / (1 + np.exp(-(across - edge) / softness)))
    # A camera that takes the light for warmer or colder than it is.
    warmth = rng.choice([-1, 1]) * rng.uniform(0.04, 0.09)
    lit = page * light[:, :, None] * (1 + np.array([warmth, rng.uniform(-0.03, 0.03), -warmth]))
    image = Image.fromarray(np.round(lit.clip(0, 255)).astype(np.uint8))
    blurred = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 1.0)))
    return np.asarray(blurred, dtype=np.float64) + rng.normal(0, rng.uniform(1, 6), (SIDE, SIDE, 1))


def _hills(side: int, count: int, rng: np.random.Generator) -> Plane:
    """Return smooth ups and downs of about −1 to 1, (side, side), from `count` × `count` drawn numbers."""
    grown = zoom(rng.uniform(-1, 1, (count, count)), side / count, order=3)
    return grown[:side, :side]
