"""Folders that are no classes: each is told with the layout that was meant; what looks alike is left in peace."""

import os
from pathlib import Path

import pytest
from pictures import class_folders, save

from densekit.data.folder import open_folder
from densekit.data.scan import scan_folder
from densekit.errors import DataError


def kinds(root: Path) -> dict[str, str]:
    return {problem.path.relative_to(root).as_posix(): problem.kind for problem in scan_folder(root).problems}


def test_images_in_a_folder_with_a_dot_are_told_from_none(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / ".pets" / f"{number}.png", seed=number)
    with pytest.raises(DataError, match=r"lie in .* itself|no class folders|class folder"):
        open_folder(tmp_path / ".pets")


@pytest.mark.parametrize(
    ("folders", "move"),
    [
        (("seg_train/seg_train", "seg_test/seg_test"), "what is in 'seg_train/seg_train' to '{root}/train'"),
        (("training_set", "test_set"), "what is in 'training_set' to '{root}/train'"),
        (("Train_images", "Val_images"), "what is in 'Val_images' to '{root}/val'"),
        (("train/train", "test/test"), "what is in 'train/train' to '{root}/train'"),
        (("training/data", "validation"), "what is in 'training/data' to '{root}/train'"),
        (("train", "val/val"), "what is in 'val/val' to '{root}/val'"),
    ],
)
def test_splits_in_disguise(tmp_path: Path, folders: tuple[str, ...], move: str) -> None:
    class_folders(tmp_path, {f"{folder}/{name}": 2 for folder in folders for name in ("cat", "dog")})
    with pytest.raises(DataError) as told:
        scan_folder(tmp_path)
    assert move.format(root=tmp_path) in str(told.value)


def test_pictures_without_classes_are_to_be_moved_away(tmp_path: Path) -> None:
    class_folders(tmp_path, {"seg_train/cat": 2, "seg_train/dog": 2, "seg_test/cat": 2, "seg_pred": 3})
    with pytest.raises(DataError, match="move 'seg_pred' out of it"):
        scan_folder(tmp_path)


@pytest.mark.parametrize("name", ["test", "Test_images", "validation", "unlabelled"])
def test_an_unlabelled_test_beside_classes(tmp_path: Path, name: str) -> None:
    class_folders(tmp_path, {"cat": 2, "dog": 2, name: 3})
    with pytest.raises(DataError, match=f"a folder '{name}' with images beside the classes 'cat' and 'dog'"):
        scan_folder(tmp_path)


@pytest.mark.parametrize(
    "names", [("bullet_train", "crash_test"), ("flask", "test tube"), ("bus", "car", "train")]
)
def test_classes_with_such_words_in_them_are_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    class_folders(tmp_path, dict.fromkeys(names, 2))
    assert scan_folder(tmp_path).classes == names


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images", "labels"), ("JPEGImages", "Annotations"), ("image", "mask"), ("train2017", "annotations")],
)
def test_data_for_detection(tmp_path: Path, images: str, labels: str) -> None:
    class_folders(tmp_path, {images: 3, labels: 3 if labels == "mask" else 0})
    (tmp_path / labels / "0.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match="as data for detection or segmentation does"):
        scan_folder(tmp_path)


def test_data_for_detection_within_a_split(tmp_path: Path) -> None:
    class_folders(
        tmp_path, {f"{split}/{name}": 2 for split in ("train", "val") for name in ("images", "labels")}
    )
    with pytest.raises(DataError, match="as data for detection"):
        scan_folder(tmp_path)


def test_splits_inside_of_classes(tmp_path: Path) -> None:
    class_folders(tmp_path, {f"{name}/{split}": 2 for split in ("train", "val") for name in ("cat", "dog")})
    with pytest.raises(DataError, match="expected it the other way round"):
        scan_folder(tmp_path)


def test_the_same_subfolders_everywhere_are_told_but_may_be_right(tmp_path: Path) -> None:
    class_folders(tmp_path, {f"{name}/{year}": 2 for name in ("cat", "dog") for year in (2019, 2020)})
    assert kinds(tmp_path) == {"dog": "nested-classes"}
    assert scan_folder(tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("names", [("cat", "Cat"), ("golden retriever", "Golden_Retriever")])
def test_a_class_that_is_written_in_two_ways(tmp_path: Path, names: tuple[str, str]) -> None:
    class_folders(tmp_path, {**dict.fromkeys(names, 2), "dog": 2})
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell the names apart")
    assert list(kinds(tmp_path).values()) == ["twin-classes"]


class TestLinksAndArchives:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return class_folders(tmp_path / "data", {"cat": 3, "dog": 3})

    def test_a_dead_link_in_place_of_a_class_is_told(self, root: Path) -> None:
        (root / "fox").symlink_to("/mnt/not-mounted/fox")
        assert kinds(root) == {"fox": "broken-link"}

    def test_a_link_to_itself_is_one_too(self, root: Path) -> None:
        (root / "fox").symlink_to(root / "fox")
        assert kinds(root) == {"fox": "broken-link"}

    @pytest.mark.parametrize(("name", "what"), [("fox.zip", "an archive"), ("fox.lnk", "a shortcut")])
    def test_so_are_archives_and_shortcuts(self, root: Path, name: str, what: str) -> None:
        (root / name).write_bytes(b"PK")
        (root / "README.txt").write_text("a data card")
        (problem,) = scan_folder(root).problems
        assert (problem.kind, problem.message) == ("packed-class", f"{what}, not a class folder")

    def test_a_val_that_is_not_there_or_empty_is_replaced_and_that_is_told(self, tmp_path: Path) -> None:
        dead = class_folders(tmp_path / "dead", {"train/cat": 5, "train/dog": 5})
        (dead / "val").symlink_to("/mnt/not-mounted/val")
        empty = class_folders(tmp_path / "empty", {"train/cat": 5, "train/dog": 5, "val/cat": 0})
        for root in (dead, empty):
            data = open_folder(root)
            assert len(data.val) == 2
            assert "a share of train/ is held back to validate on" in data.skipped[0].message

    @pytest.mark.parametrize("target", [".", "dog", ".."])
    def test_a_link_inside_of_a_class_brings_no_other_class_into_it(self, root: Path, target: str) -> None:
        (root / "cat" / "more").symlink_to(root / target)
        scan = scan_folder(root)
        assert {problem.kind for problem in scan.problems} == {"link-to-classes"}
        assert len(scan.images["all"]["cat"]) == 3

    def test_a_link_to_pictures_elsewhere_is_followed(self, root: Path, tmp_path: Path) -> None:
        save(tmp_path / "elsewhere" / "a.png", seed=90)
        (root / "cat" / "more").symlink_to(tmp_path / "elsewhere")
        assert len(scan_folder(root).images["all"]["cat"]) == 4

    def test_a_class_that_is_a_link_to_all_classes_is_none(self, root: Path) -> None:
        (root / "all").symlink_to(root)
        assert kinds(root) == {"all": "link-to-classes"}

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may look everywhere")
    def test_a_link_to_where_one_may_not_look_is_told(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "private" / "fox").mkdir(parents=True)
        (root / "fox").symlink_to(tmp_path / "private" / "fox")
        (tmp_path / "private").chmod(0)
        try:
            assert kinds(root) == {"fox": "broken-link"}
        finally:
            (tmp_path / "private").chmod(0o700)
