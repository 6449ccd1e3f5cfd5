"""The numbers of a run (metrics.json), read and held against what is expected of them."""

import sys
from pathlib import Path
from typing import Any

from densekit.errors import RunError
from densekit.files import read_json
from densekit.run.folder import METRICS

_NEEDED: dict[str, tuple[type, ...]] = {
    "val_accuracy": (int, float),
    "best_epoch": (int,),
    "train_from": (str,),
    "skipped": (list,),
    "seconds": (int, float),
    "stopped": (str, type(None)),
}


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """Read the numbers of a run; None if it is not complete.

    Raises:
        RunError: the file is damaged.
    """
    try:
        metrics = read_json(folder / METRICS)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(
            f"{folder / METRICS} is damaged ({error}): put an intact copy back, or train again"
        ) from error
    if not isinstance(metrics, dict):
        raise RunError(f"{folder / METRICS} is damaged: expected an object")
    for key, kinds in _NEEDED.items():
        value = metrics.get(key)
        if not isinstance(value, kinds) or (isinstance(value, int | float) and not _is_possible(key, value)):
            raise RunError(
                f"{folder / METRICS} is damaged: its '{key}' is {value!r}; put an intact copy back, "
                "or train again"
            )
    return metrics


def _is_possible(key: str, number: float) -> bool:
    most = 1.0 if key == "val_accuracy" else sys.float_info.max  # whole numbers may have 400 digits
    return 0 <= number <= most


def is_done(folder: Path) -> bool:
    """Say whether a run has nothing left to do; one that was stopped by hand has."""
    metrics = read_metrics(folder)
    return metrics is not None and metrics.get("stopped") != "asked"
