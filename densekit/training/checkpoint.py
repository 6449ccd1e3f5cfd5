"""A checkpoint: a training's whole state in one safetensors file, complete or not there at all.

A run that is killed at any moment goes on from its last checkpoint and ends with the same weights as one that
was never interrupted (same seed, same device), because everything that matters is in the file or follows from
the seed. The checkpoint before the last one is kept as well: should the last one be damaged, the run goes on
from there.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densekit.errors import RunError, one_line
from densekit.tensor_files import UnreadableError, read_tensors, write_tensors
from densekit.training.state import Best, Counters, TrainingState

_FORMAT = "densekit checkpoint 2"


def save_checkpoint(
    state: TrainingState, path: Path, identity: str, notes: Mapping[str, Any] | None = None
) -> None:
    """Write the state of a training; what was there before is kept beside it.

    Args:
        state: what to write.
        path: the file, replaced in one step.
        identity: a text that says which training this is; `load_checkpoint` refuses another.
        notes: plain values for JSON that belong to this moment of the training.
    """
    numbers, tensors = split_optimizer(state.optimizer)
    tensors |= {f"module.{name}": tensor for name, tensor in state.module.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in state.best.weights.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    best = state.best
    description = {
        "identity": identity,
        "counters": asdict(state.counters),
        "best": {"epoch": best.epoch, "step": best.step, "accuracy": best.accuracy, "loss": best.loss},
        "optimizer": numbers,
        "notes": dict(notes or {}),
    }
    with suppress(FileNotFoundError):
        path.replace(before(path))
    write_tensors(path, _FORMAT, tensors, description)


def load_checkpoint(
    state: TrainingState, path: Path, identity: str
) -> tuple[dict[str, Any] | None, list[str]]:
    """Bring a training to the state of its last checkpoint that can be read, in place.

    Args:
        state: a training at its start, over the same module and optimiser.
        path: the file.
        identity: what was given when it was written.

    Returns:
        The notes that were saved with it, and what was wrong with checkpoints that could not be used, for people.
        Where there is no checkpoint, or the very first one is damaged, the notes are None: it begins anew.

    Raises:
        RunError: none can be read, or it belongs to another training.
    """
    tensors, description, complaints = _newest(path)
    if description is None:
        return None, complaints
    if description.get("identity") != identity:
        raise RunError(
            f"{path} belongs to a training with other images or settings; put them back, or start a new run"
        )
    try:
        state.module.load_state_dict(below("module.", tensors))
        state.optimizer.load_state_dict(join_optimizer(description["optimizer"], tensors))
        lay_out_alike(state.optimizer)
        _take_over(state.average, below("average.", tensors))
        state.counters = Counters(**_numbers(description["counters"], Counters()))
        state.best = Best(**description["best"], weights=below("best.", tensors))
        return dict(description["notes"]), complaints
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RunError(
            f"the checkpoint {path} does not hold what it should ({one_line(error)}): put an intact copy back, "
            "or start a new run"
        ) from error


def _take_over(tensors: dict[str, Tensor], saved: dict[str, Tensor]) -> None:
    """Give tensors the values that were saved, in place: they stay where they are, and laid out as they are."""
    if set(tensors) != set(saved):
        raise ValueError("expected the averaged weights of all that is trained, or none")
    for name, tensor in tensors.items():
        tensor.copy_(saved[name])


def _numbers(values: Mapping[str, Any], example: Counters) -> dict[str, Any]:
    """Take the values that a dataclass is made of, if they are numbers as in an example of it."""
    kinds = {name: type(value) for name, value in asdict(example).items()}
    if {name: type(value) for name, value in values.items()} != kinds:
        raise ValueError(f"expected the numbers {', '.join(kinds)}")
    return dict(values)


def read_notes(path: Path) -> dict[str, Any]:
    """Return how far the last readable checkpoint is, its counters and its notes; nothing if there is none.

    Raises:
        RunError: none can be read.
    """
    _, description, _ = _newest(path)
    return {} if description is None else {**description["notes"], "counters": description["counters"]}


def before(path: Path) -> Path:
    """Return where the checkpoint before the last one is kept."""
    return path.with_stem(f"{path.stem}-before")


def remove_checkpoints(path: Path) -> None:
    """Delete the checkpoints of a training that is complete."""
    for candidate in (path, before(path)):
        candidate.unlink(missing_ok=True)


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, under what is left of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def split_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Part an optimiser's state into plain values for JSON and tensors for safetensors."""
    whole = optimizer.state_dict()
    tensors, numbers = {}, {}
    for index, moments in whole["state"].items():
        for name, value in moments.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            elif value is not None:
                numbers[f"{index}.{name}"] = value
    return {"groups": whole["param_groups"], "numbers": numbers}, tensors


def join_optimizer(description: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Put together again what `split_optimizer` parted, for `load_state_dict`."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in [*below("optimizer.", tensors).items(), *description["numbers"].items()]:
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    return {"state": state, "param_groups": description["groups"]}


def _newest(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None, list[str]]:
    complaints: list[str] = []
    for candidate in (path, before(path)):
        try:
            tensors, description = read_tensors(candidate, _FORMAT)
        except FileNotFoundError:
            continue
        except UnreadableError as error:
            complaints.append(f"the checkpoint {candidate} is of no use: {error}")
            continue
        return tensors, description, complaints
    if len(complaints) < 2:  # none, or the first one of all, from the beginning of the training
        return {}, None, complaints
    raise RunError(
        f"{'; '.join(complaints)}. Delete {' and '.join(map(str, _existing(path)))} and continue: the training "
        "then begins anew, with the same settings and the features that are kept"
    )


def _existing(path: Path) -> Iterator[Path]:
    return (candidate for candidate in (path, before(path)) if candidate.exists())


def lay_out_alike(optimizer: torch.optim.Optimizer) -> None:
    """Give moments the memory layout of their parameters: the optimiser goes through both side by side.

    The file has them in plain order; weights of convolutions may lie with the channels last.
    """
    for parameter, moments in optimizer.state.items():
        for name, moment in moments.items():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(moment)
