"""Which files are images, which folders are classes, and what is told about the rest."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from pictures import DIRT_LEFT_OUT, class_folders, dirty_folder, save

from densekit.data import image_files, scan
from densekit.data.folder import open_folder
from densekit.data.image_files import find_images, judge
from densekit.data.mistaken import holds_images
from densekit.data.problems import KINDS, Problem
from densekit.data.scan import Scan, scan_folder
from densekit.errors import DataError
from densekit.vision import torchvision  # noqa: F401
from densekit.words import shown

from torchvision.datasets import ImageFolder  # isort: skip


def kinds(scan: Scan) -> dict[str, str]:
    return {problem.path.relative_to(scan.root).as_posix(): problem.kind for problem in scan.problems}


class TestWhichFilesAreImages:
    @pytest.mark.parametrize(
        "name",
        ["a.jpg", "A.JPG", "b.JPEG", "c.png", "d.gif", "e.webp", "f.tif", "g.bmp", "h.ppm", "가 나🙂.Png"],
    )
    def test_an_image_is_one_by_its_extension_in_lower_or_upper_case(self, tmp_path: Path, name: str) -> None:
        assert judge(save(tmp_path / name, format="PNG")) is None

    @pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._photo.jpg", "Icon\r"])
    def test_files_of_operating_systems_are_none(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"\0")
        problem = judge(tmp_path / name)
        assert problem is not None
        assert problem.kind == "system-file"

    def test_an_image_without_an_extension_is_told_from_a_file_that_is_none(self, tmp_path: Path) -> None:
        image, text = save(tmp_path / "photo", format="JPEG"), tmp_path / "letter"
        text.write_text("Dear reader")
        problems = [judge(image), judge(text)]
        assert [problem.kind for problem in problems if problem] == ["unnamed-image", "not-an-image"]
        assert "JPEG" in str(problems[0])

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        problem = judge(tmp_path / "pipe.jpg")
        assert problem is not None
        assert problem.kind == "not-an-image"

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
    def test_without_permission_a_file_and_a_folder_are_reported(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 2, "fox": 2})
        (tmp_path / "cat" / "0.png").chmod(0)
        (tmp_path / "fox").chmod(0)
        try:
            found = kinds(scan_folder(tmp_path))
        finally:
            (tmp_path / "fox").chmod(0o700)
        assert found == {"cat/0.png": "no-permission", "fox": "empty-class"}

    def test_a_folder_that_may_be_listed_but_not_entered_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As after chmod 644, which stops everybody but root."""
        class_folders(tmp_path, {"cat": 3, "dog": 2, "fox": 2})
        look = Path.lstat

        def refused(path: Path) -> os.stat_result:
            if path.parent.name == "fox":
                raise PermissionError(13, "Permission denied", str(path))
            return look(path)

        monkeypatch.setattr(Path, "lstat", refused)
        scan = scan_folder(tmp_path)
        assert kinds(scan) == {
            "fox/0.png": "no-permission",
            "fox/1.png": "no-permission",
            "fox": "empty-class",
        }
        assert [name for name, images in scan.images["all"].items() if images] == ["cat", "dog"]

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may enter everything")
    def test_that_folder_made_by_chmod_is_reported_so(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 3, "dog": 2, "fox": 2})
        (tmp_path / "fox").chmod(0o644)
        try:
            found = kinds(scan_folder(tmp_path))
        finally:
            (tmp_path / "fox").chmod(0o755)
        assert found["fox/0.png"] == "no-permission"

    def test_a_file_that_vanishes_meanwhile_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class_folders(tmp_path, {"cat": 3})
        listed = image_files.list_folder

        def late(folder: Path) -> tuple[list[Path], list[Path]]:
            folders, files = listed(folder)
            (folder / "1.png").unlink()
            return folders, files

        monkeypatch.setattr(image_files, "list_folder", late)
        images, problems = find_images(tmp_path / "cat")
        assert [path.name for path in images] == ["0.png", "2.png"]
        assert [(one.path.name, one.kind) for one in problems] == [("1.png", "missing-file")]

    def test_pictures_to_judge_may_lie_beside_an_empty_train(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 0, "train/dog": 0, "test/cat": 2, "test/dog": 2})
        scan = scan_folder(tmp_path, to_learn=False)
        assert kinds(scan)["train"] == "empty-split"
        assert len(scan.images["test"]["cat"]) == 2

    def test_a_link_that_leads_round_in_circles_is_followed_once(self, tmp_path: Path) -> None:
        save(tmp_path / "cat" / "a.png")
        (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
        images, problems = find_images(tmp_path / "cat")
        assert [path.name for path in images] == ["a.png"]
        assert problems == []

    def test_nothing_goes_missing_between_images_and_problems(self, tmp_path: Path) -> None:
        root = dirty_folder(tmp_path)
        images, problems = find_images(root)
        named = {*images, *(problem.path for problem in problems)}
        for file in root.rglob("*"):
            if file.is_file() or file.is_symlink():
                assert file in named or any(parent in named for parent in file.parents) or file.is_dir(), file


class TestClasses:
    def test_classes_labels_and_order_are_those_of_imagefolder(self, tmp_path: Path) -> None:
        class_folders(
            tmp_path, {"dog": 3, "Cat": 12, "cat": 2, "ant/b": 2, "ant": 2, "ant/a": 1, "10": 1, "9": 1}
        )
        theirs = ImageFolder(tmp_path)
        scan = scan_folder(tmp_path)
        assert list(scan.classes) == theirs.classes
        ours = [
            (str(path), scan.classes.index(name))
            for name in scan.classes
            for path in scan.images["all"][name]
        ]
        assert ours == theirs.samples

    def test_all_the_dirt_is_named_and_the_classes_are_the_real_ones(self, tmp_path: Path) -> None:
        scan = scan_folder(dirty_folder(tmp_path))
        assert scan.classes == ("a b 🐕", "cat", "dog", "고양이")
        # What lies inside a file shows only when it is decoded.
        inside = ("cat/text.jpg", "dog/cut.jpg", "dog/cut.png", "dog/bomb.png")
        assert kinds(scan) == {path: kind for path, kind in DIRT_LEFT_OUT.items() if path not in inside}

    def test_a_hangul_class_has_one_name_however_the_system_stores_it(self, tmp_path: Path) -> None:
        composed, letters = "고양이", unicodedata.normalize("NFD", "고양이")
        assert composed != letters
        class_folders(tmp_path, {f"train/{letters}": 2, "train/中": 2, f"val/{composed}": 2, "val/中": 1})
        scan = scan_folder(tmp_path)
        assert scan.classes == ("中", composed)  # sorted by these names, not by those on the disk
        assert scan.problems == ()
        assert len(scan.images["train"][composed]) == len(scan.images["val"][composed]) == 2

    def test_an_empty_class_is_reported_and_left_out(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 2, "dog": 2, "bird": 0})
        scan = scan_folder(tmp_path)
        assert scan.classes == ("cat", "dog")
        assert kinds(scan) == {"bird": "empty-class"}

    def test_a_class_with_one_image_is_reported_and_kept(self, tmp_path: Path) -> None:
        scan = scan_folder(class_folders(tmp_path, {"cat": 2, "dog": 1}))
        assert scan.classes == ("cat", "dog")
        assert kinds(scan) == {"dog": "one-image-class"}

    def test_a_single_class_is_an_error(self, tmp_path: Path) -> None:
        scan = scan_folder(class_folders(tmp_path, {"cat": 2}))
        assert [(problem.kind, problem.severity) for problem in scan.problems] == [
            ("one-class-only", "error")
        ]

    @pytest.mark.parametrize("inside", ["", "young"])
    def test_a_link_to_another_class_is_told_and_no_class(self, tmp_path: Path, inside: str) -> None:
        class_folders(tmp_path, {"ant": 2, "ant/young": 2, "bee": 2})
        (tmp_path / "Ameise").symlink_to(Path("ant", inside))
        scan = scan_folder(tmp_path)
        assert scan.classes == ("ant", "bee")
        (problem,) = scan.problems
        assert (problem.kind, problem.path) == ("link-to-classes", tmp_path / "Ameise")
        assert problem.message == f"a link to {Path('ant', inside)}, where the images of 'ant' are"

    def test_of_two_links_to_one_folder_the_first_is_the_class(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"elsewhere/insects": 2, "data/bee": 2})
        for name in ("ant", "emmet"):
            (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / "insects")
        scan = scan_folder(tmp_path / "data")
        assert scan.classes == ("ant", "bee")
        assert kinds(scan) == {"emmet": "link-to-classes"}

    def test_a_class_that_is_a_link_to_a_folder_elsewhere_is_a_class(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"elsewhere": 2, "data/bee": 2, "data/.store": 2})
        (tmp_path / "data" / "ant").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "data" / "wasp").symlink_to(".store")
        assert scan_folder(tmp_path / "data").classes == ("ant", "bee", "wasp")

    @pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold no such two names")
    def test_one_name_stored_in_two_ways_is_one_class_and_told(self, tmp_path: Path) -> None:
        two = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
        class_folders(tmp_path, {two[0]: 2, two[1]: 2, "tea": 2})
        scan = scan_folder(tmp_path)
        assert (scan.classes, len(scan.images["all"][two[0]])) == ((two[0], "tea"), 4)
        (problem,) = scan.problems
        assert problem.kind == "twin-classes"
        assert problem.path.is_dir()

    def test_the_path_of_a_twin_is_as_it_is_stored(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {unicodedata.normalize("NFD", name): 2 for name in ("Café", "café")})
        (problem,) = scan_folder(tmp_path).problems
        assert problem.kind == "twin-classes"
        assert problem.path.is_dir()

    def test_folders_may_be_nested_deeper_than_python_s_stack(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 2, "dog": 2})
        folder = tmp_path / "cat"
        try:
            for _ in range(1100):
                folder = folder / "d"
                folder.mkdir()
            assert not holds_images(tmp_path / "cat" / "d")
            save(folder / "deep.png", seed=99)
            assert len(scan_folder(tmp_path).images["all"]["cat"]) == 3
        finally:
            subprocess.run(["rm", "-r", str(tmp_path / "cat")], check=True)  # shutil can't, in Python 3.11


