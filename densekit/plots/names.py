"""Class names as a figure can show them: drawable with the fonts there are, short enough, and still distinct.

matplotlib brings no Hangul, and neither do many Linux machines, Colab among them. A name that can't be drawn
would come out as a row of boxes, so it is written in Latin letters instead ('사과' as 'sagwa'), by the names
that Unicode gives its characters; where these don't help ('CJK UNIFIED IDEOGRAPH-82F9'), it becomes
'class 3'. Alt texts and files always have the true names.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager

from densekit.plots.style import font_families


def label_names(classes: Sequence[str], longest: int = 22) -> list[str]:
    """Return a label for each class: at most `longest` characters or so, no two the same.

    Labels that would come out the same, long names or undrawable ones, get their class number in front.
    """
    labels = [_shortened(drawable(name, number), longest) for number, name in enumerate(classes)]
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


def _shortened(label: str, longest: int) -> str:
    """Cut the middle out: names in one folder often differ only at their ends."""
    if len(label) <= longest:
        return label
    head = (longest - 1) // 2
    return f"{label[:head]}…{label[head + 1 - longest :]}"


@cache
def _characters() -> frozenset[int]:
    fonts = [font_manager.get_font(font_manager.findfont(family)) for family in font_families()]
    return frozenset(point for font in fonts for point in font.get_charmap())
