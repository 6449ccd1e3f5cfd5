from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont

from densekit.errors import DataError
from workshop.samples.hangul import SIDE, SYLLABLES, _on_a_table, write_syllable
from workshop.samples.hangul_fonts import FONTS, LICENCES, Font, check_fonts, find_fonts, fonts_of


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


@pytest.mark.slow
def test_there_is_ink_which_is_darker_than_the_paper(any_fonts: dict[Font, Path]) -> None:
    for number in range(1, 13):
        picture = write_syllable(f"train/ma/{number:04d}.jpg", any_fonts).image
        grey = np.asarray(picture.convert("L"), dtype=float)
        assert np.percentile(grey[8:-8, 8:-8], 2) < 0.8 * np.median(grey)


def test_the_table_never_covers_what_is_written() -> None:
    rng = np.random.default_rng(0)
    ink = np.zeros((600, 600))
    ink[200:400, 250:350] = 1
    page = np.full((600, 600, 3), 255.0)
    tables = [_on_a_table(page, ink, rng) for _ in range(20)]
    assert all((table[200:400, 250:350] == 255).all() for table in tables)
    assert all(table.min() < 250 for table in tables)  # and yet it is there


@pytest.mark.slow
def test_the_fonts_of_a_split_take_turns_in_every_class(any_fonts: dict[Font, Path]) -> None:
    for split in ("train", "val", "test"):
        files = [font.file for font in fonts_of(split)]
        for class_name in ("a", "sa"):
            drawn = [
                write_syllable(f"{split}/{class_name}/{number:04d}.jpg", any_fonts).drawn["font"]
                for number in range(1, len(files) + 1)
            ]
            assert drawn == files


def test_no_font_and_no_family_is_in_two_splits() -> None:
    assert len({font.file for font in FONTS}) == len({font.sha256 for font in FONTS}) == len(FONTS)
    splits = {font.file: font.split for font in FONTS}
    assert splits["NanumPen.ttf"] == splits["NanumBrush.ttf"]  # one hand with two pens
    for split in ("train", "val", "test"):
        styles = {font.style.partition(",")[0] for font in fonts_of(split)}
        assert {"handwriting", "print"} <= styles


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train/kim/0001.jpg", r"no class 'kim'.*'train/ga/0001\.jpg'"),
        ("fresh/ga/0001.jpg", r"no fonts for a split 'fresh': expected one of train, val, test"),
        ("train/ga/one.jpg", r"'train/ga/one\.jpg': expected a split, a class and a number"),
        ("ga/0001.jpg", r"expected a split, a class and a number, such as 'train/ga/0001\.jpg'"),
        ("", "expected a split, a class and a number"),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_one_looks_like(
    any_fonts: dict[Font, Path], name: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_syllable(name, any_fonts)


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
        DataError, match=r"NanumPen\.ttf is missing \(1 of 12 are\).*install fonts-nanum-extra`"
    ):
        find_fonts([tmp_path])
    with pytest.raises(DataError, match=r"install fonts-nanum fonts-nanum-extra fonts-woowa-bm`"):
        find_fonts([tmp_path / "nothing here"])


def test_another_version_of_a_font_is_refused(any_fonts: dict[Font, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"another version of NanumPen\.ttf.*take the file of Debian's"):
        check_fonts(any_fonts)
    with pytest.raises(DataError, match=r"can't be read.*expected the font NanumPen\.ttf"):
        check_fonts({FONTS[0]: tmp_path / "gone.ttf"})


def test_installed_fonts_are_the_ones_that_the_pictures_were_written_with(
    hangul_fonts: dict[Font, Path],
) -> None:
    check_fonts(hangul_fonts)


def test_every_font_has_every_syllable(hangul_fonts: dict[Font, Path]) -> None:
    for path in hangul_fonts.values():
        font = ImageFont.truetype(str(path), 64)
        drawn = {bytes(font.getmask(syllable)) for syllable in SYLLABLES.values()}
        assert len(drawn) == len(SYLLABLES)  # a font that lacks some draws the same box for them
