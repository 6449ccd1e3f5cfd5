"""A checkpoint: a training's whole state in one safetensors file, complete or not there at all.

A run that is killed at any moment goes on from its last checkpoint and ends with the same weights as one that
was never interrupted (same seed, same device), because everything that matters is in the file or follows from
the seed.
"""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from densekit.errors import RunError
from densekit.files import write_atomically
from densekit.training.state import Best, TrainingState, copy_weights

_FORMAT = "densekit checkpoint 1"


def save_checkpoint(state: TrainingState, path: Path, identity: str) -> None:
    """Write the state of a training.

    Args:
        state: what to write.
        path: the file, replaced in one step.
        identity: a text that says which training this is; `load_checkpoint` refuses another.
    """
    numbers, tensors = _split_optimizer(state.optimizer)
    tensors |= {f"module.{name}": tensor for name, tensor in copy_weights(state.module).items()}
    tensors |= {f"best.{name}": tensor for name, tensor in state.best.weights.items()}
    best = state.best
    description = {
        "epoch": state.epoch,
        "best": {"epoch": best.epoch, "step": best.step, "accuracy": best.accuracy, "loss": best.loss},
        "optimizer": numbers,
    }
    metadata = {"format": _FORMAT, "identity": identity, "state": json.dumps(description)}
    with write_atomically(path) as file:
        file.write(safetensors.torch.save(tensors, metadata))


def load_checkpoint(state: TrainingState, path: Path, identity: str) -> None:
    """Bring a training to the state of a checkpoint, in place.

    Args:
        state: a training at its start, over the same module and optimiser.
        path: the file.
        identity: what was given when it was written.

    Raises:
        RunError: the file is damaged, or it belongs to another training.
    """
    metadata, tensors = read_checkpoint_file(
        path,
        _FORMAT,
        identity,
        other="a training with other images or settings; put them back, or start a new run",
    )
    description = json.loads(metadata["state"])
    state.module.load_state_dict(below("module.", tensors))
    state.optimizer.load_state_dict(_join_optimizer(description["optimizer"], tensors))
    state.epoch = description["epoch"]
    state.best = Best(**description["best"], weights=below("best.", tensors))


def read_checkpoint_file(
    path: Path, written_as: str, identity: str, other: str, if_damaged: str = ""
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read metadata and tensors of a checkpoint, if it is the one that is asked for.

    Args:
        path: a .safetensors file.
        written_as: the format that its metadata must name.
        identity: the identity that its metadata must name.
        other: what it belongs to if it names another, and what to do then: the end of a sentence.
        if_damaged: what to do if it can't be read, for the end of that message.

    Raises:
        RunError: the file is damaged, no such checkpoint, or another training's.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"the checkpoint {path} can't be read: {error}{if_damaged}") from error
    if metadata.get("format") != written_as:
        raise RunError(f"{path} is not a checkpoint that this version of densekit wrote")
    if metadata["identity"] != identity:
        raise RunError(f"{path} belongs to {other}")
    return metadata, tensors


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, under what is left of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _split_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Part an optimiser's state into plain values for JSON and tensors for safetensors."""
    whole = optimizer.state_dict()
    tensors, numbers = {}, {}
    for index, moments in whole["state"].items():
        for name, value in moments.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value.detach().cpu().contiguous()
            else:
                numbers[f"{index}.{name}"] = value
    return {"groups": whole["param_groups"], "numbers": numbers}, tensors


def _join_optimizer(description: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for name, value in [*below("optimizer.", tensors).items(), *description["numbers"].items()]:
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    return {"state": state, "param_groups": description["groups"]}
