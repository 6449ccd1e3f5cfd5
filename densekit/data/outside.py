"""Where the doctor may write: never into the data folder, by whatever links a way leads there."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from densekit.errors import DataError
from densekit.files import real_path


def check_outside(path: Path, root: Path, images: Iterable[Path], what: str) -> None:
    """Make sure that a place to write to lies in no folder that images are read from.

    Args:
        path: the place.
        root: the data folder.
        images: its image files, as they are named below the data folder; their folders may be links.
        what: 'a folder' or 'a file', which shall be named instead.

    Raises:
        DataError: it lies in such a folder, behind a link that leads nowhere, or in nobody's home.
    """
    user = path.parts[0] if path.parts else ""
    if user.startswith("~") and not Path(user).exists():
        raise DataError(
            f"{path}: nobody here is called '{user[1:]}', whose home folder '{user}' would be: name {what}"
        )
    for link in (path, *path.parents):
        if link.is_symlink() and not link.exists():
            raise DataError(
                f"{link} is a link to {link.readlink()}, which leads nowhere: name {what} that can be"
            )
    real = real_path(path)
    folders = _read_from(root, images)
    for place in (real, *real.parents):
        source = folders.get(place) or folders.get(_number_of(place) or place)
        if source is not None:
            raise DataError(f"{path} lies in {source}, which is never changed: name {what} outside of {root}")


def _number_of(folder: Path) -> tuple[int, int] | None:
    """Return the number by which the system knows a folder, however its name is written; None if there is none.

    On macOS and Windows `Pets` and `pets` are one folder.
    """
    with suppress(OSError):
        status = folder.stat()
        return status.st_dev, status.st_ino
    return None


def _read_from(root: Path, images: Iterable[Path]) -> dict[Path | tuple[int, int], Path]:
    """Return the folders of the images and those between them and the data folder, as they are named.

    They are found by their real paths, and by their numbers.
    """
    folders = {root}
    for folder in {image.parent for image in images}:
        folders.update(place for place in (folder, *folder.parents) if root in place.parents)
    named = sorted(folders, reverse=True)
    by_number = {number: folder for folder in named if (number := _number_of(folder))}
    return {real_path(folder): folder for folder in named} | by_number