class TestSplits:
    @pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
    def test_val_goes_by_several_names(self, tmp_path: Path, val: str) -> None:
        class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, f"{val}/cat": 1, f"{val}/dog": 1})
        scan = scan_folder(tmp_path)
        assert scan.layout == "split"
        assert {split: sum(map(len, of.values())) for split, of in scan.images.items()} == {
            "train": 4,
            "val": 2,
        }

    def test_two_folders_for_one_split_are_refused(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "val/cat": 1, "valid/cat": 1})
        with pytest.raises(DataError, match="both 'val' and 'valid' for val: keep one"):
            scan_folder(tmp_path)

    def test_a_class_that_happens_to_be_called_train_is_a_class(self, tmp_path: Path) -> None:
        scan = scan_folder(class_folders(tmp_path, {"bus": 2, "car": 2, "train": 2}))
        assert scan.layout == "flat"
        assert scan.classes == ("bus", "car", "train")

    def test_a_class_of_val_that_train_lacks_is_an_error_with_the_nearest_name(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, "val/Cat": 1, "val/dog": 1})
        scan = scan_folder(tmp_path)
        first, second = scan.problems
        assert (first.kind, first.severity, first.path.name) == ("class-mismatch", "error", "Cat")
        assert "did you mean 'cat'?" in first.message
        assert (second.kind, second.severity, second.path.name) == ("class-mismatch", "warning", "cat")

    def test_a_class_that_val_lacks_is_a_warning(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, "val/cat": 1})
        (problem,) = scan_folder(tmp_path).problems
        assert (problem.kind, problem.severity) == ("class-mismatch", "warning")
        assert problem.path == tmp_path / "val" / "dog"

    def test_an_empty_val_is_reported_once_not_for_each_class(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, "val/cat": 0, "val/dog": 0})
        assert kinds(scan_folder(tmp_path)) == {"val": "empty-split"}

    def test_what_lies_beside_the_splits_is_told_and_a_data_card_is_not(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, "more/cat": 2, "documents": 0})
        (tmp_path / "README.md").write_text("A data card")
        (tmp_path / ".DS_Store").touch()
        save(tmp_path / "train" / "outside.png")
        assert kinds(scan_folder(tmp_path)) == {
            "more": "unused-folder",
            ".DS_Store": "system-file",
            "train/outside.png": "misplaced-image",
        }

    def test_a_class_called_train_beside_another_stops_a_training(self, tmp_path: Path) -> None:
        class_folders(
            tmp_path, {f"{name}": 2 for name in ("train/steam", "train/diesel", "bus/city", "bus/old")}
        )
        (problem,) = scan_folder(tmp_path).problems
        assert (problem.kind, problem.severity, problem.path) == ("unused-folder", "error", tmp_path / "bus")
        with pytest.raises(DataError, match=r"If 'train' is a class, give it another name"):
            open_folder(tmp_path)

    @pytest.mark.parametrize(
        "beside", [{"val/a": 1, "val/b": 1, "bus/city": 2}, {"test1": 2}, {"unlabelled": 2}]
    )
    def test_beside_what_is_surely_train_it_is_a_warning(
        self, tmp_path: Path, beside: dict[str, int]
    ) -> None:
        class_folders(tmp_path, {"train/a": 2, "train/b": 2, **beside})
        (problem,) = scan_folder(tmp_path).problems
        assert (problem.kind, problem.severity) == ("unused-folder", "warning")
        assert open_folder(tmp_path).classes == ("a", "b")


