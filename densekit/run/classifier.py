"""A live classifier: a run, opened once, that predicts and evaluates."""

import io
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from densekit.bars import progress_bar
from densekit.config import RunConfig
from densekit.data.loading import load_images
from densekit.data.scan import Sample
from densekit.devices import Compute, choose_compute
from densekit.errors import ConfigError, DataError, RunError, one_line
from densekit.evaluation.files import read_report, write_statistics
from densekit.evaluation.outcome import Outcome
from densekit.evaluation.report import Report
from densekit.features.extraction import Progress, extract, features_of, open_store
from densekit.features.extractor import Extractor
from densekit.files import is_folder, named, read_text, real_path
from densekit.model.cut import CLASSIFIER
from densekit.model.densenet import DenseNet
from densekit.model.zoo import build
from densekit.run.artefact import Artefact, attach, load_artefact, whole_network
from densekit.run.folder import EVALUATION, HEAD, HISTORY, MODEL, SPLIT, Split, read_config
from densekit.run.metrics import read_metrics
from densekit.run.predictions import Predictions, as_paths, found, ranked
from densekit.run.reports import report_folder
from densekit.run.to_judge import own_pictures, pictures_of
from densekit.training.validation import predict_logits
from densekit.words import from_here


class Evaluation(NamedTuple):
    """What came out of an evaluation.

    Args:
        report: what is right and wrong.
        folder: where its tables and heat map are; None if nothing can be written there.
        outcome: what the classifier says of each picture.
        missing: pictures that the run had held back, and that are in none of its classes any more.
        learned_from: how many of the pictures the run has learned from, so that the accuracy is too good.
        moved: how many lie in another class than when the run saw them; they are judged by that one.
        added: how many lie in the run's moved folder that it never saw; they are not judged.
    """

    report: Report
    folder: Path | None
    outcome: Outcome
    missing: tuple[str, ...] = ()
    learned_from: int = 0
    moved: int = 0
    added: int = 0


def load_run(folder: Path | str) -> "Run":
    """Open a run folder.

    Raises:
        RunError: it holds no run, or one that is not complete.
    """
    if not isinstance(folder, str | PathLike):
        raise RunError(f"a run is given as {type(folder).__name__}: expected the name of its folder")
    if folder == "":
        raise RunError("the run's name is empty: name its folder")
    folder = named(folder)
    config = read_config(folder)
    metrics = read_metrics(folder)
    if metrics is None:
        raise RunError(
            f"the run {folder} is not complete: continue it with `densekit train --resume {folder}`"
        )
    return Run(folder.absolute(), config, metrics)


