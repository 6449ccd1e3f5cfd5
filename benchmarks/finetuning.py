"""Fine-tuning: the head alone against the whole network, on the tabletop pictures, over seeds.

    .venv/bin/python benchmarks/finetuning.py [--data DIR] [--seeds N] [--epochs N] [--size N]
                                              [--weights embedded|FILE] [--judge test|val] [--scratch] [--json]

The head alone is trained as `densekit train` does it (the preset `head`), once on all training pictures and once
on 5 a class. The whole network goes on from the former, with a rate that rises and falls and pictures that are
mirrored, shifted, and made brighter or darker. With `--scratch`, the very same loop trains a network that
starts from random weights. All are measured on the test pictures. No epoch is picked by them, the weights after
the last step count. The number of epochs was chosen before, with other weights and one seed, on validation and
test pictures together.

What stands behind ± is half of the 95 % interval of the mean over the seeds (Student's t). A seed gives the
fresh head, the order of the batches, the changes to the pictures, and the random weights. Head and whole network
share it, so their difference is taken seed by seed. Seconds are those of training, from decoded pictures on.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import cast

import torch
from timing import load, machine, print_table
from torch import Tensor, nn
from torch.nn import functional as F
from transfer import load_pixels

from densekit.config import TrainingConfig
from densekit.data.folder import open_folder
from densekit.data.splits import some_of_each
from densekit.data.transforms import Preprocessing
from densekit.devices import Compute, bf16_is_fast, choose_compute
from densekit.errors import DensekitError
from densekit.features import Features
from densekit.files import sample_folder
from densekit.intervals import half_interval
from densekit.model.cut import ALL, behind
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import frozen
from densekit.model.zoo import build
from densekit.training.loop import fit
from densekit.training.source import Batch
from densekit.training.standardise import Standardiser

HEAD = "head alone"
WHOLE = "whole network, fine-tuned"


@dataclass(frozen=True)
class Recipe:
    """How the whole network is trained."""

    epochs: int = 14
    batch_size: int = 32
    peak: float = 1e-3  # the highest learning rate
    warm_up: float = 0.3  # share of all steps in which the rate rises, before it falls along a cosine
    weight_decay: float = 0.05  # of the weights; norms and biases are left alone
    shift: float = 1 / 12  # how far a picture moves at most, as part of its side
    brightness: float = 0.2  # how much brighter or darker it gets at most, as part of its values


@dataclass(frozen=True, eq=False)
class Pictures:
    """Decoded pictures on the device: pixels, uint8 (N, 3, S, S), and labels, int64 (N,)."""

    pixels: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Row:
    """What a way of training reached with each seed, and how long a seed took."""

    way: str
    accuracy: float
    half_interval: float | None  # which a single seed does not have
    per_seed: list[float]
    seconds: float

    @classmethod
    def of(cls, way: str, per_seed: list[float], seconds: float) -> "Row":
        """Take the mean over the seeds and half of its interval."""
        half = half_interval(per_seed) if len(per_seed) > 1 else None
        return cls(way, fmean(per_seed), half, per_seed, seconds)

    def cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        interval = "" if self.half_interval is None else f" ± {100 * self.half_interval:.1f}"
        each = " ".join(f"{100 * one:.1f}" for one in self.per_seed)
        return self.way, f"{100 * self.accuracy:.1f} %{interval}", each, f"{self.seconds:.1f}"


def embeddings(network: DenseNet, pixels: Tensor) -> Tensor:
    """Return the embeddings, (N, 1024), of pictures, uint8 (N, 3, S, S)."""
    model = frozen(network)
    return torch.cat([model(network.preprocessing.normalise(part)) for part in pixels.split(32)])


def accuracy(network: DenseNet, pictures: Pictures) -> float:
    """Return the part of the pictures that the network gets right."""
    with torch.no_grad():
        logits = network.classifier(embeddings(network, pictures.pixels))  # (N, classes)
    return (logits.argmax(dim=1) == pictures.labels).float().mean().item()


def train_head(network: DenseNet, learn: Pictures, seed: int) -> None:
    """Train the classifier as the preset `head` does, except that the last epoch counts and not the best."""
    train_head_on(network, Features(embeddings(network, learn.pixels), learn.labels), seed)


def train_head_on(network: DenseNet, features: Features, seed: int) -> None:
    """Do the same with the embeddings of the pictures, where these are there already."""
    standardiser = Standardiser.of(features)
    features = standardiser.apply(features)
    # Validated at the end alone, so that the last weights are the best ones.
    settings = TrainingConfig(seed=seed, min_epoch_to_save=TrainingConfig().epochs)
    head = cast(nn.Linear, network.classifier)
    deque(fit(head, features, features, settings), maxlen=0)
    network.classifier = standardiser.fold_into(head)


@dataclass(frozen=True)
class ChangedPictures:
    """A source of decoded pictures that are changed each time that they are seen.

    Args:
        pictures: which ones.
        preprocessing: what normalises them.
        recipe: how they are changed.
        seed: from which the changes are drawn.
    """

    pictures: Pictures
    preprocessing: Preprocessing
    recipe: Recipe
    seed: int
    at_once: int = 64

    @property
    def labels(self) -> Tensor:
        """The classes, int64 (N,)."""
        return self.pictures.labels

    def batches(self, order: Sequence[Tensor], epoch: int) -> Generator[Batch, None, None]:
        """Yield batches, each changed anew."""
        generator = torch.Generator().manual_seed(self.seed * 1009 + epoch)
        for chosen in order:
            pixels = changed(self.pictures.pixels[chosen], self.recipe, generator)
            images = self.preprocessing.normalise(pixels).contiguous(memory_format=torch.channels_last)
            yield Batch(chosen, images, self.labels[chosen])  # images: (B, 3, S, S)


def train_whole(network: DenseNet, learn: Pictures, recipe: Recipe, compute: Compute, seed: int) -> None:
    """Train all of the network, from the weights that it has, with the loop that trains everything else."""
    settings = TrainingConfig(
        optimizer="adamw",
        learning_rate=recipe.peak,
        weight_decay=recipe.weight_decay,
        schedule="cosine",
        warm_up=recipe.warm_up,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        min_epoch_to_save=recipe.epochs,  # validated at the end alone: the last weights are the best ones
        seed=seed,
    )
    source = ChangedPictures(learn, network.preprocessing, recipe, seed)
    deque(fit(behind(network, ALL), source, source, settings, compute=compute), maxlen=0)


def changed(pixels: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Return pictures, uint8 (N, 3, S, S), each mirrored or not, shifted, brighter or darker, as floats."""
    count, side = len(pixels), pixels.shape[-1]
    most = round(recipe.shift * side)
    mirror, light = torch.rand(2, count, 1, 1, 1, generator=generator).to(pixels.device)
    shifts = torch.randint(2 * most + 1, (count, 2), generator=generator).tolist()
    lit = torch.where(mirror < 0.5, pixels, pixels.flip(3)) * (1 + recipe.brightness * (2 * light - 1))
    padded = F.pad(lit.clamp(0, 255), (most, most, most, most), mode="reflect")
    places = zip(padded, shifts, strict=True)
    return torch.stack([one[:, top : top + side, left : left + side] for one, (top, left) in places])


