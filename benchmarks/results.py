"""Results: what each way to train reaches on pictures that it never saw, over seeds.

    .venv/bin/python benchmarks/results.py [--photos DIR] [--seeds N] [--size N] [--weights W] [--ways TEXT ...]
                                           [--work DIR] [--json]

Every way of `ways.py` is `densekit train` with the settings that stand there: the head alone, the head and then
the network from each block on, all of it at once, random weights, and what is added to one of these or left out.

On the tabletop pictures, the best validation picks the epoch; the accuracy is said on the test pictures, and on
fresh ones of the same kind that no setting of a training was chosen by, which are the numbers to quote.
Photographs with a folder for each class are parted into five folds: each is judged once, by a training on the
other four, which hold back a fifth of their pictures to pick the epoch by.

What stands behind ± is half of the 95 % interval of the mean over the seeds (Student's t); gains are taken
seed by seed. A seed gives the fresh head, the order of the batches, the changes to the pictures, and the folds.
Each training that is done is kept in the work folder, so the same command goes on where it was stopped. It is
found again by everything that it hangs on: its whole configuration, the weights, and the pictures. Its seconds
are those of a training that finds the features of the frozen part where an earlier one has kept them.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold
from timing import load, machine, print_table
from transfer import rendered_fresh
from ways import WAYS, Way

from densekit import open_folder, sample_folder, train
from densekit.devices import bf16_is_fast
from densekit.errors import ConfigError, DensekitError, nearest
from densekit.files import read_json, write_json
from densekit.intervals import half_interval
from densekit.model.weights import load_weights
from densekit.run.trainer import resolve
from workshop.samples.fresh import SPLIT

Judged = Mapping[str, tuple[Path, str]]
"""Folders to judge by, and which split of each, by what the table calls them."""

Right = dict[str, tuple[int, int]]
"""By what was judged: how many pictures were right, and how many there were."""

_FOLDS = 5


@dataclass(frozen=True)
class Task:
    """Pictures to learn from and to judge by.

    Args:
        name: for the table.
        size: image size in pixels.
        parts: how many trainings a seed takes.
        prepared: from a seed, the number of a part, and an empty folder to use: the folder to learn from, and
            what to judge by.
    """

    name: str
    size: int
    parts: int
    prepared: Callable[[int, int, Path], tuple[Path, Judged]]


@dataclass(frozen=True)
class Row:
    """What a way reached, and what it gains over the way that it is compared with."""

    task: str
    way: str
    judged: str
    accuracy: float
    half_interval: float | None  # which a single seed does not have
    per_seed: list[float]
    gain: float | None
    gain_half_interval: float | None
    seconds: float  # of training, a seed


def tabletop(fresh: Path, size: int) -> Task:
    """Return the task on the tabletop pictures, judged on its test pictures and on fresh ones."""
    folder = sample_folder("tabletop")
    judged = {"test": (folder, "test"), "fresh": (fresh / SPLIT, "all")}
    return Task("tabletop", size, 1, lambda seed, part, empty: (folder, judged))


def photographs(folder: Path, size: int) -> Task:
    """Return the five-fold task on a folder with one folder for each class."""
    data = open_folder(folder)
    samples = [*data.train, *data.val, *data.test]
    labels = np.array([sample.label for sample in samples])

    def prepared(seed: int, part: int, empty: Path) -> tuple[Path, Judged]:
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(labels, labels)
        learned, judged = list(folds)[part]
        for name, numbers in (("learn", learned), ("judge", judged)):
            for number in numbers:
                path, label = samples[number]
                link = empty / name / data.classes[label] / f"{number:05}{path.suffix}"
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path.resolve())
        return empty / "learn", {"held out": (empty / "judge", "all")}

    return Task(f"{folder.name}, {len(samples)} in {_FOLDS} folds", size, _FOLDS, prepared)


def trained(
    task: Task, way: Way, seed: int, part: int, common: Mapping[str, Any], work: Path
) -> dict[str, Any]:
    """Train once and judge, or read what an earlier call has found."""
    settings = {"data.image_size": task.size, **common, "training.seed": seed, **way.settings}
    with tempfile.TemporaryDirectory() as scratch:
        learn, judged = task.prepared(seed, part, Path(scratch))
        told = _identity(task, way, settings, [learn, *(folder for folder, _ in judged.values())], part)
        kept = work / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"
        if kept.is_file():
            found: dict[str, Any] = read_json(kept)
            return found
        run = train(
            data=learn, preset=way.preset, settings=settings, out=Path(scratch, "run"), progress=False
        )
        right: Right = {}
        for name, (folder, split) in judged.items():
            report, _ = run.evaluate(folder, split)
            right[name] = (report.correct, report.total)
        found = {"right": right, "seconds": run.metrics["seconds"], "val": run.metrics["val_accuracy"]}
    write_json(kept, found | {"told": told})
    return found


def _identity(task: Task, way: Way, settings: Mapping[str, Any], folders: Sequence[Path], part: int) -> str:
    """Return a text that is equal for two trainings exactly if the same comes out of both."""
    config = resolve(data=folders[0], preset=way.preset, settings=settings).model_dump(mode="json")
    config["data"]["folder"] = task.name  # wherever it lies
    model = config["model"]
    weights = load_weights(model["weights"], model["architecture"]).info.sha256
    return json.dumps([config, weights, [_pictures_in(folder) for folder in folders], part], sort_keys=True)


def _pictures_in(folder: Path) -> str:
    """Return a hash of all files in a folder, with their names."""
    everything = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        everything.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return everything.hexdigest()


def measure(
    tasks: Sequence[Task], ways: Sequence[Way], seeds: int, common: Mapping[str, Any], work: Path
) -> Iterator[Row]:
    """Measure every way on every task, and say on standard error how far it is."""
    for task in tasks:
        found: dict[tuple[str, str], list[float]] = {}
        for way in ways:
            seconds = []
            for seed in range(seeds):
                parts = [trained(task, way, seed, part, common, work) for part in range(task.parts)]
                seconds.append(sum(part["seconds"] for part in parts))
                for judged in parts[0]["right"]:
                    right, total = np.sum([part["right"][judged] for part in parts], axis=0).tolist()
                    found.setdefault((way.name, judged), []).append(right / total)
                    told = f"{task.name}, {way.name}, seed {seed}, {judged}: {right} of {total}"
                    print(told, file=sys.stderr, flush=True)
            for judged in parts[0]["right"]:
                yield _row(task.name, way, judged, found, fmean(seconds))


def _row(task: str, way: Way, judged: str, found: Mapping[tuple[str, str], list[float]], took: float) -> Row:
    each = found[way.name, judged]
    gains = None
    if way.beside is not None and (way.beside, judged) in found:
        gains = [more - less for more, less in zip(each, found[way.beside, judged], strict=True)]
    return Row(
        task,
        way.name,
        judged,
        fmean(each),
        half_interval(each) if len(each) > 1 else None,
        each,
        None if gains is None else fmean(gains),
        half_interval(gains) if gains is not None and len(gains) > 1 else None,
        took,
    )


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the table: a line for each way, with a column for each thing that was judged, gains, and seconds."""
    lines = []
    for way in dict.fromkeys(row.way for row in rows):
        own = [row for row in rows if row.way == way]
        last = own[-1]
        gain = "" if last.gain is None else _told(last.gain, last.gain_half_interval, sign=True)
        reached = (_told(row.accuracy, row.half_interval) for row in own)
        lines.append((way, *reached, gain, f"{last.seconds:.0f}"))
    return lines


