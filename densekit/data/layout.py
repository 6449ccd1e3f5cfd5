"""Where the classes of a data folder are.

    DIR/<class>/<image>                         flat: validation images are split off later
    DIR/{train,val[,test]}/<class>/<image>      split: by the names of the folders

Anything else stops here, with a message that names the folder which was probably meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from densekit.data.image_files import visible_folders
from densekit.data.mistaken import has_images, why_no_classes, why_no_split
from densekit.errors import DataError, listed
from densekit.files import real_path

EXPECTED = "expected DIR/<class>/<image>, or DIR/train/<class>/<image> and DIR/val/<class>/<image>"
SPLITS = ("train", "val", "test")

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Layout:
    """The folders that hold class folders.

    Args:
        root: the data folder.
        kind: 'flat' or 'split'.
        splits: folder of each split; a flat folder has one, 'all', the root itself.
    """

    root: Path
    kind: Literal["flat", "split"]
    splits: dict[str, Path]


def find_layout(root: Path, to_learn: bool = True) -> Layout:
    """Find the class folders of a data folder.

    Args:
        root: the data folder.
        to_learn: whether it is to be learned from, so that a split folder needs a train/.

    Raises:
        DataError: the folder is missing, is a file, is empty, or holds its images in another order.
    """
    _require_folder(root)
    folders = visible_folders(root)
    if not folders:
        raise DataError(_no_class_folders(root))
    if _is_split(folders):
        return Layout(root, "split", _split_folders(root, folders, to_learn))
    if (inner := _wrapped(folders)) is not None:
        raise DataError(f"{root} holds nothing but a folder with the data in it: name {inner} instead")
    for folder in folders:
        if _split_name(folder) and visible_folders(folder):
            raise DataError(
                f"{root} has a folder '{folder.name}' with classes in it, but other class folders beside it: "
                f"put those into {root / 'train'}"
            )
    if problem := why_no_classes(root, folders):
        raise DataError(problem)
    return Layout(root, "flat", {"all": root})


def _require_folder(root: Path) -> None:
    try:
        if root.is_dir():
            next(root.iterdir(), None)
            return
    except OSError as error:
        hint = ": may you read it?" if isinstance(error, PermissionError) else ""
        raise DataError(f"{root} can't be opened ({error.strerror}){hint}") from error
    if root.exists():
        raise DataError(f"{root} is a file, but a folder of images is needed: {EXPECTED}")
    missing = root
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    siblings = [path.name for path in visible_folders(missing.parent)]
    raise DataError(f"there is no folder {root}{_hint(missing, siblings)}")


def _hint(missing: Path, siblings: Sequence[str]) -> str:
    lower = {name.casefold(): name for name in siblings}
    if close := get_close_matches(missing.name.casefold(), lower, n=1):
        return f": did you mean '{missing.parent / lower[close[0]]}'?"
    if 0 < len(siblings) <= 10:
        return f": {missing.parent} holds the folders {listed(siblings)}"
    return f": {missing.parent} holds no '{missing.name}'"


def _no_class_folders(root: Path) -> str:
    if not has_images(root):
        return f"{root} holds no images: {EXPECTED}"
    problem = f"{root} holds images, but no class folders: {EXPECTED}"
    # Somebody may have named one class's folder, where the folder of all classes is meant.
    own = root if root.name not in ("", "..") else real_path(root)
    siblings = [path for path in visible_folders(own.parent) if has_images(path)]
    if len(siblings) > 1 and not _split_name(own):
        return f"{problem}. If '{own.name}' is one of your classes, name the folder above it: {own.parent}"
    return problem


def _is_split(folders: Sequence[Path]) -> bool:
    """Say whether the folders are splits; a lone class called 'train' beside 'bus' and 'car' is none."""
    if all(_split_name(folder) for folder in folders):
        return True
    return any(_split_name(folder) == "train" and visible_folders(folder) for folder in folders)


def _split_folders(root: Path, folders: Sequence[Path], to_learn: bool) -> dict[str, Path]:
    splits: dict[str, Path] = {}
    for folder in folders:
        name = _split_name(folder)
        if name in splits:
            raise DataError(f"{root} has both '{splits[name].name}' and '{folder.name}' for {name}: keep one")
        if name:
            splits[name] = folder
    if "train" not in splits and to_learn:
        names = listed(folder.name for folder in folders)
        raise DataError(f"{root} has {names}, but no 'train' with images to learn from: {EXPECTED}")
    for folder in splits.values():
        _require_folder(folder)
    found = {name: splits[name] for name in SPLITS if name in splits}
    for name, folder in found.items():
        if problem := why_no_split(name, folder):
            raise DataError(problem)
    first = next(iter(found.values()))
    if not visible_folders(first):
        raise DataError(_no_class_folders(first))
    return found


def _split_name(folder: Path) -> str | None:
    return _SPLIT_NAMES.get(folder.name.casefold())


def _wrapped(folders: Sequence[Path]) -> Path | None:
    """Return the folder inside, if there is only one on the way to several."""
    inner = None
    while len(folders) == 1 and not has_images(folders[0]) and not _split_name(folders[0]):
        inner = folders[0]
        folders = visible_folders(inner)
    return inner if len(folders) > 1 or (folders and _is_split(folders)) else None