@dataclass(frozen=True, eq=False)
class Experiment:
    """What is the same for all seeds: pictures to learn from and to judge by, weights to start from."""

    weights: str
    preprocessing: Preprocessing
    classes: int
    learn: Pictures
    judge: Pictures
    compute: Compute  # of the whole network; heads are trained in float32

    @classmethod
    def of(cls, folder: Path, weights: str, size: int, judge_by: str) -> "Experiment":
        """Read the pictures of a folder, at `size` pixels; judge by its 'val' or its 'test' pictures."""
        compute = choose_compute("auto", "bf16" if bf16_is_fast() else "fp32")
        preprocessing = build("densenet121", weights, 0).preprocessing.with_size(size)
        data = open_folder(folder)
        learn, judge = (
            Pictures(compute.send(pixels), compute.send(torch.from_numpy(labels)))
            for pixels, labels in (
                load_pixels(part, preprocessing)
                for part in (data.train, data.test if judge_by == "test" else data.val)
            )
        )
        return cls(weights, preprocessing, len(data.classes), learn, judge, compute)

    def network(self, weights: str, seed: int) -> DenseNet:
        """Return a network with a fresh classifier."""
        network = build("densenet121", weights, self.classes, seed=seed)
        network.preprocessing = self.preprocessing
        return cast(DenseNet, self.compute.place(network))

    def ways(self, recipe: Recipe, scratch: bool, seed: int) -> Iterator[tuple[str, DenseNet, partial[None]]]:
        """Yield each way's name, its network, and what trains it, which is to be called before the next one."""
        chosen = torch.from_numpy(some_of_each(self.learn.labels.cpu().numpy(), 5, seed))
        few = Pictures(self.learn.pixels[chosen], self.learn.labels[chosen])
        common = self.learn, recipe, self.compute, seed
        first, tuned = (self.network(self.weights, seed) for _ in range(2))
        yield f"{HEAD}, 5 a class", first, partial(train_head, first, few, seed)
        yield HEAD, tuned, partial(train_head, tuned, self.learn, seed)
        yield WHOLE, tuned, partial(train_whole, tuned, *common)
        if scratch:
            new = self.network("none", seed)
            yield "whole network, from random weights", new, partial(train_whole, new, *common)

    def measure(self, recipe: Recipe, scratch: bool, seeds: int) -> list[Row]:
        """Train and measure all ways with each seed, and say on standard error how far it is."""
        reached: dict[str, list[float]] = {}
        seconds: dict[str, list[float]] = {}
        for seed in range(seeds):
            for way, network, train in self.ways(recipe, scratch, seed):
                began = perf_counter()
                train()
                seconds.setdefault(way, []).append(perf_counter() - began)
                reached.setdefault(way, []).append(accuracy(network, self.judge))
                print(f"seed {seed}, {way}: {reached[way][-1]:.1%}", file=sys.stderr)
        return [Row.of(way, found, fmean(seconds[way])) for way, found in reached.items()]


