"""State dicts: tensors by name, as they come from files, and whether they fit a network.

Nothing here runs code from a file: safetensors holds numbers and text only, and a .pth file is read with
`weights_only=True`, which refuses every pickled object that is not a tensor.
"""

import hashlib
import io
import json
import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from densekit.errors import WeightsError, listed, nearest
from densekit.files import is_folder, read_bytes
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.foreign import entries, refuse_what_is_no_checkpoint, renamed, unwrap

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")

_LARGEST_FILE = 1024**3  # bytes, also of what it unpacks to: eight times a DenseNet-161
# Before 2018 a dense layer's modules were called 'norm.1', 'conv.2': torchvision's files still say so.
_LEGACY_KEY = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\..*)$")


def fingerprint(tensors: Mapping[str, Tensor] | nn.Module) -> str:
    """Return the SHA-256 of tensors: over their names, types, shapes and bytes, in the order of the names.

    Two networks with equal fingerprints give equal features. BatchNorm's `num_batches_tracked` is left out:
    it counts training steps, touches no output, and is missing from older files.

    Where the tensors lie does not matter, nor the memory format; their type does.

    >>> fingerprint({"weight": torch.zeros(2)}) == fingerprint({"weight": torch.zeros(2)})
    True
    """
    state = tensors.state_dict() if isinstance(tensors, nn.Module) else tensors
    digest = hashlib.sha256()
    for name in sorted(state):
        if name.endswith("num_batches_tracked"):
            continue
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


_LARGEST = 1e18  # the square of anything larger is no number any more in float32


