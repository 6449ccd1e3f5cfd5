"""Checkpoints as other programs save them: the right tensors, in a box and under other names.

Training scripts wrap a state dict in a dictionary with the epoch and the optimiser, DistributedDataParallel puts
`module.` before every name, torch.compile `_orig_mod.`, a larger program `backbone.`; and a head may be called
`fc` or `classifier.1`. All of this is taken off, and told.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densekit.errors import WeightsError

_ANCHOR = "features.conv0.weight"  # the first tensor of every DenseNet
_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "ema",
    "params",
)


def refuse_what_is_no_checkpoint(data: bytes, path: Path) -> None:
    """Name a file for what it is, where it only looks like weights.

    Raises:
        WeightsError: it is a Git LFS pointer, a web page, or a TorchScript program.
    """
    start = data[:200].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        raise WeightsError(
            f"{path} is a Git LFS pointer, which stands in for the weights: fetch them with `git lfs pull`"
        )
    if start.startswith((b"<!doctype html", b"<html")):
        raise WeightsError(
            f"{path} is a web page and no weights: most likely a page to log in or to confirm came in their "
            "place. Download the file again, in a browser"
        )
    if _is_torchscript(data):
        raise WeightsError(
            f"{path} is a TorchScript program, which runs code when it is loaded: save network.state_dict() "
            "instead"
        )


def unwrap(loaded: Any, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Find the state dict in what a .pth file holds, and say in what it was wrapped.

    Raises:
        WeightsError: there is none.
    """
    told: list[str] = []
    for _ in _WRAPPERS:  # nobody wraps more often; and a dictionary may contain itself
        inner = _wrapper_in(loaded)
        if inner is None:
            break
        told.append(f"taken out of '{inner}'")
        loaded = loaded[inner]
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{path} holds a {type(loaded).__name__}: expected a state dict, tensors by name")
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(
                f"'{key}' in {path} is of type {type(value).__name__}: expected a state dict, which is "
                "tensors by name; save network.state_dict() alone"
            )
        _check_ordinary(key, value, path)
    return dict(loaded), told


def renamed(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Bring tensors to a DenseNet's own names, and say what was taken off and left out."""
    prefix = next((key.removesuffix(_ANCHOR) for key in tensors if key.endswith(_ANCHOR)), "")
    told = [f"'{prefix}' taken off the names"] if prefix else []
    stripped = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    if not any(key.startswith("features.") for key in stripped):
        return stripped, told
    features = {key: tensor for key, tensor in stripped.items() if key.startswith("features.")}
    rest = {key: tensor for key, tensor in stripped.items() if key not in features}
    heads = [
        key.removesuffix("weight") for key, one in rest.items() if key.endswith("weight") and one.dim() == 2
    ]
    if (
        len(heads) == 1
        and set(rest) == {f"{heads[0]}weight", f"{heads[0]}bias"}
        and heads[0] != "classifier."
    ):
        told.append(f"the head '{heads[0].rstrip('.')}' taken for the classifier")
        rest = {f"classifier.{key.removeprefix(heads[0])}": tensor for key, tensor in rest.items()}
    return features | rest, told


def entries(data: bytes) -> list[zipfile.ZipInfo]:
    """Return what a zip file, as torch.save writes it, says is in it; nothing for any other file."""
    try:
        if not zipfile.is_zipfile(io.BytesIO(data)):
            return []
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except Exception:  # its list is damaged: BadZipFile, UnicodeDecodeError, NotImplementedError and others
        return []


def _wrapper_in(loaded: Any) -> str | None:
    """Return under which name a dictionary has another one in it that may be, or hold, the state dict."""
    if not isinstance(loaded, Mapping) or _is_state_dict(loaded):
        return None
    return next((key for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)), None)


def _is_state_dict(loaded: Mapping[Any, Any]) -> bool:
    return bool(loaded) and all(isinstance(value, Tensor) for value in loaded.values())


def _check_ordinary(key: str, tensor: Tensor, path: Path) -> None:
    if tensor.is_meta:
        raise WeightsError(
            f"'{key}' in {path} is on the device 'meta': it has a shape and no numbers. Save the state dict "
            "of a network whose weights are in memory"
        )
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized or tensor.is_complex():
        raise WeightsError(
            f"'{key}' in {path} is sparse, nested, quantized or complex: expected ordinary tensors of real "
            "numbers"
        )


def _is_torchscript(data: bytes) -> bool:
    names = [entry.filename for entry in entries(data)]
    return any("/code/" in name or name.endswith("constants.pkl") for name in names)
