"""The exercises of notebook 00: chance, reading a prediction, and the two commonest mistakes repaired."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from densekit.exercises.expectations import expect, expect_close, expect_equal
from densekit.exercises.framework import Hint, exercise
from densekit.model.weights import seeded


@exercise(
    number=1,
    title="By chance",
    minutes=2,
    difficulty="easy",
    hints=(
        Hint("I don't know where to begin", "Think of a hundred pictures, ten of each of the ten classes."),
        Hint("my number is larger than 1", "A share of one half is 0.5, not 50: divide by a hundred."),
        Hint("my number is 0.5", "That is the share for two classes. Count the classes."),
    ),
)
def exercise_1(chance: float) -> str:
    """Check the share that blind guessing among ten classes gets right."""
    expect_close(chance, 0.1, 1e-6, because="one guess in ten is right when there are ten classes")
    return "one guess in ten is right, so a network has to beat 10 % before it has learned anything"


@exercise(
    number=2,
    title="Read a prediction",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "I see four numbers and no name", "The numbers stand in the order of `classes`: find the largest."
        ),
        Hint("my answer for sure is refused", "It is the probability of the class that was named."),
        Hint("my answer for right is refused", "Compare the name with `truth`; being sure does not count."),
    ),
)
def exercise_2(named: str, sure: float, right: bool) -> str:
    """Check what was read off the probabilities 0.05, 0.62, 0.30, 0.03 of a picture of a teapot."""
    word = named.strip().lower() if isinstance(named, str) else named
    expect_equal(word, "mug", because="the second probability is the largest", name="named")
    expect_close(sure, 0.62, 1e-6, because="that is the probability of the class it named", name="sure")
    expect_equal(right, False, because="the picture shows a teapot", name="right")
    return "it names the mug, with 62 %, and is wrong: a high probability is no proof"


@exercise(
    number=3,
    title="The wrong number of classes",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "the head has 1000 outputs, whatever I pass",
            "The second number of nn.Linear is fixed: replace it.",
        ),
        Hint("it works for ten classes only", "Don't write 10: ask the list how long it is."),
        Hint("I get None", "The function has to return the layer."),
    ),
    untouched=lambda new_head: _outputs(new_head, 7, ["a", "b"]) == 1000,
)
def exercise_3(new_head: Callable[[int, list[str]], nn.Linear]) -> str:
    """Check that a head fits any list of classes and any number of features."""
    for num_features, classes in ((1024, ["ant", "bee"]), (64, ["a", "b", "c", "d", "e"])):
        head = new_head(num_features, classes)
        expect(isinstance(head, nn.Linear), f"expected a linear layer, got {type(head).__name__}")
        expect_equal(
            head.out_features,
            len(classes),
            because=f"it needs one output for each of {len(classes)} classes",
            name="out_features",
        )
        expect_equal(
            head.in_features,
            num_features,
            because="it reads all the features of the embedding",
            name="in_features",
        )
    return "as many outputs as there are classes, whichever data set comes next"


@exercise(
    number=4,
    title="Data here, network there",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "I see 'Tensor on device meta is not on the expected device cpu'",
            "The images were sent to another device than the network's. Send them where it is.",
        ),
        Hint(
            "the network has no attribute device",
            "A network has no device of its own, its weights have: look at one of network.parameters().",
        ),
        Hint(
            "it works on the CPU and is refused all the same",
            "It has to follow the network: don't write the name of a device into the function.",
        ),
    ),
    untouched=lambda classify: _stays_on_meta(classify),
)
def exercise_4(classify: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """Check that images follow the network, and that the answer is the network's own."""
    network, images = _small_network(), torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, expected = classify(network, images), network(images).argmax(dim=1)
    expect(isinstance(found, Tensor), f"expected a tensor of class numbers, got {type(found).__name__}")
    expect_equal(
        found.tolist(),
        expected.tolist(),
        because="these are the largest of the network's scores",
        name="classes",
    )
    moved = _small_network().to("meta")
    with torch.no_grad():
        found = classify(moved, images)
    expect_equal(
        found.device.type,
        "meta",
        because="this network was on the device 'meta', so the images had to go there too",
        name="the answer's device",
    )
    return "the images go where the network is, wherever that may be"


def _small_network() -> nn.Module:
    with seeded(0):
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))


def _outputs(new_head: Callable[[int, list[str]], nn.Linear], num_features: int, classes: list[str]) -> int:
    return int(new_head(num_features, classes).out_features)


def _stays_on_meta(classify: Callable[[nn.Module, Tensor], Tensor]) -> bool:
    """Say whether the images still go to 'meta' although the network is on the CPU."""
    try:
        return (
            classify(nn.Sequential(nn.Flatten(), nn.Identity()), torch.zeros(1, 3, 2, 2)).device.type
            == "meta"
        )
    except StopIteration:  # no parameters to ask, so it has been repaired
        return False
