"""A report as files: the statistics table, the confusion table, the heat map, the numbers.

    statistics.csv   a row for each class: correct, total, the fraction, the percentage, and the whole
                     confusion row as fractions of the class ('2/20' under 'predicted mug')
    confusion.csv    the same table as plain counts
    heatmap.png      the table as percentages, with the number in each cell
    metrics.json     accuracy, loss, scores per class, the commonest mistakes

The CSV files are UTF-8 with a byte order mark: without one Excel reads Hangul as gibberish; pandas skips it,
and so does the encoding 'utf-8-sig'. A name that a spreadsheet would take for a formula ("=1+1", "@home")
gets an apostrophe in front, which reading takes off again: class names are folder names, and a folder may come
from anybody. A spreadsheet may also take 1/20 for a date, so the numbers `correct` and `total` stand beside it.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from densekit.errors import RunError, one_line
from densekit.evaluation.report import Report
from densekit.files import as_json, read_json, write_atomically
from densekit.tables import as_csv, unguarded
from densekit.words import percent

if TYPE_CHECKING:
    from densekit.plots.heat_map_printer import HeatMapPrinter

_HEAT_MAP = "heatmap.png"
_kept = local()  # the last printer of each thread: to lay one out takes most of the time of a heat map


def write_statistics(report: Report, folder: Path) -> None:
    """Write a report's four files into a folder, made if need be; each is there complete or not at all."""
    write_tables(report, folder)
    draw_heat_maps([Path(folder)])


def write_tables(report: Report, folder: Path) -> None:
    """Write a report's files without the heat map, which takes a hundred times as long as all the others."""
    folder = Path(folder)
    _write(folder / "statistics.csv", as_csv(_statistics_rows(report)))
    _write(folder / "confusion.csv", as_csv(_confusion_rows(report)))
    metrics = as_json(report.to_dict())
    _write(folder / "metrics.json", f"{metrics}\n".encode())


def draw_heat_maps(folders: Iterable[Path]) -> None:
    """Draw the heat maps of reports from their tables; of one set of images, one after the other, it is fast.

    Raises:
        RunError: confusion.csv or metrics.json is missing or not what it should be.
    """
    for folder in folders:
        report = read_report(folder)
        _write(Path(folder) / _HEAT_MAP, _printer_for(report).png(report))


def _printer_for(report: Report) -> "HeatMapPrinter":
    from densekit.plots.heat_map_printer import HeatMapPrinter  # matplotlib takes a second to import

    if (last := getattr(_kept, "printer", None)) is None or not last.fits(report):
        last = _kept.printer = HeatMapPrinter(report)
    return last


def has_heat_map(folder: Path) -> bool:
    """Say whether the heat map of a report has been drawn."""
    return (Path(folder) / _HEAT_MAP).is_file()


def write_validation(report: Report, run_folder: Path, epoch: int, step: int, heat_map: bool = True) -> Path:
    """Write the report on one validation into `evaluation/epoch-E-step-S` of a run folder.

    Args:
        report: what the validation found.
        run_folder: the run.
        epoch: the epoch it belongs to.
        step: batches trained so far.
        heat_map: False to leave it to `draw_heat_maps`, later.

    Returns:
        The folder that was written.
    """
    folder = validation_folder(run_folder, epoch, step)
    (write_statistics if heat_map else write_tables)(report, folder)
    return folder


def validation_folder(run_folder: Path, epoch: int, step: int) -> Path:
    """Return where the report on one validation belongs."""
    return Path(run_folder) / "evaluation" / f"epoch-{epoch}-step-{step}"


def check_folder(run_folder: Path, epoch: int, step: int, batches: int) -> Path:
    """Return where the report on the first batches of a validation belongs (`user_step`)."""
    return validation_folder(run_folder, epoch, step) / f"check-{batches}"


def read_statistics(path: Path) -> pd.DataFrame:
    """Read a statistics.csv: a row for each class, the true names, fractions and percentages as text.

    Raises:
        RunError: there is no such file, or it is not such a table.
    """
    rows = _read_csv(Path(path))
    table = pd.DataFrame(rows[1:], columns=rows[0])
    if list(table.columns[:5]) != _STATISTICS_COLUMNS:
        raise RunError(f"{path} is not a statistics table: expected the columns {_STATISTICS_COLUMNS}")
    try:
        return table.astype({"correct": int, "total": int})
    except ValueError as error:
        raise RunError(f"{path} is not a statistics table: {one_line(error)}") from error


def read_report(folder: Path) -> Report:
    """Read a report back from the folder that `write_statistics` wrote.

    Raises:
        RunError: confusion.csv or metrics.json is missing or not what it should be.
    """
    folder = Path(folder)
    rows = _read_csv(folder / "confusion.csv")
    metrics = _read_metrics(folder / "metrics.json")
    classes = tuple(rows[0][1:])
    try:
        counts = np.array([row[1:] for row in rows[1:]], dtype=np.int64).reshape(len(classes), len(classes))
    except ValueError as error:
        raise RunError(f"{folder / 'confusion.csv'} is not a confusion table: {error}") from error
    try:
        shares = dict(metrics.get("top_k", {}))
        top_k = {int(k): np.nan if share is None else float(share) for k, share in shares.items()}
    except (TypeError, ValueError) as error:
        raise RunError(f"{folder / 'metrics.json'} tells no shares as 'top_k': {one_line(error)}") from error
    loss = metrics.get("loss")
    if not (loss is None or isinstance(loss, int | float)):
        raise RunError(f"{folder / 'metrics.json'}: 'loss' is {loss!r}: expected a number")
    return Report(classes, counts, loss, top_k)


_STATISTICS_COLUMNS = ["class", "correct", "total", "fraction", "percent"]


def _statistics_rows(report: Report) -> list[list[str]]:
    header = [*_STATISTICS_COLUMNS, *[f"predicted {name}" for name in report.classes]]
    rows = [
        [
            score.name,
            str(score.correct),
            str(score.total),
            score.fraction,
            percent(score.accuracy),
            *[f"{count}/{score.total}" for count in counts],
        ]
        for score, counts in zip(report.per_class, report.confusion.tolist(), strict=True)
    ]
    return [header, *rows]


def _confusion_rows(report: Report) -> list[list[str]]:
    counts = report.confusion.tolist()
    rows = [[name, *map(str, row)] for name, row in zip(report.classes, counts, strict=True)]
    return [["true \\ predicted", *report.classes], *rows]


def _read_csv(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[unguarded(cell) for cell in row] for row in csv.reader(file)]
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is not a CSV table in UTF-8: {one_line(error)}") from error
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise RunError(f"{path} is not a table: its rows have different lengths")
    return rows


def _read_metrics(path: Path) -> dict[str, Any]:
    try:
        metrics = read_json(path)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not JSON: {one_line(error)}") from error
    if not isinstance(metrics, dict):
        raise RunError(f"{path} holds no metrics: expected an object")
    return metrics


def _missing(path: Path) -> RunError:
    return RunError(
        f"there is no {path}: put it back. `densekit evaluate RUN` makes the report on the best validation anew, "
        "in the run's evaluation/val, and its files can be copied from there to evaluation/"
    )


def _write(path: Path, content: bytes) -> None:
    with write_atomically(path) as file:
        file.write(content)
