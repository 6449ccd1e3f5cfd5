"""The exercises of notebook 04: names, proofs, hunted bugs, and two rewritings that change nothing."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.exercises.apart import layer_ladder, logits_apart, max_difference, random_dense_layer
from densekit.exercises.framework import Hint, exercise, expect, expect_close, expect_equal
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseLayer, DenseNet
from densekit.model.planted import PLANTED, specimen

_SAME = 1e-9
"""Differences in float64 that are rounding."""

HUNTED = (
    "wrong eps",
    "border repeated",
    "newest first",
    "max pool in the transitions",
    "last ReLU forgotten",
)
"""The planted bugs whose first red rung is asked for."""

_OWN_LAYER = {"norm1": "squeeze_norm", "conv1": "squeeze", "norm2": "grow_norm", "conv2": "grow"}
_OWN_STEM = {"conv0": "stem.conv", "norm0": "stem.norm", "norm5": "last_norm"}


def own_name(key: str) -> str:
    """Return what the notebook's own network calls a module or tensor of torchvision's.

    >>> own_name("features.denseblock1.denselayer2.norm1.weight")
    'blocks.0.1.squeeze_norm.weight'
    """
    name = key.removeprefix("features.")
    if name.startswith("classifier"):
        return name.replace("classifier", "head", 1)
    layer = re.fullmatch(r"denseblock(\d+)\.denselayer(\d+)\.(\w+)(.*)", name)
    if layer:
        return f"blocks.{int(layer[1]) - 1}.{int(layer[2]) - 1}.{_OWN_LAYER[layer[3]]}{layer[4]}"
    transition = re.fullmatch(r"transition(\d+)\.(.*)", name)
    if transition:
        return f"shrinks.{int(transition[1]) - 1}.{transition[2]}"
    module, _, rest = name.partition(".")
    return _OWN_STEM[module] + (f".{rest}" if rest else "")


@exercise(
    number=1,
    title="DenseNet-169 from its JSON",
    minutes=6,
    difficulty="easy",
    hints=(
        Hint(
            "I don't know where to begin", "Start at 64, add 32 for each layer of a block, halve between two."
        ),
        Hint("my features are too many", "Each of the three transitions halves what it gets, by 3 in all."),
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
            "A transition has a norm, too, but no number behind it: change keys of dense layers alone.",
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
            "Print the keys of both networks side by side, and translate piece by piece.",
        ),
        Hint(
            "my numbers are one too high",
            "torchvision counts blocks and layers from 1, nn.ModuleList from 0.",
        ),
        Hint(
            "layer 10 and later are wrong",
            "A number may have two digits: r'denselayer(\\d+)' takes them all, a single index does not.",
        ),
        Hint(
            "stem and head are right, the rest is not",
            "Split at the dots: the first piece tells block from transition, the second the layer.",
        ),
    ),
)
def exercise_3(translated: Callable[[str], str]) -> str:
    """Check a function that takes torchvision's names to those of the notebook's own network."""
    config = DenseNetConfig(growth_rate=4, block_config=(2, 12), num_init_features=8)
    keys = list(_state(config))
    for key in keys:
        expect_equal(
            translated(key), own_name(key), because="that is what our network calls it", name=f"'{key}' made"
        )
    return f"all {len(keys)} keys find their place, those of layers 10 to 12 as well"


@exercise(
    number=4,
    title="All green, and wrong all the same",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know what to change",
            "A norm has four tensors: weight, bias, running_mean, running_var. Go through network.modules().",
        ),
        Hint(
            "a leaf Variable that requires grad is being used in an in-place operation",
            "Weights belong to the autograd graph: change them inside torch.no_grad(), or with nn.init.",
        ),
        Hint(
            "I see nan after it",
            "A variance can't be negative: draw running_var from positive numbers alone.",
        ),
        Hint(
            "no gain is negative",
            "Positive gains alone let a ReLU stand on either side of a norm: draw from both sides of 0.",
        ),
    ),
)
def exercise_4(randomise_norms: Callable[[nn.Module], object]) -> str:
    """Check a function that gives every BatchNorm values that hide nothing."""
    network = specimen(norms="freshly made")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        randomise_norms(network)
    gains = []
    for name, norm in network.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            _expect_random(name, norm)
            gains.append(norm.weight.detach())
    lowest = float(torch.cat(gains).min())
    expect(
        lowest < 0, f"the lowest gain of all is {lowest:.2g}, expected some below 0, as in trained networks"
    )
    moved = logits_apart(PLANTED["ReLU before norm"](network), network)
    expect(moved > _SAME, f"a ReLU before the norm still moves the logits by {moved:.1g} only")
    return "no gain, bias, mean or variance is left at its neutral value, so none can hide a bug"


@exercise(
    number=5,
    title="The first red rung",
    minutes=12,
    difficulty="medium",
    hints=(
        Hint(
            "everything is red, I can't tell",
            "Go from the top and ask of each module: is its input right, and is its own work right?",
        ),
        Hint(
            "newest first: it can't be the first layer",
            "Right: a single tensor has no order. Which module is the first to read two of them?",
        ),
        Hint(
            "border repeated: conv0 has a border, too",
            "Only the 3×3 convolutions of the dense layers were changed; conv0 has another line of code.",
        ),
        Hint(
            "last ReLU: there is no rung for it",
            "It is a function call, not a module. Name the first module behind it that computes.",
        ),
    ),
)
def exercise_5(first_red: Mapping[str, str]) -> str:
    """Check the first red rung of five planted bugs."""
    expect(isinstance(first_red, Mapping), f"expected a dictionary, got {type(first_red).__name__}")
    for name in HUNTED:
        expect(name in first_red, f"there is no prediction for '{name}'")
        bug = PLANTED[name]
        answer = str(first_red[name]).removeprefix("features.")
        expect_equal(
            answer, bug.shows_at.removeprefix("features."), because=_clause(bug.reason), name=f"'{name}'"
        )
    return (
        "five bugs, five first red rungs: each names the module to look at, or the one it gets its input from"
    )


@exercise(
    number=6,
    title="Red from the second layer on",
    minutes=12,
    difficulty="hard",
    hints=(
        Hint(
            "it agrees in the first layer and not in the second",
            "The first layer gets one tensor, the second two. What could go wrong with two?",
        ),
        Hint(
            "it agreed before the norms were randomised",
            "A gain of 1 and a bias of 0 let two steps change places. The paper's order is norm, ReLU, conv.",
        ),
        Hint(
            "norm1 agrees now, conv1 does not",
            "Between them stands one ReLU, and it is applied to what norm1 returns.",
        ),
    ),
    untouched=lambda dense_layer: _is_given_dense_layer(dense_layer),
)
def exercise_6(dense_layer: Callable[[list[Tensor], DenseLayer], Tensor]) -> str:
    """Check a repaired dense layer, rung by rung."""
    for count in (1, 2, 3):
        layer, features = random_dense_layer(count)
        ladder = layer_ladder(dense_layer, layer, features)
        for rung, difference in ladder.items():
            expect(
                difference <= _SAME,
                f"with {count} {'tensor' if count == 1 else 'tensors'} of features, max|Δ| {rung} is "
                f"{difference:.2g}, expected 0: look at what happens right before that",
            )
    return "every rung is green with one, two and three tensors of features, and with random norms"


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
    except (RuntimeError, KeyError, ValueError, AssertionError):
        return (
            "the features are those of the file, the classifier is fresh, and an incomplete file is refused"
        )
    expect(False, f"a file without {gone} was accepted without a word, expected an error")
    return ""


@exercise(
    number=8,
    title="Pool first, convolve less",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "I don't see why the order does not matter",
            "Write one output pixel as a sum over channels of a sum over four places. Sums may change places.",
        ),
        Hint(
            "what is saved?",
            "A 1×1 convolution does the same work at every place. Count the places before and after the pool.",
        ),
        Hint(
            "I can't decide about max pooling or 3×3",
            "Try it with random numbers: compute both orders, and look at the largest difference.",
        ),
    ),
)
def exercise_8(
    pooled_first: Callable[[Tensor, nn.Conv2d], Tensor], saving: float, with_max: bool, with_3x3: bool
) -> str:
    """Check that pooling may come first, what it saves, and where it may not."""
    generator = torch.Generator().manual_seed(0)
    for bias in (False, True):
        conv = nn.Conv2d(6, 4, kernel_size=1, bias=bias).double()
        for parameter in conv.parameters():
            nn.init.normal_(parameter, generator=generator)
        x = torch.randn(2, 6, 8, 8, generator=generator, dtype=torch.float64)
        seen: list[tuple[int, ...]] = []
        hook = conv.register_forward_pre_hook(
            lambda _, inputs, seen=seen: seen.append(tuple(inputs[0].shape))
        )
        with torch.no_grad():
            found, expected = pooled_first(x, conv), F.avg_pool2d(F.conv2d(x, conv.weight, conv.bias), 2)
        hook.remove()
        _expect_same(found, expected, "pooled_first(x, conv)")
        if seen:
            expect_equal(
                seen[0], (2, 6, 4, 4), because="the pool comes first", name="the shape that conv is given"
            )
    expect_close(saving, 4, 1e-6, because="8 × 8 places become 4 × 4", name="saving")
    expect_equal(with_max, False, because="a maximum of sums is not the sum of maxima", name="with_max")
    expect_equal(
        with_3x3,
        False,
        because="a 3×3 convolution reaches over the edges of the pool's squares",
        name="with_3x3",
    )
    return "a sum over channels and a mean over places are both linear and don't touch each other"


@exercise(
    number=9,
    title="A ReLU becomes a clamp",
    minutes=15,
    difficulty="hard",
    hints=(
        Hint(
            "I don't know where to begin",
            "relu(s·x + b) has one bend. At which x is s·x + b = 0? Clamp x there.",
        ),
        Hint(
            "it is right for s > 0 and wrong for s < 0",
            "With s < 0 the line falls: it is positive to the left of the bend. Which of the two bounds is it?",
        ),
        Hint("ZeroDivisionError", "With s = 0 there is no bend. What does relu(0·x + b) give, for every x?"),
        Hint(
            "the values are off by a constant",
            "At the bend itself the result has to be 0: with x = −b/s, what must be added to s·x?",
        ),
    ),
)
def exercise_9(as_clamp: Callable[[float, float], tuple[float, float, float, float]]) -> str:
    """Check four numbers for which scale · clamp(x, lower, upper) + shift is relu(s·x + b)."""
    for s, b in ((2.0, 1.0), (0.5, -1.5), (-2.0, 3.0), (-0.25, -1.0), (0.0, 1.5), (0.0, -2.0)):
        answer = as_clamp(s, b)
        expect(
            isinstance(answer, tuple | list) and len(answer) == 4,
            f"with s = {s:g} and b = {b:g} you returned {answer!r}, expected lower, upper, scale, shift",
        )
        lower, upper, scale, shift = (float(number) for number in answer)
        for x in (-100.0, -7.0, -1.0, -0.3, 0.0, 0.3, 1.0, 7.0, 100.0):
            expect_close(
                scale * min(max(x, lower), upper) + shift,
                max(s * x + b, 0.0),
                _SAME,
                because=f"relu({s:g}·{x:g} + {b:g}) is that",
                name=f"with s = {s:g}, b = {b:g} and x = {x:g}, your value",
            )
    return "a bend at −b/s, clamped from below for s > 0 and from above for s < 0; for s = 0 a constant"


@exercise(
    number=10,
    title="Into the next layer",
    minutes=12,
    difficulty="hard",
    hints=(
        Hint(
            "I don't know where to begin",
            "W·(scale·c + shift) = W·(scale·c) + W·shift. One part depends on c, the other does not.",
        ),
        Hint(
            "the shapes don't fit, or the wrong axis is scaled",
            "W is (out, in), scale is (in,): each column of W gets its own factor.",
        ),
        Hint(
            "the values are off by a constant for each output",
            "That constant is W @ shift: it is the new bias.",
        ),
    ),
)
def exercise_10(folded: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Check weights and bias that take in a scale and a shift of their inputs."""
    generator = torch.Generator().manual_seed(0)
    for out_channels, in_channels in ((3, 5), (4, 4)):  # a square one, too, where any axis fits
        weight = torch.randn(out_channels, in_channels, generator=generator, dtype=torch.float64)
        scale, shift = torch.randn(2, in_channels, generator=generator, dtype=torch.float64)
        clamped = torch.randn(7, in_channels, generator=generator, dtype=torch.float64)
        answer = folded(weight.clone(), scale.clone(), shift.clone())
        expect(
            isinstance(answer, tuple | list) and len(answer) == 2,
            f"you returned {type(answer).__name__}, expected two tensors: the new weights and the bias",
        )
        new_weight, bias = answer
        expect_equal(
            tuple(new_weight.shape),
            (out_channels, in_channels),
            because="the layer keeps its inputs and outputs",
            name="the shape of the new weights",
        )
        expected = (scale * clamped + shift) @ weight.T
        _expect_same(clamped @ new_weight.T + bias, expected, "what your layer makes of clamped inputs")
    return "each column of the weights takes its channel's scale, and W · shift becomes the bias"


