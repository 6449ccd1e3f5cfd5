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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from densekit.devices import choose_compute
from densekit.errors import ConfigError, DensekitError, TrainingError, WeightsError
from densekit.files import place_without_room, real_path, write_atomically, write_json
from densekit.model.architectures import read_architecture
from densekit.model.cut import frozen_modules
from densekit.model.densenet import DenseNet, Transition
from densekit.model.state_dicts import check_fit, read_weights_file
from workshop.distillation.adapters import LeastSquares
from workshop.distillation.cache import CropCache, open_cache
from workshop.distillation.distil import as_seen
from workshop.distillation.export import as_float16
from workshop.distillation.muon import Muon
from workshop.distillation.session import GRAFT, copy_records
from workshop.distillation.settings import Recipe, Stage, make_recipe, rate_part_at, stage_at
from workshop.distillation.views import batch_at, generator_for, make_views

BEHIND = "denseblock2"
"""The first module that stays; the new layers are those before it."""

RECIPE = make_recipe(
    images=24_000,
    batch_size=16,
    stages=(
        Stage(size=64, teacher_size=128, share=0.35),
        Stage(size=96, teacher_size=128, share=0.35),
        Stage(size=128, teacher_size=128, share=0.30),
    ),
    learning_rate=1e-3,
    muon_learning_rate=0.01,
    weight_decay=0.0,
    warm_up=50,
    decay=1.0,
)
"""What the new layers follow. Their teacher are the old ones, so only what concerns views and rates counts."""

_FITTED_ON = 960  # views, for the least squares
_EXAMINED_ON = 256
_FIT_STEP = 2**31 + 3  # a step that no run reaches: its views are those for the least squares
_RIDGE = 1e-6


@dataclass(frozen=True)
class Likeness:
    """How far the new layers tell what the old ones told, on pictures kept for measuring.

    Args:
        explained: part of the variance of the old maps, mean over the channels; 1 if they are equal.
        worst: the same of the channel that is told worst.
    """

    explained: float
    worst: float


