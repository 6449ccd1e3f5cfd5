"""Runs side by side: what differs in their settings, and what came out.

Runs that differ in nothing but the seed are one row, with the mean of their accuracies and its interval: with
other seeds the same training ends elsewhere, and a smaller difference is chance. Runs that have the seed in
common, too, are the same measurement done again, and count once. Runs that learned from other pictures of one
folder differ in them as in a setting.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, get_args

from densekit.errors import ConfigError, nearest
from densekit.intervals import half_interval
from densekit.run.classifier import Run, load_run
from densekit.run.differences import (
    alike,
    began_with,
    incomparable,
    judged_by,
    learned_from,
    own_shapes,
    settings_of,
    telling,
    without_seeds,
)
from densekit.run.folder import SPLIT, Split
from densekit.tables import text_table
from densekit.words import counted, from_here, shown

Order = Literal["given", "accuracy", "seconds"]

_PICTURES = "pictures learned from"
_WEIGHTS = "SHA-256 of the weights"
_UNSET = "-"


@dataclass(frozen=True)
class ComparedRuns:
    """One or several runs that differ in nothing but the seed.

    Args:
        runs: their folders.
        seeds: of each run, those of its phases.
        settings: those that differ between the rows of the comparison, by key path.
        accuracies: of each run, on the pictures that it held back, 0 to 1.
        best_epochs: in which each was best.
        seconds: that each took.
    """

    runs: tuple[Path, ...]
    seeds: tuple[tuple[int, ...], ...]
    settings: Mapping[str, Any]
    accuracies: tuple[float, ...]
    best_epochs: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def measurements(self) -> list[float]:
        """The accuracy with each seed, 0 to 1: the mean of the runs that have it."""
        return [
            fmean(accuracy for accuracy, own in zip(self.accuracies, self.seeds, strict=True) if own == seed)
            for seed in dict.fromkeys(self.seeds)
        ]

    @property
    def accuracy(self) -> float:
        """The mean accuracy over the seeds, 0 to 1."""
        return fmean(self.measurements)

    @property
    def half_interval(self) -> float | None:
        """Half of the 95 % interval of the mean; None for a single seed, of which nothing can be said."""
        measurements = self.measurements
        return half_interval(measurements) if len(measurements) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON can hold it."""
        return {
            "runs": [str(run) for run in self.runs],
            "seeds": [list(seeds) for seeds in self.seeds],
            "settings": dict(self.settings),
            "val_accuracy": self.accuracy,
            "half_interval": self.half_interval,
            "accuracies": list(self.accuracies),
            "best_epochs": list(self.best_epochs),
            "seconds": fmean(self.seconds),
        }


