"""Make weights like the embedded ones from nothing: python -m workshop.distillation.parts --work DIR.

There are five parts:

    1-whole/        all layers, from random weights, most of it at 64 px
    2-last-block/   the last block alone, at 128 px, by which views look alike, too
    3-two-blocks-*/ the last two blocks, three times, each run with views of its own
    4-mean/         the average of these three
    5-end/          a few steps that measure the norms' statistics anew; its weights/ are the result

Each part begins with the weights of the one before it. The same command goes on where it was stopped, and parts
that are done are left alone. `tried.md` says what each of them is for. What is not explained here is given to
every run, such as --processes 2, --device cuda, or --minutes 30 for each of them; all of it is named by
`python -m workshop.distillation --help`.
"""

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from densekit.errors import ConfigError, RunError
from densekit.model.state_dicts import read_weights_file
from workshop.distillation import average
from workshop.distillation.__main__ import main as run
from workshop.distillation.answering import answered
from workshop.distillation.cache import MANIFEST
from workshop.distillation.session import LOG, read_recipe
from workshop.distillation.settings import Recipe

MEAN = "4-mean"

_OWN = ("--seed", "--images", "--fit-minutes", "--train-from", "--export", "--only-crops")
"""Options of a run that every part sets for itself, or that would leave all of them unfinished."""

_AT_128 = ("--likeness", "16", "--stages", "128@128:1", "--batch-size", "128", "--mixed", "0.3")
_TWO_BLOCKS = ("--train-from", "denseblock3", *_AT_128)


@dataclass(frozen=True)
class Part:
    """One of the runs.

    Args:
        name: of its folder.
        after: the folder whose weights it begins with; None for random ones.
        images: views that it sees.
        recipe: what it sets besides, as options of the command.
    """

    name: str
    after: str | None
    images: int
    recipe: tuple[str, ...]


WHOLE = Part("1-whole", None, Recipe().images, ("--mixed", "0.5", "--batch-size", "64"))
LAST_BLOCK = Part(
    "2-last-block",
    WHOLE.name,
    96_000,
    (
        "--train-from",
        "denseblock4",
        *_AT_128,
        "--muon-learning-rate",
        "0.02",
        "--learning-rate",
        "1e-3",
        "--seed",
        "7",
    ),
)
TWO_BLOCKS = tuple(
    Part(
        f"3-two-blocks-{seed}",
        LAST_BLOCK.name,
        36_000,
        (*_TWO_BLOCKS, "--muon-learning-rate", "0.01", "--learning-rate", "5e-4", "--seed", str(seed)),
    )
    for seed in (8, 9, 10)
)
END = Part(
    "5-end",
    MEAN,
    6_400,
    (*_TWO_BLOCKS, "--muon-learning-rate", "0.001", "--learning-rate", "5e-5", "--seed", "12"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 2 if it can't be done, 130 if it was interrupted."""
    options, for_runs = _parser().parse_known_args(arguments)
    return answered(lambda: _made(options, for_runs), "Stopped. The same command goes on.")


def _made(options: argparse.Namespace, for_runs: Sequence[str]) -> int:
    """Make what is not made yet, until something is left unfinished; return what the last command returned."""
    work: Path = options.work
    _check(for_runs)
    first = [] if options.first_weights is None else ["--first-weights", str(options.first_weights)]
    has_crops = (work / "crops" / MANIFEST).is_file()
    if not has_crops and (failed := run(["--work", str(work), "--only-crops", *first, *for_runs])):
        return failed
    for part in (WHOLE, LAST_BLOCK, *TWO_BLOCKS, END):
        if part is END and not (work / MEAN).is_dir():
            ends = [str(_weights(work, one.name)) for one in TWO_BLOCKS]
            if failed := average.main(["--weights", *ends, "--out", str(work / MEAN)]):
                return failed
        images = math.ceil(part.images * options.share)
        if is_done(work / part.name):
            _check_made(part, work, images)
            print(f"{work / part.name} is done")
            continue
        failed = _run(part, work, images, [*(first if part is WHOLE else ()), *for_runs])
        if failed or not is_done(work / part.name):  # it may have been asked to stop after some minutes
            if not failed:
                print("Not finished: the same command goes on.", file=sys.stderr)
            return failed
    return 0


def _check(for_runs: Sequence[str]) -> None:
    """Refuse what would undo what the parts are."""
    for option in for_runs:
        if option.split("=")[0] in _OWN:
            raise ConfigError(
                f"{option}: each part has its own, or would never end: leave it out, or make a single run by "
                "`python -m workshop.distillation`"
            )


def _check_made(part: Part, work: Path, images: int) -> None:
    """Refuse a part that is done, but not as it would be made now."""
    folder, recipe = work / part.name, read_recipe(work / part.name)
    if recipe is None or recipe.images != images:
        views = recipe.images if recipe else 0
        raise ConfigError(
            f"{folder} was made with {views:,} views, not {images:,}: give the --share that it was begun with, "
            "or another --work"
        )
    if part.after and recipe.first_weights != read_weights_file(_weights(work, part.after)).sha256:
        raise RunError(
            f"{folder} did not begin with the weights that {work / part.after} has now: delete it, and what "
            "comes after it, and they are made again"
        )


def _run(part: Part, work: Path, images: int, more: Sequence[str]) -> int:
    """Begin one part, or go on with it; return what its command returns."""
    folder = work / part.name
    crops = folder / "crops"
    if not crops.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        crops.unlink(missing_ok=True)
        crops.symlink_to(Path("..", "crops"), target_is_directory=True)  # it may be moved with them
    after = [] if part.after is None else ["--first-weights", str(_weights(work, part.after))]
    return run(["--work", str(folder), "--images", str(images), *part.recipe, *after, *more])


def is_done(folder: Path) -> bool:
    """Say whether the run in a folder has come to its end, and its weights are written.

    Raises:
        RunError: its recipe or its log is damaged.
    """
    recipe, log = read_recipe(folder), folder / "weights" / "run" / LOG  # which is written after the weights
    if recipe is None or not log.is_file():
        return False
    try:
        rows = list(csv.DictReader(log.read_text(encoding="utf-8").splitlines()))
        return bool(rows) and int(rows[-1]["images"]) >= recipe.images
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(
            f"{log} can't be read: {error}: `--export` writes it anew from the run beside it"
        ) from error


def _weights(work: Path, name: str) -> Path:
    """Return the weights file that a part has ended with."""
    folder = work / name if name == MEAN else work / name / "weights"
    return next(folder.glob("*.safetensors"), folder / "densenet121.safetensors")


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0, and 1 at most")
    return share


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workshop.distillation.parts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="the work folder")
    parser.add_argument(
        "--share", type=_share, default=1.0, metavar="X", help="of the views of each part: 0.01 to try it out"
    )
    parser.add_argument(
        "--first-weights",
        type=Path,
        metavar="FILE",
        help="what the first part begins with; random weights if not given",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
