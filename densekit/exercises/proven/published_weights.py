"""Published weights: the network that they are for, the names of their tensors, and a classifier of one's own."""

import copy
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from densekit.exercises.expectations import expect, expect_equal
from densekit.exercises.framework import Hint, exercise
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.proof.planted import specimen

_FOREIGN_LAYER = {"norm1": "squeeze_norm", "conv1": "squeeze", "norm2": "grow_norm", "conv2": "grow"}
_FOREIGN_STEM = {"conv0": "stem.conv", "norm0": "stem.norm", "norm5": "last_norm"}


def foreign_name(key: str) -> str:
    """Return what a network of somebody else's calls a module or tensor of a DenseNet of notebook 03.

    >>> foreign_name("features.denseblock1.denselayer2.norm1.weight")
    'blocks.0.1.squeeze_norm.weight'
    """
    name = key.removeprefix("features.")
    if name.startswith("classifier"):
        return name.replace("classifier", "head", 1)
    layer = re.fullmatch(r"denseblock(\d+)\.denselayer(\d+)\.(\w+)(.*)", name)
    if layer:
        return f"blocks.{int(layer[1]) - 1}.{int(layer[2]) - 1}.{_FOREIGN_LAYER[layer[3]]}{layer[4]}"
    transition = re.fullmatch(r"transition(\d+)\.(.*)", name)
    if transition:
        return f"shrinks.{int(transition[1]) - 1}.{transition[2]}"
    module, _, rest = name.partition(".")
    return _FOREIGN_STEM[module] + (f".{rest}" if rest else "")


@exercise(
    number=1,
    title="DenseNet-169 from its JSON",
    minutes=6,
    difficulty="easy",
    hints=(
        Hint(
            "I don't know where to begin", "Start at 64, add 32 for each layer of a block, halve between two."
        ),
        Hint(
            "my features are too many",
            "There are three transitions, and each halves the channels that it gets.",
        ),
        Hint("my depth is about half", "A dense layer has two convolutions: count it twice."),
        Hint(
            "my depth is 2, 3 or 5 short",
            "Besides the layers there are the first convolution, one in each transition, and the classifier.",
        ),
    ),
)
def exercise_1(channels_into_block_4: int, num_features: int, depth: int) -> str:
    """Check the shape of DenseNet-169, worked out from its JSON file."""
    expect_equal(
        channels_into_block_4,
        640,
        because="block 3 ends with 256 + 32 · 32 = 1280 channels, and a transition halves them",
        name="channels_into_block_4",
    )
    expect_equal(
        num_features,
        1664,
        because="block 4 adds 32 · 32 channels to its 640, and no transition follows it",
        name="num_features",
    )
    expect_equal(
        depth,
        169,
        because="2 · (6 + 12 + 32 + 32) convolutions in dense layers, 3 in transitions, the first one and the "
        "classifier have weights",
        name="depth",
    )
    return "640 + 32 · 32 = 1664 features, and 2 · 82 + 3 + 2 = 169 layers with weights, which name it"


@exercise(
    number=2,
    title="Missing keys, unexpected keys",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "missing denselayer1.norm1.weight, unexpected denselayer1.norm.1.weight",
            "One dot too many: it stands between the word and the number.",
        ),
        Hint(
            "the layers are right, but a transition's norm is not",
            "A transition has a norm, too, but no number after it: change keys of dense layers alone.",
        ),
        Hint(
            "everything runs together, without dots",
            "Replace '.norm.1' by '.norm1' and so on: four replacements will do.",
        ),
    ),
)
def exercise_2(modern: Callable[[str], str]) -> str:
    """Check a function that takes the names in torchvision's files to those of its networks."""
    config = DenseNetConfig(growth_rate=4, block_config=(2, 12), num_init_features=8)
    keys = list(_state(config))
    for key in keys:
        legacy = re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key)
        expect_equal(
            modern(legacy), key, because="that is what the network calls it", name=f"'{legacy}' made"
        )
    for key in keys:
        expect_equal(modern(key), key, because="a name of today must stay as it is", name=f"'{key}' made")
    return f"all {len(keys)} keys of a small DenseNet come out right, old or new"


@exercise(
    number=3,
    title="Translate the names",
    minutes=12,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know how to begin",
            "Split the name at its dots. The first piece says which part it is; begin with the easiest, 'head'.",
        ),
        Hint(
            "my numbers are one too low",
            "They count blocks, layers and transitions from 0, your network counts them from 1.",
        ),
        Hint(
            "layer 11 and later are wrong",
            "A number may have two digits: take the whole piece between two dots, not one character.",
        ),
        Hint(
            "stem and head are right, the rest is not",
            "In 'blocks.0.1.squeeze.weight', the second piece is the block, the third the layer in it.",
        ),
    ),
)
def exercise_3(translated: Callable[[str], str]) -> str:
    """Check a function that takes the names in a file from elsewhere to those of the network of notebook 03."""
    config = DenseNetConfig(growth_rate=4, block_config=(2, 12), num_init_features=8)
    keys = list(_state(config))
    for key in keys:
        theirs = foreign_name(key)
        expect_equal(
            translated(theirs), key, because="that is what your network calls it", name=f"'{theirs}' made"
        )
    return f"all {len(keys)} tensors find their place, those of layers 10 to 12 as well"


@exercise(
    number=7,
    title="size mismatch for classifier.weight",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "size mismatch for classifier.weight, also with strict=False",
            "strict=False forgives missing and extra names, not other shapes: leave the classifier out.",
        ),
        Hint(
            "it accepts a file from which a layer is missing",
            "strict=False is silent about everything. Load all but the classifier strictly.",
        ),
        Hint(
            "how do I load the features alone, strictly",
            "Use network.features.load_state_dict(…), or put the network's own classifier into the dictionary.",
        ),
    ),
)
def exercise_7(load_features: Callable[[DenseNet, dict[str, Tensor]], object]) -> str:
    """Check a function that loads all weights but the classifier's, and strictly."""
    source, network = specimen(num_classes=10, seed=0), specimen(num_classes=4, seed=1)
    head = copy.deepcopy(network.classifier.state_dict())
    load_features(network, dict(source.state_dict()))
    outputs = getattr(network.classifier, "out_features", None)
    expect_equal(outputs, 4, because="the network had a classifier for 4 classes", name="out_features")
    changed = [key for key, value in network.classifier.state_dict().items() if not value.equal(head[key])]
    expect(not changed, f"classifier.{changed[0] if changed else ''} changed, expected the fresh one to stay")
    mine = network.features.state_dict()
    other = [key for key, value in source.features.state_dict().items() if not value.equal(mine[key])]
    expect(
        not other,
        f"{len(other)} of {len(mine)} tensors of the features are not those of the file, expected 0 "
        f"(features.{other[0] if other else ''})",
    )
    gone = "features.denseblock1.denselayer1.norm1.weight"
    incomplete = {key: value for key, value in source.state_dict().items() if key != gone}
    try:
        load_features(specimen(num_classes=4, seed=1), incomplete)
    except Exception:  # whatever somebody raises who refuses it
        return (
            "the features are those of the file, the classifier is fresh, and an incomplete file is refused"
        )
    expect(False, f"a file without {gone} was accepted without a word, expected an error")
    return ""


def _state(config: DenseNetConfig) -> dict[str, Any]:
    with torch.device("meta"):  # names only
        return dict(DenseNet(config, num_classes=3).state_dict())