class TestAFolderThatIsNoDataFolder:
    """One clear error, which names the path, what was expected, and the nearest right thing."""

    def test_missing_but_nearly_right(self, tmp_path: Path) -> None:
        class_folders(tmp_path / "Tabletop", {"cat": 1, "dog": 1})
        with pytest.raises(DataError) as caught:
            scan_folder(tmp_path / "tabeltop")
        missing, meant = tmp_path / "tabeltop", tmp_path / "Tabletop"
        assert str(caught.value) == f"there is no folder {missing}: did you mean '{meant}'?"

    def test_missing_further_up(self, tmp_path: Path) -> None:
        class_folders(tmp_path / "data" / "pets", {"cat": 1, "dog": 1})
        with pytest.raises(DataError, match=r"did you mean '.*/data'\?"):
            scan_folder(tmp_path / "dataa" / "pets")

    def test_missing_and_unlike_anything(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"pets/cat": 1})
        with pytest.raises(DataError, match="holds the folders 'pets'"):
            scan_folder(tmp_path / "zzz")

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "images.zip").write_bytes(b"PK")
        with pytest.raises(
            DataError, match=r"images.zip is a file, but a folder of images is needed: expected DIR/"
        ):
            scan_folder(tmp_path / "images.zip")

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "images.zip").write_bytes(b"PK")
        with pytest.raises(DataError, match="there is no folder"):
            scan_folder(tmp_path / "images.zip" / "cat")

    def test_a_name_that_no_file_can_have(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="can't be opened"):
            scan_folder(tmp_path / ("x" * 5000))
        with pytest.raises(DataError) as caught:
            scan_folder(tmp_path / ("x" * 300))
        assert "may you read it" not in str(caught.value)

    @pytest.mark.parametrize("dirt", ["", ".DS_Store", "notes.txt", ".git/config"])
    def test_empty_but_for_dirt(self, tmp_path: Path, dirt: str) -> None:
        if dirt:
            (tmp_path / dirt).parent.mkdir(exist_ok=True)
            (tmp_path / dirt).touch()
        with pytest.raises(DataError, match="holds no images: expected DIR/<class>/<image>"):
            scan_folder(tmp_path)

    def test_class_folders_without_any_image(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 0, "dog": 0})
        (tmp_path / "cat" / "notes.txt").touch()
        with pytest.raises(DataError, match=r"holds no usable images.*\n.*notes\.txt: not an image"):
            scan_folder(tmp_path)

    def test_images_without_class_folders(self, tmp_path: Path) -> None:
        save(tmp_path / "all" / "1.png")
        with pytest.raises(DataError, match="holds images, but no class folders: expected") as caught:
            scan_folder(tmp_path / "all")
        assert "one of your classes" not in str(caught.value)

    def test_the_folder_of_one_class(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"cat": 1, "dog": 1})
        with pytest.raises(DataError, match=rf"name the folder above it: {tmp_path}$"):
            scan_folder(tmp_path / "cat")

    def test_the_folder_of_one_class_where_one_stands(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class_folders(tmp_path, {"cat": 1, "dog": 1})
        monkeypatch.chdir(tmp_path / "cat")
        with pytest.raises(DataError, match=rf"If 'cat' is .* name the folder above it: {tmp_path}$"):
            scan_folder(".")

    def test_images_in_train_without_class_folders(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train": 2, "val": 2})
        with pytest.raises(DataError, match="train holds images, but no class folders") as caught:
            scan_folder(tmp_path)
        assert "one of your classes" not in str(caught.value)

    def test_val_without_train(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"val/cat": 1, "test/cat": 1})
        with pytest.raises(DataError, match="has 'test' and 'val', but no 'train'"):
            scan_folder(tmp_path)

    def test_test_with_classes_beside_classes(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"test/cat": 1, "cat": 1, "dog": 1})
        with pytest.raises(DataError, match=r"'test' with classes in it.*put those into .*train"):
            scan_folder(tmp_path)

    @pytest.mark.parametrize("inside", ["pets", "archive/pets"])
    @pytest.mark.parametrize("classes", [{"cat": 1, "dog": 1}, {"train/cat": 1}])
    def test_a_wrapper_around_the_data(self, tmp_path: Path, inside: str, classes: dict[str, int]) -> None:
        class_folders(tmp_path / inside, classes)
        (tmp_path / "__MACOSX").mkdir()
        with pytest.raises(
            DataError, match=f"nothing but a folder with the data in it: name {tmp_path / inside} "
        ):
            scan_folder(tmp_path)


