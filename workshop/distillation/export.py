"""The result of a run: weights in float16 with torchvision's names, their description, and a card."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from densekit.data.transforms import Preprocessing
from densekit.errors import RunError, listed
from densekit.files import write_atomically
from densekit.model.architectures import ARCHITECTURES
from densekit.model.downloads import official_release
from densekit.model.weights_info import SMALL
from workshop.distillation.ancestry import ancestors, is_whole
from workshop.distillation.card import Record, write_card
from workshop.distillation.session import BEFORE, CHECKPOINT, LOG, RECIPE, copy_records

_USEFUL = 0.4
"""How often the student's first guess must be the teacher's before its classifier is given class names."""

_NETWORK = "averaged.network."


def export(work: Path, preprocessing: Preprocessing = SMALL) -> Path:
    """Write what a run has reached so far to `weights/` in its work folder.

    Args:
        work: the work folder of a run, finished or not.
        preprocessing: what pictures shall go through before the network.

    Returns:
        The weights file; its description (.json), README.md, and run/ with recipe.json and log.csv lie beside it,
        and run/before/ with what is known of the weights it began with, if it did.

    Raises:
        RunError: there is no checkpoint yet, a file of the run is damaged, or the crops are not those of the run.
    """
    run = work / "run"
    configuration = _read_json(run / RECIPE)
    manifest = _read_json(work / "crops" / "manifest.json")
    if manifest.get("sha256") != configuration["crops"]:
        raise RunError(
            f"{work / 'crops'} holds other crops than those that the run learned from, and its card would list "
            "the wrong pictures: bring those back"
        )
    log = _log(run)
    record = Record(configuration, log, ancestors(run), is_whole(run))
    transfer, steps = (
        _read_json(path) if path.is_file() else None for path in (work / "transfer.json", work / "steps.json")
    )
    architecture = Path(configuration["architecture"]).stem
    path = work / "weights" / f"{architecture}.safetensors"
    data = safetensors.torch.save(as_float16(_averaged_network(run / CHECKPOINT)))
    with write_atomically(path) as file:
        file.write(data)
    description = _describe(
        path.name, data, architecture, configuration, _last_examination(log), preprocessing
    )
    with write_atomically(path.with_suffix(".json"), "w") as file:
        file.write(json.dumps(description, indent=2, ensure_ascii=False) + "\n")
    _copy_record(run, path.parent / "run")
    with write_atomically(path.with_name("README.md"), "w") as file:
        file.write(write_card(description, record, manifest, transfer, steps))
    return path


def _copy_record(run: Path, to: Path) -> None:
    """Copy what tells how a run went, and what came before it."""
    shutil.rmtree(to / BEFORE, ignore_errors=True)  # of an earlier run here: it would be taken for this one's
    copy_records(run, to)


def _log(run: Path) -> str:
    try:
        return (run / LOG).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"the log of the run can't be read: {error}") from error


def _averaged_network(checkpoint: Path) -> dict[str, Tensor]:
    try:
        with safetensors.safe_open(checkpoint, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(_NETWORK)]  # noqa: SIM118
            return {name.removeprefix(_NETWORK): file.get_tensor(name) for name in names}
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"there is no checkpoint to export: {checkpoint} can't be read: {error}") from error


def as_float16(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Round to float16, but nothing to infinity, and no variance to zero."""
    limits = torch.finfo(torch.float16)
    rounded = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            rounded[name] = tensor
            continue
        smallest = limits.tiny if name.endswith("running_var") else -limits.max
        rounded[name] = tensor.clamp(smallest, limits.max).half().contiguous()
    return rounded


def _describe(
    name: str,
    data: bytes,
    architecture: str,
    configuration: dict[str, Any],
    examination: dict[str, str],
    preprocessing: Preprocessing,
) -> dict[str, Any]:
    agreement = float(examination.get("held_out_top1") or 0)
    why_no_classes = _why_no_classes(architecture, agreement)
    description: dict[str, Any] = {
        "architecture": architecture,
        "file": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "stored_as": "float16",
        "preprocessing": preprocessing.to_dict(),
        "classes": None if why_no_classes else official_release(architecture).classes,
    }
    if why_no_classes:
        description["why_no_classes"] = f"{why_no_classes} So the classifier in the file is not loaded."
    return description | {
        "source": f"distilled from {configuration['teacher']} (ImageNet weights, Apache-2.0) on pictures from "
        "openly licensed packages",
        "licence": "Apache-2.0, as the teacher; the licences of the pictures stand in README.md beside it",
        "limits": "Made for features. Photographs and drawings of everyday things at about "
        f"{preprocessing.crop} px; weaker than ImageNet weights.",
    }


def _why_no_classes(architecture: str, agreement: float) -> str:
    """Tell why the student's classifier gets no class names; nothing where it gets ImageNet's."""
    if not agreement >= _USEFUL:  # nor where it could not be measured, and is no number
        return (
            "On pictures kept for measuring, the student's first guess among the teacher's outputs is the "
            f"teacher's for {agreement:.0%} of them: too few to be taken for a classifier."
        )
    if architecture not in ARCHITECTURES:
        return f"ImageNet's class names are known for {listed(ARCHITECTURES)}, not for '{architecture}'."
    return ""


def _last_examination(log: str) -> dict[str, str]:
    header, *lines = log.splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    return next((row for row in reversed(rows) if row["held_out_top1"]), {})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} can't be read, so there is nothing to export: {error}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path} holds a {type(found).__name__}: expected a JSON object")
    return found
