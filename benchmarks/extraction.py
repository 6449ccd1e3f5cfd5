"""Feature extraction: the exact rewrite against torchvision, and against what the processor can do at all.

    .venv/bin/python benchmarks/extraction.py [--device cuda] [--data DIR] [--sizes 96 224] [--batch N]

Everything embeds the same pictures with the same weights, in turn. The limit is a large matrix product in the
same precision and the same run: its operations a second, over the two operations for each multiply-add that the
network has. A share of 100 % would mean that nothing but those multiply-adds takes any time. Beside each speed
stands what it costs: the largest difference of any number in the embeddings, and the lowest cosine similarity of
an embedding, to those of torchvision in fp32. Where OpenVINO is installed, it is measured too.

For steady numbers on a quiet machine set OMP_WAIT_POLICY=ACTIVE.
"""

import argparse
import copy
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from peers import openvino_is_here, openvino_way
from timing import Candidate, interleaved, load, machine, matrix_product, print_table, ratio, wait_for
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.data.folder import open_folder
from densekit.data.loading import load_images
from densekit.devices import bf16_is_fast, choose_compute
from densekit.files import sample_folder
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import frozen
from densekit.model.zoo import densenet121
from densekit.vision import torchvision

EAGER = "torchvision, fp32"


@dataclass(frozen=True)
class Row:
    """What one way of extraction reached at one image size."""

    size: int
    way: str
    images_per_second: float
    times_eager: float
    share_of_limit: float
    max_difference: float
    min_cosine: float


def pictures(folder: str | Path, network: DenseNet, size: int, number: int) -> Tensor:
    """Return the first `number` pictures of a folder, from the start again if it has fewer, (N, 3, S, S)."""
    data = open_folder(folder)
    samples = [*data.train, *data.val, *data.test]
    samples = (samples * (number // len(samples) + 1))[:number]
    batches = load_images(samples, network.preprocessing.with_size(size))
    return torch.cat([batch.images for batch in batches])


def multiply_adds(network: nn.Module, size: int) -> int:
    """Count the multiply-adds of all convolutions for one image, (3, S, S)."""
    counts: list[int] = []

    def count(conv: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        counts.append(output.numel() * conv.weight[0].numel())

    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    handles = [conv.register_forward_hook(count) for conv in convs]
    with torch.no_grad():
        # Two, which BatchNorm needs where it is in training mode and a map has a single pixel.
        network(torch.zeros(2, 3, size, size, device=next(network.parameters()).device))
    for handle in handles:
        handle.remove()
    return sum(counts) // 2


def ways_to_extract(network: DenseNet, size: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return functions from images, (N, 3, S, S), to embeddings, (N, num_features), by name."""
    device = next(network.parameters()).device
    reference = torchvision.models.densenet121().features.eval().to(device)
    reference.load_state_dict(network.features.state_dict())
    channels_last = copy.deepcopy(reference).to(memory_format=torch.channels_last)

    def embed(features: nn.Module, images: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(F.relu(features(images), inplace=True), 1).flatten(1)

    def last(images: Tensor) -> Tensor:
        return embed(channels_last, images.contiguous(memory_format=torch.channels_last))

    def autocast(images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return last(images)

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        EAGER: lambda images: embed(reference, images),
        "torchvision channels_last, fp32": last,
        "densekit, fp32": frozen(network, torch.float32),
    }
    if bf16_is_fast():
        ways["torchvision channels_last, bf16"] = autocast
        ways["densekit, bf16"] = frozen(network, torch.bfloat16)
    if device.type == "cpu" and openvino_is_here():
        for precision in ("fp32", "bf16") if bf16_is_fast() else ("fp32",):
            ways[f"OpenVINO, {precision}"] = openvino_way(network, size, precision)
    return ways


def measure(network: DenseNet, images: Tensor, rounds: int) -> list[Row]:
    """Time all ways of extraction and the matrix products in turn."""
    number, _, _, size = images.shape
    device = images.device
    ways = ways_to_extract(network, size)
    work = 2.0 * multiply_adds(network, size) * number  # floating-point operations in a batch
    products = {"fp32": matrix_product(torch.float32, device=device)}
    if bf16_is_fast():
        products["bf16"] = matrix_product(torch.bfloat16, repeats=32, device=device)
    candidates: dict[str, Candidate] = {name: timed(way, images) for name, way in ways.items()}
    candidates |= {precision: multiply for precision, (multiply, _) in products.items()}
    with torch.no_grad():
        expected = ways[EAGER](images)
        found = {name: way(images).float() for name, way in ways.items()}
        seconds = interleaved(candidates, rounds)
    rows = []
    for name in ways:
        precision = name[-4:]
        rows.append(
            Row(
                size=size,
                way=name,
                images_per_second=number / median(seconds[name]),
                times_eager=ratio(seconds, name, EAGER),
                share_of_limit=ratio(seconds, name, precision) * work / products[precision][1],
                max_difference=(found[name] - expected).abs().max().item(),
                min_cosine=F.cosine_similarity(found[name].double(), expected.double()).min().item(),
            )
        )
    return rows


def timed(way: Callable[[Tensor], Tensor], images: Tensor) -> Candidate:
    """Return a candidate that embeds the images and returns nothing, so that the call itself is timed."""

    def candidate() -> None:
        way(images)
        wait_for(images.device)

    return candidate


def main() -> None:
    """Measure each image size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    parser.add_argument("--data", default=None, help="a data folder; the tabletop pictures if not given")
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 224])
    parser.add_argument("--batch", type=int, default=64, help="images at once")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    device = choose_compute(arguments.device).device
    network = densenet121(weights="embedded", num_classes=0).eval().to(device)
    folder = arguments.data or sample_folder("tabletop")
    rows = [
        row
        for size in arguments.sizes
        for row in measure(
            network, pictures(folder, network, size, arguments.batch).to(device), arguments.rounds
        )
    ]
    if arguments.json:
        print(json.dumps({"machine": machine(device), "rows": [asdict(row) for row in rows]}, indent=2))
        return
    print(machine(device))
    print(f"DenseNet-121, batches of {arguments.batch}, medians of {arguments.rounds} rounds; {load()}")
    print_table(
        ("feature extraction", "px", "images/s", "× eager", "of the limit", "max |Δ|", "cosine"),
        [
            (
                row.way,
                str(row.size),
                f"{row.images_per_second:.1f}",
                f"{row.times_eager:.2f}",
                f"{row.share_of_limit:.0%}",
                f"{row.max_difference:.1e}",
                f"{row.min_cosine:.6f}",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    main()
