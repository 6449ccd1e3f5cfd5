"""What is frozen and what is trained: a cut through the network, and where to cut in four scenarios."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from densekit.exercises.expectations import expect, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet

STAGES = ("classifier", "denseblock4", "denseblock2", "all")
ADVICE = ("head", "earlier", "whole", "scratch")


@exercise(
    number=6,
    title="Freeze up to here",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint("nothing is frozen", "part.requires_grad_(False) freezes all the parameters of a part."),
        Hint("the part that I name is frozen, too", "It is the first one that is trained."),
        Hint(
            "it works once, and not for the next stage",
            "The network may come to you frozen: say of each part whether it is trained, True or False.",
        ),
        Hint("'all' freezes everything", "No part is called 'all': begin with trained = stage == 'all'."),
    ),
    untouched=lambda freeze_before: _trains_all(freeze_before),
)
def exercise_6(freeze_before: Callable[[DenseNet, str], Any]) -> str:
    """Check that everything before a stage is frozen, and that the stage and everything after it are trained."""
    network = _small_densenet()
    for stage in (*STAGES, "classifier"):
        freeze_before(network, stage)
        expect(
            not _has_an_attribute_of_its_own(network),
            "your code sets `part.requires_grad`, which gives the module an attribute of that name; its "
            "parameters stay as they were. Expected the method `part.requires_grad_(…)`, with the underscore",
        )
        trained = _trained_parts(network)
        partly = _partly_trained(network)
        expect(
            not partly,
            f"for '{stage}', some parameters of {', '.join(partly)} are trained and some are frozen: "
            "expected a part to be one or the other. part.requires_grad_(…) sets all that it holds",
        )
        parts = [name for name, _ in _parts(network)]
        expected = parts if stage == "all" else parts[parts.index(stage) :]
        expect_equal(
            trained,
            expected,
            because=f"'{stage}' trains all parts"
            if stage == "all"
            else f"'{stage}' is the first part that is trained, and all after it are",
            name=f"for '{stage}', the list of trained parts",
        )
    return "one cut through the network: frozen before it, trained after it"


_REASONS = {
    ("small", "similar"): "few pictures overfit a large network, and the features fit as they are",
    ("large", "similar"): "there are pictures enough to improve features that are nearly right",
    (
        "small",
        "different",
    ): "few pictures overfit a large network, and late features are the most specific ones",
    (
        "large",
        "different",
    ): "there are pictures enough to change everything, and a good start still saves time",
}
_RIGHT = dict(zip(_REASONS, ("head", "whole", "earlier", "whole"), strict=True))


@exercise(
    number=7,
    title="Four scenarios",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("I don't know where to begin", "First the size: how many numbers can a few pictures determine?"),
        Hint("few and different is refused", "Which features are general, those of early or of late layers?"),
        Hint("many and different is refused", "Training from scratch may do. What does a good start cost?"),
    ),
)
def exercise_7(plan: Mapping[tuple[str, str], str]) -> str:
    """Check the rule of thumb for each of the four scenarios."""
    expect(isinstance(plan, Mapping), f"your plan is {quoted(plan)}, expected a dictionary")
    for scenario, reason in _REASONS.items():
        expect(scenario in plan, f"{scenario} is missing in your plan, expected four scenarios")
        advice = plan[scenario].strip().lower() if isinstance(plan[scenario], str) else plan[scenario]
        expect(
            isinstance(advice, str) and advice in ADVICE,
            f"plan[{scenario}] is {quoted(advice)}, expected one of {', '.join(ADVICE)}",
        )
        expect_equal(advice, _RIGHT[scenario], because=reason, name=f"plan[{scenario}]")
    return "that is the rule of thumb; whether it holds for your pictures is to be measured"


def _small_densenet() -> DenseNet:
    return DenseNet(DenseNetConfig(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8), 3)


def _parts(network: DenseNet) -> list[tuple[str, nn.Module]]:
    """Return the parts of a network that have parameters, in order."""
    named = [*network.features.named_children(), ("classifier", network.classifier)]
    return [(name, part) for name, part in named if next(part.parameters(), None) is not None]


def _trained_parts(network: DenseNet) -> list[str]:
    return [name for name, part in _parts(network) if all(one.requires_grad for one in part.parameters())]


def _partly_trained(network: DenseNet) -> list[str]:
    return [
        name for name, part in _parts(network) if len({one.requires_grad for one in part.parameters()}) > 1
    ]


def _has_an_attribute_of_its_own(network: DenseNet) -> bool:
    return any("requires_grad" in vars(module) for module in network.modules())


def _trains_all(freeze_before: Callable[[DenseNet, str], Any]) -> bool:
    """Say whether nothing gets frozen, as in the starter."""
    network = _small_densenet()
    freeze_before(network, "classifier")
    if _has_an_attribute_of_its_own(network):
        return False
    return len(_trained_parts(network)) == len(_parts(network))
