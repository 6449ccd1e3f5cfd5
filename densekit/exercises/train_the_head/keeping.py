"""What is computed once and kept: embeddings, and a scale that the head takes in."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from densekit.exercises.apart import ROUNDING, max_difference
from densekit.exercises.expectations import NotYet, expect, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.exercises.networks import small_densenet, some_images
from densekit.model.densenet import DenseNet

_FLOAT32 = 1e-5  # what is left of numbers around 1 that went through float32


def embeddings_of(network: DenseNet, images: Tensor, batch_size: int) -> Tensor:
    """Return the embeddings of images, (N, num_features), computed in eval mode and without a gradient.

    Args:
        network: left in eval mode.
        images: (N, 3, H, W), as the network takes them.
        batch_size: images that are computed at once.
    """
    network.eval()
    with torch.no_grad():
        parts = [
            network.forward_head(network.forward_features(batch), pre_logits=True)
            for batch in images.split(batch_size)
        ]
    return torch.cat(parts)


@exercise(
    number=4,
    title="Compute once",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("some pictures are missing", "split keeps the last, smaller batch; floor division loses it."),
        Hint("my tensor has four dimensions", "Those are the maps. forward_head(…, pre_logits=True) pools."),
        Hint("the values change with the batch size", "In which mode is the network that you were given?"),
        Hint("my tensor carries a gradient", "Nothing is to be learned here: with torch.no_grad()."),
    ),
)
def exercise_4(embed: Callable[[DenseNet, Tensor, int], Any]) -> str:
    """Check that the embeddings of all images come out, in order, and give the logits of the whole network."""
    for batch_size in (4, 5, 64):
        network, images = small_densenet(), some_images(10)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        batches = _sizes_of_batches(network)
        found = embed(network, images.clone(), batch_size)
        largest = max(batches, default=0)
        moved = [
            name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])
        ]
        with torch.no_grad():
            logits = network.eval()(images)
        _expect_embeddings(found, network, images, batch_size)
        expect(
            largest <= batch_size,
            f"with batch_size={batch_size} you sent {largest} images through the network at once: with those of "
            "a large folder, memory runs out. images.split(batch_size) gives batches",
        )
        expect(not moved, f"{len(moved)} tensors of the network moved, expected 0: {', '.join(moved[:2])}…")
        apart = max_difference(network.classifier(found.to(logits.dtype)).detach(), logits)
        expect(
            apart < (ROUNDING if found.dtype == logits.dtype else _FLOAT32),
            f"the head makes other logits of your embeddings than the network of the images: max|Δ| {apart:.2g}, "
            "expected 0. In eval mode, and in the order of the images?",
        )
    return "the head can't tell the difference: cached logits equal uncached ones"


def _sizes_of_batches(network: DenseNet) -> list[int]:
    """Return a list that is told how many images each batch has which the network will look at."""
    sizes: list[int] = []
    network.features[0].register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


def _expect_embeddings(found: Any, network: DenseNet, images: Tensor, batch_size: int) -> None:
    expect(isinstance(found, Tensor), f"your function returns {quoted(found)}, expected a tensor")
    shape, expected = tuple(found.shape), (len(images), network.num_features)
    if len(shape) == 2 and shape[1] == expected[1] and shape[0] < expected[0]:
        raise NotYet(
            f"{shape[0]} of {expected[0]} images have embeddings with batches of {batch_size}: the last, smaller "
            "batch counts, too"
        )
    expect(shape == expected, f"the shape is {shape}, expected {expected}: a row of features for each image")
    expect(
        not found.requires_grad,
        "your embeddings carry a gradient, expected none: they would keep the whole network's activations in "
        "memory, for a part that is not trained",
    )
    expect(
        not found.is_inference(),
        "your embeddings were made in inference_mode, so no head can learn from them: use no_grad",
    )


def folded(weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias over features as they are, from those over standardised features.

    Args:
        weight: (classes, features).
        bias: (classes,).
        mean: of each feature, (features,).
        deviation: its standard deviation, (features,), above 0.
    """
    scaled = weight / deviation
    return scaled, bias - scaled @ mean


@exercise(
    number=9,
    title="The head takes the scale in",
    minutes=8,
    difficulty="hard",
    hints=(
        Hint(
            "I don't know where to begin", "Write W·((x − mean) / deviation) + b, and sort by what has an x."
        ),
        Hint("the weight is right, the bias is not", "What is left of W·(…) where x is 0?"),
        Hint("sizes do not match", "weight is (classes, features); mean and deviation are (features,)."),
    ),
)
def exercise_9(fold: Callable[[Tensor, Tensor, Tensor, Tensor], Any]) -> str:
    """Check a head over features as they are that equals one over standardised features."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    bias, mean = (torch.randn(n, generator=generator, dtype=torch.float64) for n in (3, 6))
    deviation = torch.rand(6, generator=generator, dtype=torch.float64) + 0.1
    found = fold(weight.clone(), bias.clone(), mean.clone(), deviation.clone())
    expect(
        isinstance(found, tuple | list) and len(found) == 2 and all(isinstance(one, Tensor) for one in found),
        f"folded returns {quoted(found)}, expected two tensors: weight and bias",
    )
    for name, one, like in (("weight", found[0], weight), ("bias", found[1], bias)):
        expect(
            one.shape == like.shape,
            f"the {name} has the shape {tuple(one.shape)}, expected {tuple(like.shape)}",
        )
    scaled = weight / deviation
    apart = max_difference(found[0].detach(), scaled)
    expect(apart < _FLOAT32, f"the weight is off by max|Δ| {apart:.2g}: what is each weight divided by?")
    _expect_bias(found[1].detach(), bias, scaled @ mean)
    return "linear after linear is linear: the file needs no scale beside it"


def _expect_bias(found: Tensor, bias: Tensor, shift: Tensor) -> None:
    mistakes = {
        "it is still the old one, but at x = 0 the standardised features are not 0": bias,
        "the mean is subtracted from x, so what it adds up to is subtracted, too": bias + shift,
    }
    for mistake, value in mistakes.items():
        expect(max_difference(found, value) > _FLOAT32, f"the weight is right, the bias is not: {mistake}")
    apart = max_difference(found, bias - shift)
    expect(apart < _FLOAT32, f"the weight is right, the bias is off by max|Δ| {apart:.2g}, expected 0")
