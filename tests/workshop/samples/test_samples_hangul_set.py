"""The committed Hangul pictures are the ones that were made, and fonts, paper and ink give no class away."""

import csv
import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from densekit.data.doctor import diagnose
from densekit.data.folder import open_folder
from densekit.errors import DataError
from densekit.files import sample_folder
from workshop.samples.__main__ import main
from workshop.samples.hangul import SIDE, SYLLABLES
from workshop.samples.hangul_card import data_card
from workshop.samples.hangul_fonts import FONTS, LICENCES, Font, check_fonts, find_fonts, fonts_of
from workshop.samples.hangul_set import COUNTS, check_drawing, make_syllable, syllable_names
from workshop.samples.picture_set import QUALITY, check_files, read_sums, write_set


@pytest.fixture(scope="module")
def folder() -> Path:
    return sample_folder("hangul")


@pytest.fixture(scope="module")
def drawn(folder: Path) -> list[dict[str, str]]:
    with (folder / "drawn.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def hangul_fonts() -> dict[Font, Path]:
    try:
        fonts = find_fonts()
        check_fonts(fonts)
    except DataError as error:
        pytest.skip(str(error))
    return fonts


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "hangul"))


def test_the_committed_files_are_as_they_were_made(folder: Path) -> None:
    assert check_files(folder) == []
    assert [name for name in read_sums(folder) if name != "drawn.csv"] == syllable_names()


def test_committed_pictures_come_out_the_same_to_the_byte(
    folder: Path, hangul_fonts: dict[Font, Path]
) -> None:
    assert check_drawing(folder, syllable_names()[::40], hangul_fonts) == []


def test_the_command_draws_pictures_again_where_the_fonts_are(
    copy: Path, hangul_fonts: dict[Font, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hangul", "--check", str(copy), "--render", "2"]) == 0
    first = syllable_names()[0]
    sums = (copy / "SHA256SUMS").read_text()
    (copy / "SHA256SUMS").write_text(sums.replace(read_sums(copy)[first], "0" * 64))
    assert main(["hangul", "--check", str(copy), "--render", "2"]) == 1
    assert f"{first} comes out differently" in capsys.readouterr().out


def test_there_are_eight_classes_or_more_with_pictures_in_every_split(folder: Path) -> None:
    data = open_folder(folder)
    assert list(data.classes) == sorted(SYLLABLES)
    assert len(data.classes) >= 8
    for samples, count in zip((data.train, data.val, data.test), COUNTS.values(), strict=True):
        assert np.bincount([sample.label for sample in samples]).tolist() == [count] * len(SYLLABLES)


def test_pictures_are_colour_of_one_size_and_together_small(folder: Path) -> None:
    for name in syllable_names()[::37]:
        with Image.open(folder / name) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIDE, SIDE))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 4_000_000


def test_no_font_of_the_test_pictures_occurs_in_another_split(drawn: list[dict[str, str]]) -> None:
    fonts = {split: {row["font"] for row in drawn if row["picture"].startswith(split)} for split in COUNTS}
    assert fonts == {split: {font.file for font in fonts_of(split)} for split in COUNTS}
    assert sum(map(len, fonts.values())) == len(set.union(*fonts.values())) == len(FONTS)


def test_every_class_has_as_many_pictures_of_each_font(drawn: list[dict[str, str]]) -> None:
    assert [row["picture"] for row in drawn] == syllable_names()
    for split, count in COUNTS.items():
        of_a_font = count // len(fonts_of(split))
        for font in fonts_of(split):
            classes = [Path(row["picture"]).parent.name for row in drawn if row["font"] == font.file]
            assert sorted(classes) == sorted([*SYLLABLES] * of_a_font)


def test_neither_ruling_nor_turn_nor_mean_colour_tells_the_class(
    folder: Path, drawn: list[dict[str, str]]
) -> None:
    rulings = sorted({row["ruling"] for row in drawn})
    facts = [[*(row["ruling"] == one for one in rulings), float(row["turn"])] for row in drawn]
    colours = [np.asarray(Image.open(folder / row["picture"])).mean(axis=(0, 1)) for row in drawn]
    labels = [Path(row["picture"]).parent.name for row in drawn]
    guess = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    right = cross_val_score(guess, np.hstack([facts, colours]), labels, cv=5).mean()
    assert right < 1 / len(SYLLABLES) + 0.05


@pytest.mark.slow
def test_the_doctor_finds_nothing(folder: Path) -> None:
    assert diagnose(folder).problems == ()


def test_fonts_that_are_missing_are_told_with_their_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hangul", "--out", str(tmp_path / "new"), "--fonts", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert f"apt-get install {' '.join(LICENCES)}" in message
    assert "--fonts DIR" in message
    assert not (tmp_path / "new").exists()


def test_a_place_that_cant_be_written_to_is_told_before_anything_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["tabletop", "--out", str(out)]) == 2
        assert f"Error: {out} can't be written to" in capsys.readouterr().err


def test_fonts_are_refused_where_nothing_is_written_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["tabletop", "--check", "anywhere", "--fonts", "anywhere"])
    assert stopped.value.code == 2
    assert "--fonts is for hangul alone" in capsys.readouterr().err


def test_checking_needs_no_fonts_and_notices_what_was_changed(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ["--fonts", str(copy / "nowhere")]
    assert main(["hangul", "--check", str(copy), *nowhere]) == 0
    assert "is as it was made" in capsys.readouterr().out
    (copy / "test" / "ga" / "0001.jpg").write_bytes(b"not a picture")
    (copy / "drawn.csv").unlink()
    assert main(["hangul", "--check", str(copy), *nowhere]) == 1
    out = capsys.readouterr().out
    assert "test/ga/0001.jpg has changed" in out
    assert "drawn.csv is missing" in out
    assert main(["hangul", "--check", str(copy), "--render", "1", *nowhere]) == 2


def test_a_set_is_written_with_its_sums_its_table_and_its_card(tmp_path: Path) -> None:
    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    names = ["train/ga/0001.jpg", "val/na/0002.jpg"]
    pictures = [make_syllable(name, dict.fromkeys(FONTS, path)) for name in names]
    assert list(write_set(tmp_path, pictures, lambda size: f"{size} bytes")) == pictures
    assert check_files(tmp_path) == []
    assert (tmp_path / "README.md").read_text() == f"{sum(len(one.jpeg) for one in pictures)} bytes"
    lines = (tmp_path / "drawn.csv").read_text().splitlines()
    assert lines[0] == "picture,font,ruling,turn"
    assert [line.split(",")[0] for line in lines[1:]] == names


def test_the_card_names_classes_fonts_licence_and_command(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    for word in (*SYLLABLES, *SYLLABLES.values(), *LICENCES, "Open Font License 1.1", "CC0", "make samples"):
        assert word in card
    for font in FONTS:
        assert f"| {font.split} | {font.file} |" in card
        assert font.sha256 in card


def test_the_committed_card_is_the_one_that_would_be_written(folder: Path) -> None:
    size = sum((folder / name).stat().st_size for name in syllable_names())
    written = data_card(COUNTS, SIDE, QUALITY, size)
    committed = (folder / "README.md").read_text(encoding="utf-8")
    # Apart from the versions of the libraries that made it.
    assert written.partition("Made with")[0] == committed.partition("Made with")[0]
    assert written.partition("## Licence")[2] == committed.partition("## Licence")[2]
