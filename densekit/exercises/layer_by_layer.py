"""The exercises of notebook 03: DenseNet-121 written by the reader, part by part."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from densekit.exercises import densenet_suspects as suspects
from densekit.exercises.framework import Exercise, Hint, exercise, expect, expect_equal, quoted
from densekit.exercises.modules import expect_same_module
from densekit.model import densenet
from densekit.model.architectures import DenseNetConfig
from densekit.model.ledger import dense_layer_parameters, make_ledger

Part = TypeVar("Part")

_TINY = DenseNetConfig(growth_rate=4, block_config=(2, 3, 1), num_init_features=6, bn_size=2)


def yours_or_ours(exercise: Exercise, yours: Part, ours: Part) -> Part:
    """Return the reader's part if it passes its check, and densekit's if not, so that a notebook can go on."""
    passed = exercise.judge(yours).state == "passed"
    name = getattr(yours, "__name__", exercise.title)
    print(f"the next cells use {'your' if passed else 'densekit’s'} {name}")
    return yours if passed else ours


def stem(num_init_features: int) -> nn.Sequential:
    """Return densekit's stem: what stands before the first dense block."""
    parts = densenet.DenseNet(DenseNetConfig(1, (1,), num_init_features), 0).features
    return nn.Sequential(OrderedDict(list(parts.named_children())[:4]))


@exercise(
    number=1,
    title="How large are the maps?",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "I don't know where to begin",
            "Take a row of 8 places and a kernel of 3, without padding. At how many places can it start?",
        ),
        Hint(
            "I get fractions",
            "A step that would leave the image is not taken: round down, with // in the place of /.",
        ),
        Hint("my result is 1 too small", "The first position counts, too; steps are only the ones after it."),
    ),
)
def exercise_1(output_side: Callable[[int, int, int, int], int]) -> str:
    """Check the side of the maps behind a convolution or a pool."""
    for side, kernel_size, stride, padding in (
        (8, 3, 1, 0),
        (224, 7, 2, 3),
        (112, 3, 2, 1),
        (56, 1, 1, 0),
        (9, 2, 2, 0),
        (15, 5, 3, 2),
    ):
        with torch.device("meta"):
            maps = nn.Conv2d(1, 1, kernel_size, stride, padding)(torch.empty(1, 1, side, side))
        found = output_side(side, kernel_size, stride, padding)
        expect_equal(
            found,
            maps.shape[-1],
            because="that is what torch.nn.Conv2d makes of it",
            name=f"output_side({side}, {kernel_size}, {stride}, {padding})",
        )
    return "it agrees with torch for every kernel, stride and padding of the network"


@exercise(
    number=2,
    title="The stem",
    minutes=8,
    difficulty="easy",
    hints=(
        Hint(
            "the parameter count is too high",
            "A BatchNorm follows and subtracts the mean: a bias before it has no effect. Say bias=False.",
        ),
        Hint(
            "the shape is wrong",
            "Both layers halve the maps: stride 2 in both, and a padding that lets a kernel be centred on the "
            "first place.",
        ),
        Hint(
            "the shape is right, the values are not",
            "Go through the order: convolution, norm, ReLU, pool. And which kind of pool?",
        ),
    ),
)
def exercise_2(make_stem: Callable[[int], nn.Module]) -> str:
    """Check the stem."""
    for features, size in ((6, 32), (10, 29)):
        expect_same_module(
            make_stem(features), stem(features), _random(2, 3, size, size), "your stem", suspects.STEM
        )
    return "from images to a quarter of their height and width, with the reference's values and gradients"


@exercise(
    number=3,
    title="The parameters of one layer",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know where to begin",
            "A convolution has in × out × height × width weights. Write down the four parts of the layer first.",
        ),
        Hint(
            "my number is a little too small",
            "A BatchNorm learns two numbers a channel. It has two more, but those are measured, not learned.",
        ),
        Hint(
            "it fits with one growth rate only",
            "The bottleneck is bn_size * growth_rate channels wide: use it for all but the first norm.",
        ),
    ),
)
def exercise_3(layer_parameters: Callable[[int, int, int], int]) -> str:
    """Check the formula for the parameters of a dense layer."""
    for in_channels, growth_rate, bn_size in ((64, 32, 4), (224, 32, 4), (10, 4, 2), (7, 3, 1)):
        found = layer_parameters(in_channels, growth_rate, bn_size)
        expected = dense_layer_parameters(in_channels, growth_rate, bn_size)
        parts = _parameter_parts(in_channels, growth_rate, bn_size)
        expect_equal(
            found,
            expected,
            because=f"the parts have {parts}"
            if (in_channels, growth_rate) == (64, 32)
            else "torch counts so many",
            name=f"layer_parameters({in_channels}, {growth_rate}, {bn_size})",
        )
    return "two norms and two convolutions; nearly all of it is in the convolutions"


