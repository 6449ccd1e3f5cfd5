"""Head-only training: the frozen part once per image, against the frozen network in every epoch.

    .venv/bin/python benchmarks/head_only.py [--data DIR] [--epochs N] [--rounds N] [--json]

The tutorial way: torchvision's DenseNet-121, its features frozen and in evaluation mode, a fresh classifier, a
DataLoader over image files with batches of 8, fp32; every epoch runs the whole network over every training and
validation image. densekit's way: features once (the exact rewrite), then the same loop over them. Both start
from the same weights, the same head, the same images in the same order, and follow the same schedule; nothing
is cached from one round to the next. What counts is the time from image files to the trained head.
"""

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import torch
from timing import compared, interleaved, load, machine, print_table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from densekit.config import TrainingConfig
from densekit.data.decoding import open_image
from densekit.data.folder import DataFolder, open_folder
from densekit.data.scan import Sample
from densekit.devices import bf16_is_fast, choose_compute
from densekit.features import extract_features
from densekit.files import sample_folder
from densekit.model.densenet import DenseNet
from densekit.model.zoo import build
from densekit.training.events import Finished
from densekit.training.loop import fit
from densekit.training.randomness import shuffled
from densekit.training.schedule import learning_rate_at
from densekit.vision import torchvision


class Pictures(Dataset[tuple[Tensor, int]]):
    """Image files, decoded and prepared each time they are asked for."""

    def __init__(self, samples: tuple[Sample, ...], network: DenseNet) -> None:
        self.samples = samples
        self.preprocessing = network.preprocessing

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.samples[index]
        return self.preprocessing(open_image(path)), label


def tutorial_way(data: DataFolder, network: DenseNet, settings: TrainingConfig, workers: int) -> float:
    """Train the usual way; return the best validation accuracy."""
    model = torchvision.models.densenet121(num_classes=len(data.classes))
    model.load_state_dict(network.state_dict())
    for parameter in model.features.parameters():
        parameter.requires_grad_(False)
    model.eval()  # frozen in earnest: BatchNorm keeps its statistics
    optimizer = torch.optim.Adam(model.classifier.parameters(), lr=settings.learning_rate)
    pictures = Pictures(data.train, network)
    val = DataLoader(Pictures(data.val, network), settings.batch_size, num_workers=workers)
    best = 0.0
    for epoch in range(1, settings.epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(epoch, settings)
        order = [one.tolist() for one in shuffled(len(pictures), settings.batch_size, epoch, settings.seed)]
        for images, labels in DataLoader(pictures, batch_sampler=order, num_workers=workers):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        with torch.no_grad():
            right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in val)
        best = max(best, right / len(data.val))
    return best


def densekit_way(data: DataFolder, network: DenseNet, settings: TrainingConfig, precision: str) -> float:
    """Train on features that are computed once; return the best validation accuracy."""
    compute = choose_compute("cpu", precision)
    train, val = (
        extract_features(network, samples, compute=compute, cache=False) for samples in (data.train, data.val)
    )
    head = nn.Linear(network.num_features, len(data.classes))
    head.load_state_dict(network.classifier.state_dict())
    *_, last = fit(head, train, val, settings)
    assert isinstance(last, Finished)
    return last.best_accuracy


def main() -> None:
    """Time the ways in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=None, help="a data folder; the tabletop pictures if not given")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the DataLoader")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    data = open_folder(arguments.data or sample_folder("tabletop"))
    network = build("densenet121", "embedded", len(data.classes))
    settings = TrainingConfig(epochs=arguments.epochs)
    accuracy: dict[str, float] = {}

    def way(name: str, train: Callable[[], float]) -> Callable[[], float]:
        def timed() -> float:
            began = perf_counter()
            accuracy[name] = train()
            return perf_counter() - began

        return timed

    ways = {
        "tutorial way, fp32": lambda: tutorial_way(data, network, settings, arguments.workers),
        "densekit, fp32": lambda: densekit_way(data, network, settings, "fp32"),
    }
    if bf16_is_fast():
        ways["densekit, bf16 features"] = lambda: densekit_way(data, network, settings, "bf16")
    tutorial, *_ = ways
    seconds = interleaved({name: way(name, run) for name, run in ways.items()}, arguments.rounds, warm_up=0)
    rows = [
        {"way": name, **row, "val_accuracy": accuracy[name]}
        for name, row in compared(seconds, tutorial).items()
    ]
    if arguments.json:
        print(json.dumps({"machine": machine(), "epochs": arguments.epochs, "rows": rows}, indent=2))
        return
    print(machine())
    print(
        f"{data.root.name}: {len(data.train)} training and {len(data.val)} validation images at "
        f"{network.preprocessing.crop} px, {arguments.epochs} epochs, batches of {settings.batch_size}, "
        f"median of {arguments.rounds}; {load()}"
    )
    print_table(
        ("head-only training", "seconds", "times faster", "val accuracy"),
        [
            (
                str(row["way"]),
                f"{row['seconds']:.2f}",
                f"{row['times_faster']:.1f}",
                f"{row['val_accuracy']:.1%}",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    main()
