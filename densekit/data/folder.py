"""A folder of images, ready to train on: classes, and samples to learn from, to validate on, to test on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from densekit.data.problems import KINDS, Problem
from densekit.data.scan import Sample, Scan, scan_folder
from densekit.data.splits import split_off
from densekit.errors import DataError
from densekit.tables import text_table
from densekit.words import counted, shown

# What has to be put right first: labels would be wrong, or there would be nothing to tell apart.
_STOPPING = ("class-mismatch", "one-class-only", "unused-folder")


@dataclass(frozen=True)
class DataFolder:
    """The samples of a data folder.

    Args:
        root: the data folder.
        classes: names of the classes, sorted; a sample's label is the place of its class in here.
        train: samples to learn from.
        val: samples to validate on.
        test: samples to test on; none in a folder without test/.
        skipped: files and folders that are left out.
        warnings: what is used all the same, but is worth a look.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    test: tuple[Sample, ...] = ()
    skipped: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def splits(self) -> dict[str, tuple[Sample, ...]]:
        """The samples of each split, by its name: 'train', 'val' and 'test'."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def class_counts(self) -> dict[str, dict[str, int]]:
        """Number of images of each class in each split: `class_counts["train"]["cup"]`."""
        return {
            split: {name: counts[label] for label, name in enumerate(self.classes)}
            for split, samples in self.splits.items()
            for counts in [Counter(sample.label for sample in samples)]
        }

    def describe(self) -> str:
        """Return a short table of classes and splits, and a line on what was left out."""
        splits = [split for split, samples in self.splits.items() if samples]
        rows = [[name, *(str(self.class_counts[split][name]) for split in splits)] for name in self.classes]
        total = ["all", *(str(len(self.splits[split])) for split in splits)]
        lines = [f"{shown(self.root)}: {counted(len(self.classes), 'class', 'classes')}"]
        lines += text_table(["class", *splits], [*rows, total])
        if self.skipped:
            lines.append(f"left out: {summary(self.skipped)}")
        return "\n".join(lines)


def open_folder(root: Path | str, val_fraction: float = 0.2, split_seed: int = 0) -> DataFolder:
    """Open a data folder: `DIR/{train,val[,test]}/<class>/<image>`, or `DIR/<class>/<image>`.

    Where there is no val/, a share of each class is set aside to validate on, always the same images. Files
    are judged by their names and from outside; none is decoded, so a damaged image comes to light when it is
    loaded. A class without any image is left out and reported.

    Args:
        root: the data folder.
        val_fraction: share of each class to set aside, where there is no val/.
        split_seed: another seed sets other images aside.

    Raises:
        DataError: the folder is missing or not laid out like this, has one class only, or a class of val/ or
            test/ has no images in train/.
        ConfigError: `val_fraction` is out of range.
    """
    scan = scan_folder(root)
    _stop_if_unusable(scan)
    train = scan.images[scan.learned_from]
    val = scan.images.get("val", {})
    if not any(val.values()):
        train, val = split_off(train, scan.folders[scan.learned_from], val_fraction, split_seed)
    if not any(val.values()):
        raise DataError(f"{scan.root}: each class has one image, so none is left to validate on: add images")
    return DataFolder(
        root=scan.root,
        classes=scan.classes,
        train=_samples(train, scan.classes),
        val=_samples(val, scan.classes),
        test=_samples(scan.images.get("test", {}), scan.classes),
        skipped=tuple(problem for problem in scan.problems if problem.left_out),
        warnings=tuple(problem for problem in scan.problems if not problem.left_out),
    )


def open_to_judge(root: Path | str) -> DataFolder:
    """Open a folder of images that a classifier is judged by; nothing is learned from it.

    So it may be one class alone, or one image of each, or a test/ without a train/. In a folder that is not
    split all images are for testing.

    Raises:
        DataError: the folder is missing, holds no images, or is not laid out in classes.
    """
    scan = scan_folder(root, to_learn=False)
    names = sorted({name for images in scan.images.values() for name, paths in images.items() if paths})
    images = {"test": scan.images["all"]} if scan.layout == "flat" else scan.images
    parts = {split: _samples(images.get(split, {}), names) for split in ("train", "val", "test")}
    left_out = tuple(problem for problem in scan.problems if problem.left_out)
    return DataFolder(scan.root, tuple(names), parts["train"], parts["val"], parts["test"], left_out)


def summary(problems: Sequence[Problem]) -> str:
    """Return how many problems there are of each kind: 'system files (2), broken links (1)'."""
    counts = Counter(problem.kind for problem in problems)
    return ", ".join(f"{KINDS[kind].title} ({count})" for kind, count in counts.items())


def _stop_if_unusable(scan: Scan) -> None:
    stopping = [
        problem for problem in scan.problems if problem.kind in _STOPPING and problem.severity == "error"
    ]
    if stopping:
        raise DataError("\n  ".join([f"{scan.root} can't be used as it is:", *map(str, stopping)]))


def _samples(images: Mapping[str, Sequence[Path]], classes: Sequence[str]) -> tuple[Sample, ...]:
    return tuple(Sample(path, label) for label, name in enumerate(classes) for path in images.get(name, ()))
