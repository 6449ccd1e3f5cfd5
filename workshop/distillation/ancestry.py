"""The runs that weights come from, as the records beside them tell it.

A run that began with earlier weights keeps their records in `before/`; where those weights were put together from
two networks, there is a `graft.json`, with the records of both in `front/` and `rest/`. And so on, back to random
weights.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from densekit.errors import ConfigError, RunError
from workshop.distillation.session import BEFORE, GRAFT, LOG, RECIPE
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
class Ancestor:
    """A run that ended with the weights that a later one began with, or a graft that put them together.

    Args:
        path: of its records, from those of the last run on: `("before", "before")` is two runs before it.
        crops: the identity of the crops that it saw.
        images: how many views it saw.
        seconds: what it took.
        made: the recipe of a run, of whose images it may have seen a part alone; or a graft.
    """

    path: tuple[str, ...]
    crops: str
    images: int
    seconds: float
    made: Recipe | Graft

    @property
    def name(self) -> str:
        """Where it stands: how many runs before the last one, and in which of two networks.

        >>> Ancestor(("before", "before", "front", "before"), "", 0, 0, Recipe()).name
        '4 before, front'
        """
        parts = [part for part in self.path if part in (FRONT, REST)]
        return ", ".join([f"{len(self.path)} before", *parts])


def ancestors(run: Path) -> list[Ancestor]:
    """Return what came before a run, the latest first; of two networks that were put together, the front first.

    Raises:
        RunError: a record is damaged.
    """
    return list(_from(run / BEFORE, (BEFORE,)))


def is_whole(run: Path) -> bool:
    """Say whether the records of a run lead back to random weights, on every way.

    >>> is_whole(Path("nowhere"))
    False
    """
    if (run / GRAFT).is_file():
        return all(is_whole(run / name) for name in (FRONT, REST))
    if not (run / RECIPE).is_file():
        return False
    first = json.loads((run / RECIPE).read_text(encoding="utf-8"))["recipe"].get("first_weights")
    return not first or is_whole(run / BEFORE)


def _from(folder: Path, path: tuple[str, ...]) -> Iterator[Ancestor]:
    try:
        if (folder / RECIPE).is_file():
            yield _run(folder, path)
        elif (folder / GRAFT).is_file():
            yield _graft(folder, path)
    except (OSError, ValueError, KeyError, IndexError, TypeError, csv.Error, ConfigError) as error:
        raise RunError(
            f"{folder} can't be read as the record of a run: {error}: copy it anew from beside the weights "
            "that the run began with"
        ) from error
    for name in (FRONT, REST, BEFORE):
        if (folder / name).is_dir():
            yield from _from(folder / name, (*path, name))


def _run(folder: Path, path: tuple[str, ...]) -> Ancestor:
    run = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    log = (folder / LOG).read_text(encoding="utf-8")
    last = list(csv.DictReader(io.StringIO(log)))[-1]
    recipe = make_recipe(**run["recipe"])
    return Ancestor(path, run["crops"], int(last["images"]), float(last["seconds"]), recipe)


def _graft(folder: Path, path: tuple[str, ...]) -> Ancestor:
    told = json.loads((folder / GRAFT).read_text(encoding="utf-8"))
    graft = Graft(told["front"], told["rest"], told["behind"], float(told["explained"]))
    return Ancestor(path, told["crops"], int(told["recipe"]["images"]), float(told["seconds"]), graft)
