"""Which pictures an evaluation judges: those that a run held back, or those of another folder."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from densekit.config import DataConfig
from densekit.data.folder import DataFolder, open_folder, open_to_judge
from densekit.data.layout import find_layout
from densekit.data.scan import Sample
from densekit.errors import DataError, RunError, nearest
from densekit.run.folder import SPLIT, Split
from densekit.run.held_back import held_back


class Judged(NamedTuple):
    """What is to be judged.

    Args:
        split: which part of the folder: 'train', 'val', 'test' or 'all'.
        samples: with the labels of the run.
        missing: pictures of the run that are in none of its classes any more.
        moved: how many lie in another class than when the run saw them.
        added: how many lie in that part of the run's moved folder that the run never saw; they are not judged.
    """

    split: str
    samples: list[Sample]
    missing: tuple[str, ...] = ()
    moved: int = 0
    added: int = 0


def own_pictures(run: Path, data: DataConfig, classes: Sequence[str], split: str | None) -> Judged:
    """Choose among the pictures of the run's own data folder.

    Args:
        run: the run folder, which says which pictures were held back.
        data: which folder that is, and how it was split.
        classes: of the run, in the order of its labels.
        split: 'val' if not given.

    Raises:
        DataError: the folder is gone, or has no such split or other classes.
        RunError: nobody knows any more which pictures were held back.
    """
    root = data.folder
    if not root.is_dir():
        raise DataError(
            f"the pictures of this run are not in {root} any more: if the folder was moved, name its new "
            "place with --data, and --split val for those that were held back"
        )
    if split not in (None, "val", "train"):
        folder = open_folder(root, data.val_fraction, data.split_seed)
        return Judged(split, _relabelled(folder, split, classes))
    remembered = Split.read(run / SPLIT)
    if remembered is None:
        raise RunError(
            f"there is no {run / SPLIT}, so nobody knows which pictures this run held back: put "
            "the file back, or name a folder of images with --data"
        )
    part = split or "val"
    return Judged(part, *held_back(remembered, root, part))


def pictures_of(root: Path, run: Path, data: DataConfig, classes: Sequence[str], split: str | None) -> Judged:
    """Choose among the pictures of another folder, which may be the run's own one in another place.

    Args:
        root: that folder.
        run: the run folder.
        data: how the run's own folder was split.
        classes: of the run, in the order of its labels.
        split: if not given, 'test' if there is one, else 'val', or all images if the folder isn't split.

    Raises:
        DataError: it can't be judged, or has no such split, or a class that the run doesn't know.
    """
    is_split = find_layout(root, to_learn=False).kind == "split"
    as_it_is = open_to_judge(root) if is_split or split not in ("train", "val") else None
    if split is None:
        assert as_it_is is not None
        split = _natural_split(as_it_is, is_split)
    remembered = Split.read(run / SPLIT)
    if remembered is not None and split in ("train", "val"):
        with suppress(DataError):
            found = held_back(remembered, root, split)
            if len(found.samples) > len(found.missing):  # it is the run's folder in another place
                there = len(as_it_is.splits[split]) if as_it_is else 0
                return Judged(split, *found, max(0, there - len(found.samples)))
    # Of a folder of classes, 'train' and 'val' are the parts that a training would make.
    folder = as_it_is or open_folder(root, data.val_fraction, data.split_seed)
    return Judged(split, _relabelled(folder, split, classes))


def _relabelled(folder: DataFolder, split: str, classes: Sequence[str]) -> list[Sample]:
    """Give the samples of a folder the labels that their classes have in a run."""
    splits = {**folder.splits, "all": (*folder.train, *folder.val, *folder.test)}
    if split not in splits:
        raise DataError(f"no split '{split}': {nearest(str(split), splits)}")
    if not splits[split]:
        raise DataError(f"{folder.root} has no {split} images")
    for name in folder.classes:
        if name not in classes:
            raise DataError(
                f"{folder.root} has a class '{name}' that the run does not know: {nearest(name, classes)}"
            )
    labels = [classes.index(name) for name in folder.classes]
    return [Sample(sample.path, labels[sample.label]) for sample in splits[split]]


def _natural_split(folder: DataFolder, is_split: bool) -> str:
    """Choose what to evaluate on, where nobody says: images that were not learned from, as many as there are."""
    if not is_split:
        return "all"
    return "test" if folder.test else "val" if folder.val else "all"