def _state(config: DenseNetConfig) -> dict[str, Any]:
    with torch.device("meta"):  # names only
        return dict(DenseNet(config, num_classes=3).state_dict())


def _expect_random(name: str, norm: nn.BatchNorm2d) -> None:
    for kind, values, neutral in (
        ("weight", norm.weight, 1.0),
        ("bias", norm.bias, 0.0),
        ("running_mean", norm.running_mean, 0.0),
        ("running_var", norm.running_var, 1.0),
    ):
        found = values.detach() if isinstance(values, Tensor) else torch.full((1,), neutral)
        where = f"{name}.{kind}"
        expect(bool(found.isfinite().all()), f"{where} has values that are no numbers, expected numbers")
        untouched = bool((found == neutral).all())
        expect(not untouched, f"{where} is still {neutral:g} in every channel, expected random values")
        expect(
            len(found.unique()) > 1,
            f"{where} is {float(found[0]):g} in every channel, expected another value in each: channels that "
            "are alike hide it if they change places",
        )
        if kind == "running_var":
            lowest = float(found.min())
            expect(lowest > 0, f"{where} has the variance {lowest:.2g}, expected numbers above 0")


def _is_given_dense_layer(dense_layer: Callable[[list[Tensor], DenseLayer], Tensor]) -> bool:
    """Say whether a dense layer still computes what the notebook's broken one does."""
    layer, features = random_dense_layer(2)
    with torch.no_grad():
        everything = torch.cat(features[::-1], dim=1)
        squeezed = layer.conv1(layer.norm1(everything.relu()))
        given = layer.conv2(layer.norm2(squeezed).relu())
        return max_difference(dense_layer([feature.clone() for feature in features], layer), given) <= _SAME


def _expect_same(found: Any, expected: Tensor, name: str) -> None:
    expect(isinstance(found, Tensor), f"{name} is of type {type(found).__name__}, expected a tensor")
    expect_equal(
        tuple(found.shape),
        tuple(expected.shape),
        because="nothing else is changed",
        name=f"the shape of {name}",
    )
    apart = max_difference(found, expected)
    expect(apart <= _SAME, f"{name} is {apart:.2g} off (max|Δ| in float64), expected 0 up to rounding")


def _clause(sentence: str) -> str:
    """Return a sentence as a clause: no capital at the start, no full stop at the end."""
    return (sentence[0].lower() + sentence[1:]).rstrip(".")
