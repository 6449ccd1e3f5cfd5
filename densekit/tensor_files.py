"""Tensors and a description in one safetensors file, which is complete, or noticed not to be.

A checksum over everything stands in the file. safetensors itself notices a file that is too short, but not a
byte that has changed: without the checksum that would be another weight, and other predictions, without a word.
"""

import json
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from densekit.errors import one_line
from densekit.files import parse_json, write_atomically

_KEY = "densekit"
_LARGEST = 4 * 1024**3  # bytes: ten times a DenseNet-161 with its optimiser


class UnreadableError(Exception):
    """A file can't be used; the text says why. Whoever knows what it is for says what to do about it."""


def write_tensors(
    path: Path, written_as: str, tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> None:
    """Write tensors and what is to be known of them.

    Args:
        path: the file, replaced in one step.
        written_as: the format; `read_tensors` refuses another.
        tensors: by name.
        description: plain values for JSON.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(dict(description), ensure_ascii=False, sort_keys=True)
    whole = {"format": written_as, "crc32": _checksum(plain, text), "description": text}
    metadata = {_KEY: json.dumps(whole, ensure_ascii=False)}  # one entry, since their order changes each time
    with write_atomically(path) as file:
        file.write(safetensors.torch.save(plain, metadata))


def read_tensors(path: Path, written_as: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors, in memory of their own, and their description.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableError: it is damaged, or it is something else.
    """
    try:
        _check_file(path)
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise UnreadableError(f"it can't be read ({one_line(error)})") from error
    whole = _whole(metadata.get(_KEY, ""))
    found = whole.get("format")
    if found != written_as:
        raise UnreadableError(f"it is {f'a {found!r}' if found else 'something else'}, not a '{written_as}'")
    text = str(whole.get("description"))
    if whole.get("crc32") != _checksum(tensors, text):
        raise UnreadableError("its checksum does not fit: some of its bytes have changed")
    return tensors, _whole(text)


def _check_file(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a file, but a folder, pipe or device")
    if status.st_size > _LARGEST:
        raise ValueError(f"it has {status.st_size:,} bytes, and more than {_LARGEST:,} are not read")


def _whole(text: str) -> dict[str, Any]:
    try:
        values = parse_json(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    checksum = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        tensor = tensors[name]
        checksum = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), checksum)
        checksum = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, checksum)
    return checksum
