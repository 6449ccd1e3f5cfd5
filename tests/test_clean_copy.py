"""The clean copy holds what can be used, says what it lacks, and leaves the folder as it was."""

import csv
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import class_folders, dirty_folder, save, scene
from PIL import Image, ImageDraw

from densekit.data import outside
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


@pytest.mark.parametrize(
    ("large", "small"),
    [("Cup/a.png", "cup/b.png"), ("Cup/2020/a.png", "cup/2021/b.png"), ("cup/A.PNG", "cup/a.PNG")],
)
def test_names_that_a_disk_takes_for_one_are_refused_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: str, small: str
) -> None:
    """As on macOS, Windows, and memory cards."""
    root = tmp_path / "data"
    for number, name in enumerate((large, small, "dog/1.png", "dog/2.png")):
        save(root / name, seed=number)
    diagnosis = diagnose(root)
    make, open_file = Path.mkdir, Path.open

    def folding_mkdir(path: Path, *args: Any, **more: Any) -> None:
        for folder in (path, path.parent):
            other = folder.with_name("Cup")
            if folder.name == "cup" and other.is_dir() and not folder.is_symlink():
                folder.symlink_to(other)
        if not path.is_dir():
            make(path, *args, **more)

    def folding_open(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        alike = [one for one in path.parent.glob("*") if one.name.lower() == path.name.lower()]
        return open_file(alike[0] if mode == "xb" and alike else path, mode, *args, **more)

    monkeypatch.setattr(Path, "mkdir", folding_mkdir)
    monkeypatch.setattr(Path, "open", folding_open)
    with pytest.raises(DataError, match=r"takes '.*' and '.*' for one name"):
        write_clean_copy(diagnosis, tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


def test_another_spelling_of_the_data_folder_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `Pets` and `pets` on macOS, whose real path keeps the letters as they were typed."""
    root = class_folders(tmp_path / "pets", {"cat": 2, "dog": 2})
    (tmp_path / "Pets").symlink_to(root)
    monkeypatch.setattr(outside, "real_path", Path.absolute)
    with pytest.raises(DataError, match="which is never changed"):
        write_clean_copy(diagnose(root), tmp_path / "Pets" / "clean")
    assert sorted(path.name for path in root.iterdir()) == ["cat", "dog"]


def test_the_manifest_says_what_is_missing_and_why(tmp_path: Path) -> None:
    root = dirty_folder(tmp_path / "dirty")
    write_clean_copy(diagnose(root), tmp_path / "clean")
    with (tmp_path / "clean" / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
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
    shutil.copy(root / "train" / "cat" / "one.png", root / "val" / "cat" / "the same.png")
    scene(seed=2).save(root / "train" / "cat" / "unclear.png")
    shutil.copy(root / "train" / "cat" / "unclear.png", root / "train" / "dog" / "unclear.png")
    copy = write_clean_copy(diagnose(root), tmp_path / "clean")
    assert sorted(problem.path.relative_to(root).as_posix() for problem in copy.left_out) == [
        "train/cat/unclear.png",
        "train/dog/unclear.png",
        "val/cat/the same.png",
    ]
    assert (tmp_path / "clean" / "train" / "cat" / "one.png").is_file()
    assert diagnose(tmp_path / "clean").ok


def fixed_camera(root: Path) -> Path:
    """One background, as a camera over a belt has it: the class is a small scratch."""
    background = np.asarray(scene((256, 192), seed=3)).astype(np.int16)
    generator = np.random.default_rng(0)
    for name in ("good", "scratched"):
        (root / name).mkdir(parents=True)
        for number in range(6):
            noisy = background + generator.normal(0, 4, background.shape)
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            if name == "scratched":
                x, y = generator.integers(20, 120, 2).tolist()
                ImageDraw.Draw(image).line((x, y, x + 40, y + 10), fill="red", width=5)
            image.save(root / name / f"{number}.jpg", quality=92)
    return root


def test_pictures_that_look_alike_are_copied(tmp_path: Path) -> None:
    root = fixed_camera(tmp_path / "belt")
    diagnosis = diagnose(root)
    assert {"near-duplicate", "near-label-conflict"} <= {problem.kind for problem in diagnosis.problems}
    copy = write_clean_copy(diagnosis, tmp_path / "clean")
    assert (copy.copied, copy.left_out) == (12, ())


class TestWhatHasChanged:
    """Copied is what the doctor saw, and as it was then."""

    def test_what_has_changed_vanished_or_come_is_left_out_and_told(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"cat": 5, "dog": 3})
        diagnosis = diagnose(root)
        (root / "cat" / "late.jpg").write_bytes(b"nonsense")
        shutil.copy(root / "cat" / "0.png", root / "dog" / "other label.png")
        (root / "cat" / "1.png").write_bytes(b"")
        (root / "cat" / "2.png").write_text("text")
        (root / "cat" / "3.png").unlink()
        copy = write_clean_copy(diagnosis, tmp_path / "clean")
        told = {problem.path.relative_to(root).as_posix(): problem.kind for problem in copy.changed}
        assert told == {
            "cat/1.png": "corrupt-image",
            "cat/2.png": "changed-file",
            "cat/3.png": "missing-file",
            "cat/late.jpg": "changed-file",
            "dog/other label.png": "changed-file",
        }
        assert copy.left_out == copy.changed
        expected = {"cat/0.png", "cat/4.png", "dog/0.png", "dog/1.png", "dog/2.png", "manifest.csv"}
        assert files(tmp_path / "clean").keys() == expected
        assert copy.copied == 5
        manifest = (tmp_path / "clean" / "manifest.csv").read_text(encoding="utf-8")
        assert "cat/2.png,changed-file,it has changed since the doctor looked at it," in manifest

    def test_if_all_have_changed_nothing_is_written(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"cat": 1, "dog": 1})
        diagnosis = diagnose(root)
        for path in root.rglob("*.png"):
            scene().save(path)
        with pytest.raises(DataError, match=r"have changed meanwhile: let the doctor look"):
            write_clean_copy(diagnosis, tmp_path / "clean")
        assert [path.name for path in tmp_path.iterdir()] == ["data"]


class TestAChoice:
    """What is left out may be chosen."""

    def test_it_takes_the_place_of_what_the_doctor_would_leave_out(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"cat": 3, "dog": 3})
        shutil.copy(root / "cat" / "0.png", root / "cat" / "again.png")
        (root / "dog" / "damaged.png").write_bytes(b"x")
        chosen = [root / "cat" / "1.png", "dog/2.png"]
        copy = write_clean_copy(diagnose(root), tmp_path / "clean", left_out=chosen)
        assert {problem.path.relative_to(root).as_posix(): problem.kind for problem in copy.left_out} == {
            "cat/1.png": "by-choice",
            "dog/2.png": "by-choice",
            "dog/damaged.png": "corrupt-image",
        }
        assert (tmp_path / "clean" / "cat" / "again.png").is_file()
        assert copy.copied == 5

    def test_a_folder_is_left_out_with_all_that_is_in_it(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"cat": 3, "dog": 3, "fox": 2})
        assert write_clean_copy(diagnose(root), tmp_path / "clean", left_out=[root / "cat"]).copied == 5
        assert not (tmp_path / "clean" / "cat").exists()

    def test_the_reason_is_the_doctor_s(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"cat": 3, "dog": 3})
        shutil.copy(root / "cat" / "0.png", root / "dog" / "copy.png")
        (problem,) = write_clean_copy(diagnose(root), tmp_path / "clean", left_out=["cat/0.png"]).left_out
        assert (problem.kind, problem.message) == (
            "label-conflict",
            "lies in another class as well, as copy.png",
        )

    def test_a_name_that_the_doctor_did_not_see_is_refused(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"cat": 3, "dog": 3})
        with pytest.raises(DataError, match=r"cat/9.png is to be left out .* saw nothing of this name"):
            write_clean_copy(diagnose(root), tmp_path / "clean", left_out=["cat/9.png"])


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
        monkeypatch.setattr("shutil.copyfileobj", fail)
        with pytest.raises(OSError, match=r"No space left"):
            write_clean_copy(diagnosis, tmp_path / "clean")
        assert [path.name for path in tmp_path.iterdir()] == ["data"]

    def test_nor_into_a_class_that_is_a_link(self, root: Path, tmp_path: Path) -> None:
        (root / "cat").rename(tmp_path / "elsewhere")
        (root / "cat").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(DataError, match=r"lies in .*data/cat, which is never changed"):
            write_clean_copy(diagnose(root), tmp_path / "elsewhere" / "clean")
        assert len(list((tmp_path / "elsewhere").iterdir())) == 2

    @pytest.mark.parametrize("link", ["", "to it"])
    def test_an_empty_folder_stays_the_folder_it_is(self, root: Path, tmp_path: Path, link: str) -> None:
        """It may be a mount point, or one that somebody may write into but not replace."""
        empty = tmp_path / "empty"
        empty.mkdir()
        before = empty.stat().st_ino
        if link:
            (tmp_path / link).symlink_to(empty)
        write_clean_copy(diagnose(root), tmp_path / (link or "empty"))
        assert empty.stat().st_ino == before
        assert sorted(path.name for path in empty.iterdir()) == ["cat", "dog", "manifest.csv"]
        assert {path.name for path in tmp_path.iterdir()} == {"data", "empty"} | ({link} - {""})

    def test_an_empty_folder_gets_all_of_it_or_nothing(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (empty := tmp_path / "empty").mkdir()
        diagnosis, rename = diagnose(root), Path.rename

        def interrupted(path: Path, target: Path) -> Path:
            if target == empty / "dog":
                raise KeyboardInterrupt
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", interrupted)
            with pytest.raises(KeyboardInterrupt):
                write_clean_copy(diagnosis, empty)
        assert list(empty.iterdir()) == []
        assert write_clean_copy(diagnosis, empty).copied == 4

    def test_the_present_folder_will_do(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        assert write_clean_copy(diagnose(root), ".").copied == 4
        assert Path("cat/0.png").is_file()

    def test_a_link_that_leads_nowhere_is_refused(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "nowhere").symlink_to("not there")
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        for target in ("nowhere", "nowhere/clean", "a", "a/clean"):
            with pytest.raises(DataError, match=r"which leads nowhere: name a folder"):
                write_clean_copy(diagnose(root), tmp_path / target)

    def test_a_full_disk_is_the_target_s(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(source: Path, target: Path) -> None:
            raise OSError(28, "No space left on device", str(source))

        diagnosis = diagnose(root)
        monkeypatch.setattr("shutil.copyfileobj", fail)
        with pytest.raises(OSError, match=r"No space left") as caught:
            write_clean_copy(diagnosis, tmp_path / "clean")
        assert caught.value.filename == str(tmp_path / "clean")

    def test_a_class_with_the_manifest_s_name_is_refused(self, tmp_path: Path) -> None:
        root = class_folders(tmp_path / "data", {"manifest.csv": 2, "dog": 2})
        with pytest.raises(DataError, match=r"give that class another name"):
            write_clean_copy(diagnose(root), tmp_path / "clean")

    def test_what_was_left_unfinished_long_ago_is_removed(self, root: Path, tmp_path: Path) -> None:
        old, new, other = (tmp_path / f".clean.{name}.partial" for name in ("aaaa", "bbbb", "mine"))
        for folder in (old, new):
            (folder / "copy" / "cat").mkdir(parents=True)
        other.mkdir()
        (other / "mine.txt").write_text("mine")
        for folder in (old, other):
            os.utime(folder, (time.time() - 90_000,) * 2)
        write_clean_copy(diagnose(root), tmp_path / "clean")
        assert {path.name for path in tmp_path.iterdir()} == {"data", "clean", new.name, other.name}
        assert (other / "mine.txt").read_text() == "mine"
