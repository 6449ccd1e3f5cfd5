"""From a configuration to a complete run folder (`densekit.run` says what is in it)."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from densekit.config import RunConfig, load_config, read_overrides
from densekit.config.effects import check_effect, check_split, is_whole, named_in
from densekit.config.loading import read_settings
from densekit.data.scan import has_own_val
from densekit.devices import choose_compute
from densekit.errors import ConfigError
from densekit.files import (
    expanded,
    is_file,
    is_folder,
    named,
    place_without_room,
    real_path,
    remove_leftovers,
)
from densekit.model.architectures import ARCHITECTURES
from densekit.model.weights import WEIGHTS
from densekit.run.classifier import Run, load_run
from densekit.run.folder import CONFIG, SPLIT, Split, claimed, locked, read_config
from densekit.run.metrics import is_done
from densekit.run.remarks import Teller, remark_on_stderr
from densekit.run.session import Listener, Session
from densekit.training.stop import Stop
from densekit.training.team import Team, called_team
from densekit.words import from_here


def train(
    config: RunConfig | Path | str | None = None,
    *,
    data: Path | str | None = None,
    preset: str | None = None,
    weights: Path | str | None = None,
    train_from: str | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | Iterable[str] = (),
    out: Path | str | None = None,
    progress: bool = True,
    on_event: Listener | None = None,
    stop: Stop | None = None,
    tell: Teller | None = None,
) -> Run:
    """Train a classifier on a folder of images and keep everything about it in a run folder.

    >>> run = train(data="data_samples/tabletop", epochs=5)
    >>> run.metrics["val_accuracy"]

    Ctrl-C, or a notebook's stop button, ends the training properly: the best weights so far are kept, the run
    folder is complete, and `resume` can go on. A second Ctrl-C ends it at once; then `resume` has to go on.

    Args:
        config: a configuration, or the YAML file of one; the preset alone if not given.
        data: the folder of images, `DIR/<class>/<image>` or `DIR/{train,val[,test]}/<class>/<image>`.
        preset: the configuration to start from.
        weights: 'embedded', 'imagenet', 'none' or a file.
        train_from: everything before it is frozen: 'classifier', 'denseblock4' to 'denseblock1', or 'all'.
        epochs: how often each image is seen.
        settings: any other setting: `{"training.batch_size": 16}` or `["training.batch_size=16"]`.
        out: the run folder, which must not hold a run yet; a new one below runs/ if not given.
        progress: show progress bars.
        on_event: called with each event of the training (see `densekit.training.events`).
        stop: whoever has it can end the training properly.
        tell: called with each remark on the run; if not given, they are printed on standard error.

    Raises:
        StoppedError: somebody asked for the end while the pictures were read; no run is left.
        DensekitError: the configuration, the images or the weights can't be used; the message says why.
    """
    resolved = resolve(config, data, preset, weights, train_from, epochs, settings)
    place = None if out is None else named(out)
    check_place(place or Path("runs"), resolved.data.folder)
    with called_team(resolved.compute.device) as team:
        # What can't be used is told before anything is written.
        session = Session(resolved, team, progress, on_event, stop, tell=tell)
        with _claimed(team, place, resolved.data.folder.name) as folder:
            session.carry_out(folder)
    return load_run(folder)  # it is absolute: what listens may change the present folder


def resolve(
    config: RunConfig | Path | str | None = None,
    data: Path | str | None = None,
    preset: str | None = None,
    weights: Path | str | None = None,
    train_from: str | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | Iterable[str] = (),
) -> RunConfig:
    """Put together what `train` is asked for, with absolute paths; its arguments are explained there.

    Raises:
        ConfigError: with every problem that was found.
    """
    named = {
        "data.folder": data,
        "model.weights": str(weights) if isinstance(weights, Path) else weights,
        "model.train_from": train_from,
        "training.epochs": epochs,
    }
    overrides = read_overrides(settings)
    for key, value in named.items():
        if value is not None:
            _check_said_once(key, value, overrides)
            overrides[key] = value
    if isinstance(config, RunConfig):
        if preset is not None:
            raise ConfigError(
                f"preset is '{preset}', but the configuration is a whole one already: leave one of the two out"
            )
        resolved, asked = config.with_overrides(overrides), overrides
    elif config is None or isinstance(config, str | Path):
        values = read_settings(config)
        if preset is not None and is_whole(values):
            raise ConfigError(
                f"preset is '{preset}', but {config} names every setting itself, so nothing of the preset would "
                "be left: leave one of the two out"
            )
        resolved = load_config(config, preset, overrides)
        asked = {**named_in(values), **overrides}
    else:
        raise ConfigError(
            f"the configuration is a {type(config).__name__}: expected a RunConfig or the path of a YAML file; "
            "single settings are given as settings={'training.epochs': 3}"
        )
    check_effect(resolved, asked)
    complete = _with_absolute_paths(resolved)
    if has_own_val(complete.data.folder):
        check_split(resolved.data.folder, asked)
    return complete


def _check_said_once(key: str, value: Any, settings: Mapping[str, Any]) -> None:
    """Refuse what two arguments say differently."""
    if key in settings and str(settings[key]) != str(value):
        name = key.rpartition(".")[2] if key != "data.folder" else "data"
        raise ConfigError(f"{name} is {value}, and {key} in the settings is {settings[key]}: name it once")


def resume(
    folder: Path | str,
    progress: bool = True,
    on_event: Listener | None = None,
    stop: Stop | None = None,
    tell: Teller | None = None,
) -> Run:
    """Go on with a run that was interrupted or stopped; it ends as if it had not been.

    A run whose epochs are all done is returned as it is. The arguments are explained at `train`.

    Raises:
        StoppedError: somebody asked for the end while the pictures were read; the run is as it was.
        ConfigError: this machine lacks the device that the run is to be computed on.
        RunError: the folder holds no run, another process is at work in it, or its images have changed since.
    """
    folder = named(folder)
    config, folder = read_config(folder), folder.absolute()
    with called_team(config.compute.device) as team, _locked(team, folder):
        if team.leads:
            remove_leftovers(folder)  # its configuration is that of a run, so all that is in it is ours
        if is_done(folder):
            _ = load_run(folder).artefact  # if that is lost, the run is not what is told next
            if team.leads:
                (tell or remark_on_stderr)(
                    f"the run {from_here(folder)} is complete: nothing is left to be trained. For a longer "
                    "training begin a new one, with --epochs"
                )
        else:
            _check_device(config, folder)
            split = Split.read(folder / SPLIT)
            Session(config, team, progress, on_event, stop, split, tell).carry_out(folder)
    return load_run(folder)


def _check_device(config: RunConfig, folder: Path) -> None:
    """Refuse to go on with a run on a device that is not there, and say where another one is named."""
    device = config.compute.device
    try:
        choose_compute(device)
    except ConfigError as error:
        raise ConfigError(
            f"the run {folder} is computed on '{device}', but this machine has none: set compute.device in "
            f"{folder / CONFIG} to auto or cpu, and continue"
        ) from error


@contextmanager
def _claimed(team: Team, out: Path | None, name: str) -> Iterator[Path]:
    """Have a new run folder for a team: its first process claims it and tells the others."""
    if not team.leads:
        yield team.told(Path())
        return
    with claimed(out, name) as folder:
        yield team.told(folder.absolute())


@contextmanager
def _locked(team: Team, folder: Path) -> Iterator[None]:
    if not team.leads:
        yield
        return
    with locked(folder):
        yield


def check_place(out: Path, data: Path) -> None:
    """Refuse a run folder that can't be made, or lies among the pictures.

    There, the next training would take its heat maps for a class.
    """
    there = place_without_room(out)
    if there is not None and there != out.absolute():  # what has that name itself is told of later
        why = "nothing new can be made there" if is_folder(there) else "which is no folder"
        raise ConfigError(f"the run would be written to {out}, below {there}: {why}. Name another place")
    if real_path(out).is_relative_to(real_path(data)):
        raise ConfigError(
            f"the run would be written to {real_path(out)}, among the pictures of {data}: name a folder "
            "elsewhere with --out, or start from another folder"
        )


def _with_absolute_paths(config: RunConfig) -> RunConfig:
    """Make the paths absolute, so that the run can be used from every folder. Known names are no paths."""
    absolute: dict[str, Any] = {"data.folder": str(real_path(expanded(config.data.folder)))}
    for key, value, known in (
        ("model.weights", config.model.weights, WEIGHTS),
        ("model.architecture", config.model.architecture, ARCHITECTURES),
    ):
        if value not in known and is_file(expanded(value)):
            absolute[key] = str(real_path(expanded(value)))
    return config.with_overrides(absolute)
