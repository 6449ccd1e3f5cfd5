"""A learning rate for a training that is about to begin."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from densekit.config import RunConfig
from densekit.run.session import Session
from densekit.run.trainer import resolve
from densekit.training.lr_finder import Sweep, find_learning_rate
from densekit.training.team import ALONE


def sweep_learning_rate(
    config: RunConfig | Path | str | None = None,
    *,
    data: Path | str | None = None,
    preset: str | None = None,
    weights: Path | str | None = None,
    train_from: str | None = None,
    settings: Mapping[str, Any] | Iterable[str] = (),
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    progress: bool = True,
) -> Sweep:
    """Try learning rates for what `train` would do with the same arguments, in its first phase; write no run.

    Args:
        config: as for `densekit.train`, like those that follow.
        data: the folder of images.
        preset: the configuration to start from.
        weights: of the network.
        train_from: where training begins.
        settings: any other setting.
        lowest: the rate of the first step.
        highest: that of the last one.
        steps: how many batches at most.
        progress: show a progress bar.

    Raises:
        DensekitError: the configuration, the images or the weights can't be used; the message says why.
    """
    resolved = resolve(config, data, preset, weights, train_from, None, settings)
    phase = Session(resolved, ALONE, progress).first_phase()
    compute = replace(phase.compute, compile=False)  # so few steps don't earn back the minute that it takes
    return find_learning_rate(
        phase.module, phase.train, phase.config.training, lowest, highest, steps, compute
    )
