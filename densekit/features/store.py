"""Features by the content hash of their pictures: a folder of shards that is read row by row.

A feature depends on the bytes of the picture, on its preprocessing, on the frozen weights and on the precision,
and on nothing else. The last three are the store's key, the first is the row's name, so an entry that is out of
date can't be found: a picture that changed by one bit has another name.

The maps before a block take 100 kB a picture and more, so nothing here assumes that all of them fit in memory.
To open a store reads an index; a row is read, and checked, when it is asked for. What is added is written as
soon as a shard is full, so an extraction that is killed keeps all but its last shard.
"""

import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from densekit.features.cache import files_in, folder_of, introduce, make_room, touch
from densekit.features.shards import Shard, open_shard, write_shard
from densekit.files import is_folder

SHARD = 64 * 2**20
"""Bytes in a full shard."""

_PATIENCE = 30.0  # seconds of extraction that a kill may cost


class FeatureStore:
    """Rows by name, on disk, or in memory alone.

    Args:
        key: a text that is equal for two stores exactly if their features are interchangeable.
        root: the folder of all stores; this one gets a folder of its own in it. In memory alone if None.
        description: a few words for people.
    """

    def __init__(self, key: str, root: Path | None = None, description: str = "") -> None:
        self.key = key
        self.description = description
        self.folder = folder_of(root, key) if root else None
        self._places: dict[str, list[tuple[Shard, int]]] = {}  # several where a damaged row was made again
        self._opened: set[str] = set()
        self._sound: set[str] = set()
        self._in_memory: dict[str, Tensor] = {}
        self._waiting: list[str] = []
        self._has_no_room = False
        self._written = time.monotonic()
        if self.folder is not None and is_folder(self.folder):
            touch(self.folder)
            self._open(self.folder)

    def __contains__(self, name: str) -> bool:
        """Say whether a row is there and sound; a damaged one is forgotten. Threads may ask."""
        if name in self._in_memory or name in self._sound:
            return True
        places = self._places.get(name, [])
        for place in reversed(places.copy()):  # another thread may forget one of them meanwhile
            shard, position = place
            if shard.is_sound(position):
                self._sound.add(name)
                return True
            with suppress(ValueError):
                places.remove(place)
        return False

    def rows(self, names: Sequence[str]) -> Tensor:
        """Return rows that are there, (N, ...), in the order of their names."""
        return torch.stack([self._row(name) for name in names]) if names else torch.empty(0, 0)

    def add(self, names: Sequence[str], rows: Tensor) -> None:
        """Keep rows, (N, ...), on the CPU. They are on disk when a shard is full, and after `flush`.

        Where the disk has no room, embeddings are kept in memory, and maps, which are large, not at all.
        """
        if self._has_no_room and rows.dim() > 2:
            return
        for name, row in zip(names, rows, strict=True):
            self._in_memory[name] = row
            self._waiting.append(name)
            if len(self._waiting) * row.nbytes >= SHARD:
                self.flush()
        if time.monotonic() - self._written > _PATIENCE:
            self.flush()

    def flush(self) -> None:
        """Write what was added and is not on disk yet."""
        names, self._waiting = self._waiting, []
        self._written = time.monotonic()
        if self.folder is None or self._has_no_room or not names:
            return
        rows = torch.stack([self._in_memory[name] for name in names])
        self._has_no_room = not self._has_written(self.folder, names, rows)
        if rows.dim() > 2 or not self._has_no_room:  # from now on they are read from the disk, if at all
            for name in names:
                self._in_memory.pop(name, None)

    def _has_written(self, folder: Path, names: Sequence[str], rows: Tensor) -> bool:
        try:
            if not make_room(folder.parent, rows.nbytes, keep=folder):
                return False
            introduce(folder, self.key, self.description)
            path = write_shard(folder, self.key, names, rows)
        except OSError as error:
            warnings.warn(
                f"features can't be kept in {folder} ({error}), so they will be computed again: name another "
                "place with DENSEKIT_CACHE, or free some space there",
                stacklevel=2,
            )
            return False
        self._opened.discard(path.name)  # it may have replaced a damaged one
        self._open(folder)
        return all(self._places.get(name) for name in names)  # unless somebody cleared the cache meanwhile

    def _row(self, name: str) -> Tensor:
        if name in self._in_memory:
            return self._in_memory[name]
        shard, position = self._places[name][-1]
        return shard.rows[position]

    def _open(self, folder: Path) -> None:
        """Read the index of each shard that was not read yet."""
        for path in sorted(files_in(folder, "*.safetensors"), key=_written_at):
            if path.name not in self._opened:
                self._opened.add(path.name)
                shard = open_shard(path, self.key)
                if shard is not None:
                    for position, name in enumerate(shard.names):
                        self._places.setdefault(name, []).append((shard, position))


def _written_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # somebody clears the cache just now
        return 0
