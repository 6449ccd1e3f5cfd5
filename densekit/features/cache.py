"""All stores of features together: what they take, and which one goes when there are too many.

A store is a folder below `features/` in the cache. Everything in it can be computed again, so the store that
was not used for the longest time is deleted when the sum grows above a limit: 5 GB, or $DENSEKIT_CACHE_GB.
Whoever sets $DENSEKIT_CACHE may name a folder that holds other things, too: those are never touched.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from densekit.errors import ConfigError
from densekit.files import cache_folder, is_file, read_json, write_text

_ABOUT = "about.json"
# In this order they go, so that what is left half deleted is a store still.
_OURS = ("*.safetensors", ".*.partial", _ABOUT)
_NAME = re.compile("[0-9a-f]{32}")
_DEFAULT_GB = 5.0
_GB = 10**9

_DAY = 24 * 60 * 60  # seconds


@dataclass(frozen=True)
class StoreInfo:
    """What is known of a store from outside.

    Args:
        folder: where it lies.
        description: what is in it, for people.
        bytes: what its files take.
        last_used: when it was opened last, in seconds since 1970.
    """

    folder: Path
    description: str
    bytes: int
    last_used: float

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        when = datetime.fromtimestamp(self.last_used).astimezone().isoformat(timespec="seconds")
        return {
            "folder": str(self.folder),
            "description": self.description,
            "bytes": self.bytes,
            "last_used": when,
        }


def folder_of(root: Path, key: str) -> Path:
    """Return the folder of the store with a key."""
    return root / hashlib.sha256(key.encode()).hexdigest()[:32]


def stores_folder() -> Path:
    """Return the folder of all stores."""
    return cache_folder() / "features"


def limit_in_bytes() -> int:
    """Return how much all stores together may take.

    Raises:
        ConfigError: $DENSEKIT_CACHE_GB is not a number of gigabytes.
    """
    text = os.environ.get("DENSEKIT_CACHE_GB", str(_DEFAULT_GB))
    try:
        limit = float(text) * _GB
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise ConfigError(f"DENSEKIT_CACHE_GB is '{text}': expected a number of gigabytes, such as 5")
    return int(limit)


def stores(root: Path) -> list[StoreInfo]:
    """Return all stores, the one that was used last at the end."""
    return sorted(map(_info, _folders(root)), key=lambda info: info.last_used)


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return what is in a folder; nothing of one that somebody else has just deleted, or that is closed to us."""
    with suppress(OSError):
        return list(folder.glob(pattern))
    return []


def _folders(root: Path) -> Iterator[Path]:
    """Find the folders that are stores: their names are hashes, and they say what they hold."""
    for folder in files_in(root, "*"):
        if _NAME.fullmatch(folder.name) and not folder.is_symlink() and is_file(folder / _ABOUT):
            yield folder


def _delete(folder: Path) -> None:
    """Delete a store, but nothing in its folder that somebody else put there."""
    for pattern in _OURS:
        for path in files_in(folder, pattern):
            path.unlink(missing_ok=True)
    with suppress(OSError):  # it is not empty
        folder.rmdir()


def _sweep(root: Path) -> None:
    """Delete what writers that were killed have left; a writer of today may still be at work."""
    for path in (path for folder in _folders(root) for path in files_in(folder, ".*.partial")):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                path.unlink()


def make_room(root: Path, needed: int, keep: Path) -> bool:
    """Delete the stores that were not used for longest until there is room for so many bytes.

    Args:
        root: the folder of all stores.
        needed: bytes to be written.
        keep: the store that they are for, which is never deleted.

    Returns:
        Whether there is room now.
    """
    _sweep(root)
    limit = limit_in_bytes()
    known = stores(root)
    taken = sum(info.bytes for info in known)
    for info in known:
        if taken + needed <= limit:
            break
        if info.folder != keep:
            with suppress(OSError):  # a file that another process reads can't be deleted on Windows
                _delete(info.folder)
                taken -= info.bytes
    return taken + needed <= limit


def clear(root: Path) -> int:
    """Delete all stores; return how many bytes that freed."""
    freed = 0
    for info in stores(root):
        _delete(info.folder)
        freed += info.bytes
    return freed


def introduce(folder: Path, key: str, description: str) -> None:
    """Say in a store's folder what it holds, if nobody did yet."""
    if not (folder / _ABOUT).is_file():
        write_text(folder / _ABOUT, json.dumps({"description": description, "key": key}, indent=2))


def touch(folder: Path) -> None:
    """Note that a store is used now."""
    with suppress(OSError):  # a cache that may be read but not written
        os.utime(folder / _ABOUT)


def _info(folder: Path) -> StoreInfo:
    total = 0
    for path in (path for pattern in _OURS for path in files_in(folder, pattern)):
        with suppress(OSError):  # somebody else deletes it just now
            total += path.stat().st_size
    about = folder / _ABOUT
    try:
        last_used = about.stat().st_mtime
        description = str(read_json(about)["description"])
    except OSError:  # somebody deletes it just now
        description, last_used = "not known", 0.0
    except (ValueError, KeyError, TypeError):
        description, last_used = f"not known: its {_ABOUT} is damaged", 0.0
    return StoreInfo(folder, description, total, last_used)
