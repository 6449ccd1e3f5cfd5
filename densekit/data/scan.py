"""From a data folder to its classes and images, as torchvision's ImageFolder sees them.

Classes are the folders' names, sorted; an image in a subfolder of a class folder belongs to the class.
ImageFolder stops at an empty class, takes `.ipynb_checkpoints` for a class, and gives a class one label in
train/ and another in val/ where their folders differ. Here each of these is noticed and told.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from densekit.data.image_files import (
    find_images,
    holds_an_image,
    is_hidden_folder,
    judge_beside_classes,
    list_folder,
    odd_name,
    visible_folders,
)
from densekit.data.layout import EXPECTED, Layout, find_layout
from densekit.data.mistaken import alike, role_of
from densekit.data.problems import Problem
from densekit.errors import DataError, listed, nearest
from densekit.files import named, real_path
from densekit.words import shown


class Sample(NamedTuple):
    """An image and the number of its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class Scan:
    """What lies in a data folder.

    Args:
        root: the data folder.
        layout: 'flat' or 'split'.
        folders: of each split ('train', 'val', 'test'; 'all' in a flat folder) the folder of its classes.
        images: of each split and each class, the image files.
            A class whose folder is empty or missing in a split has no images there.
        problems: what was left out, and what is wrong with the classes.
    """

    root: Path
    layout: Literal["flat", "split"]
    folders: dict[str, Path]
    images: dict[str, dict[str, tuple[Path, ...]]]
    problems: tuple[Problem, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that have images to learn from; a class's label is its place in here."""
        return tuple(sorted(name for name, paths in self.images[self.learned_from].items() if paths))

    @property
    def paths(self) -> tuple[Path, ...]:
        """All image files."""
        return tuple(path for classes in self.images.values() for paths in classes.values() for path in paths)

    @property
    def learned_from(self) -> str:
        """The split that is learned from: 'train', or 'all' in a flat folder."""
        return "all" if self.layout == "flat" else "train"


def scan_folder(root: Path | str, to_learn: bool = True) -> Scan:
    """Find the classes and images of a data folder. No image is decoded.

    Args:
        root: the data folder.
        to_learn: whether it is to be learned from, so that a split folder needs a train/ with images.

    Raises:
        DataError: the folder is missing, is a file, holds no images, or holds them in another order.
    """
    layout = find_layout(named(root), to_learn)
    problems = _problems_beside_splits(layout) if layout.kind == "split" else []
    images: dict[str, dict[str, tuple[Path, ...]]] = {}
    for split, folder in layout.splits.items():
        images[split] = _scan_split(folder, problems)
    learned_from = next(iter(images))
    some = any(images[learned_from].values()) or (
        not to_learn and any(map(any, map(dict.values, images.values())))
    )
    if not some:
        details = "".join(f"\n  {problem}" for problem in problems[:3])
        raise DataError(f"{layout.splits[learned_from]} holds no usable images: {EXPECTED}{details}")
    problems += _class_problems(layout, images)
    return Scan(layout.root, layout.kind, layout.splits, images, tuple(problems))


def has_own_val(root: Path) -> bool:
    """Say whether a data folder brings validation images of its own; one that can't be used brings none."""
    try:
        val = find_layout(root).splits.get("val")
    except DataError:
        return False
    return val is not None and any(holds_an_image(folder, val) for folder in visible_folders(val))


def _scan_split(folder: Path, problems: list[Problem]) -> dict[str, tuple[Path, ...]]:
    """Return the images of each class folder, and add what is left out to the problems."""
    images: dict[str, tuple[Path, ...]] = {}
    folders, files = list_folder(folder)
    problems += _loose_files(files)
    own = {real_path(one): one for one in folders if not one.is_symlink() and not is_hidden_folder(one)}
    for class_folder in folders:
        if is_hidden_folder(class_folder):
            problems.append(Problem.of("hidden-folder", class_folder, "a hidden folder among the classes"))
            continue
        if class_folder.is_symlink() and (where := _other_classes(class_folder, own)):
            message = f"a link to {class_folder.readlink()}, where {where} are"
            problems.append(Problem.of("link-to-classes", class_folder, message))
            continue
        own.setdefault(real_path(class_folder), class_folder)
        if (odd := odd_name(class_folder)) is not None:
            problems.append(odd)
        found, left_out = find_images(class_folder, folder)
        name = class_name(class_folder)
        if name in images:
            message = (
                f"reads '{name}', as another folder does whose name is stored otherwise: they are one class"
            )
            problems.append(Problem.of("twin-classes", class_folder, message))
        images[name] = images.get(name, ()) + tuple(found)
        problems += left_out
    return images


def _other_classes(link: Path, own: Mapping[Path, Path]) -> str:
    """Say of a link among class folders whose images it leads to; nothing if they are a class of their own.

    Args:
        link: a folder.
        own: the other class folders, by where they really are.
    """
    real, classes = real_path(link), real_path(link.parent)
    if real in (classes, *classes.parents):
        return "the classes themselves"
    other = next((own[place] for place in (real, *real.parents) if place in own), None)
    return f"the images of '{other.name}'" if other else ""


def class_name(folder: Path) -> str:
    """Return the folder's name with composed characters (NFC), so that it is the same on every system.

    The same Hangul name may be stored in syllables or in single letters; macOS often does the latter. What is no
    text in a name, or does something to a terminal, is escaped: tables, files and pictures carry the names on.
    """
    return shown(unicodedata.normalize("NFC", folder.name))


def _loose_files(files: list[Path]) -> list[Problem]:
    return [problem for path in files if (problem := judge_beside_classes(path))]


def _problems_beside_splits(layout: Layout) -> list[Problem]:
    folders, files = list_folder(layout.root)
    problems = [
        replace(problem, message=f"{problem.message}{_instead(role_of(problem.path.name))}")
        if problem.kind == "broken-link" and "val" not in layout.splits
        else problem
        for problem in _loose_files(files)
    ]
    for folder in folders:
        if is_hidden_folder(folder):
            problems.append(Problem.of("hidden-folder", folder, "a hidden folder"))
        elif folder not in layout.splits.values() and find_images(folder)[0]:
            problems.append(_unused(folder, layout.splits))
    return problems


def _unused(folder: Path, splits: Mapping[str, Path]) -> Problem:
    """Say that a folder beside splits is not read; beside train/ alone, both may be classes: trains and buses."""
    message = f"holds images, but lies beside {' and '.join(f'{path.name}/' for path in splits.values())}"
    if list(splits) != ["train"] or role_of(folder.name):
        return Problem.of("unused-folder", folder, message)
    name = splits["train"].name
    remedy = (
        f"If '{name}' is a class, give it another name; if it is what to learn from, move the other away."
    )
    message += f", and nothing tells whether '{name}' is a class as well"
    return Problem.of("unused-folder", folder, message, "error", remedy)


def _class_problems(layout: Layout, images: dict[str, dict[str, tuple[Path, ...]]]) -> list[Problem]:
    learned_from = next(iter(images))
    problems = [
        Problem.of(
            "empty-split", layout.splits[split], f"no class folder in it has an image{_instead(split)}"
        )
        for split, classes in images.items()
        if not any(classes.values())
    ]
    used = {split: classes for split, classes in images.items() if any(classes.values())}
    known = sorted(name for name, paths in images[learned_from].items() if paths)
    folders = {split: _class_folders(layout.splits[split]) for split in used}
    for name in sorted({name for classes in images.values() for name in classes}):
        counts = {split: len(classes.get(name, ())) for split, classes in used.items()}
        there = {split: folders[split].get(name, layout.splits[split] / name) for split in used}
        problems += _problems_of_class(there, name, counts, known)
    problems += _twins(folders.get(learned_from, {}), known)
    problems += _classes_in_classes(folders.get(learned_from, {}), images[learned_from])
    if len(known) == 1:
        message = f"'{known[0]}' is the only class with images"
        problems.append(Problem.of("one-class-only", layout.splits[learned_from], message))
    return problems


def _instead(split: str | None) -> str:
    return ", so that a share of train/ is held back to validate on" if split == "val" else ""


def _twins(folders: Mapping[str, Path], known: list[str]) -> list[Problem]:
    """Names that differ in letters' case, spaces and lines alone: one class, most likely, in two folders."""
    first: dict[str, str] = {}
    problems = []
    for name in known:
        plain = re.sub(r"[\s_-]+", " ", name.casefold()).strip()
        if (other := first.setdefault(plain, name)) != name:
            message = f"the classes '{other}' and '{name}' are one and the same, but for how they are written"
            problems.append(Problem.of("twin-classes", folders[name], message))
    return problems


def _classes_in_classes(folders: Mapping[str, Path], classes: Iterable[str]) -> list[Problem]:
    if (pair := alike([folders[name] for name in classes if name in folders])) is None:
        return []
    first, second, names = pair
    message = f"holds {listed(names)}, as '{first.name}' does: are these the classes?"
    return [Problem.of("nested-classes", second, message)]


def _problems_of_class(
    folders: dict[str, Path], name: str, counts: dict[str, int], known: list[str]
) -> list[Problem]:
    learned_from = next(iter(counts))
    if not any(counts.values()):
        there = [folder for folder in folders.values() if folder.is_dir()]
        return [
            Problem.of("empty-class", folder, f"the class '{name}' has no images") for folder in there[:1]
        ]
    problems = []
    if counts[learned_from] == 1:
        message = f"the class '{name}' has only one image to learn from"
        problems.append(Problem.of("one-image-class", folders[learned_from], message))
    for split, count in counts.items():
        if count and not counts[learned_from]:
            message = f"the class '{name}' has images in {split}, but none in {learned_from}"
            message += f": {nearest(name, known)}"
            problems.append(Problem.of("class-mismatch", folders[split], message))
        elif not count and counts[learned_from]:
            message = f"the class '{name}' has no images in {split}, so nothing is known about it from there"
            problems.append(Problem.of("class-mismatch", folders[split], message, severity="warning"))
    return problems


def _class_folders(split: Path) -> dict[str, Path]:
    """Return the class folders of a split by the names of the classes, which it may spell otherwise."""
    return {class_name(folder): folder for folder in reversed(visible_folders(split))}
