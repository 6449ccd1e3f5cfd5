"""A shard: one file of rows that is written once and never changed, and read without being loaded.

It is a safetensors file. Its header, which is all that is read when it is opened, says what the rows are called
and what their checksums are; the rows themselves are mapped into memory, and come from the disk when they are
asked for.
"""

import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from densekit.files import parse_json, write_atomically

_FORMAT = "densekit features 2"


class Shard:
    """An open shard.

    Args:
        names: what its rows are called, in their order.
        rows: all of them, (N, ...), mapped into memory.
        checksums: CRC-32 of each row's bytes.
    """

    def __init__(self, names: Sequence[str], rows: Tensor, checksums: Sequence[int]) -> None:
        self.names = names
        self.rows = rows
        self.checksums = checksums

    def is_sound(self, position: int) -> bool:
        """Say whether a row has the bytes that were written."""
        return checksum(self.rows[position]) == self.checksums[position]


def checksum(row: Tensor) -> int:
    """Return the CRC-32 of a row's bytes: enough to notice damage, and faster than a disk."""
    return zlib.crc32(row.contiguous().view(-1).view(torch.uint8).numpy().data)


def write_shard(folder: Path, key: str, names: Sequence[str], rows: Tensor) -> Path:
    """Write rows, (N, ...), into a file of their own, which is there complete or not at all; return it.

    Args:
        folder: where.
        key: of the store that they belong to.
        names: what each row is called.
        rows: on the CPU.
    """
    rows = rows.contiguous()
    description = {
        "format": _FORMAT,
        "key": key,
        "names": json.dumps(list(names)),
        "crc32": json.dumps([checksum(row) for row in rows]),
    }
    name = hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
    path = folder / f"{name}.safetensors"
    with write_atomically(path) as file:
        file.write(safetensors.torch.save({"rows": rows}, description))
    return path


def open_shard(path: Path, key: str) -> Shard | None:
    """Open a shard; None if it is damaged, or belongs to another store."""
    try:
        if not path.is_file():  # a pipe would wait for ever
            return None
        with safetensors.safe_open(path, framework="pt") as file:
            description = file.metadata() or {}
            if description.get("format") != _FORMAT or description.get("key") != key:
                return None
            rows = file.get_tensor("rows")
        names, checksums = parse_json(description["names"]), parse_json(description["crc32"])
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError):
        return None  # RuntimeError: somebody clears the cache just now
    if not (_are(str, names) and _are(int, checksums) and len(names) == len(checksums) == len(rows)):
        return None
    return Shard(names, rows, checksums)


def _are(kind: type, values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)