@dataclass(frozen=True, eq=False)
class Run:
    """A trained classifier with everything that is known about it.

    What it is made of is built when it is first asked for, and once: the second prediction takes milliseconds.

    Args:
        folder: where it is kept, absolute, so that the present folder may change.
        config: what it was made with.
        metrics: what came out (metrics.json).
    """

    folder: Path
    config: RunConfig
    metrics: dict[str, Any]

    def __repr__(self) -> str:
        return f"Run('{from_here(self.folder)}', val_accuracy={self.metrics.get('val_accuracy')})"

    @property
    def _folder(self) -> Path:
        """Its folder, which has to be there still."""
        if not is_folder(self.folder):
            raise RunError(
                f"the run {self.folder} is not there any more: if it was moved, load it from its new place"
            )
        return self.folder

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the logits: what stands beside the weights counts."""
        return self.artefact.classes

    @cached_property
    def artefact(self) -> Artefact:
        """What the training has left: a head or a whole network."""
        return load_artefact(self._folder / (HEAD if self.metrics["train_from"] == CLASSIFIER else MODEL))

    @cached_property
    def network(self) -> DenseNet:
        """The whole network as it was trained, in evaluation mode."""
        if self.artefact.cut != CLASSIFIER:
            return whole_network(self.artefact).eval()
        network = backbone(self.config, len(self.classes))
        return attach(network, self.artefact).eval()

    @cached_property
    def extractor(self) -> Extractor:
        """Everything before the classifier, rewritten, as a function from pixels to embeddings."""
        return Extractor(self.network, CLASSIFIER, self._compute)

    @property
    def _compute(self) -> Compute:
        settings = self.config.compute
        try:
            return choose_compute(settings.device, settings.precision)
        except ConfigError:  # it was trained on a device that this machine lacks, and any other one will do
            return choose_compute("auto", settings.precision)

    @property
    def history(self) -> Any:
        """The table of validations and epochs (history.csv), as pandas reads it."""
        import pandas as pd

        path = self._folder / HISTORY
        try:
            return pd.read_csv(io.StringIO(read_text(path)))
        except (OSError, ValueError) as error:
            raise RunError(
                f"the history {path} can't be read ({one_line(error)}); the run itself is unharmed"
            ) from error

    @cached_property
    def report(self) -> Report:
        """The report on the best validation."""
        return read_report(self._folder / EVALUATION)

    def predict(
        self, images: Iterable[Path | str] | Path | str, top: int = 3, progress: bool = False
    ) -> Predictions:
        """Classify pictures; those that can't be read are listed in `skipped`.

        Args:
            images: the files, or one file; of a folder all pictures in it.
            top: how many classes to name for each, the likeliest first; 1 or more.
            progress: draw a progress bar on standard error.

        Raises:
            DataError: `top` is no whole number from 1 on, or what is given names no file.
        """
        if not isinstance(top, Integral) or isinstance(top, bool) or top < 1:
            raise DataError(f"top is {top!r}: expected 1 or more classes to name for each picture")
        return ranked(self.look_at(as_paths(images), progress), int(top))

    def look_at(self, images: Sequence[Path], progress: bool = False) -> Outcome:
        """Classify pictures of which no class is known (their labels are 0); nothing is kept of them."""
        samples: list[Sample] = []
        logits = [torch.empty(0, len(self.classes))]
        paths, skipped = found(images)
        wanted = [Sample(path, 0) for path in paths]
        batches = load_images(wanted, self.network.preprocessing, report=skipped.append)
        bar = progress_bar(shown=progress, total=len(wanted))
        with bar, closing(batches):
            for batch in batches:
                logits.append(self._classified(self.extractor(batch.pixels)))
                samples += batch.samples
                bar.update(len(batch.samples))
            bar.update(len(wanted) - bar.n)  # what can't be read comes with no batch
        labels = torch.zeros(len(samples), dtype=torch.int64)
        return Outcome(self.classes, tuple(samples), labels, torch.cat(logits), tuple(skipped))

    def evaluate(
        self, data: Path | str | None = None, split: str | None = None
    ) -> tuple[Report, Path | None]:
        """Classify a whole split, and write the report into the run's evaluation folder.

        Of the run's own folder, wherever it lies now, 'val' and 'train' are exactly the pictures that it held
        back and learned from, whatever has been added since.

        Args:
            data: another folder of images with the same classes; the run's own if not given.
            split: 'train', 'val', 'test' or 'all'. If not given: 'val' of the run's own folder; of another folder
                'test' if it has one, else 'val', or all images if it isn't split.

        Returns:
            The report, and the folder with its tables and heat map, or None where nothing can be written. The
            run's first report stays as it is.

        Raises:
            DataError: no such split, no images in it that can be read, or classes that the run does not know.
            RunError: the run has lost the file that says which pictures it held back.
        """
        done = self.evaluation_of(data, split)
        return done.report, done.folder

    def evaluation_of(
        self, data: Path | str | None = None, split: str | None = None, progress: bool = False
    ) -> Evaluation:
        """Evaluate as `evaluate` does, with a progress bar if asked for; return everything that came out."""
        if data is None:
            judged = own_pictures(self._folder, self.config.data, self.classes, split)
            root = self.config.data.folder
        else:
            root = real_path(named(data))
            judged = pictures_of(root, self._folder, self.config.data, self.classes, split)
        with progress_bar(shown=progress, total=len(judged.samples)) as bar:
            outcome = self.outcome_of(judged.samples, bar.update)
        if len(outcome) == 0:
            raise DataError(
                f"none of the {len(judged.samples)} {judged.split} images in {root} can be read: "
                f"{outcome.skipped[0]}"
            )
        folder = self._written(outcome.report, None if data is None else root, judged.split)
        learned_from = self._learned_from(outcome)
        return Evaluation(
            outcome.report, folder, outcome, judged.missing, learned_from, judged.moved, judged.added
        )

    def _written(self, report: Report, data: Path | None, split: str) -> Path | None:
        """Write a report into its folder; None if it can't be: the work is done, and what it found is right."""
        evaluation = self._folder / EVALUATION
        try:
            folder = report_folder(evaluation, data, split)
            write_statistics(report, folder)
            return folder
        except OSError as error:  # of somebody else's run, say
            why = error.strerror or one_line(error)
            where = from_here(evaluation)
            print(f"densekit: no report can be written to {where} ({why}): it is only told", file=sys.stderr)
            return None

    def _learned_from(self, outcome: Outcome) -> int:
        """Count the pictures that this run has learned from, by their content."""
        remembered = Split.read(self.folder / SPLIT)
        known = {one.sha256 for one in remembered.train} if remembered else set()
        return sum(one in known for one in outcome.hashes)

    def outcome_of(self, samples: Sequence[Sample], progress: Progress | None = None) -> Outcome:
        """Classify pictures whose classes are known; their features are kept, as the configuration says."""
        store = open_store(self.extractor, self.config.data.cache_features)
        features = features_of(extract(self.extractor, samples, store, progress=progress), store)
        logits = self._classified(features.inputs) if len(features) else torch.empty(0, len(self.classes))
        return Outcome(
            self.classes, features.samples, features.labels, logits, features.skipped, tuple(features.hashes)
        )

    def _classified(self, embeddings: Tensor) -> Tensor:
        """Return logits, (N, classes), on the CPU."""
        head = self.network.classifier
        return predict_logits(head, embeddings.to(next(head.parameters()).device))


def backbone(config: RunConfig, num_classes: int, seed: int | None = None) -> DenseNet:
    """Build the network that a configuration names, with a fresh head, prepared for its image size.

    Args:
        config: of a run.
        num_classes: outputs of the head.
        seed: of what is random; the configuration's own if not given.
    """
    model = config.model
    seed = config.plan[0].training.seed if seed is None else seed
    network = build(model.architecture, model.weights, num_classes, model.drop_rate, seed=seed)
    if config.data.image_size is not None:
        network.preprocessing = network.preprocessing.with_size(config.data.image_size)
    return network
