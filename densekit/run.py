"""A run folder, and from it back to a classifier.

    config.yaml                    every setting, resolved
    history.csv                    a row for each validation and epoch
    head.safetensors               the best head: weights, classes, preprocessing, its backbone's fingerprint
    checkpoint.safetensors         where an interrupted training goes on
    evaluation/epoch-E-step-S/     the report on each validation that was the best so far
    evaluation/                    the report on the best one
    metrics.json                   the numbers; it is written last, so a run that has it is complete

`densekit.trainer` writes such a folder.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from densekit.config import RunConfig, load_config
from densekit.data.folder import DataFolder, open_folder
from densekit.data.problems import Problem
from densekit.data.scan import Sample, scan_folder
from densekit.devices import choose_compute
from densekit.errors import ConfigError, DataError, RunError, nearest
from densekit.evaluation.files import read_report, write_statistics
from densekit.evaluation.report import Report
from densekit.features import Features, extract_features
from densekit.model.densenet import DenseNet
from densekit.model.heads import attach, load_head
from densekit.model.zoo import build
from densekit.training.loop import predict_logits

CONFIG = "config.yaml"
HISTORY = "history.csv"
HEAD = "head.safetensors"
CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.json"
EVALUATION = "evaluation"


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one picture: classes and their probabilities, the likeliest first."""

    path: Path
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of several pictures, and which of them could not be read."""

    made: tuple[Prediction, ...]
    skipped: tuple[Problem, ...]


def load_run(folder: Path | str) -> "Run":
    """Open a run folder.

    Raises:
        RunError: it holds no run, or one that is not complete.
    """
    folder = Path(folder)
    config = read_config(folder)
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(
            f"the run {folder} is not complete: continue it with `densekit train --resume {folder}`"
        ) from error
    except ValueError as error:
        raise RunError(f"{folder / 'metrics.json'} is damaged: {error}") from error
    return Run(folder, config, metrics)


@dataclass(frozen=True)
class Run:
    """A trained classifier with everything that is known about it.

    Args:
        folder: where it is kept.
        config: what it was made with.
        metrics: what came out (metrics.json).
    """

    folder: Path
    config: RunConfig
    metrics: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the logits."""
        return tuple(self.metrics["classes"])

    @cached_property
    def network(self) -> DenseNet:
        """The whole network with its trained head, in evaluation mode."""
        network = backbone(self.config, len(self.classes))
        attach(network, load_head(self.folder / HEAD))
        return network.eval()

    @property
    def history(self) -> pd.DataFrame:
        """The table of validations and epochs (history.csv)."""
        return pd.read_csv(self.folder / HISTORY)

    @cached_property
    def report(self) -> Report:
        """The report on the best validation."""
        return read_report(self.folder / EVALUATION)

    def predict(self, images: Iterable[Path | str], top: int = 3) -> Predictions:
        """Classify pictures; those that can't be read are listed in `skipped`.

        Args:
            images: the files.
            top: how many classes to name for each, the likeliest first.
        """
        samples = [Sample(Path(image), 0) for image in images]
        features = self._features(samples, cache=False)
        if len(features) == 0:
            return Predictions((), features.skipped)
        probabilities, order = self._logits(features).softmax(dim=1).sort(dim=1, descending=True)
        made = tuple(
            Prediction(sample.path, tuple(self.classes[index] for index in ranked[:top]), tuple(shares[:top]))
            for sample, ranked, shares in zip(
                features.samples, order.tolist(), probabilities.tolist(), strict=True
            )
        )
        return Predictions(made, features.skipped)

    def evaluate(self, data: Path | str | None = None, split: str | None = None) -> tuple[Report, Path]:
        """Classify a whole split, and write the report into the run's evaluation folder.

        Args:
            data: another folder of images with the same classes; the run's own if not given.
            split: 'train', 'val', 'test' or 'all'. If not given: 'val' of the run's own folder; of another folder
                'test' if it has one, else 'val', or all images if it isn't split.

        Returns:
            The report, and the folder with its tables and heat map.

        Raises:
            DataError: no such split, no images in it, or classes that the run does not know.
        """
        settings = self.config.data
        folder = open_folder(data or settings.folder, settings.val_fraction, settings.split_seed)
        split = split or _natural_split(folder, is_own=data is None)
        samples = self._relabelled(folder, split)
        features = self._features(samples, cache=settings.cache_features)
        report = Report.from_logits(features.labels, self._logits(features), self.classes)
        written = self.folder / EVALUATION / _report_name(data, split)
        write_statistics(report, written)
        return report, written

    def _relabelled(self, folder: DataFolder, split: str) -> list[Sample]:
        """Give the samples of a folder the labels that their classes have in this run."""
        splits = {**folder.splits, "all": (*folder.train, *folder.val, *folder.test)}
        if split not in splits:
            raise DataError(f"no split '{split}': {nearest(split, splits)}")
        if not splits[split]:
            raise DataError(f"{folder.root} has no {split} images")
        for name in folder.classes:
            if name not in self.classes:
                raise DataError(
                    f"{folder.root} has a class '{name}' that the run does not know: "
                    f"{nearest(name, self.classes)}"
                )
        labels = [self.classes.index(name) for name in folder.classes]
        return [Sample(sample.path, labels[sample.label]) for sample in splits[split]]

    def _features(self, samples: list[Sample], cache: bool) -> Features:
        settings = self.config.compute
        compute = choose_compute(settings.device, settings.precision)
        return extract_features(self.network, samples, self.network.preprocessing, compute, cache)

    def _logits(self, features: Features) -> Tensor:
        return predict_logits(self.network.classifier, features.inputs)


def backbone(config: RunConfig, num_classes: int, seed: int = 0) -> DenseNet:
    """Build the network that a configuration names, with a fresh head, prepared for its image size."""
    network = build(config.model.architecture, config.model.weights, num_classes, seed=seed)
    if config.data.image_size is not None:
        network.preprocessing = network.preprocessing.with_size(config.data.image_size)
    return network


def read_config(folder: Path) -> RunConfig:
    """Read the configuration of a run folder.

    Raises:
        RunError: the folder is missing, holds no run, or its configuration can't be read.
    """
    path = folder / CONFIG
    if not path.is_file():
        siblings = [run.parent.name for run in folder.parent.glob(f"*/{CONFIG}")]
        hint = f": {nearest(folder.name, siblings)}" if siblings else ""
        raise RunError(f"there is no run in {folder}, as it has no {CONFIG}{hint}")
    try:
        return load_config(path)
    except ConfigError as error:
        raise RunError(f"the run {folder} can't be used: {error}") from error


def _natural_split(folder: DataFolder, is_own: bool) -> str:
    """Choose what to evaluate on, where nobody says: images that were not learned from, as many as there are."""
    if is_own:
        return "val"
    if folder.test:
        return "test"
    return "all" if scan_folder(folder.root).layout == "flat" else "val"


def _report_name(data: Path | str | None, split: str) -> str:
    """Name the folder of a report; that on the run's own validation split stands at the top."""
    if data is not None:
        return f"{Path(data).resolve().name}-{split}"
    return "" if split == "val" else split
