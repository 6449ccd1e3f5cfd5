"""The doctor tells what is wrong, and sees every file as the loaders see it."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from pictures import DIRT_LEFT_OUT, DIRT_USED, class_folders, dirty_folder, huge_png, pattern, save, scene
from PIL import Image, ImageOps

from densekit.data.doctor import Diagnosis, diagnose
from densekit.data.folder import open_folder
from densekit.data.loading import load_images
from densekit.data.problems import KINDS, Problem
from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError, DataError
from densekit.words import is_plain


def kinds(diagnosis: Diagnosis) -> dict[str, str]:
    found = {}
    for problem in diagnosis.problems:
        name = problem.path.relative_to(diagnosis.root).as_posix()
        assert name not in found, f"two problems for {name}"
        found[name] = problem.kind
    return found


def contents(root: Path) -> dict[Path, tuple[int, str]]:
    return {
        path: (
            path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(root.rglob("*"))
    }


class TestFindings:
    def test_a_clean_folder_is_in_order(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 3, "train/dog": 2, "val/cat": 1, "val/dog": 1})
        diagnosis = diagnose(tmp_path)
        assert diagnosis.ok
        assert diagnosis.layout == "split"
        assert diagnosis.classes == ("cat", "dog")
        assert diagnosis.counts == {"train": {"cat": 3, "dog": 2}, "val": {"cat": 1, "dog": 1}}

    def test_every_kind_of_dirt_is_found_and_nothing_else(self, tmp_path: Path) -> None:
        diagnosis = diagnose(dirty_folder(tmp_path))
        assert kinds(diagnosis) == DIRT_LEFT_OUT | DIRT_USED
        assert diagnosis.counts == {"all": {"a b 🐕": 3, "cat": 6, "dog": 12, "고양이": 3}}

    def test_nothing_is_changed(self, tmp_path: Path) -> None:
        root = dirty_folder(tmp_path)
        before = contents(root)
        diagnose(root)
        assert contents(root) == before

    def test_an_image_in_two_splits_two_classes_or_twice(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 3, "train/dog": 3, "val/cat": 1, "val/dog": 1})
        original = tmp_path / "train" / "cat" / "0.png"
        shutil.copy(original, tmp_path / "train" / "cat" / "copy.png")
        shutil.copy(original, tmp_path / "train" / "dog" / "copy.png")
        shutil.copy(original, tmp_path / "val" / "cat" / "copy.png")
        shutil.copy(original, tmp_path / "val" / "dog" / "copy.png")
        diagnosis = diagnose(tmp_path)
        assert kinds(diagnosis) == {
            "train/cat/copy.png": "duplicate",
            "train/dog/copy.png": "label-conflict",
            "val/cat/copy.png": "leakage",
            "val/dog/copy.png": "label-conflict",
        }
        assert {problem.message for problem in diagnosis.problems} == {"the same file as train/cat/0.png"}

    def test_a_class_whose_images_are_all_damaged(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 2, "dog": 2, "fox": 2})
        (tmp_path / "fox" / "0.png").write_bytes(b"x")
        (tmp_path / "fox" / "1.png").write_bytes(b"x")
        diagnosis = diagnose(tmp_path)
        assert kinds(diagnosis) == {
            "fox": "unreadable-class", "fox/0.png": "corrupt-image", "fox/1.png": "corrupt-image"
        }  # fmt: skip
        assert diagnosis.counts["all"]["fox"] == 0

    @pytest.mark.parametrize("damaged", [["dog"], ["cat", "dog"]])
    def test_less_than_two_classes_are_left(self, tmp_path: Path, damaged: list[str]) -> None:
        class_folders(tmp_path, {"cat": 2, "dog": 2})
        for name in damaged:
            (tmp_path / name / "0.png").write_bytes(b"x")
            (tmp_path / name / "1.png").write_bytes(b"x")
        assert "one-class-only" in kinds(diagnose(tmp_path)).values()

    def test_what_stops_training_is_an_error_here_and_no_exception(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "val/Cat": 2})
        diagnosis = diagnose(tmp_path)
        assert sorted(problem.kind for problem in diagnosis.errors) == ["class-mismatch", "one-class-only"]

    def test_a_broken_layout_is_an_exception_as_in_training(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="there is no folder"):
            diagnose(tmp_path / "nowhere")

    def test_a_jpeg_of_a_camera_with_a_preview_is_an_ordinary_jpeg(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 2, "dog": 2})
        picture = save(
            tmp_path / "cat" / "photo.jpg", format="MPO", save_all=True, append_images=[pattern(seed=90)]
        )
        with Image.open(picture) as image:
            assert image.format == "MPO"
        assert diagnose(tmp_path).ok

    @pytest.mark.parametrize("workers", [0, -1])
    def test_fewer_than_one_thread_are_refused(self, tmp_path: Path, workers: int) -> None:
        class_folders(tmp_path, {"cat": 2, "dog": 2})
        with pytest.raises(ConfigError, match=f"workers is {workers}: expected 1 or more"):
            diagnose(tmp_path, workers=workers)

    def test_an_empty_name_is_not_the_present_folder(self) -> None:
        with pytest.raises(DataError, match="a name is empty"):
            diagnose("")

    def test_the_answer_does_not_depend_on_the_number_of_threads(self, tmp_path: Path) -> None:
        root = dirty_folder(tmp_path)
        assert diagnose(root, workers=1) == diagnose(root, workers=4)


class TestAgreement:
    """What the doctor calls left out is what the loaders leave out, file by file."""

    @pytest.mark.parametrize("split", [False, True])
    def test_over_all_the_dirt(self, tmp_path: Path, split: bool) -> None:
        root = dirty_folder(tmp_path / "train" if split else tmp_path)
        if split:
            class_folders(tmp_path, {"val/cat": 2, "val/dog": 2})
            huge_png(tmp_path / "val" / "cat" / "bomb.png")
            (tmp_path / "val" / "dog" / "text.JPG").write_text("text")
            root = tmp_path
        by_the_doctor = {problem for problem in diagnose(root).problems if problem.left_out}

        data = open_folder(root)
        by_the_loaders = list(data.skipped)
        samples = data.train + data.val + data.test
        loaded = {
            sample.path
            for batch in load_images(samples, Preprocessing(36, 32), report=by_the_loaders.append)
            for sample in batch.samples
        }

        assert by_the_doctor == set(by_the_loaders)
        assert len(by_the_loaders) == len(set(by_the_loaders))
        assert loaded == {sample.path for sample in samples} - {problem.path for problem in by_the_doctor}
        assert len(loaded) == sum(sum(of.values()) for of in diagnose(root).counts.values())

    def test_every_file_is_loaded_or_reported(self, tmp_path: Path) -> None:
        root = dirty_folder(tmp_path)
        reported = {problem.path for problem in diagnose(root).problems}
        data = open_folder(root)
        used = {sample.path for sample in data.train + data.val}
        for file in root.rglob("*"):
            if not file.is_dir():
                assert file in used | reported or reported & set(file.parents), file


class TestReport:
    def test_json_holds_everything(self, tmp_path: Path) -> None:
        diagnosis = diagnose(dirty_folder(tmp_path))
        read = json.loads(json.dumps(diagnosis.to_dict()))
        assert read["ok"] is False
        assert read["classes"] == list(diagnosis.classes)
        assert read["counts"] == diagnosis.counts
        assert read["errors"] + read["warnings"] == len(read["problems"]) == len(diagnosis.problems)
        assert {
            "kind": "broken-link",
            "path": str(tmp_path / "dog" / "link to nowhere.png"),
            "message": "a link to nowhere.png, which is not there",
            "remedy": "Delete the link, or put back what it points to.",
            "severity": "error",
            "left_out": True,
        } in read["problems"]

    def test_a_clean_folder_reads_well(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 2})
        assert str(diagnose(tmp_path)).splitlines() == [
            f"{tmp_path}: 2 classes",
            "class  images",
            "cat         3",
            "dog         2",
            "all         5",
            "No problems found.",
        ]

    def test_problems_are_grouped_with_what_to_do(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 2})
        (tmp_path / "cat" / "Thumbs.db").touch()
        (tmp_path / "cat" / "a.jpg").touch()
        (tmp_path / "dog" / "b.jpg").touch()
        assert str(diagnose(tmp_path)).splitlines()[5:] == [
            "2 errors, 1 warning",
            "",
            "error, damaged images (2): Get the picture from its source again, or delete it.",
            "  cat/a.jpg: the file is empty (0 bytes)",
            "  dog/b.jpg: the file is empty (0 bytes)",
            "",
            "warning, system files (1): It can be deleted; the system makes it again when it needs it.",
            "  cat/Thumbs.db: a file of the operating system, not an image",
        ]

    def test_many_of_a_kind_are_counted_after_the_first_ten(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 2})
        for index in range(47):
            (tmp_path / "cat" / f"{index:02}.jpg").touch()
        lines = str(diagnose(tmp_path)).splitlines()
        assert lines[-1] == "  … and 37 more"
        assert lines[-2] == "  cat/09.jpg: the file is empty (0 bytes)"

    def test_remedies_of_one_kind_are_a_group_each(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 2})
        for index in range(6):
            (tmp_path / "cat" / f"p{index}.{'heic' if index % 2 else 'psd'}").write_bytes(b"x")
        groups = [line for line in str(diagnose(tmp_path)).splitlines() if line.startswith("error, ")]
        assert len(groups) == len({problem.remedy for problem in diagnose(tmp_path).problems})

    def test_a_name_does_nothing_to_a_terminal(self, tmp_path: Path) -> None:
        inner = ["x\x1b[2Jy", os.fsdecode(b"z\xff")]
        class_folders(
            tmp_path, {f"{name}/{one}": 2 for name in ("a\x1b[31mred", "b\x1b[31m") for one in inner}
        )
        diagnosis = diagnose(tmp_path)
        assert "nested-classes" in {problem.kind for problem in diagnosis.problems}
        assert is_plain(str(diagnosis).replace("\n", ""))
        assert all(is_plain(problem.message) for problem in diagnosis.problems)

    def test_errors_come_first(self, tmp_path: Path) -> None:
        severities = [problem.severity for problem in diagnose(dirty_folder(tmp_path)).problems]
        assert severities == sorted(severities)
        assert set(severities) == {"error", "warning"}

    def test_every_problem_has_its_kind_in_the_table(self, tmp_path: Path) -> None:
        for problem in diagnose(dirty_folder(tmp_path)).problems:
            assert isinstance(problem, Problem)
            assert problem.remedy == KINDS[problem.kind].remedy


class TestNearDuplicates:
    """The same picture, saved anew: within a class, in two splits, in two classes."""

    def test_where_the_copy_lies_decides_what_it_is(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 3, "train/dog": 3, "val/cat": 1, "val/dog": 1})
        original = scene(seed=70)
        original.save(tmp_path / "train" / "cat" / "a.png")
        original.save(tmp_path / "train" / "cat" / "again.jpg", quality=60)
        ImageOps.mirror(original).save(tmp_path / "train" / "dog" / "mirrored.png")
        original.crop((24, 0, 240, 162)).save(tmp_path / "val" / "dog" / "cropped.png")
        original.resize((120, 90)).save(tmp_path / "val" / "cat" / "half.png")
        diagnosis = diagnose(tmp_path)
        assert kinds(diagnosis) == {
            "train/cat/again.jpg": "near-duplicate",
            "train/dog/mirrored.png": "near-label-conflict",
            "val/cat/half.png": "near-label-conflict",
            "val/dog/cropped.png": "near-label-conflict",
        }
        assert {problem.kind for problem in diagnosis.errors} == {"near-label-conflict"}
        (tmp_path / "train" / "dog" / "mirrored.png").unlink()
        (tmp_path / "val" / "dog" / "cropped.png").unlink()
        (problem,) = diagnose(tmp_path).errors
        assert problem.kind == "near-leakage"
        assert problem.message.startswith("looks like train/cat/a")

    def test_the_message_says_what_was_done_to_it(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 3})
        scene(seed=70).save(tmp_path / "cat" / "a.png")
        ImageOps.mirror(scene(seed=70)).save(tmp_path / "cat" / "b.png")
        (problem,) = diagnose(tmp_path).problems
        assert problem.message == "looks like cat/a.png (mirrored; 256 of 256 bits of their hashes agree)"

    def test_a_file_twice_is_told_once(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 3})
        original = tmp_path / "cat" / "a.png"
        scene(seed=70).save(original)
        shutil.copy(original, tmp_path / "cat" / "b.png")
        assert kinds(diagnose(tmp_path)) == {"cat/b.png": "duplicate"}
