"""Transfer: how far features carry on pictures that the weights never saw, by a logistic regression on top.

    .venv/bin/python benchmarks/transfer.py [--photos DIR] [--weights FILE ...] [--teacher]
                                        [--teacher-size N] [--size N] [--fresh DIR] [--json]

Models: random weights, the embedded ones, any weights file, and the teacher that the embedded ones come from
(which needs the optional group `distillation`). Tasks: a folder of photographs with a folder for each class
(five-fold cross-validation), the tabletop pictures with 5, 10, 20 and 50 training images a class (measured on
its validation and test pictures, and on as many fresh ones that no setting of a training was chosen by: those
numbers are the final ones), and letters rendered from an open font, 20 a class to learn from and 20 to measure
on.
All models see the same pixels, and within a seed the same folds and the same training images.

What stands behind ± is half of the 95 % interval of the mean over the seeds (Student's t).
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timing import machine, print_table
from torch import Tensor
from torch.nn import functional as F

from densekit.data.decoding import open_image
from densekit.data.folder import open_folder
from densekit.data.letters import LETTERS, letter_pictures
from densekit.data.scan import Sample
from densekit.data.splits import some_of_each
from densekit.data.transforms import Preprocessing
from densekit.devices import choose_compute
from densekit.errors import DensekitError
from densekit.files import sample_folder
from densekit.intervals import half_interval
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import frozen
from densekit.model.weights_info import SMALL
from densekit.model.zoo import build
from densekit.threads import one_thread
from workshop.samples.fresh import check_fresh, fresh_names, render_fresh

Embedder = Callable[[Tensor], Tensor]
"""From pixels, uint8 (N, 3, S, S), to features, float32 (N, C)."""

Split = tuple[NDArray[np.int64], NDArray[np.int64]]

_AT_ONCE = 32
_TABLETOP_COUNTS = (5, 10, 20, 50)
_FRESH = Path("runs/fresh_tabletop")


@dataclass(frozen=True, eq=False)
class Task:
    """Pictures with labels, and how each seed parts them.

    Args:
        name: for the table.
        pixels: uint8 (N, 3, S, S).
        labels: int64 (N,).
        splits: from a seed to pairs of numbers of pictures, to learn from and to measure on.
    """

    name: str
    pixels: Tensor
    labels: NDArray[np.int64]
    splits: Callable[[int], list[Split]]


@dataclass(frozen=True)
class Row:
    """What a model reached on a task."""

    task: str
    model: str
    accuracy: float
    half_interval: float
    per_seed: list[float]


def photographs(folder: Path, preprocessing: Preprocessing) -> Task:
    """Return the five-fold task on a folder with one folder for each class."""
    data = open_folder(folder)
    pixels, labels = load_pixels([*data.train, *data.val, *data.test], preprocessing)

    def folds(seed: int) -> list[Split]:
        return list(StratifiedKFold(5, shuffle=True, random_state=seed).split(labels, labels))

    return Task(f"{folder.name}, {len(labels)} in 5 folds", pixels, labels, folds)


def tabletop(preprocessing: Preprocessing, fresh: Path | None = None) -> list[Task]:
    """Return the tasks on the tabletop pictures, one for each number of training images.

    Args:
        preprocessing: what the pictures go through.
        fresh: a folder of fresh pictures: each task is then also measured on those, under a name of its own.
    """
    data = open_folder(sample_folder("tabletop"))
    known = [*data.val, *data.test]
    new = (
        [Sample(fresh / name, data.classes.index(Path(name).parent.name)) for name in fresh_names()]
        if fresh
        else []
    )
    pixels, labels = load_pixels([*data.train, *known, *new], preprocessing)
    first, last = len(data.train), len(data.train) + len(known)
    measured_on = {"": np.arange(first, last)}
    if fresh:
        measured_on[", fresh"] = np.arange(last, len(labels))

    def some(count: int, measured: NDArray[np.int64]) -> Callable[[int], list[Split]]:
        def splits(seed: int) -> list[Split]:
            return [(some_of_each(labels[:first], count, seed), measured)]

        return splits

    return [
        Task(f"tabletop, {count} a class{told}", pixels, labels, some(count, numbers))
        for told, numbers in measured_on.items()
        for count in _TABLETOP_COUNTS
    ]


def rendered_fresh(folder: Path) -> Path:
    """Render the fresh tabletop pictures into a folder, unless they are there, and check each one's digest."""
    names = fresh_names()
    for done, _ in enumerate(render_fresh(folder, names), start=1):
        if done % 50 == 0:
            print(f"rendered {done} fresh pictures", file=sys.stderr)
    check_fresh(folder, names)
    return folder