class TestProblems:
    def test_every_kind_says_what_to_do_in_whole_sentences(self) -> None:
        for name, kind in KINDS.items():
            assert kind.remedy[0].isupper() and kind.remedy.endswith("."), name
            assert kind.severity == "warning" or kind.left_out or name in (
                "one-class-only", "class-mismatch", "unreadable-class", "leakage", "label-conflict",
                "near-leakage", "near-label-conflict",
            )  # fmt: skip

    def test_a_name_that_is_no_text_can_be_printed(self) -> None:
        path = Path(os.fsdecode(b"caf\xe9.jpg"))
        assert shown(path) == r"caf\xe9.jpg"
        printed = str(Problem.of("not-an-image", path, "not an image"))
        assert printed == r"caf\xe9.jpg: not an image. Move it out of the class folder."

    def test_nothing_is_changed_by_looking(self, tmp_path: Path) -> None:
        root = dirty_folder(tmp_path / "dirty")
        before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
        scan_folder(root)
        assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before


def test_many_classes_are_looked_at_a_few_times_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "val"):
        for number in range(60):
            save(tmp_path / split / f"class {number}" / "a.png")
            save(tmp_path / split / f"class {number}" / "b.png")
    listed: list[Path] = []
    list_folder = image_files.list_folder

    def count(folder: Path) -> tuple[list[Path], list[Path]]:
        listed.append(folder)
        return list_folder(folder)

    for module in (image_files, scan):
        monkeypatch.setattr(module, "list_folder", count)
    assert len(scan_folder(tmp_path).classes) == 60
    assert len(listed) < 4 * 2 * 60  # each class folder a few times, and never once for every other class
