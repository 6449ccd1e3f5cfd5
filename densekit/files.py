"""Files that survive: atomic writes, careful reads, the cache folder, and where the sample data lies."""

import errno
import json
import os
import re
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from densekit.errors import DataError, nearest

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ONE_ASKS = threading.Lock()  # for the umask, which can only be asked for by changing it
_PACKAGE = Path(__file__).parent
_LEFT_OVER = re.compile(r"\..+\.[a-z0-9_]{8}\.partial")  # as `mkstemp` names what `write_atomically` asks for


def real_path(path: Path) -> Path:
    """Return where a path leads, absolute and without links; one that goes round in a circle stays as it is."""
    return Path(os.path.realpath(path))  # Path.resolve raises RuntimeError in Python 3.11 and 3.12


def name_of(folder: Path) -> str:
    """Return a folder's own name, also where it is given as '.' or '..'; of the topmost one, its path."""
    name = folder.name if folder.name not in ("", "..") else real_path(folder).name
    return name or str(folder)


def place_without_room(folder: Path) -> Path | None:
    """Return the place that takes nothing new: a folder, or what stands above one that is yet to be made.

    None if something can be made there.
    """
    places = (folder.absolute(), *folder.absolute().parents)
    there = next(
        (one for one in places if os.path.lexists(one)), folder
    )  # of a drive that is missing, none is
    return None if there.is_dir() and os.access(there, os.W_OK | os.X_OK) else there


@contextmanager
def write_atomically(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    r"""Open a file that appears under its name complete, or not at all.

    The bytes go to a temporary name in the same folder, down to the disk, and only then to the real name. A
    kill, a full disk or an exception at any moment leaves the earlier file as it was.

    Args:
        path: where the file shall be; its folder is made if need be.
        mode: "wb" for bytes or "w" for text (UTF-8, with "\n" at the end of each line).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    except OSError as error:  # which would name a hidden file that nobody has heard of
        raise OSError(error.errno, error.strerror, str(path)) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode_for(path))
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and (error.errno in NO_ROOM or str(error.filename) == name):
            raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk doesn't say where
        raise
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Delete what `write_atomically` left where it was killed, below a folder in which nobody else is writing.

    Others name their unfinished files so, too: it must be a folder in which all is ours.
    """
    for path in folder.rglob(".*.partial"):
        if _LEFT_OVER.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, which appears complete or not at all."""
    with write_atomically(path, "w") as file:
        file.write(text)


def write_json(path: Path, document: Any, indent: int = 2) -> None:
    """Write a JSON file, which appears complete or not at all."""
    write_text(path, as_json(document, indent) + "\n")


def as_json(document: Any, indent: int | None = 2) -> str:
    """Return a document as JSON: Hangul as it is written, names that are no text so that they come back."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(document, indent=indent, allow_nan=False)
    return text


def expanded(path: Path | str) -> Path:
    """Return a path with the home folder for '~', as a shell has it; '~name' stays where nobody is called so."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def named(path: Path | str) -> Path:
    """Return a path that somebody has given, `expanded`.

    Raises:
        DataError: it is empty, as an unset variable is in a shell, and not taken for the present folder; or it
            holds a character that no name can have; or it is neither a text nor a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"a name is given as {type(path).__name__}: expected a text or a path")
    if not str(path).strip():
        raise DataError("a name is empty: name a folder or a file; the present folder is '.'")
    if "\0" in str(path):
        raise DataError(f"{str(path)!r} holds a NUL character, which no name can have")
    if character := unnameable(path):
        raise DataError(f"{str(path)!r} holds {character!r}, which no name can have")
    return expanded(path)


def unnameable(path: Path | str) -> str:
    """Return what a path holds and no name can have, such as half of a character; nothing if all is well."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        return str(path)[error.start : error.end]
    return ""


def is_file(path: Path) -> bool:
    """Say whether a file is there; none is where a name is too long, or where one may not look."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Say whether a folder is there, as `is_file` does for a file."""
    try:
        return path.is_dir()
    except OSError:
        return False


def read_bytes(path: Path, at_most: int) -> bytes:
    """Read a file that may be anything.

    Raises:
        OSError: it can't be read.
        ValueError: it has more bytes than `at_most`, or is a pipe or device, which may never end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a folder, where a file is needed", str(path))
        raise ValueError("not a file that can be read, but a pipe, socket or device")
    if status.st_size > at_most:
        raise ValueError(f"it has {status.st_size:,} bytes, and more than {at_most:,} are not read")
    return path.read_bytes()


def read_text(path: Path, at_most: int = 64 * 1024**2) -> str:
    """Read a text file, UTF-8.

    Raises:
        OSError: it can't be read.
        ValueError: as `read_bytes` has it, or it is no UTF-8.
    """
    return read_bytes(path, at_most).decode("utf-8-sig").replace("\r\n", "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no JSON, or as `read_text` has it.
    """
    return parse_json(read_text(path))


def parse_json(text: str) -> Any:
    """Read JSON from a text; a ValueError says whatever is wrong with it."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None


def cache_folder() -> Path:
    """Return the folder for what can be computed again: $DENSEKIT_CACHE, or the system's own cache place.

    A user without a home folder, as a container makes them up, has it among the temporary files.
    """
    named = os.environ.get("DENSEKIT_CACHE")
    if named:
        return expanded(named)
    from platformdirs import user_cache_path

    try:
        return user_cache_path("densekit")
    except RuntimeError:
        return Path(tempfile.gettempdir(), f"densekit-{os.getuid()}")


def sample_folder(name: str) -> Path:
    """Return the folder of a sample data set that comes with densekit, such as 'tabletop'.

    Raises:
        DataError: there is no such data set.
    """
    root = bundled("data_samples")
    folder = root / name
    if not folder.is_dir():
        known = sorted(path.name for path in root.iterdir() if path.is_dir())
        raise DataError(f"no sample data called '{name}': {nearest(name, known)}")
    return folder


def bundled(name: str) -> Path:
    """Return a folder that comes with densekit: from the installed package, or from the checkout."""
    installed = _PACKAGE / "_bundled" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def _mode_for(path: Path) -> int:
    """Keep the mode bits of the file that is replaced; a new file gets those that `open` would give it."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    with _ONE_ASKS:
        umask = os.umask(0)
        os.umask(umask)
    return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    # The new name itself reaches the disk only with its folder. Windows can't open folders, and needs not.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