def letters(preprocessing: Preprocessing, of_each: int = 20) -> Task:
    """Return the task on Greek letters, which differ in font, size, place, turn, colours and sharpness."""
    images = letter_pictures(LETTERS, 2 * of_each)
    pixels = torch.stack([preprocessing.cut(image) for image in images])
    labels = np.repeat(np.arange(len(LETTERS)), 2 * of_each)

    def splits(seed: int) -> list[Split]:
        learn = some_of_each(labels, of_each, seed)
        return [(learn, np.setdiff1d(np.arange(len(labels)), learn))]

    return Task(f"letters, {of_each} a class", pixels, labels, splits)


def models(
    files: Sequence[Path], teacher: bool, enlarged: int | None = None
) -> Iterator[tuple[str, Embedder]]:
    """Yield the models by name: random, embedded, those in files, the teacher.

    Args:
        files: of weights.
        teacher: whether it is asked for.
        enlarged: the size that it sees the pixels drawn at; their own if not given.
    """
    yield "random", _densenet("none")
    yield "embedded", _densenet("embedded")
    for path in files:
        yield path.stem if len({one.stem for one in files}) == len(files) else str(path), _densenet(path)
    if teacher:
        from workshop.distillation.fast_teacher import efficientnet_lite0

        look = efficientnet_lite0(choose_compute("cpu", "fp32"))
        yield "teacher", lambda pixels: look(drawn_at(enlarged, pixels.float() / 255)).features


def drawn_at(size: int | None, views: Tensor) -> Tensor:
    """Return views in [0, 1], (N, 3, S, S), drawn at another size, (N, 3, size, size), if one is given."""
    if size is None or size == views.shape[-1]:
        return views
    return F.interpolate(views, size=size, mode="bicubic", antialias=True).clamp_(0, 1)


def accuracy(features: NDArray[np.float32], task: Task, seed: int) -> float:
    """Return the part of pictures that a logistic regression gets right, over all splits of a seed."""
    right = []
    for learn, measure in task.splits(seed):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        with warnings.catch_warnings(), one_thread():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe.fit(features[learn], task.labels[learn])
        right.append(probe.predict(features[measure]) == task.labels[measure])
    return float(np.concatenate(right).mean())


def measure(tasks: Sequence[Task], named: Iterator[tuple[str, Embedder]], seeds: int) -> Iterator[Row]:
    """Measure each model on each task; pictures that tasks share are embedded once."""
    for name, embed in named:
        embedded: dict[int, NDArray[np.float32]] = {}
        for task in tasks:
            key = id(task.pixels)
            if key not in embedded:
                embedded[key] = torch.cat([embed(part) for part in task.pixels.split(_AT_ONCE)]).numpy()
            found = [accuracy(embedded[key], task, seed) for seed in range(seeds)]
            yield Row(task.name, name, fmean(found), half_interval(found), found)


def _densenet(weights: str | Path) -> Embedder:
    return embedder_of(build("densenet121", weights, num_classes=0))


def embedder_of(network: DenseNet) -> Embedder:
    """Return a network without a classifier as a function from pixels to features."""
    model = frozen(network)
    return lambda pixels: model(SMALL.normalise(pixels))


def load_pixels(samples: Sequence[Sample], preprocessing: Preprocessing) -> tuple[Tensor, NDArray[np.int64]]:
    """Return pixels, uint8 (N, 3, S, S), and labels, (N,)."""
    pixels = torch.stack([preprocessing.cut(open_image(path)) for path, _ in samples])
    return pixels, np.array([label for _, label in samples])


def main() -> int:
    """Measure all models on all tasks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, help="a folder of photographs, with a folder for each class")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], help="weights files to measure too")
    parser.add_argument("--teacher", action="store_true", help="measure the teacher too")
    parser.add_argument(
        "--teacher-size", type=int, metavar="N", help="draw the same pixels at this size for the teacher"
    )
    parser.add_argument("--size", type=int, default=SMALL.crop, help="image size in pixels")
    parser.add_argument(
        "--fresh", type=Path, default=_FRESH, help="folder of the fresh pictures, made if needed"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds: two at least are needed for an interval")
    preprocessing = SMALL.with_size(arguments.size)
    try:
        tasks = [photographs(arguments.photos, preprocessing)] if arguments.photos else []
        tasks += [*tabletop(preprocessing, rendered_fresh(arguments.fresh)), letters(preprocessing)]
        rows = list(
            measure(
                tasks, models(arguments.weights, arguments.teacher, arguments.teacher_size), arguments.seeds
            )
        )
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        result = {"size": arguments.size, "seeds": arguments.seeds, "rows": [asdict(row) for row in rows]}
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    print(machine())
    print(f"{arguments.size} px, {arguments.seeds} seeds")
    names = list(dict.fromkeys(row.model for row in rows))
    cells = {(row.task, row.model): f"{row.accuracy:.1%} ± {100 * row.half_interval:.1f}" for row in rows}
    print_table(
        ("logistic regression on features", *names),
        [(task.name, *(cells[task.name, name] for name in names)) for task in tasks],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
