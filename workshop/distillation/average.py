"""Average the weights of runs that began with the same weights.

Each of them has learned something from views of its own, and has forgotten something else. Runs that began in one
place and did not go far end in one valley of the loss, and the middle between them may be better than any of them
(Wortsman et al., *Model soups*, 2022). Runs that began apart hold the same thing in other filters: a mean of them
sees nothing.

Then a short run begins with the result (`--first-weights`), which measures the norms' statistics anew and has
its card written.

    python -m workshop.distillation.average --weights FILE FILE … --out DIR

writes weights, and run/average.json with what was done, to be kept as a run's record is. The record of each run,
run/ beside its weights, tells whether they began with the same ones.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from densekit.errors import ConfigError, DensekitError, WeightsError
from densekit.files import place_without_room, real_path, write_atomically, write_json
from densekit.model.state_dicts import read_weights_file
from workshop.distillation.export import as_float16
from workshop.distillation.session import AVERAGE, BEFORE, RECIPE, copy_records


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 2 if it can't be done."""
    options = _parser().parse_args(arguments)
    try:
        print(f"weights and record: {make_average(options.weights, options.out)}")
    except (DensekitError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


def make_average(paths: Sequence[Path], out: Path) -> Path:
    """Write the average of several weights files, and how it was made, into a new folder; return its file.

    Raises:
        ConfigError: there are fewer than two files, two are one, or the folder can't be made.
        WeightsError: the files are of different networks, or there is no record that says that their runs began
            with the same weights.
    """
    _check(paths, out)
    beginning = _beginning(paths)
    files = [read_weights_file(path) for path in paths]
    data = safetensors.torch.save(as_float16(averaged([file.tensors for file in files], paths)))
    path = out / paths[0].name
    for number, of_run in enumerate(paths, 1):  # the first one's keeps what came before all of them
        copy_records(of_run.parent / "run", out / "run" / str(number), without=BEFORE if number > 1 else None)
    told = {
        "averaged": [file.sha256 for file in files],
        "first_weights": beginning,
        "result": hashlib.sha256(data).hexdigest(),
    }
    write_json(out / "run" / AVERAGE, told)
    with write_atomically(path) as file:
        file.write(data)
    return path


def averaged(networks: Sequence[dict[str, Tensor]], paths: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of each tensor, in float32; of what counts, such as batches seen, the first one's.

    Raises:
        WeightsError: the networks have other tensors.
    """
    first = networks[0]
    for network, path in zip(networks[1:], paths[1:], strict=True):
        unlike = [name for name in first | network if _shape(first, name) != _shape(network, name)]
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


def _check(paths: Sequence[Path], out: Path) -> None:
    """Refuse before anything is read what can't be done."""
    if len(paths) < 2:
        raise ConfigError(f"--weights {paths[0] if paths else ''}: give two files or more")
    if len({real_path(path) for path in paths}) < len(paths):
        raise ConfigError("--weights: one file is there twice: give each once")
    if os.path.lexists(out):
        raise ConfigError(f"{out} exists already: give a folder that does not, --out DIR")
    if there := place_without_room(out.parent):
        raise ConfigError(f"no folder can be made in {there}: give another place, --out DIR")
    for path in paths:
        if real_path(out).is_relative_to(real_path(path.parent / "run")):
            raise ConfigError(f"{out} lies in the record of {path}: give another place, --out DIR")


def _beginning(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the weights that all runs began with."""
    beginnings = [_first_weights(path) for path in paths]
    for path, beginning in zip(paths, beginnings, strict=True):
        if beginning != beginnings[0]:
            raise WeightsError(
                f"{path} comes from a run that began with the weights {beginning[:12]}…, {paths[0]} from one "
                f"that began with {beginnings[0][:12]}…: a mean of such weights sees nothing; give those of "
                "runs that began with the same"
            )
    return beginnings[0]


def _first_weights(path: Path) -> str:
    record = path.parent / "run" / RECIPE
    try:
        beginning = json.loads(record.read_text(encoding="utf-8"))["recipe"]["first_weights"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{record} can't be read, so nobody knows what the run of {path} began with: {error}: bring it back"
        ) from error
    if not beginning:
        raise WeightsError(
            f"{path} comes from a run that began with random weights: give those of runs that began with the "
            "weights of one earlier run"
        )
    return str(beginning)


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
