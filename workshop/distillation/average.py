"""Average the weights of runs that began with the same weights.

Each of them has learned something from views of its own, and has forgotten something else. Runs that began in one
place and did not go far end in one valley of the loss, and the middle between them may be better than any of them
(Wortsman et al., *Model soups*, 2022). Runs that began apart hold the same thing in other filters, and their mean
may see nothing.

Then a short run begins with the result (`--first-weights`), which measures the norms' statistics anew, in the
layers that learn in it, and has a card written.

    python -m workshop.distillation.average --weights FILE FILE … --out DIR

writes weights, and run/average.json with what was done, to be kept as a run's record is. The record of each run,
run/ beside its weights, tells whether they began with the same ones.
"""

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from os.path import lexists
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from densekit.errors import ConfigError, WeightsError
from densekit.files import place_without_room, read_json, real_path, write_json
from densekit.model.state_dicts import read_weights_file
from workshop.distillation.ancestry import ancestors, is_whole
from workshop.distillation.answering import answered
from workshop.distillation.export import as_float16
from workshop.distillation.session import AVERAGE, BEFORE, GRAFT, RECIPE, copy_records, read_recipe

_COUNTER = ".num_batches_tracked"  # which old files of weights lack, and nothing reads


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 2 if it can't be done, 130 if it was interrupted."""
    options = _parser().parse_args(arguments)

    def do() -> int:
        print(f"weights and record: {make_average(options.weights, options.out)}")
        return 0

    return answered(do, "Stopped; nothing is written.")


def make_average(paths: Sequence[Path], out: Path) -> Path:
    """Write the average of several weights files, and how it was made, into a new folder; return its file.

    Raises:
        ConfigError: there are fewer than two files, two are of one run, or the folder can't be made.
        RunError: the record of a run is damaged.
        WeightsError: the files are of different networks, or no record says that their runs began with the same
            weights.
    """
    paths = [real_path(path) for path in paths]
    _check(paths, out)
    paths = sorted(
        paths, key=lambda path: not is_whole(_record(path))
    )  # the first one's tells what came before
    beginning, name = _beginning(paths), f"{_architecture(paths)}.safetensors"
    files = [read_weights_file(path) for path in paths]
    _check_differ([file.sha256 for file in files], paths)
    data = safetensors.torch.save(as_float16(averaged([file.tensors for file in files], paths)))
    told = {
        "averaged": [file.sha256 for file in files],
        "first_weights": beginning,
        "result": hashlib.sha256(data).hexdigest(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{out.name}.", dir=out.parent
    ) as folder:  # nothing half done stays
        new = Path(folder) / out.name
        for number, path in enumerate(paths, 1):
            copy_records(_record(path), new / "run" / str(number), without=BEFORE if number > 1 else None)
        write_json(new / "run" / AVERAGE, told)
        (new / name).write_bytes(data)
        new.rename(out)
    return out / name


def averaged(networks: Sequence[dict[str, Tensor]], paths: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of each tensor, in float32; of what counts, such as batches seen, the first one's.

    Raises:
        WeightsError: the networks have other tensors.
    """
    first = networks[0]
    for network, path in zip(networks[1:], paths[1:], strict=True):
        names = [name for name in first | network if not name.endswith(_COUNTER)]
        unlike = [name for name in names if _shape(first, name) != _shape(network, name)]
        if unlike:
            raise WeightsError(
                f"{path} and {paths[0]} are of different networks: {unlike[0]} is {_shape(network, unlike[0])} "
                f"and {_shape(first, unlike[0])}: give weights of one network"
            )
    return {
        name: torch.stack([network[name].float() for network in networks]).mean(0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
    }


def _shape(network: dict[str, Tensor], name: str) -> str:
    return "×".join(map(str, network[name].shape)) or "a number" if name in network else "missing"


def _record(path: Path) -> Path:
    return path.parent / "run"


def _check(paths: Sequence[Path], out: Path) -> None:
    """Refuse before any weights are read what can't be done."""
    if len(paths) < 2:
        raise ConfigError(f"--weights {' '.join(map(str, paths))}: give two files or more")
    if len({path.parent for path in paths}) < len(paths):
        raise ConfigError(
            "--weights: two files lie beside one record, so they are of one run: give one of each run"
        )
    if lexists(out):
        raise ConfigError(f"{out} exists already: give a folder that does not, --out DIR")
    if there := place_without_room(out.parent):
        raise ConfigError(f"no folder can be made in {there}: give another place, --out DIR")
    if inside := next((one for one in real_path(out).parents if (one / RECIPE).is_file()), None):
        raise ConfigError(f"{out} lies in the record of a run, {inside}: give another place, --out DIR")


def _check_differ(digests: Sequence[str], paths: Sequence[Path]) -> None:
    for number, digest in enumerate(digests):
        if digest in digests[:number]:
            same = paths[digests.index(digest)]
            raise WeightsError(f"{paths[number]} and {same} hold the same weights: give each once")


def _beginning(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the weights that all runs began with."""
    beginnings = [_first_weights(path) for path in paths]
    for path, beginning in zip(paths, beginnings, strict=True):
        if beginning != beginnings[0]:
            raise WeightsError(
                f"{path} comes from a run that began with the weights {beginning[:12]}…, {paths[0]} from one "
                f"that began with {beginnings[0][:12]}…: a mean of such weights may see nothing; give those of "
                "runs that began with the same"
            )
    return beginnings[0]


def _first_weights(path: Path) -> str:
    """Return what a run began with; its whole record is read, so that no later run stumbles over it."""
    for name in (AVERAGE, GRAFT):
        if (_record(path) / name).is_file():
            raise WeightsError(
                f"{path} is put together itself, says {name}: give weights that runs ended with"
            )
    recipe = read_recipe(path.parent)
    if recipe is None:
        raise WeightsError(
            f"there is no {_record(path) / RECIPE}, so nobody knows what the run of {path} began with: bring its "
            "record back"
        )
    ancestors(_record(path), itself=True)
    if not recipe.first_weights:
        raise WeightsError(
            f"{path} comes from a run that began with random weights: give those of runs that began with the "
            "weights of one earlier run"
        )
    return recipe.first_weights


def _architecture(paths: Sequence[Path]) -> str:
    """Return the name of the network that all runs trained, by one teacher."""
    names = []
    for path in paths:
        told = read_json(_record(path) / RECIPE)
        names.append((Path(str(told.get("architecture"))).stem, str(told.get("teacher"))))
        if names[-1] != names[0]:
            raise WeightsError(
                f"{path} is a {names[-1][0]} taught by {names[-1][1]}, {paths[0]} a {names[0][0]} taught by "
                f"{names[0][1]}: give weights of one network and one teacher"
            )
    return names[0][0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workshop.distillation.average",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, nargs="+", required=True, metavar="FILE", help="two or more")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