@exercise(
    number=4,
    title="DenseLayer",
    minutes=15,
    difficulty="medium",
    hints=(
        Hint(
            "my code stops with 'running_mean should contain 64 elements not …'",
            "norm1 sees all the features side by side: join the list along the channels (dim=1) first.",
        ),
        Hint(
            "the parameter count or a shape is wrong",
            "1×1 squeezes to bn_size * growth_rate channels, 3×3 makes growth_rate of those and keeps height and "
            "width. Neither has a bias.",
        ),
        Hint(
            "the parameter count is right, the values are not",
            "Norm, ReLU, convolution, twice and in this order. Both ReLUs are needed; none stands at the end.",
        ),
        Hint(
            "the shape has too many channels",
            "The layer returns its new features only; it is the block that keeps the others.",
        ),
    ),
)
def exercise_4(layer: Callable[[int, int, int], nn.Module]) -> str:
    """Check the dense layer."""
    for channels, growth_rate, bn_size in (([6], 4, 2), ([6, 4, 4], 4, 2), ([5, 3], 3, 4)):
        features = [_random(2, count, 6, 5, seed=index) for index, count in enumerate(channels)]
        yours = layer(sum(channels), growth_rate, bn_size)
        reference = densenet.DenseLayer(sum(channels), growth_rate, bn_size)
        expect_same_module(yours, reference, features, "your DenseLayer", suspects.LAYER)
    return "the same values and gradients as the reference, in float64 and with random norms"


@exercise(
    number=5,
    title="What each layer sees",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "my list is too long", "One number for each layer; what leaves the block is seen by none of them."
        ),
        Hint(
            "all numbers are one growth rate too high", "The first layer sees what enters the block, no more."
        ),
        Hint("the numbers grow too fast", "Each layer adds growth_rate channels, whatever it sees."),
    ),
)
def exercise_5(channels_seen: Callable[[int, int, int], Sequence[int]]) -> str:
    """Check the channels that the layers of a block see."""
    for num_layers, in_channels, growth_rate in ((6, 64, 32), (1, 10, 4), (4, 7, 3)):
        found = channels_seen(num_layers, in_channels, growth_rate)
        expected = [in_channels + index * growth_rate for index in range(num_layers)]
        expect_equal(
            list(found),
            expected,
            because=f"{in_channels} enter, and each layer adds {growth_rate}",
            name=f"channels_seen({num_layers}, {in_channels}, {growth_rate})",
        )
    return "each layer sees growth_rate channels more than the one before"


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
        expect_same_module(yours, reference, _random(2, in_channels, 6, 5), "your DenseBlock", suspects.BLOCK)
    return "every layer is wired to every earlier one, in the order of the reference"


@exercise(
    number=7,
    title="Transition",
    minutes=8,
    difficulty="easy",
    hints=(
        Hint(
            "norm.weight has the wrong shape",
            "The norm comes first, so it has as many channels as enter.",
        ),
        Hint(
            "the shape is wrong",
            "The convolution halves the channels and the pool halves the maps; the convolution has no stride.",
        ),
        Hint(
            "the shape is right, the values are not",
            "Norm, ReLU, 1×1 convolution, and an average (not the largest value) over 2×2 places.",
        ),
    ),
)
def exercise_7(transition: Callable[[int, int], nn.Module]) -> str:
    """Check the transition."""
    for in_channels, out_channels in ((8, 4), (9, 4)):
        reference = densenet.Transition(in_channels, out_channels)
        expect_same_module(
            transition(in_channels, out_channels),
            reference,
            _random(2, in_channels, 6, 5),
            "your Transition",
            suspects.TRANSITION,
        )
    return "half the channels, a quarter of the places, and the reference's values and gradients"


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
            "Transitions stand between blocks: behind the last one there is none.",
        ),
        Hint(
            "the parameter count is right, the values are not",
            "The features end in a norm. What follows a norm everywhere else? Then average over all places.",
        ),
    ),
)
def exercise_8(network: Callable[[DenseNetConfig, int], nn.Module]) -> str:
    """Check the whole network."""
    for num_classes in (0, 3):
        yours, reference = network(_TINY, num_classes), densenet.DenseNet(_TINY, num_classes)
        expect_same_module(yours, reference, _random(2, 3, 40, 33), "your DenseNet", suspects.NETWORK)
    with torch.device("meta"):
        whole = network(DenseNetConfig(), 1000)
    expect_equal(
        sum(parameter.numel() for parameter in whole.parameters()),
        7_978_856,
        because="so many has DenseNet-121 with a thousand classes",
        name="the number of parameters",
    )
    return "a DenseNet: with the four numbers of 121 it has 7,978,856 parameters, like the published one"


