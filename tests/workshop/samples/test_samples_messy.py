"""The messy sample folder is what its code makes, and small."""

from pathlib import Path

import pytest

from densekit.files import sample_folder
from workshop.samples.__main__ import main
from workshop.samples.messy import check_messy, make_messy


def test_the_folder_is_what_is_made_now() -> None:
    assert check_messy(sample_folder("messy")) == []


def test_it_is_small() -> None:
    sizes = [path.stat().st_size for path in sample_folder("messy").rglob("*") if path.is_file()]
    assert sum(sizes) < 1_000_000


@pytest.mark.slow
def test_a_changed_a_missing_and_a_strange_file_are_told(tmp_path: Path) -> None:
    make_messy(tmp_path)
    assert main(["messy", "--check", str(tmp_path)]) == 0
    (tmp_path / "train" / "bird" / "notes.txt").write_text("changed")
    (tmp_path / "train" / "apple" / "0.jpg").unlink()
    (tmp_path / "train" / "new.txt").touch()
    assert check_messy(tmp_path) == [
        "train/apple/0.jpg is missing",
        "train/bird/notes.txt comes out differently when it is made again",
        "train/new.txt does not belong to it",
    ]
    assert main(["messy", "--check", str(tmp_path)]) == 1
