"""Opening a data folder."""

from pathlib import Path

import pytest
from pictures import class_folders, dirty_folder

from densekit.data.folder import open_folder
from densekit.data.scan import Sample
from densekit.errors import ConfigError, DataError


def test_a_split_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    class_folders(
        tmp_path,
        {"train/cat": 3, "train/dog": 2, "val/cat": 1, "val/dog": 2, "test/cat": 1, "test/dog": 1},
    )
    data = open_folder(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.train[-1] == Sample(tmp_path / "train" / "dog" / "1.png", 1)
    assert data.class_counts == {
        "train": {"cat": 3, "dog": 2},
        "val": {"cat": 1, "dog": 2},
        "test": {"cat": 1, "dog": 1},
    }
    assert data.skipped == data.warnings == ()


def test_a_flat_folder_is_split_by_the_seed(tmp_path: Path) -> None:
    class_folders(tmp_path, {"cat": 10, "dog": 5})
    data, again, other = (open_folder(str(tmp_path), 0.2, seed) for seed in (0, 0, 1))
    assert data == again
    assert data.val != other.val
    assert data.class_counts["val"] == {"cat": 2, "dog": 1}
    assert len({*data.train, *data.val}) == 15
    assert data.test == ()


@pytest.mark.parametrize("val", [{}, {"val/cat": 0}])
def test_without_val_it_is_split_off_train_as_from_a_flat_folder(tmp_path: Path, val: dict[str, int]) -> None:
    counts = {"cat": 10, "dog": 5}
    flat = open_folder(class_folders(tmp_path / "flat", counts))
    split = {f"train/{name}": count for name, count in counts.items()} | {"test/cat": 1, "test/dog": 1}
    data = open_folder(class_folders(tmp_path / "split", split | val))
    assert [path.relative_to(tmp_path / "split" / "train") for path, _ in data.val] == [
        path.relative_to(tmp_path / "flat") for path, _ in flat.val
    ]
    assert len(data.test) == 2


def test_dirt_is_left_out_and_told(tmp_path: Path) -> None:
    data = open_folder(dirty_folder(tmp_path))
    assert data.classes == ("a b 🐕", "cat", "dog", "고양이")
    skipped = {problem.path.name for problem in data.skipped}
    assert data.warnings == ()
    assert {".DS_Store", ".ipynb_checkpoints", "notes.txt", "nothing.JPG", "empty"} <= skipped
    assert not skipped & {path.name for path, _ in data.train + data.val if path.name != "0.png"}


def test_a_class_with_one_image_is_learned_but_not_validated(tmp_path: Path) -> None:
    data = open_folder(class_folders(tmp_path, {"cat": 5, "dog": 1}))
    assert data.class_counts["train"]["dog"] == 1
    assert data.class_counts["val"]["dog"] == 0
    assert [problem.kind for problem in data.warnings] == ["one-image-class"]
    assert data.skipped == ()


def test_a_class_that_val_lacks_is_learned_and_told(tmp_path: Path) -> None:
    data = open_folder(class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, "val/cat": 1}))
    assert data.class_counts["train"] == {"cat": 2, "dog": 2}
    assert data.class_counts["val"] == {"cat": 1, "dog": 0}
    assert [problem.kind for problem in data.warnings] == ["class-mismatch"]


def test_labels_are_places_in_classes_even_beside_an_empty_class(tmp_path: Path) -> None:
    data = open_folder(class_folders(tmp_path, {"a": 0, "cat": 3, "dog": 3}))
    assert {data.classes[label] for path, label in data.train if path.parent.name == "dog"} == {"dog"}


class TestStops:
    def test_one_class_only(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="'cat' is the only class with images"):
            open_folder(class_folders(tmp_path, {"cat": 5, "dog": 0}))

    def test_classes_of_val_that_train_lacks_are_all_named(self, tmp_path: Path) -> None:
        class_folders(tmp_path, {"train/cat": 2, "train/dog": 2, "val/Cat": 1, "val/dogs": 1})
        with pytest.raises(DataError) as caught:
            open_folder(tmp_path)
        assert "'Cat' has images in val, but none in train: did you mean 'cat'?" in str(caught.value)
        assert "'dogs' has images in val, but none in train: did you mean 'dog'?" in str(caught.value)

    def test_nothing_to_validate_on(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="each class has one image, so none is left to validate on"):
            open_folder(class_folders(tmp_path, {"cat": 1, "dog": 1}))

    def test_an_impossible_share(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="val_fraction is 15"):
            open_folder(class_folders(tmp_path, {"cat": 3, "dog": 3}), val_fraction=15)


def test_the_description_is_a_table_that_also_aligns_hangul(tmp_path: Path) -> None:
    class_folders(tmp_path, {"train/고양이": 10, "train/dog": 2, "val/고양이": 1, "val/dog": 1})
    (tmp_path / "train" / "dog" / ".DS_Store").touch()
    assert open_folder(tmp_path).describe().splitlines() == [
        f"{tmp_path}: 2 classes",
        "class   train  val",
        "dog         2    1",
        "고양이     10    1",
        "all        12    2",
        "left out: system files (1)",
    ]
