"""Give a network the first layers of another one.

Later layers live on what the first ones tell them: with new first filters alone, a trained network is blind, and
takes about as long to learn to see again as a new one. But all that the layers behind a transition ever see are
its maps. So the other network's first layers are taken whole, up to the first transition, and taught to tell
what the old ones told:

1. The transition's convolution is set by least squares: which mixture of what the new layers see is nearest to
   the old maps.
2. All the new layers learn to come nearer, position by position, on some ten thousand views. There are as many
   lessons in a view as the maps have positions, so this takes minutes.

Then a run begins with the result (`--first-weights`), and all layers learn together again.

    python -m workshop.distillation.graft --work DIR --front FILE --rest FILE --out DIR

writes weights, and run/graft.json with what was done, to be kept as a run's record is. The crop cache must be in
the work folder already.
"""

import argparse
import hashlib
import math
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import safetensors.torch
from tqdm.auto import tqdm

from densekit.devices import choose_compute
from densekit.errors import ConfigError, WeightsError
from densekit.files import place_without_room, real_path, write_atomically, write_json
from densekit.model.architectures import read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.state_dicts import check_fit, read_weights_file
from workshop.distillation.answering import answered
from workshop.distillation.cache import open_cache
from workshop.distillation.export import as_float16
from workshop.distillation.front import BEHIND, RECIPE, Graft
from workshop.distillation.session import GRAFT, copy_records
from workshop.distillation.settings import make_recipe


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 2 if it can't be done, 130 if it was interrupted."""
    options = _parser().parse_args(arguments)

    def do() -> int:
        print(f"weights and record: {make_graft(options)}")
        return 0

    return answered(do, "Stopped; nothing is written.")


def make_graft(options: argparse.Namespace) -> Path:
    """Do what the command was asked for; return the weights file."""
    _check(options)
    recipe = make_recipe(**(RECIPE.model_dump() | {"images": options.images}))
    front, of_front = _network(options.front, options.architecture)
    rest, of_rest = _network(options.rest, options.architecture)
    cache = open_cache(options.work / "crops")
    graft = Graft(front, rest, cache, recipe)
    began = perf_counter()
    graft.fit()
    fitted = graft.examine()
    bar = tqdm(graft.learn(), total=math.ceil(recipe.images / recipe.batch_size), unit="step")
    for loss in bar:
        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
    learned, seconds = graft.examine(), perf_counter() - began
    record: dict[str, Any] = {
        "front": of_front,
        "rest": of_rest,
        "behind": BEHIND,
        "recipe": recipe.model_dump(mode="json"),
        "crops": cache.identity,
        "explained_by_least_squares": round(fitted.explained, 4),
        "explained": round(learned.explained, 4),
        "explained_of_the_worst": round(learned.worst, 4),
        "seconds": round(seconds),
    }
    return _write(options, graft.joined(), record)


def _check(options: argparse.Namespace) -> None:
    """Refuse before the work what would fail after it."""
    if os.path.lexists(options.out):
        raise ConfigError(f"{options.out} exists already: give a folder that does not, --out DIR")
    if there := place_without_room(options.out.parent):
        raise ConfigError(f"no folder can be made in {there}: give another place, --out DIR")
    for path in (options.front, options.rest):
        if real_path(options.out).is_relative_to(real_path(path.parent / "run")):
            raise ConfigError(f"{options.out} lies in the record of {path}: give another place, --out DIR")
    if real_path(options.front) == real_path(options.rest):
        raise ConfigError("--front and --rest are one file: its first layers are there already")


def _network(path: Path, architecture: str) -> tuple[DenseNet, str]:
    """Return the network whose weights are in a file, and the file's SHA-256."""
    config = read_architecture(architecture)
    if len(config.stages) < 2:
        raise ConfigError(f"{architecture} has one dense block: a graft ends before the second one")
    tensors, _, sha256, _ = read_weights_file(path)
    check_fit(tensors, config, architecture, path)
    if "classifier.bias" not in tensors:
        raise WeightsError(f"{path} has no classifier: give the weights of a whole network")
    network = DenseNet(config, len(tensors["classifier.bias"]))
    network.load_state_dict(tensors)
    choose_compute("cpu", "fp32").place(network)
    return network, sha256


def _write(options: argparse.Namespace, network: DenseNet, record: dict[str, Any]) -> Path:
    """Write weights and record; what is known of the two networks is kept beside it."""
    path: Path = options.out / f"{Path(options.architecture).stem}.safetensors"
    data = safetensors.torch.save(as_float16(network.state_dict()))
    with write_atomically(path) as file:
        file.write(data)
    write_json(options.out / "run" / GRAFT, {**record, "result": hashlib.sha256(data).hexdigest()})
    for name in ("front", "rest"):
        copy_records(getattr(options, name).parent / "run", options.out / "run" / name)
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workshop.distillation.graft",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="with the crop cache")
    parser.add_argument(
        "--front", type=Path, required=True, metavar="FILE", help="whose first layers are taken"
    )
    parser.add_argument("--rest", type=Path, required=True, metavar="FILE", help="that gets them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--images", type=int, default=RECIPE.images, metavar="N", help="views to learn from")
    parser.add_argument("--architecture", default="densenet121", help="of both, a name or a JSON file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
