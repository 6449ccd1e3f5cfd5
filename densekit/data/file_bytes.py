"""The bytes of an image file, or what is wrong with the file before anybody looks into it."""

import stat
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from densekit.data.problems import Problem
from densekit.errors import one_line

MAX_FILE = 256 * 1024**2
"""A file of more bytes is refused unread."""


_MANY = 2_000  # files in a folder among which a similar name is looked for


def size_of(path: Path) -> int:
    """Return the length of a file in bytes; 0 where it can't be told."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def read_bytes(path: Path) -> bytes | Problem:
    """Return the bytes of an image file, or the problem if they can't be read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return Problem.of("not-an-image", path, "a folder, where an image file is needed")
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            return Problem.of(
                "not-an-image", path, "not a file that can be read, but a pipe, socket or device"
            )
        if status.st_size > MAX_FILE:
            size = f"{status.st_size / 1024**2:,.0f} MB, the limit is {MAX_FILE // 1024**2} MB"
            return Problem.of("too-large-image", path, f"the file is too large ({size})")
        return path.read_bytes()
    except FileNotFoundError:
        return Problem.of("missing-file", path, _missing(path))
    except PermissionError:
        return Problem.of("no-permission", path, "the file may not be read")
    except OSError as error:
        return Problem.of("corrupt-image", path, f"the file can't be read ({one_line(error)})")


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}, which is not there"
    close = get_close_matches(path.name, _siblings(path), n=1)
    return f"there is no such file; did you mean '{close[0]}'?" if close else "there is no such file"


def _siblings(path: Path) -> list[str]:
    """Return what else is in the folder of a path: nothing where one may not look, nor of a very full one."""
    try:
        names = [other.name for other in islice(path.parent.iterdir(), _MANY + 1)]
    except OSError:
        return []
    return names if len(names) <= _MANY else []