@dataclass(frozen=True)
class Comparison:
    """Runs side by side. It prints as a table, in a notebook too.

    Args:
        rows: one for each set of settings.
        warnings: why some of the numbers may not be compared.
    """

    rows: tuple[ComparedRuns, ...]
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = text_table(self.heading, self.cells, "<" * (1 + len(self.keys)) + ">>>", ruled=True)
        return "\n".join([*lines, *(f"Careful: {warning}" for warning in self.warnings)])

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings that differ between the rows."""
        return tuple(dict.fromkeys(key for row in self.rows for key in row.settings))

    @property
    def heading(self) -> tuple[str, ...]:
        """The names of the columns."""
        return ("run", *self.keys, "accuracy, %", "best epoch", "seconds")

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The table, as texts."""
        return [self._cells_of(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON can hold it."""
        return {"rows": [row.to_dict() for row in self.rows], "warnings": list(self.warnings)}

    def _name_of(self, run: Path) -> str:
        """Return the name of a run's folder; its whole path where others have that name, too."""
        names = [one.resolve().name for row in self.rows for one in row.runs]
        name = run.resolve().name
        return shown(name if names.count(name) == 1 else run)

    def _repr_html_(self) -> str:
        heading = "".join(f"<th>{escape(name)}</th>" for name in self.heading)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.cells
        )
        careful = "".join(f"<p>Careful: {escape(warning)}</p>" for warning in self.warnings)
        return f"<table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>{careful}"

    def _cells_of(self, row: ComparedRuns) -> tuple[str, ...]:
        first, *others = (self._name_of(run) for run in row.runs)
        half = row.half_interval
        return (
            f"{first} and {counted(len(others), 'other')}" if others else first,
            *(_told(row.settings.get(key)) for key in self.keys),
            f"{100 * row.accuracy:.1f}" + ("" if half is None else f" ± {100 * half:.1f}"),
            " ".join(map(str, row.best_epochs)),
            f"{fmean(row.seconds):.1f}",
        )


def compare_runs(folders: Iterable[Path | str | Run] | Path | str | Run, order: str = "given") -> Comparison:
    """Put finished runs side by side.

    Args:
        folders: of the runs, or of one, or the runs themselves; one that is named twice counts once.
        order: of the rows: as given, the most accurate first, or the quickest first.

    Raises:
        ConfigError: no folder is named, or there is no such order.
        RunError: a folder holds no run, or one that is not finished.
    """
    if order not in get_args(Order):
        raise ConfigError(f"no order is called '{order}': {nearest(str(order), get_args(Order))}")
    if isinstance(folders, str | bytes) or not isinstance(folders, Iterable):
        folders = [folders]  # one run, or no name of any, which `load_run` tells
    opened = [one if isinstance(one, Run) else load_run(one) for one in folders]
    runs: list[Run] = []
    for run in opened:
        if all(run.folder.resolve() != other.folder.resolve() for other in runs):
            runs.append(run)
    if not runs:
        raise ConfigError("there is nothing to compare: name one run folder or more")
    splits = [Split.read(run.folder / SPLIT) for run in runs]
    settings = [settings_of(run) | shape for run, shape in zip(runs, own_shapes(runs), strict=True)]
    groups = alike(settings)
    for name, values in ((_PICTURES, learned_from(splits)), (_WEIGHTS, began_with(runs))):
        if any(len({values[number] for number in numbers}) > 1 for numbers in groups):  # no setting says so
            settings = [one | {name: value} for one, value in zip(settings, values, strict=True)]
            groups = alike(settings)
    told = telling([without_seeds(settings[numbers[0]]) for numbers in groups])
    rows = [_row([runs[number] for number in numbers], settings[numbers[0]], told) for numbers in groups]
    if order == "accuracy":
        rows.sort(key=lambda row: -row.accuracy)
    elif order == "seconds":
        rows.sort(key=lambda row: fmean(row.seconds))
    return Comparison(tuple(rows), (*_repeated(rows), *_warnings(runs, splits)))


def _row(runs: Sequence[Run], settings: Mapping[str, Any], keys: Sequence[str]) -> ComparedRuns:
    return ComparedRuns(
        runs=tuple(run.folder for run in runs),
        seeds=tuple(tuple(phase.training.seed for phase in run.config.plan) for run in runs),
        settings={key: settings.get(key) for key in keys},
        accuracies=tuple(float(run.metrics["val_accuracy"]) for run in runs),
        best_epochs=tuple(int(run.metrics["best_epoch"]) for run in runs),
        seconds=tuple(float(run.metrics["seconds"]) for run in runs),
    )


def _repeated(rows: Iterable[ComparedRuns]) -> Iterator[str]:
    """Say which runs don't count by themselves."""
    again = sum(len(row.seeds) - len(set(row.seeds)) for row in rows)
    if again:
        yield (
            f"{counted(again, 'run')} {'has' if again == 1 else 'have'} the settings and the seed of another "
            "one, and the same training again says nothing new: such runs count once. For an interval, train "
            "with other seeds: --set training.seed=1"
        )


def _warnings(runs: Sequence[Run], splits: Sequence[Split | None]) -> list[str]:
    """Say why accuracies may not be compared."""
    classes = [run.classes if one is None else one.classes for run, one in zip(runs, splits, strict=True)]
    found = incomparable(classes, [judged_by(one) for one in splits])
    stopped = [from_here(run.folder) for run in runs if run.metrics.get("stopped") == "asked"]
    if stopped:
        found.append(f"stopped before its end: {', '.join(stopped)}; `densekit train --resume RUN` goes on")
    return found


def _told(value: Any) -> str:
    if value is None:
        return _UNSET
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else shown(str(value))