def _check_numbers(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that no network can compute with: their features would say nothing, without a word."""
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked") or tensor.numel() == 0:  # a whole number, which nothing reads
            continue
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(
                f"{path}: '{name}' holds numbers of type {kind}: expected real numbers (float32 or float16); a "
                "quantized network must be saved before it is quantized"
            )
        wrong = tensor[~(tensor.abs() <= _LARGEST)]
        if len(wrong):
            raise WeightsError(
                f"{path}: '{name}' has {len(wrong)} of {tensor.numel()} values that no network can compute with, "
                f"such as {wrong[0].item():g}: the training that made this file has diverged; take an earlier one"
            )
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise WeightsError(
                f"{path}: '{name}' is a variance, but {tensor.min().item():g} is in it: the file is damaged"
            )


class WeightsFile(NamedTuple):
    """What a file of weights holds.

    Args:
        tensors: by today's names, floating-point ones in float32.
        metadata: texts by name; empty for .pth files, which have none.
        sha256: SHA-256 of the file.
        told: what was taken off to get at the tensors, for people.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    sha256: str
    told: tuple[str, ...] = ()


def read_weights_file(path: Path) -> WeightsFile:
    """Read a .safetensors file, or a .pth or .pt file with a state dict.

    Raises:
        WeightsError: there is no such file, or it does not hold a state dict.
    """
    data = _read_bytes(path)
    refuse_what_is_no_checkpoint(data, path)
    told: list[str] = []
    if path.suffix == ".safetensors":
        tensors, metadata = _parse_safetensors(data, path)
    else:
        (tensors, told), metadata = _parse_pickle(data, path), {}
    tensors, taken_off = renamed(tensors)
    _check_sizes(tensors, path)
    modern = {_modern(key): _to_float32(key, tensor, path) for key, tensor in tensors.items()}
    _check_numbers(modern, path)
    sha256 = hashlib.sha256(data).hexdigest()
    return WeightsFile(modern, metadata, sha256, (*told, *taken_off))


def check_fit(state: Mapping[str, Tensor], config: DenseNetConfig, architecture: str, path: Path) -> None:
    """Check that tensors fit a network, whatever the number of classes.

    Raises:
        WeightsError: names the first keys that are missing, left over or of another shape, and the
            architecture that the weights do fit, if there is one.
    """
    problems = _misfits(state, config)
    if not problems:
        return
    fitting = [name for name in ARCHITECTURES if fits_architecture(state, name)]
    hint = (
        f"they fit {fitting[0]}: ask for that" if fitting else "they fit none of " + ", ".join(ARCHITECTURES)
    )
    raise WeightsError(f"the weights in {path} don't fit {architecture}: {'; '.join(problems)}; {hint}")


def fits_architecture(state: Mapping[str, Tensor], architecture: str) -> bool:
    """Say whether tensors are those of a network, whatever the number of classes."""
    return not _misfits(state, read_architecture(architecture))


def _misfits(state: Mapping[str, Tensor], config: DenseNetConfig) -> list[str]:
    """Say what keeps tensors from fitting a network: nothing, or a few phrases."""
    expected = dict(_feature_shapes(config))
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    if "classifier.weight" in shapes or "classifier.bias" in shapes:
        classes = (shapes.get("classifier.weight") or (0,))[0]  # there may be no dimension, too
        expected |= {"classifier.weight": (classes, config.num_features), "classifier.bias": (classes,)}
    reshaped = [
        f"{key} is {shapes[key]} instead of {shape}"
        for key, shape in expected.items()
        if key in shapes and shapes[key] != shape
    ]
    return [
        *_first_few("missing", (key for key in expected if key not in shapes and not _is_optional(key))),
        *_first_few("not expected", (key for key in shapes if key not in expected)),
        *_first_few("of another shape", reshaped),
    ]


def _first_few(what: str, items: Iterable[str], shown: int = 3) -> list[str]:
    found = list(items)
    if not found:
        return []
    more = f" and {len(found) - shown} more" if len(found) > shown else ""
    return [f"{what}: {', '.join(found[:shown])}{more}"]


@cache
def _feature_shapes(config: DenseNetConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):  # shapes only, no memory
        network = DenseNet(config, num_classes=0)
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _is_optional(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _modern(key: str) -> str:
    return _LEGACY_KEY.sub(r"\1\2", key)


def _to_float32(key: str, tensor: Tensor, path: Path) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    try:
        return tensor.float()
    except NotImplementedError:  # torch stores numbers of four bits, but can't compute with them
        raise _not_read(path, str(tensor.dtype).removeprefix("torch."), f"'{key}'") from None


def _read_bytes(path: Path) -> bytes:
    if path.suffix not in SUFFIXES:
        if is_folder(path):
            raise WeightsError(f"{path} is a folder: name a weights file{_neighbour(path / 'weights')}")
        ending = f"the ending '{path.suffix}'" if path.suffix else "no ending"
        raise WeightsError(f"the weights file {path} has {ending}: expected {listed(SUFFIXES)}")
    try:
        return read_bytes(path, _LARGEST_FILE)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {path}{_neighbour(path)}") from None
    except OSError as error:
        raise WeightsError(f"the weights file {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise WeightsError(f"the weights file {path} can't be read: {error}") from error


def _neighbour(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    names = sorted(other.name for other in path.parent.iterdir() if other.suffix in SUFFIXES)
    return f": {nearest(path.name, names)}" if names else f": the folder {path.parent} holds no weights"


def _parse_safetensors(data: bytes, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        tensors = dict(sorted(safetensors.torch.load(data).items()))  # it brings them in any order
    except KeyError as error:  # of a type that safetensors knows, but does not hand to torch
        raise _not_read(path, str(error.args[0]), "a tensor") from None
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file: {error}") from error
    length = int.from_bytes(
        data[:8], "little"
    )  # a safetensors file begins with the length of its JSON header
    return tensors, json.loads(data[8 : 8 + length]).get("__metadata__", {})


def _not_read(path: Path, kind: str, what: str) -> WeightsError:
    return WeightsError(
        f"{path}: {what} holds numbers of type {kind}: expected real numbers (float32 or float16); save the "
        "weights in one of these types"
    )


def _check_unpacked(data: bytes, path: Path) -> None:
    """Refuse a zip file, as torch.save writes it, that unpacks to more than any network has."""
    unpacked = sum(entry.file_size for entry in entries(data))
    if unpacked > _LARGEST_FILE:
        raise WeightsError(
            f"{path} would unpack to {unpacked:,} bytes, and more than {_LARGEST_FILE:,} are not read"
        )


def _check_sizes(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors that say they are larger than what the file holds: a stride of 0 repeats one number."""
    for key, tensor in tensors.items():
        if 4 * tensor.numel() > _LARGEST_FILE:
            raise WeightsError(
                f"{path}: {key} is {tuple(tensor.shape)}, larger than any network's: it is of no use"
            )


def _parse_pickle(data: bytes, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    _check_unpacked(data, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about formats that torch would rather not see: it reads or raises
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is damaged, or holds more than tensors, which is not read because it could run "
            "any code: save network.state_dict() instead"
        ) from error
    except Exception as error:  # any at all: damaged bytes become struct.error, AssertionError, IndexError …
        raise WeightsError(f"{path} is damaged or not a file that torch.save wrote") from error
    return unwrap(loaded, path)
