"""The runs that weights come from, as the records beside them tell it.

A run that began with earlier weights keeps their records in `before/`; where those weights were put together from
two networks, there is a `graft.json`, with the records of both in `front/` and `rest/`; where they are an average
of several runs' weights, an `average.json`, with the records of these in `1/`, `2/` and so on, of which the first
has what came before all of them. And so on, back to random weights.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from densekit.errors import ConfigError, RunError
from densekit.files import read_json
from workshop.distillation.session import AVERAGE, BEFORE, GRAFT, LOG, RECIPE
from workshop.distillation.settings import Recipe, make_recipe

FRONT, REST = "front", "rest"


@dataclass(frozen=True)
class Graft:
    """How two networks were put together.

    Args:
        front: SHA-256 of the weights that the first layers began with.
        rest: the same for all others.
        behind: the layer before which the first ones end.
        explained: part of the variance of the rest's own maps there that the first layers came to tell.
    """

    front: str
    rest: str
    behind: str
    explained: float


@dataclass(frozen=True)
class Average:
    """Of how many runs, which had begun with the same weights, the weights were averaged."""

    runs: int


@dataclass(frozen=True)
class Ancestor:
    """A run that ended with the weights that a later one began with, or what put them together.

    Args:
        path: of its records, from those of the last run on: `("before", "before")` is two runs before it.
        crops: the identity of the crops that it saw; of an average, those that the first of its runs saw.
        images: how many views it saw.
        seconds: what it took.
        made: the recipe of a run, of whose images it may have seen a part alone; or a graft; or an average.
    """

    path: tuple[str, ...]
    crops: str
    images: int
    seconds: float
    made: Recipe | Graft | Average

    @property
    def name(self) -> str:
        """Where it stands: how many runs before the last one, and in which of two networks, or of several runs.

        >>> Ancestor(("before", "before", "front", "before"), "", 0, 0, Recipe()).name
        '4 before, front'
        >>> [Ancestor(("before", *more), "", 0, 0, Recipe()).name for more in (["2"], ["1", "before"])]
        ['2 before, 2', '3 before']
        """
        parts = [part for part in self.path if part in (FRONT, REST)]
        parts += [part for part in self.path[-1:] if part.isdecimal()]
        return ", ".join([f"{len(self.path)} before", *parts])


def ancestors(run: Path, itself: bool = False) -> list[Ancestor]:
    """Return what came before a run, the latest first; of two networks that were put together, the front first.

    Of runs whose weights were averaged, the last one first: what came before all of them is behind the first one.

    Args:
        run: the folder with its record.
        itself: whether the run comes first in the list.

    Raises:
        RunError: a record is damaged.
    """
    return list(_from(run, ()) if itself else _from(run / BEFORE, (BEFORE,)))


def is_whole(run: Path) -> bool:
    """Say whether the records of a run lead back to random weights, on every way.

    Raises:
        RunError: a record is damaged.

    >>> is_whole(Path("nowhere"))
    False
    """
    if (run / GRAFT).is_file():
        return all(is_whole(run / name) for name in (FRONT, REST))
    if (run / AVERAGE).is_file():
        with _readable(run):
            runs = _averaged(run)
        return all((run / name / RECIPE).is_file() for name in runs) and is_whole(run / runs[0])
    if not (run / RECIPE).is_file():
        return False
    with _readable(run):
        first = read_json(run / RECIPE)["recipe"].get("first_weights")
    return not first or is_whole(run / BEFORE)


def _from(folder: Path, path: tuple[str, ...]) -> Iterator[Ancestor]:
    inner = [FRONT, REST, BEFORE]
    with _readable(folder):
        if (folder / RECIPE).is_file():
            yield _run(folder, path)
        elif (folder / GRAFT).is_file():
            yield _graft(folder, path)
        elif (folder / AVERAGE).is_file():
            yield _average(folder, path)
            inner = list(reversed(_averaged(folder)))
    for name in inner:
        if (folder / name).is_dir():
            yield from _from(folder / name, (*path, name))


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        csv.Error,
        ConfigError,
    ) as error:
        raise RunError(
            f"{folder} can't be read as the record of a run: {error}: copy it anew from beside the weights "
            "that the run began with"
        ) from error


def _run(folder: Path, path: tuple[str, ...]) -> Ancestor:
    run = read_json(folder / RECIPE)
    log = (folder / LOG).read_text(encoding="utf-8")
    last = list(csv.DictReader(io.StringIO(log)))[-1]
    recipe = make_recipe(**run["recipe"])
    return Ancestor(path, run["crops"], int(last["images"]), float(last["seconds"]), recipe)


def _graft(folder: Path, path: tuple[str, ...]) -> Ancestor:
    told = read_json(folder / GRAFT)
    graft = Graft(told["front"], told["rest"], told["behind"], float(told["explained"]))
    return Ancestor(path, told["crops"], int(told["recipe"]["images"]), float(told["seconds"]), graft)


def _average(folder: Path, path: tuple[str, ...]) -> Ancestor:
    runs = _averaged(folder)
    of_first = read_json(folder / runs[0] / RECIPE)
    return Ancestor(path, of_first["crops"], 0, 0.0, Average(len(runs)))


def _averaged(folder: Path) -> list[str]:
    """Return the names of the folders that hold the records of the runs whose weights were averaged."""
    of_runs = read_json(folder / AVERAGE)["averaged"]
    if not isinstance(of_runs, list) or len(of_runs) < 2:
        raise ValueError(f"{AVERAGE} names {of_runs!r} as what was averaged: expected two digests or more")
    return [str(number) for number, _ in enumerate(of_runs, 1)]