@exercise(
    number=9,
    title="One picture, two answers",
    minutes=5,
    difficulty="easy",
    hints=(
        Hint(
            "two calls in evaluation mode give two answers",
            "F.dropout drops unless it is told otherwise. Look at its arguments: help(F.dropout).",
        ),
        Hint(
            "nothing is ever dropped",
            "It has to depend on `training`, which the network knows as self.training.",
        ),
    ),
    untouched=lambda with_dropout: _drops_always(with_dropout),
)
def exercise_9(with_dropout: Callable[[Tensor, float, bool], Tensor]) -> str:
    """Check that dropout acts while training, and only then."""
    new = torch.ones(4, 8, 25, 25)
    found = with_dropout(new.clone(), 0.3, False)
    expect(isinstance(found, Tensor), f"your function returns a {type(found).__name__}, expected a tensor")
    dropped = float((found == 0).float().mean())
    expect(torch.equal(found, new), f"in evaluation mode {dropped:.0%} are dropped or changed, expected none")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = with_dropout(new.clone(), 0.3, True)
    whole = float(((found == 0).float().mean(dim=(2, 3)) > 0.99).float().mean())
    expect(whole == 0, f"{whole:.0%} of the channels are dropped as a whole, expected single values")
    dropped = float((found == 0).float().mean())
    expect(abs(dropped - 0.3) < 0.03, f"while training {dropped:.0%} are dropped, expected about 30 %")
    kept = float(found.max())
    expect(
        abs(kept - 1 / 0.7) < 1e-5,
        f"what is kept is multiplied by {kept:.3g}, expected 1 / 0.7 = {1 / 0.7:.3g}, so that the mean stays",
    )
    return "it drops while training, and answers the same question in the same way afterwards"


@exercise(
    number=10,
    title="A network for a small device",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "there are too many parameters",
            "Which slider changes them most? The width of all layers comes from one number.",
        ),
        Hint(
            "there are too many multiply-adds",
            "They are spent where the maps are large: look at the first block and at the initial features.",
        ),
        Hint(
            "the embeddings are too short",
            "They are what leaves the last block. A layer costs least multiply-adds where maps are smallest.",
        ),
    ),
)
def exercise_10(config: DenseNetConfig) -> str:
    """Check a network of the reader's own against four limits."""
    expect(isinstance(config, DenseNetConfig), f"expected a DenseNetConfig, got {quoted(config)}")
    ledger = make_ledger(config, 128, num_classes=0)
    for amount, fits, what in (
        (ledger.parameters, ledger.parameters <= 1_000_000, "parameters, at most 1,000,000 are allowed"),
        (
            ledger.multiply_adds,
            ledger.multiply_adds <= 100_000_000,
            "multiply-adds at 128×128, at most 100,000,000 are allowed",
        ),
        (config.num_features, config.num_features >= 300, "numbers in an embedding, at least 300 are needed"),
        (config.depth, config.depth >= 60, "layers, at least 60 are needed"),
    ):
        expect(fits, f"your network has {amount:,} {what}")
    return (
        f"{ledger.parameters:,} parameters, {ledger.multiply_adds:,} multiply-adds, {config.num_features} "
        f"features, {config.depth} layers: it fits"
    )


def _drops_always(with_dropout: Callable[[Tensor, float, bool], Tensor]) -> bool:
    """Say whether values are dropped in both modes, as by the function that is given."""
    with torch.random.fork_rng(devices=[]):
        return all(bool((with_dropout(torch.ones(1000), 0.5, mode) == 0).any()) for mode in (False, True))


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _parameter_parts(in_channels: int, growth_rate: int, bn_size: int) -> str:
    with torch.device("meta"):
        layer = densenet.DenseLayer(in_channels, growth_rate, bn_size)
    counts = [
        f"{name} {sum(parameter.numel() for parameter in part.parameters()):,}"
        for name, part in layer.named_children()
        if list(part.parameters())
    ]
    return ", ".join(counts)
