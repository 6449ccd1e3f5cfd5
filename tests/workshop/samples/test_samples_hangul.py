from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont

from densekit.errors import DataError
from workshop.samples.hangul import SIDE, SYLLABLES, write_syllable
from workshop.samples.hangul_fonts import FONTS, LICENCES, Font, find_fonts


@pytest.fixture
def any_fonts() -> dict[Font, Path]:
    """A font that is always there, in place of each: it has no Hangul, and draws an empty box instead."""
    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return dict.fromkeys(FONTS, path)


@pytest.fixture
def hangul_fonts() -> dict[Font, Path]:
    try:
        return find_fonts()
    except DataError as error:
        pytest.skip(str(error))


def test_a_name_decides_the_picture(any_fonts: dict[Font, Path]) -> None:
    once, again = (write_syllable("train/ga/0001.jpg", any_fonts) for _ in range(2))
    assert once.image.size == (SIDE, SIDE)
    assert once.image.mode == "RGB"
    assert once.image.tobytes() == again.image.tobytes()
    assert once.drawn == again.drawn
    other = write_syllable("val/ga/0001.jpg", any_fonts)
    assert other.image.tobytes() != once.image.tobytes()


def test_there_is_ink_on_paper_and_paper_alone_at_the_corners(any_fonts: dict[Font, Path]) -> None:
    for number in range(1, 13):
        picture = write_syllable(f"train/ma/{number:04d}.jpg", any_fonts).image
        grey = np.asarray(picture.convert("L"), dtype=float)
        corners = (grey[:5, :5], grey[:5, -5:], grey[-5:, :5], grey[-5:, -5:])
        darkest = np.percentile(grey[20:-20, 20:-20], 1)
        # Ink is darker than the darkest corner, even where a shadow lies on it.
        assert darkest < 0.9 * min(corner.mean() for corner in corners)


def test_an_unknown_class_is_refused_with_what_a_name_looks_like(any_fonts: dict[Font, Path]) -> None:
    with pytest.raises(DataError, match=r"no class 'kim'.*'train/ga/0001\.jpg'"):
        write_syllable("train/kim/0001.jpg", any_fonts)


def test_class_names_are_plain_ascii_and_syllables_all_differ() -> None:
    assert all(name.isascii() and name.isalpha() and name.islower() for name in SYLLABLES)
    assert len(set(SYLLABLES.values())) == len(SYLLABLES) >= 8
    assert all("가" <= syllable <= "힣" for syllable in SYLLABLES.values())


def test_fonts_are_found_below_a_folder_and_each_package_has_a_licence(tmp_path: Path) -> None:
    for font in FONTS:
        (tmp_path / "truetype" / font.file).parent.mkdir(exist_ok=True)
        (tmp_path / "truetype" / font.file).touch()
    assert find_fonts([tmp_path]) == {font: tmp_path / "truetype" / font.file for font in FONTS}
    assert {font.package for font in FONTS} == set(LICENCES)


def test_a_missing_font_names_the_debian_package(tmp_path: Path) -> None:
    for font in FONTS:
        if font.file != "NanumPen.ttf":
            (tmp_path / font.file).touch()
    with pytest.raises(
        DataError, match=r"NanumPen\.ttf is missing \(1 of 6 are\).*install fonts-nanum-extra`"
    ):
        find_fonts([tmp_path])
    with pytest.raises(DataError, match=r"install fonts-nanum fonts-nanum-extra`"):
        find_fonts([tmp_path / "nothing here"])


def test_every_font_has_every_syllable(hangul_fonts: dict[Font, Path]) -> None:
    for path in hangul_fonts.values():
        font = ImageFont.truetype(str(path), 64)
        drawn = {bytes(font.getmask(syllable)) for syllable in SYLLABLES.values()}
        assert len(drawn) == len(SYLLABLES)  # a font that lacks some draws the same box for them