def _told(share: float, half: float | None, sign: bool = False) -> str:
    number = f"{100 * share:+.1f}" if sign else f"{100 * share:.1f}"
    return number if half is None else f"{number} ± {100 * half:.1f}"


def _chosen(names: Sequence[str] | None) -> list[Way]:
    """Return the ways whose names were asked for, in their own order; all of them if none was.

    Raises:
        ConfigError: there is no such way.
    """
    known = {way.name: way for way in WAYS}
    for name in names or ():
        if name not in known:
            raise ConfigError(f"--ways: no such way: '{name}': {nearest(name, known)}")
    return [way for way in WAYS if not names or way.name in names]


def main() -> int:
    """Measure all ways over the seeds and print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, help="a folder of photographs, with a folder for each class")
    parser.add_argument("--photos-alone", action="store_true", help="leave the tabletop pictures out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=int, default=96, help="of the tabletop pictures, in pixels")
    parser.add_argument("--photo-size", type=int, default=128, help="of the photographs, in pixels")
    parser.add_argument("--weights", default="embedded", help="to start from: embedded, imagenet or a file")
    parser.add_argument("--precision", help="fp32 or bf16; bf16 where the processor has it, if not given")
    parser.add_argument(
        "--ways", nargs="+", metavar="TEXT", help="names of the ways to measure; all if not given"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/results"), help="where trainings are kept")
    parser.add_argument(
        "--fresh", type=Path, default=Path("runs/fresh_tabletop"), help="folder of fresh pictures"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    precision = arguments.precision or ("bf16" if bf16_is_fast() else "fp32")
    common = {"model.weights": arguments.weights, "compute.precision": precision}
    try:
        tasks = []
        if not arguments.photos_alone:
            tasks.append(tabletop(rendered_fresh(arguments.fresh), arguments.size))
        if arguments.photos:
            tasks.append(photographs(arguments.photos, arguments.photo_size))
        rows = list(measure(tasks, _chosen(arguments.ways), arguments.seeds, common, arguments.work))
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        told = {"machine": machine(), "precision": precision, "weights": arguments.weights}
        print(json.dumps(told | {"rows": [asdict(row) for row in rows]}, indent=2, ensure_ascii=False))
        return 0
    print(machine())
    print(f"weights {arguments.weights}, {precision}, {arguments.seeds} seeds; {load()}")
    for task in tasks:
        own = [row for row in rows if row.task == task.name]
        print(f"\n{task.name}, {task.size} px: accuracy in %")
        print_table(("way", *dict.fromkeys(row.judged for row in own), "gain", "seconds"), cells(own))
    return 0


if __name__ == "__main__":
    sys.exit(main())
