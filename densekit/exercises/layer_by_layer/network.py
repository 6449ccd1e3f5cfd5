"""What is put together of the parts: a dense block, and the whole network."""

from collections.abc import Callable

import torch
from torch import nn

from densekit.exercises.expectations import expect_equal
from densekit.exercises.framework import Hint, exercise
from densekit.exercises.modules import expect_same_module, random_inputs
from densekit.model import densenet
from densekit.model.architectures import DenseNetConfig
from densekit.model.proof import mistakes as suspects

_TINY = DenseNetConfig(growth_rate=4, block_config=(2, 3, 1), num_init_features=6, bn_size=2)


@exercise(
    number=6,
    title="DenseBlock",
    minutes=12,
    difficulty="medium",
    hints=(
        Hint(
            "the names are refused",
            "The layers are called denselayer1, denselayer2 and so on: self.add_module(name, layer).",
        ),
        Hint(
            "denselayer2.norm1.weight has the wrong shape",
            "Layer `index`, from 0, sees in_channels + index * growth_rate channels. Is anything added twice?",
        ),
        Hint(
            "the shape is right, the values are not",
            "The order of the channels matters: what is new goes to the end of the list.",
        ),
        Hint(
            "the block returns too few channels",
            "Everything leaves the block, also what entered it: join the whole list.",
        ),
    ),
)
def exercise_6(block: Callable[[int, int, int, int], nn.Module]) -> str:
    """Check the dense block."""
    for num_layers, in_channels, growth_rate, bn_size in ((1, 5, 3, 2), (3, 6, 4, 2)):
        yours = block(num_layers, in_channels, growth_rate, bn_size)
        reference = densenet.DenseBlock(num_layers, in_channels, growth_rate, bn_size)
        expect_same_module(
            yours, reference, random_inputs(2, in_channels, 6, 5), "your DenseBlock", suspects.BLOCK
        )
    return "every layer is wired to every earlier one, in the order of the reference"


@exercise(
    number=8,
    title="DenseNet",
    minutes=15,
    difficulty="hard",
    hints=(
        Hint(
            "the names are refused",
            'They are denseblock1, transition1, denseblock2: self.features.add_module(f"denseblock{number}", …).',
        ),
        Hint(
            "a shape inside is wrong",
            "Keep account of `channels` in every turn of the loop: plus num_layers * growth_rate, then half.",
        ),
        Hint(
            "there is a transition too many",
            "Transitions stand between blocks: after the last one there is none.",
        ),
        Hint(
            "the parameter count is right, the values are not",
            "The features end in a norm. What follows a norm everywhere else? Then average over all positions.",
        ),
    ),
)
def exercise_8(network: Callable[[DenseNetConfig, int], nn.Module]) -> str:
    """Check the whole network."""
    for num_classes in (0, 3):
        yours, reference = network(_TINY, num_classes), densenet.DenseNet(_TINY, num_classes)
        expect_same_module(yours, reference, random_inputs(2, 3, 40, 33), "your DenseNet", suspects.NETWORK)
    with torch.device("meta"):
        whole = network(DenseNetConfig(), 1000)
    expect_equal(
        sum(parameter.numel() for parameter in whole.parameters()),
        7_978_856,
        because="so many has DenseNet-121 with a thousand classes",
        name="the number of parameters",
    )
    return "a DenseNet: with the four numbers of 121 it has 7,978,856 parameters, like the published one"
