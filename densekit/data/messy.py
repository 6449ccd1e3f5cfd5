"""The messy sample folder, written to a place of yours, with the dirt that no archive can carry.

truth = write_messy("my_messy_folder")
print(diagnose("my_messy_folder"))
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from densekit.errors import DataError
from densekit.files import named, read_json, sample_folder

_NO_TEXT = os.fsdecode(b"caf\xe9.jpg")  # Latin-1, as old archives have it
_CARD = ("README.md", "manifest.json")


def write_messy(folder: Path | str) -> dict[str, list[str]]:
    """Write the messy folder, and return what is wrong with it.

    Args:
        folder: a new or empty folder.

    Returns:
        By path, relative to the folder ('.' for itself), kinds of `densekit.data.problems`. What this system
        can't have (a link on some Windows, a file that root may not read) is neither made nor named.

    Raises:
        DataError: the folder is not empty, or is a file.
    """
    folder = named(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there already: name a new folder for the messy pictures")
    source = sample_folder("messy")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_CARD))
    truth: dict[str, list[str]] = read_json(source / "manifest.json")
    picture = (source / "extra" / "0.jpg").read_bytes()  # which is nowhere else
    for name, (kind, make) in _MORE.items():
        path = folder / name
        with suppress(OSError):  # this system can't have it
            path.parent.mkdir(parents=True, exist_ok=True)
            if make(path, picture):
                truth[kind_path(name)] = [kind]
    return truth


def kind_path(name: str) -> str:
    """Return the path that a problem names: of what lies in a hidden or empty folder, the folder."""
    return _FOLDERS.get(name, name)


def _file(path: Path, picture: bytes) -> bool:
    path.write_bytes(picture)
    return True


def _folder(path: Path, picture: bytes) -> bool:
    path.mkdir()
    return True


def _broken_link(path: Path, picture: bytes) -> bool:
    path.symlink_to("nowhere.jpg")
    return True


def _link_to_classes(path: Path, picture: bytes) -> bool:
    path.symlink_to("..", target_is_directory=True)
    return True


def _unreadable(path: Path, picture: bytes) -> bool:
    path.write_bytes(picture)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root, and Windows
        path.chmod(0o600)
        path.unlink()
        return False
    return True


_MORE: dict[str, tuple[str, Callable[[Path, bytes], bool]]] = {
    "train/bird/.DS_Store": ("system-file", _file),
    "train/bird/._0.jpg": ("system-file", _file),
    "train/bird/.hidden.jpg": ("hidden-file", _file),
    "train/.ipynb_checkpoints/0-checkpoint.jpg": ("hidden-folder", _file),
    "train/empty": ("empty-class", _folder),
    "test/apple": ("empty-split", _folder),
    "train/bird/link to nowhere.jpg": ("broken-link", _broken_link),
    "train/bird/all classes": ("link-to-classes", _link_to_classes),
    "train/bird/not allowed.jpg": ("no-permission", _unreadable),
    f"train/coin/{_NO_TEXT}": ("odd-name", _file),
}
_FOLDERS = {"train/.ipynb_checkpoints/0-checkpoint.jpg": "train/.ipynb_checkpoints", "test/apple": "test"}
