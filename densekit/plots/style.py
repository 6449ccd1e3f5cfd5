"""How every figure here looks: one font list, one palette, one set of sizes; and how names are written in it."""

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

from matplotlib import font_manager, rcParams
from matplotlib.colors import to_rgb
from matplotlib.style import context
from matplotlib.typing import ColorType

BLACK, GREY, LIGHT = "#000000", "#6b6b6b", "#e6e6e6"
BLUE, ORANGE, GREEN, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SKY, PURPLE, YELLOW = "#56b4e9", "#cc79a7", "#f0e442"
LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (VERMILLION, "D"), (PURPLE, "v"), (SKY, "P"))
"""Colour and marker of things that are drawn side by side, the first ones the easiest to tell apart."""
SPLIT_COLOURS = {"train": BLUE, "val": ORANGE, "test": GREEN}

TICK, CROSS = "✓", "✗"

# Families with Hangul, in the order of preference; the first that is installed is used.
_HANGUL_FAMILIES = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Nanum Gothic",
    "NanumBarunGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Source Han Sans KR",
    "UnDotum",
    "Baekmuk Dotum",
)

_FONT_LOG = logging.getLogger("matplotlib.font_manager")

_STYLE: dict[str, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "figure.titlesize": 11.0,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "text.parse_math": False,  # a class may be called "$5 or $10"
}

_ONE_THREAD = RLock()


@cache
def font_families() -> tuple[str, ...]:
    """Return the families that text is set in: DejaVu Sans, and one with Hangul if one is installed."""
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *[family for family in _HANGUL_FAMILIES if family in installed][:1])


@contextmanager
def styled() -> Iterator[None]:
    """Give the context in which figures are made and drawn, whatever the reader's own settings are.

    matplotlib has one set of settings for the whole process. Two threads in this context at once would put back
    what they have found in the wrong order, and the style would stay. So one waits for the other. What the reader
    sets meanwhile, in a cell beside a training whose curves are drawn, stays.
    """
    held_back = _OfAnotherWeight()
    with _ONE_THREAD:
        _FONT_LOG.addFilter(held_back)
        theirs: dict[Any, Any] = {}  # matplotlib's own types list every name that there is
        try:
            with context(["default", _STYLE | {"font.family": list(font_families())}]):
                ours = rcParams.copy()
                try:
                    yield
                finally:
                    theirs = {name: value for name, value in rcParams.copy().items() if ours[name] != value}
        finally:
            rcParams.update(theirs)
            _FONT_LOG.removeFilter(held_back)


class _OfAnotherWeight(logging.Filter):
    """Holds back what matplotlib says where a font has no weight of just that number.

    Some fonts with Hangul have no bold at all, and NanumGothic calls its own 600 where bold is 700. Then the
    nearest one is drawn, and it is not for a learner to do anything about it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("findfont: Failed to find font weight")


def readable_on(background: ColorType) -> str:
    """Return black or white, whichever has the higher contrast (WCAG 2: at least 4.5 to 1) on a colour."""
    return "black" if luminance(to_rgb(background)) > 0.179 else "white"


def luminance(colour: tuple[float, float, float]) -> float:
    """Return the relative luminance of an sRGB colour, 0 to 1, as WCAG 2 defines it."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def label_names(classes: Sequence[str], longest: int = 22) -> list[str]:
    """Return a label for each class: at most `longest` characters or so, no two the same.

    Labels that would come out the same, long names or undrawable ones, get their class number in front.
    """
    labels = [shortened(drawable(name, number), longest) for number, name in enumerate(classes)]
    seen = Counter(labels)
    return [f"{number}: {label}" if seen[label] > 1 else label for number, label in enumerate(labels)]


def drawable(name: str, number: int) -> str:
    """Return the name of class `number` in characters that the fonts have."""
    letters = [_drawable_character(letter) for letter in unicodedata.normalize("NFC", name)]
    text = " ".join("".join(letters).split())
    # An empty part stands for a character without a readable name; a name without letters says nothing.
    return text if all(letters) and text else f"class {number}"


def drawn_text(text: str) -> str:
    """Return any text, line by line, in characters that the fonts have; what they lack becomes "?"."""
    lines = unicodedata.normalize("NFC", text).split("\n")
    return "\n".join("".join(_drawable_character(letter) or "?" for letter in line) for line in lines)


def _drawable_character(letter: str) -> str:
    if ord(letter) in _characters():
        return letter
    if letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf", "Mn"):
        return " "
    name = unicodedata.name(letter, "")
    if name.startswith("HANGUL"):
        return name.rsplit(" ", 1)[1].lower()  # HANGUL SYLLABLE SA, HANGUL LETTER KIYEOK
    if unicodedata.category(letter) == "So" and name:
        return f" {name.lower()} "  # 🍎 is RED APPLE
    return ""


def shortened(label: str, longest: int) -> str:
    """Cut the middle out: names in one folder often differ only at their ends."""
    if len(label) <= longest:
        return label
    head = (longest - 1) // 2
    return f"{label[:head]}…{label[head + 1 - longest :]}"


@cache
def _characters() -> frozenset[int]:
    fonts = [font_manager.get_font(font_manager.findfont(family)) for family in font_families()]
    return frozenset(point for font in fonts for point in font.get_charmap())