def gain(rows: Sequence[Row]) -> Row:
    """Return what fine-tuning gains over the head, seed by seed, and the seconds that it takes more."""
    whole, head = (next(row for row in rows if row.way == way) for way in (WHOLE, HEAD))
    gains = [more - less for more, less in zip(whole.per_seed, head.per_seed, strict=True)]
    return Row.of("fine-tuned minus head", gains, whole.seconds)


def main() -> int:
    """Measure all ways over the seeds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a data folder; the tabletop pictures if not given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=Recipe.epochs, help="of the whole network")
    parser.add_argument("--size", type=int, default=96, help="image size in pixels")
    parser.add_argument("--weights", default="embedded", help="to start from: embedded, imagenet or a file")
    parser.add_argument("--judge", choices=("test", "val"), default="test", help="pictures to measure on")
    parser.add_argument("--scratch", action="store_true", help="train from random weights too")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    recipe = Recipe(epochs=arguments.epochs)
    try:
        folder = arguments.data or sample_folder("tabletop")
        experiment = Experiment.of(folder, arguments.weights, arguments.size, arguments.judge)
        rows = experiment.measure(recipe, arguments.scratch, arguments.seeds)
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    more = gain(rows)
    beyond = more.half_interval is not None and more.accuracy > more.half_interval
    if arguments.json:
        told = {
            "weights": arguments.weights,
            "size": arguments.size,
            "judge": arguments.judge,
            "recipe": asdict(recipe),
        }
        told |= {"rows": [asdict(row) for row in rows], "gain": {**asdict(more), "beyond_interval": beyond}}
        print(json.dumps({"machine": machine(), **told}, indent=2, ensure_ascii=False))
        return 0
    print(machine())
    measured_on = f"{len(experiment.judge.labels)} {arguments.judge} pictures"
    print(
        f"{arguments.size} px, {recipe.epochs} epochs in {experiment.compute.precision}, {measured_on}; {load()}"
    )
    header = "training", "accuracy", "seed by seed", "seconds a seed"
    print_table(header, [row.cells() for row in (*rows, more)])
    print(f"Fine-tuning {'beats' if beyond else 'does not beat'} the head by more than the interval.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