class Graft:
    """The layers that are replaced, and those that take their place.

    Args:
        front: the network whose first layers are taken; they are changed in place.
        rest: the network that gets them; its first layers are frozen and stay as they are until `joined`.
        cache: the crops to look at.
        recipe: what the views are like, and how fast to learn.
    """

    def __init__(self, front: DenseNet, rest: DenseNet, cache: CropCache, recipe: Recipe = RECIPE) -> None:
        self.cache, self.recipe, self.rest = cache, recipe, rest
        self.new, self.old = first_layers(front).train(), first_layers(rest).eval().requires_grad_(False)
        self.to_learn, self.kept = cache.split()
        self.pictures = list(self._examined())
        maps = torch.cat([self.old(images).transpose(0, 1).flatten(1) for images in self.pictures], dim=1)
        self.mean, self.std = (one.view(1, -1, 1, 1) for one in (maps.mean(dim=1), maps.std(dim=1) + 1e-3))

    def fit(self) -> None:
        """Set the new transition's convolution to the mixture of its maps that is nearest to the old ones."""
        transition = self.new[-1]
        assert isinstance(transition, Transition)
        norm, relu, convolution, pool = transition.children()
        assert isinstance(convolution, nn.Conv2d)
        squares = LeastSquares(convolution.in_channels, convolution.out_channels, constant=False)
        generator = generator_for(self.recipe.seed, _FIT_STEP, 0)
        numbers = batch_at(self.to_learn, 0, min(_FITTED_ON, len(self.to_learn)), self.recipe.seed)
        stage = self.recipe.stages[-1]
        self.new.eval()
        with torch.no_grad():
            for part in np.array_split(numbers, math.ceil(len(numbers) / self.recipe.batch_size)):
                images = self._views(part, stage, generator)
                # Averages of mixtures are mixtures of averages, so pooling may come before the convolution.
                squares.read(pool(relu(norm(self.new[:-1](images)))), self.old(images))
            convolution.weight.copy_(squares.solve(_RIDGE)[0].view_as(convolution.weight))
        self.new.train()

    def learn(self) -> Iterator[float]:
        """Teach all new layers, yielding the loss of each step.

        Raises:
            TrainingError: the loss is no number any more.
        """
        recipe, optimizers = self.recipe, self._optimizers()
        images = step = 0
        while images < recipe.images:
            part = rate_part_at(step, images, recipe)
            for group in (group for optimizer in optimizers for group in optimizer.param_groups):
                group["lr"] = part * group["initial_lr"]
            crops = batch_at(self.to_learn, images, recipe.batch_size, recipe.seed)
            views = self._views(crops, stage_at(images, recipe), generator_for(recipe.seed, step, 0))
            loss = F.smooth_l1_loss(self.new(views) / self.std, self.old(views) / self.std)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss.item()} at step {step + 1}: take a lower learning rate"
                )
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            step, images = step + 1, images + recipe.batch_size
            yield loss.item()

    @torch.no_grad()
    def examine(self) -> Likeness:
        """Compare new and old maps on the pictures kept for measuring."""
        self.new.eval()
        missed = spread = torch.zeros(())
        for images in self.pictures:
            old = self.old(images)
            missed = missed + (self.new(images) - old).square().sum(dim=(0, 2, 3))
            spread = spread + (old - self.mean).square().sum(dim=(0, 2, 3))
        self.new.train()
        explained = 1 - missed / spread.clamp_min(1e-12)
        return Likeness(explained.mean().item(), explained.min().item())

    def joined(self) -> DenseNet:
        """Return the network that got the new layers: the one that was given, changed in place."""
        for old, new in zip(self.old, self.new, strict=True):
            old.load_state_dict(new.state_dict())
        return self.rest.requires_grad_(True)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        first, *hidden = [one.weight for one in self.new.modules() if isinstance(one, nn.Conv2d)]
        *hidden, last = (
            hidden  # the last one's size counts, since it has to meet the old maps: Muon keeps sizes
        )
        norms = [one for one in self.new.parameters() if one.dim() == 1]
        optimizers = [
            Muon(hidden, self.recipe.muon_learning_rate),
            torch.optim.AdamW(
                [first, last, *norms], self.recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0
            ),
        ]
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["initial_lr"] = group["lr"]
        return optimizers

    def _views(self, numbers: np.ndarray, stage: Stage, generator: torch.Generator) -> Tensor:
        views = make_views(self._crops(numbers), stage.teacher_size, self.recipe, generator)
        return as_seen(views, stage.size)

    def _examined(self) -> Iterator[Tensor]:
        most = min(_EXAMINED_ON, len(self.kept))
        chosen = self.kept[np.linspace(0, len(self.kept) - 1, most).round().astype(int)]
        size = self.recipe.stages[-1].size
        for numbers in np.array_split(chosen, max(1, most // 32)):
            crops = self._crops(numbers).float() / 255
            yield as_seen(F.interpolate(crops, size=size, mode="bilinear", antialias=True), size)

    def _crops(self, numbers: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.cache.pixels[numbers]))


def first_layers(network: DenseNet) -> nn.Sequential:
    """Return the modules before the second dense block, the ones of the network itself."""
    return nn.Sequential(*frozen_modules(network, BEHIND).values())


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 2 if it can't be done, 130 if it was interrupted."""
    options = _parser().parse_args(arguments)
    try:
        print(f"weights and record: {make_graft(options)}")
    except (DensekitError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing is written.", file=sys.stderr)
        return 130
    return 0


def make_graft(options: argparse.Namespace) -> Path:
    """Do what the command was asked for; return the weights file."""
    _check(options)
    recipe = make_recipe(**(RECIPE.model_dump() | {"images": options.images}))
    front, rest = (_network(path, options.architecture) for path in (options.front, options.rest))
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
        "front": read_weights_file(options.front).sha256,
        "rest": read_weights_file(options.rest).sha256,
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
    if there := place_without_room(options.out):
        raise ConfigError(f"no folder can be made in {there}: give another place, --out DIR")
    for path in (options.front, options.rest):
        if real_path(options.out).is_relative_to(real_path(path.parent / "run")):
            raise ConfigError(f"{options.out} lies in the record of {path}: give another place, --out DIR")
    if real_path(options.front) == real_path(options.rest):
        raise ConfigError("--front and --rest are one file: its first layers are there already")


def _network(path: Path, architecture: str) -> DenseNet:
    config = read_architecture(architecture)
    if len(config.stages) < 2:
        raise ConfigError(f"{architecture} has one dense block: a graft ends before the second one")
    tensors = read_weights_file(path).tensors
    check_fit(tensors, config, architecture, path)
    if "classifier.bias" not in tensors:
        raise WeightsError(f"{path} has no classifier: give the weights of a whole network")
    network = DenseNet(config, len(tensors["classifier.bias"]))
    network.load_state_dict(tensors)
    choose_compute("cpu", "fp32").place(network)
    return network


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
