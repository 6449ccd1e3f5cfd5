"""Folders that look like classes and are none: splits under other names, labels of another task, inner classes.

Trained on as they are, they give a classifier that tells training pictures from test pictures, or pictures from
masks. Archives of competitions and of data for detection are packed like this.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from densekit.data.image_files import has_image_name, judge_name, visible_folders
from densekit.errors import listed

_ROLES = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing", "tst"),
    "unlabelled": ("pred", "prediction", "predictions", "unlabeled", "unlabelled", "submission"),
}
_FILLERS = ("set", "data", "dataset", "images", "imgs", "pictures", "photos", "split", "folder")
_PICTURES = ("images", "imgs", "jpegimages", "image", "img", "jpegs", "rgb")
_LABELS = (
    *("labels", "label", "annotations", "annotation", "annots", "bboxes", "boxes", "imagesets"),
    *("masks", "mask", "groundtruth", "ground_truth", "gt", "segmentationclass", "segmentationobject"),
)


def role_of(name: str) -> str | None:
    """Return which split a folder's name speaks of: `seg_train`, `training_set` and `Train2017` of 'train'."""
    words = _words(name)
    return next((role for role, known in _ROLES.items() if any(word in known for word in words)), None)


def means_a_split(name: str) -> bool:
    """Say whether a name speaks of a split and of nothing else: 'test_images' does, 'test tube' does not."""
    words = [word for word in _words(name) if word not in _FILLERS]
    return bool(words) and all(any(word in known for known in _ROLES.values()) for word in words)


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", name.casefold())


def has_images(folder: Path) -> bool:
    """Say whether images lie in a folder itself."""
    try:
        with os.scandir(folder) as entries:
            return any(_is_image(Path(entry.path)) for entry in entries)
    except OSError:
        return False


def holds_images(folder: Path) -> bool:
    """Say whether images lie in a folder or anywhere below it."""
    waiting = [folder]  # no recursion, as os.walk has it in Python 3.11: folders may be nested very deep
    while waiting:
        place = waiting.pop()
        if has_images(place):
            return True
        waiting += [inner for inner in visible_folders(place) if not inner.is_symlink()]
    return False


def why_no_classes(root: Path, folders: Sequence[Path]) -> str | None:
    """Say why the folders of a flat data folder can't be its classes; None if they may be."""
    return (
        _detection(root, folders)
        or _splits_in_disguise(root, folders)
        or _splits_in_classes(root, folders)
        or _unlabelled(root, folders)
    )


def why_no_split(split: str, folder: Path) -> str | None:
    """Say why a folder called train, val or test does not hold the classes itself; None if it may."""
    folders = visible_folders(folder)
    if problem := _detection(folder, folders):
        return problem
    inner = _innermost(folder)
    is_wrapped = inner != folder and (role_of(inner.name) == split or split == "train")
    if is_wrapped and len([one for one in visible_folders(inner) if holds_images(one)]) > 1:
        move = _move(folder.parent, inner, split)
        return f"{folder} holds nothing but a folder with the classes in it: {move}"
    return None


def alike(folders: Sequence[Path]) -> tuple[Path, Path, tuple[str, ...]] | None:
    """Return two class folders that have the same subfolders with images, two or more, and what these are called.

    They may be by years or by photographers; or the subfolders are the classes.
    """
    first: dict[str, Path] = {}
    shared: Counter[tuple[Path, Path]] = Counter()
    names: dict[tuple[Path, Path], list[str]] = {}
    for folder in folders:
        if has_images(folder):
            continue
        for inner in visible_folders(folder):
            other = first.setdefault(inner.name, folder)
            if other != folder and holds_images(inner):
                shared[other, folder] += 1
                names.setdefault((other, folder), []).append(inner.name)
    pair, count = shared.most_common(1)[0] if shared else (None, 0)
    return (*pair, tuple(names[pair])) if pair and count > 1 else None


def _detection(root: Path, folders: Sequence[Path]) -> str | None:
    """Images in one folder, boxes or masks in another: what detection and segmentation learn from."""
    names = {folder.name.casefold(): folder for folder in folders}
    labels = [folder for name, folder in names.items() if name in _LABELS]
    others = [folder for name, folder in names.items() if name not in _LABELS]
    if not labels or not others:
        return None
    if not all(folder.name.casefold() in _PICTURES or role_of(folder.name) for folder in others):
        return None
    return (
        f"{root} holds {listed(folder.name for folder in (*others, *labels))}, as data for detection or "
        "segmentation does: a classifier learns from one folder for each class, so sort the images into such ones"
    )


def _splits_in_disguise(root: Path, folders: Sequence[Path]) -> str | None:
    roles: dict[str, list[Path]] = {}
    for folder in folders:
        if role := role_of(folder.name):
            roles.setdefault(role, []).append(folder)
    known = sum(map(len, roles.values()))
    if known < len(folders) or "train" not in roles or len(roles) < 2 or len(roles["train"]) > 1:
        return None
    inner = {role: _innermost(of_role[0]) for role, of_role in roles.items() if role != "unlabelled"}
    if not any(holds_images(one) for one in visible_folders(inner["train"])):
        if not all(means_a_split(folder.name) for folder in folders) or not holds_images(inner["train"]):
            return None
        return f"{inner['train']} holds images, but no class folders: expected one for each class in it"
    moves = "; ".join(_move(root, folder, role) for role, folder in inner.items())
    away = [folder.name for folder in roles.get("unlabelled", ())]
    aside = f"; move {listed(away)} out of it" if away else ""
    return f"the folders in {root} are parts of the data, not classes: {moves}{aside}"


def _splits_in_classes(root: Path, folders: Sequence[Path]) -> str | None:
    pair = alike(folders)
    if pair is None or {role_of(name) for name in pair[2]} & {None, "unlabelled"}:
        return None
    first, _, names = pair
    return (
        f"the classes in {root} hold {listed(names)}, one each: expected it the other way round, as "
        f"{root / str(role_of(names[0])) / first.name}"
    )


def _unlabelled(root: Path, folders: Sequence[Path]) -> str | None:
    for folder in folders:
        # A class may be called 'train', beside 'bus' and 'car'; nobody learns to tell 'test' from them.
        is_split = means_a_split(folder.name) and role_of(folder.name) != "train"
        if is_split and len(folders) > 1 and has_images(folder):
            others = listed(other.name for other in folders if other != folder)
            return (
                f"{root} has a folder '{folder.name}' with images beside the classes {others}: if these images "
                f"have no classes, move it out of {root.name}/; if it is a class, give it another name"
            )
    return None


def _innermost(folder: Path) -> Path:
    """Follow folders that hold nothing but a folder, down to the one that holds more."""
    while len(inside := visible_folders(folder)) == 1 and not has_images(folder):
        if not visible_folders(inside[0]) and not _repeats(folder, inside[0]):
            break  # a single class, with its images
        folder = inside[0]
    return folder


def _repeats(folder: Path, inside: Path) -> bool:
    return role_of(inside.name) is not None and role_of(inside.name) == role_of(folder.name)


def _move(root: Path, folder: Path, role: str) -> str:
    return f"move what is in '{folder.relative_to(root)}' to '{root / role}'"


def _is_image(path: Path) -> bool:
    return has_image_name(path) and not judge_name(path)
