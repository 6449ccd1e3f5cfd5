"""From a configuration to a complete run folder (`densekit.run` says what is in it)."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, cast

from torch import nn
from tqdm.auto import tqdm

from densekit.config import RunConfig, load_config, read_overrides
from densekit.data.folder import DataFolder, open_folder
from densekit.data.scan import Sample
from densekit.devices import choose_compute
from densekit.errors import DataError, RunError, listed
from densekit.evaluation.files import write_statistics, write_validation
from densekit.evaluation.report import Report
from densekit.features import Features, extract_features
from densekit.files import write_atomically
from densekit.model.densenet import DenseNet
from densekit.model.heads import save_head
from densekit.model.state_dicts import fingerprint
from densekit.run import (
    CHECKPOINT,
    CONFIG,
    EVALUATION,
    HEAD,
    HISTORY,
    METRICS,
    Run,
    backbone,
    load_run,
    read_config,
)
from densekit.training.checkpoint import load_checkpoint, save_checkpoint
from densekit.training.events import EpochDone, Event, Finished, Saved, Validated
from densekit.training.history import History
from densekit.training.loop import fit, predict_logits
from densekit.training.progress import ProgressBar
from densekit.training.standardise import Standardiser
from densekit.training.state import TrainingState, start

Listener = Callable[[Event], None]


def train(
    config: RunConfig | Path | str | None = None,
    *,
    data: Path | str | None = None,
    preset: str | None = None,
    weights: Path | str | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | Iterable[str] = (),
    out: Path | str | None = None,
    progress: bool = True,
    on_event: Listener | None = None,
) -> "Run":
    """Train a classifier on a folder of images and keep everything about it in a run folder.

    >>> run = train(data="data_samples/tabletop", epochs=5)
    >>> run.metrics["val_accuracy"]

    Args:
        config: a configuration, or the YAML file of one; the preset alone if not given.
        data: the folder of images, `DIR/<class>/<image>` or `DIR/{train,val[,test]}/<class>/<image>`.
        preset: the configuration to start from.
        weights: 'embedded', 'imagenet', 'none' or a file.
        epochs: how often each image is seen.
        settings: any other setting: `{"training.batch_size": 16}` or `["training.batch_size=16"]`.
        out: the run folder, which must not hold a run yet; a new one below runs/ if not given.
        progress: show progress bars.
        on_event: called with each event of the training (see `densekit.training.events`).

    Raises:
        DensekitError: the configuration, the images or the weights can't be used; the message says why.
    """
    named = {"data.folder": data, "model.weights": weights, "training.epochs": epochs}
    overrides = {
        **read_overrides(settings),
        **{key: value for key, value in named.items() if value is not None},
    }
    if isinstance(config, RunConfig):
        resolved = config.with_overrides(overrides)
    else:
        resolved = load_config(config, preset, overrides)
    resolved = _with_absolute_paths(resolved)
    folder = _claim(Path(out)) if out else _next_free(resolved)
    return _carry_out(resolved, folder, progress, on_event)


def resume(folder: Path | str, progress: bool = True, on_event: Listener | None = None) -> "Run":
    """Go on with a run that was interrupted; it ends as if it had not been. A complete run is returned as it is.

    Raises:
        RunError: the folder holds no run, or its images have changed since.
    """
    folder = Path(folder)
    config = read_config(folder)
    if (folder / METRICS).is_file():
        return load_run(folder)
    return _carry_out(config, folder, progress, on_event)


def _carry_out(config: RunConfig, folder: Path, progress: bool, on_event: Listener | None) -> Run:
    """Do it all, or what is left of it: read, extract, train, report."""
    began = time.perf_counter()
    data = open_folder(config.data.folder, config.data.val_fraction, config.data.split_seed)
    network = backbone(config, len(data.classes), seed=config.training.seed)
    _write_text(folder / CONFIG, config.to_yaml())
    train_features, val_features = _extract(config, network, data, progress)
    _check_classes(data, train_features)
    job = _Job(config, folder, network, data, train_features, val_features)
    try:
        finished = job.train(progress, on_event or (lambda event: None))
    except KeyboardInterrupt as stop:
        stop.add_note(f"continue with `densekit train --resume {folder}`")
        raise
    job.complete(finished, time.perf_counter() - began)
    return load_run(folder)


def _check_classes(data: DataFolder, features: Features) -> None:
    """Stop if a class has lost all its images because none of them can be read."""
    left = set(features.labels.tolist())
    lost = [name for label, name in enumerate(data.classes) if label not in left]
    if lost:
        raise DataError(
            f"no training image of {listed(lost)} can be read, so there is nothing to learn it from: "
            f"`densekit doctor {data.root}` says what is wrong with each"
        )


@dataclass(frozen=True)
class _Job:
    """A training with everything that it needs, and the folder that it fills."""

    config: RunConfig
    folder: Path
    network: DenseNet
    data: DataFolder
    train_features: Features
    val_features: Features

    def train(self, progress: bool, on_event: Listener) -> Finished:
        """Train from the start, or from the checkpoint of an interrupted run."""
        settings = self.config.training
        state = start(self.head, settings)
        if (self.folder / CHECKPOINT).is_file():
            load_checkpoint(state, self.folder / CHECKPOINT, self.identity)
        history = History.resumed(self.folder / HISTORY, state.epoch)
        keeper = _Keeper(self, state)
        train, val = map(self.standardised, (self.train_features, self.val_features))
        events = fit(self.head, train, val, settings, state)
        with ProgressBar(settings.epochs, state.epoch, shown=progress) as bar:
            for event in events:
                for listener in (history.read, keeper.read, bar.read, on_event):
                    listener(event)
        assert isinstance(event, Finished)  # the loop's last word
        return event

    @cached_property
    def head(self) -> nn.Linear:
        """The network's classifier, on the device that the features are on; training changes it."""
        return cast(nn.Linear, self.network.classifier).to(self.train_features.inputs.device)

    @cached_property
    def standardiser(self) -> Standardiser:
        """The scale of the training features."""
        return Standardiser.of(self.train_features)

    def standardised(self, features: Features) -> Features:
        """Return the features as the training sees them."""
        return self.standardiser.apply(features) if self.config.training.standardise else features

    def finished_head(self) -> nn.Linear:
        """Return the head as it is now, for the network's own features."""
        return self.standardiser.fold_into(self.head) if self.config.training.standardise else self.head

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the frozen part."""
        return fingerprint(self.network.features)

    @cached_property
    def identity(self) -> str:
        """A text that is equal for two trainings exactly if one can go on where the other stopped."""
        told = [
            self.config.training.model_dump(),
            self.data.classes,
            self.fingerprint,
            self.network.preprocessing.identity,
            *[(part.hashes, part.labels.tolist()) for part in (self.train_features, self.val_features)],
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def complete(self, finished: Finished, seconds: float) -> None:
        """Write the report on the best validation, and then the numbers."""
        logits = predict_logits(self.finished_head(), self.val_features.inputs)
        report = Report.from_logits(self.val_features.labels, logits, self.data.classes)
        write_statistics(report, self.folder / EVALUATION)
        metrics = json.dumps(self._metrics(finished, report, seconds), indent=2, ensure_ascii=False)
        _write_text(self.folder / METRICS, metrics + "\n")

    def _metrics(self, finished: Finished, report: Report, seconds: float) -> dict[str, Any]:
        compute = choose_compute(self.config.compute.device, self.config.compute.precision)
        skipped = (*self.data.skipped, *self.train_features.skipped, *self.val_features.skipped)
        return {
            "val_accuracy": report.accuracy,
            "val_loss": report.loss,
            "best_epoch": finished.best_epoch,
            "best_step": finished.best_step,
            "epochs": self.config.training.epochs,
            "seconds": round(seconds, 3),
            # training images seen in a second, everything included
            "images_per_second": round(len(self.train_features) * self.config.training.epochs / seconds, 1),
            "n_train": len(self.train_features),
            "n_val": len(self.val_features),
            "classes": list(self.data.classes),
            "skipped": [problem.to_dict() for problem in skipped],
            "device": str(compute.device),
            "precision": compute.precision,
            "architecture": self.config.model.architecture,
            "weights": self.config.model.weights,
            "weights_sha256": self.network.weights.sha256,
            "train_from": self.config.model.train_from,
        }


class _Keeper:
    """The reader of events that writes what must not be lost."""

    def __init__(self, job: _Job, state: TrainingState) -> None:
        self.job = job
        self.state = state

    def read(self, event: Event) -> None:
        """Keep the report and the head of a validation that improved, and the state after each epoch."""
        match event:
            case Validated(improved=True):
                report = Report.from_logits(event.labels, event.logits, self.job.data.classes)
                write_validation(report, self.job.folder, event.epoch, event.step)
            case Saved():
                self._save_head()
            case EpochDone():
                save_checkpoint(self.state, self.job.folder / CHECKPOINT, self.job.identity)

    def _save_head(self) -> None:
        network = self.job.network
        save_head(
            self.job.folder / HEAD,
            self.job.finished_head(),
            self.job.data.classes,
            network.preprocessing,
            self.job.fingerprint,
            self.job.config.model.architecture,
            self.job.config.model.weights,
        )


def _extract(
    config: RunConfig, network: DenseNet, data: DataFolder, progress: bool
) -> tuple[Features, Features]:
    """Compute the features of the training and of the validation images."""
    compute = choose_compute(config.compute.device, config.compute.precision)
    total = len(data.train) + len(data.val)
    with tqdm(total=total, desc="features", unit="image", disable=not progress, file=sys.stderr) as bar:

        def advance(images: int) -> None:
            bar.update(images)

        def features_of(samples: Sequence[Sample]) -> Features:
            features = extract_features(
                network, samples, compute=compute, cache=config.data.cache_features, progress=advance
            )
            return features.to(compute.device)

        return features_of(data.train), features_of(data.val)


def _with_absolute_paths(config: RunConfig) -> RunConfig:
    """Make the paths absolute, so that the run can be used from every folder."""
    absolute: dict[str, Any] = {"data.folder": str(config.data.folder.expanduser().resolve())}
    if Path(config.model.weights).is_file():
        absolute["model.weights"] = str(Path(config.model.weights).resolve())
    return config.with_overrides(absolute)


def _claim(folder: Path) -> Path:
    """Make sure that a new run overwrites nothing."""
    if folder.is_file():
        raise RunError(f"{folder} is a file: name a folder for the run")
    if (folder / CONFIG).exists():
        raise RunError(f"{folder} holds a run already: name another folder, or continue it with --resume")
    return folder


def _next_free(config: RunConfig) -> Path:
    """Name a new folder below runs/ after the images: tabletop-1, tabletop-2 and so on."""
    name = config.data.folder.name
    return next(path for number in count(1) if not (path := Path("runs") / f"{name}-{number}").exists())


def _write_text(path: Path, text: str) -> None:
    with write_atomically(path, "w") as file:
        file.write(text)
