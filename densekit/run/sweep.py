"""A learning rate for a training that is about to begin."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from densekit.config import RunConfig
from densekit.errors import ConfigError, one_line
from densekit.files import named, place_without_room, real_path, write_atomically
from densekit.run.plan import section_of
from densekit.run.remarks import remark_on_stderr
from densekit.run.session import Session
from densekit.run.trainer import resolve
from densekit.training.lr_finder import Sweep, check_range, find_learning_rate
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
    curve: Path | str | None = None,
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
        curve: a new PNG file for the curve of the losses; none is drawn if not given.

    Raises:
        DensekitError: the configuration, the images or the weights can't be used; the message says why.
    """
    check_range(lowest, highest, steps)
    curve = None if curve is None else named(curve)
    resolved = resolve(config, data, preset, weights, train_from, None, settings)
    if curve is not None:
        check_curve(curve, resolved.data.folder)
    phase = Session(resolved, ALONE, progress).first_phase()
    compute = replace(phase.compute, compile=False)  # so few steps don't earn back the minute that it takes
    settings_of_it, section = phase.config.training, section_of(resolved, 0)
    sweep = find_learning_rate(
        phase.module, phase.train, settings_of_it, lowest, highest, steps, compute, section
    )
    if len(resolved.plan) > 1:
        remark_on_stderr(
            f"this training has {len(resolved.plan)} phases, and the rate is for the first, which trains from "
            f"'{phase.config.train_from}': for another one, sweep with its --train-from and a preset of one phase"
        )
    if curve is not None and sweep.rates:
        try:
            _draw(sweep, curve)
        except OSError as error:  # the disk is full: what was found is worth telling all the same
            remark_on_stderr(f"the curve can't be written to {curve}: {one_line(error)}")
    return sweep


def check_curve(path: Path, data: Path) -> None:
    """Make sure that a curve can be written without touching anything that is there.

    Raises:
        ConfigError: the file is there already, is called something else than a picture, would lie among those
            that are learned from, or there is no place for it.
    """
    if real_path(path).is_relative_to(real_path(data)):
        raise ConfigError(f"{path} lies among the pictures of {data}: name a file elsewhere for the curve")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name a file for the curve, such as {path / 'curve.png'}")
    if os.path.lexists(path):
        raise ConfigError(
            f"{path} is there already, and nothing is overwritten: name another file for the curve"
        )
    if path.suffix.lower() != ".png":
        raise ConfigError(f"the curve is drawn as a PNG: name a file such as {path.with_suffix('.png')}")
    if there := place_without_room(path.parent):
        raise ConfigError(f"no file can be made in {there}: name another place for the curve")


def _draw(sweep: Sweep, path: Path) -> None:
    from densekit.plots import png  # takes a second, which a sweep without a curve needs not wait for
    from densekit.plots.sweep import learning_rate_sweep

    figure = learning_rate_sweep(sweep.rates, sweep.losses, sweep.smoothed, sweep.suggestion)
    with write_atomically(path) as file:
        file.write(png(figure))
