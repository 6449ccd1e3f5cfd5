"""The clean copy holds what can be used, says what it lacks, and leaves the folder as it was."""

import csv
from pathlib import Path

import pytest
from pictures import class_folders, dirty_folder, scene
from PIL import Image

from densekit.data.clean_copy import write_clean_copy
from densekit.data.doctor import diagnose
from densekit.errors import DataError


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_the_copy_has_no_errors_and_the_folder_is_as_it_was(tmp_path: Path) -> None:
    root = dirty_folder(tmp_path / "dirty")
    before = files(root)
    copy = write_clean_copy(diagnose(root), tmp_path / "clean")
    assert files(root) == before
    cleaned = diagnose(tmp_path / "clean")
    assert cleaned.errors == ()
    assert not any(problem.left_out for problem in cleaned.problems)
    assert copy.copied == sum(cleaned.counts["all"].values())


def test_images_keep_their_names_and_bytes(tmp_path: Path) -> None:
    root = dirty_folder(tmp_path / "dirty")
    write_clean_copy(diagnose(root), tmp_path / "clean")
    before, after = files(root), files(tmp_path / "clean")
    assert after.pop("manifest.csv")
    assert after.items() <= before.items()
    assert "dog/nested/deeper/9.bmp" in after
    assert "고양이/0.png" in after


def test_the_manifest_says_what_is_missing_and_why(tmp_path: Path) -> None:
    root = dirty_folder(tmp_path / "dirty")
    write_clean_copy(diagnose(root), tmp_path / "clean")
    with (tmp_path / "clean" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["left_out"]: row for row in csv.DictReader(file)}
    assert rows["cat/notes.txt"]["kind"] == "not-an-image"
    assert rows["dog/cut.jpg"]["why"].startswith("the image can't be decoded")
    assert rows["dog/link to a cat.png"]["other"] == "cat/1.png"
    copied = files(tmp_path / "clean").keys() - {"manifest.csv"}
    hidden = {name for name in files(root) if any(part.startswith((".", "__M")) for part in Path(name).parts)}
    linked = {name for name in files(root) if name.startswith("dog/circle")}
    assert (
        files(root).keys() - hidden - linked
        == copied | {name for name in rows if (root / name).is_file()} - hidden
    )


def test_one_of_two_copies_stays_and_neither_of_two_labels(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"train/cat": 3, "train/dog": 3, "val/cat": 2, "val/dog": 2})
    scene(seed=1).save(root / "train" / "cat" / "one.png")
    scene(seed=1).save(root / "val" / "cat" / "the same.jpg", quality=70)
    scene(seed=2).save(root / "train" / "cat" / "unclear.png")
    scene(seed=2).resize((120, 90)).save(root / "train" / "dog" / "unclear.png")
    copy = write_clean_copy(diagnose(root), tmp_path / "clean")
    assert sorted(problem.path.relative_to(root).as_posix() for problem in copy.left_out) == [
        "train/cat/unclear.png",
        "train/dog/unclear.png",
        "val/cat/the same.jpg",
    ]
    assert (tmp_path / "clean" / "train" / "cat" / "one.png").is_file()
    assert diagnose(tmp_path / "clean").ok


def test_what_is_doubtful_is_copied(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 3, "dog": 3})
    Image.new("RGB", (100, 100), "red").save(root / "cat" / "plain.png")
    scene().point(lambda value: value // 8).save(root / "cat" / "dark.png")
    write_clean_copy(diagnose(root), tmp_path / "clean")
    assert (tmp_path / "clean" / "cat" / "dark.png").is_file()
    assert not (tmp_path / "clean" / "cat" / "plain.png").exists()


class TestTarget:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return class_folders(tmp_path / "data", {"cat": 2, "dog": 2})

    @pytest.mark.parametrize("inside", [".", "clean", "cat/clean"])
    def test_nothing_is_written_into_the_folder(self, root: Path, inside: str) -> None:
        before = files(root)
        with pytest.raises(DataError, match=r"never changed: name a folder outside"):
            write_clean_copy(diagnose(root), root / inside)
        assert files(root) == before

    def test_nor_through_a_link(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(root)
        with pytest.raises(DataError, match=r"never changed"):
            write_clean_copy(diagnose(root), tmp_path / "link" / "clean")

    def test_nor_over_something(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine.txt").write_text("mine")
        with pytest.raises(DataError, match=r"is not empty: name a new folder"):
            write_clean_copy(diagnose(root), tmp_path / "full")
        with pytest.raises(DataError, match=r"is a file"):
            write_clean_copy(diagnose(root), tmp_path / "full" / "mine.txt")
        assert files(tmp_path / "full") == {"mine.txt": b"mine"}

    def test_an_empty_folder_will_do(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert write_clean_copy(diagnose(root), tmp_path / "empty").copied == 4

    def test_it_appears_whole_or_not_at_all(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(source: Path, target: Path) -> None:
            raise OSError(28, "No space left on device", str(target))

        diagnosis = diagnose(root)
        monkeypatch.setattr("shutil.copyfile", fail)
        with pytest.raises(OSError, match=r"No space left"):
            write_clean_copy(diagnosis, tmp_path / "clean")
        assert [path.name for path in tmp_path.iterdir()] == ["data"]
