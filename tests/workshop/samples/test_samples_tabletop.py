"""The committed pictures are the ones that were made, in the right number, and give nothing away but shapes."""

import csv
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from densekit.errors import DataError
from densekit.files import sample_folder
from workshop.samples.__main__ import main
from workshop.samples.card import data_card
from workshop.samples.make import COUNTS, SIZE, check_rendering, picture_names
from workshop.samples.objects import CLASSES
from workshop.samples.picture_set import QUALITY, check_files, read_sums

CHANCE = 1 / len(CLASSES)


@pytest.fixture(scope="module")
def folder() -> Path:
    return sample_folder("tabletop")


@pytest.fixture(scope="module")
def drawn(folder: Path) -> list[dict[str, str]]:
    with (folder / "drawn.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "tabletop"))


def test_the_committed_files_are_as_they_were_made(folder):
    assert check_files(folder) == []


@pytest.mark.slow
def test_committed_pictures_come_out_the_same_to_the_byte(folder):
    names = ["train/mug/0001.jpg", "val/box/0007.jpg", "test/ring/0020.jpg"]
    assert check_rendering(folder, names) == []


def test_each_class_has_its_number_of_pictures_in_each_split(folder):
    for split, count in COUNTS.items():
        assert sorted(path.name for path in (folder / split).iterdir()) == sorted(CLASSES)
        for class_name in CLASSES:
            assert len(list((folder / split / class_name).glob("*.jpg"))) == count


def test_pictures_are_colour_and_of_one_size(folder):
    for name in picture_names()[::97]:
        with Image.open(folder / name) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE, SIZE))


def test_no_picture_is_black_white_or_empty(folder):
    for name in picture_names():
        with Image.open(folder / name) as image:
            grey = np.asarray(image.convert("L"), dtype=float)
        assert 15 < grey.mean() < 240, name
        assert grey.std() > 8, name


def test_the_set_stays_small(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 6_000_000


def test_no_picture_occurs_twice(folder):
    digests = [digest for name, digest in read_sums(folder).items() if name.endswith(".jpg")]
    assert len(set(digests)) == len(digests) == len(picture_names())


def test_what_was_drawn_does_not_tell_the_class(drawn):
    """Neither pattern, finish, colours, table nor clutter: a guess from them is as good as any guess."""
    labels = [Path(row["picture"]).parent.name for row in drawn]
    columns = [column for column in drawn[0] if column != "picture"]
    words = [column for column in columns if not _is_number(drawn[0][column])]
    numbers = [column for column in columns if column not in words]
    one_hot = OneHotEncoder(sparse_output=False).fit_transform([[row[c] for c in words] for row in drawn])
    features = np.hstack([one_hot, [[float(row[c]) for c in numbers] for row in drawn]])
    assert _accuracy(features, labels) < CHANCE + 0.05


def test_the_same_guess_would_find_out_a_colour_that_tells_the_class(drawn):
    labels = [Path(row["picture"]).parent.name for row in drawn]
    generator = np.random.default_rng(0)
    colour = np.array([sorted(CLASSES).index(label) for label in labels]) + generator.normal(
        0, 2, len(labels)
    )
    assert _accuracy(colour[:, None], labels) > CHANCE + 0.05


def test_the_mean_colour_of_a_picture_hardly_tells_the_class(folder):
    names = [name for name in picture_names() if name.startswith("train")]
    means = [np.asarray(Image.open(folder / name)).mean(axis=(0, 1)) for name in names]
    assert _accuracy(np.array(means), [Path(name).parent.name for name in names]) < CHANCE + 0.08


def test_a_changed_file_a_missing_one_and_an_extra_one_are_noticed(copy):
    changed, missing, extra = (copy / "train" / "mug" / name for name in ("0001.jpg", "0002.jpg", "9999.jpg"))
    changed.write_bytes(changed.read_bytes()[:-1] + b"\0")
    missing.unlink()
    extra.write_bytes(b"")
    assert sorted(check_files(copy)) == [
        "train/mug/0001.jpg has changed",
        "train/mug/0002.jpg is missing",
        "train/mug/9999.jpg is not listed in SHA256SUMS",
    ]


@pytest.mark.slow
def test_a_picture_that_would_come_out_differently_is_noticed(copy):
    name, other = "train/mug/0001.jpg", "train/mug/0002.jpg"
    sums = (copy / "SHA256SUMS").read_text()
    (copy / "SHA256SUMS").write_text(sums.replace(read_sums(copy)[name], "0" * 64))
    assert check_rendering(copy, [name]) == []  # another processor's rounding, as far as anybody sees
    (copy / name).write_bytes((copy / other).read_bytes())
    assert check_rendering(copy, [name]) == [f"{name} comes out differently when it is rendered again"]


def test_the_command_says_whether_all_is_well(copy, capsys):
    assert main(["tabletop", "--check", str(copy)]) == 0
    assert "is as it was made" in capsys.readouterr().out
    (copy / "val" / "bowl" / "0001.jpg").write_bytes(b"not a picture")
    assert main(["tabletop", "--check", str(copy)]) == 1
    assert "val/bowl/0001.jpg has changed" in capsys.readouterr().out


def test_a_folder_without_sums_is_refused_with_a_remedy(tmp_path, capsys):
    assert main(["tabletop", "--check", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "SHA256SUMS is missing" in message
    assert "make samples" in message


def test_a_broken_line_of_sums_is_named(tmp_path):
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'').hexdigest()}  a.jpg\nnonsense\n")
    with pytest.raises(DataError, match="line 2"):
        read_sums(tmp_path)


def test_the_card_names_classes_counts_licence_and_command(folder):
    card = (folder / "README.md").read_text()
    for word in (*CLASSES, "MIT", "CC0", "make samples", f"{len(picture_names())} pictures"):
        assert word in card


def test_the_committed_card_is_the_one_that_would_be_written(folder):
    size = sum((folder / name).stat().st_size for name in picture_names())
    written = data_card(COUNTS, SIZE, QUALITY, size)
    committed = (folder / "README.md").read_text()
    # Apart from the versions of the libraries that made it.
    assert written.partition("Made with")[0] == committed.partition("Made with")[0]
    assert written.partition("## Licence")[2] == committed.partition("## Licence")[2]


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace("-", "").isdigit()


def _accuracy(features: np.ndarray, labels: list[str]) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    return float(cross_val_score(model, features, labels, cv=5).mean())
