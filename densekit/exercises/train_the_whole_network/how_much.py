"""How much is trained: how far weights move, which stop of the dial pays, and two phases in a row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from densekit.config import TrainingConfig, load_config
from densekit.errors import ConfigError
from densekit.exercises.expectations import expect, expect_close, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise

Stop = dict[str, Any]


@exercise(
    number=6,
    title="How far did a block move?",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "my number is a little too large or too small",
            "All tensors of a block are one long list of numbers. Its length is the root of the summed squares.",
        ),
        Hint("my number is far too large", "How far it moved, measured by how long it was before."),
        Hint("other blocks are in it", "key.startswith(prefix) says whether a tensor belongs to it."),
    ),
)
def exercise_6(moved: Callable[[Mapping[str, Tensor], Mapping[str, Tensor], str], Any]) -> str:
    """Check the relative distance that the parameters under a prefix have moved."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "features.conv0.weight": (4, 3, 3, 3),
        "features.denseblock1.conv.weight": (6, 4, 1, 1),
        "features.denseblock1.norm.weight": (4,),
        "features.denseblock2.conv.weight": (8, 6, 1, 1),
        "classifier.bias": (3,),
    }
    before = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    after = {
        name: tensor + 0.1 * number * torch.randn(tensor.shape, generator=generator)
        for number, (name, tensor) in enumerate(before.items(), start=1)
    }
    for prefix in ("features.denseblock1.", "features.denseblock2.", "classifier."):
        found = moved(dict(before), dict(after), prefix)
        found = found.item() if isinstance(found, Tensor) and found.numel() == 1 else found
        _tell_slips(found, before, after, prefix)
        expect_close(
            found,
            _distance(before, after, prefix) / _length(before, prefix),
            1e-4,
            because="that is how far all its numbers together moved, divided by how long they were",
            name=f"for '{prefix}', your number",
        )
    return "the length of the whole change, divided by the length of what was there before"


@exercise(
    number=8,
    title="The cheapest stop that will do",
    minutes=6,
    difficulty="easy",
    hints=(
        Hint(
            "I always get the most accurate stop",
            "First find it; then look for a cheaper one that comes close.",
        ),
        Hint(
            "I always get the cheapest stop",
            "The upper end of its interval has to reach the lower end of the best one's.",
        ),
    ),
)
def exercise_8(cheapest: Callable[[list[Stop]], str]) -> str:
    """Check which stop of the dial is the cheapest among those that can't be told from the best."""
    for stops in _DIALS:
        best = max(stops, key=lambda one: one["accuracy"])
        enough = best["accuracy"] - best["half"]
        will_do = [one for one in stops if one["accuracy"] + one["half"] >= enough]
        right = min(will_do, key=lambda one: one["seconds"])
        found = cheapest([dict(one) for one in stops])
        names = [one["stop"] for one in stops]
        expect(
            isinstance(found, str) and found in names,
            f"you returned {quoted(found)}, expected the name of a stop, one of {', '.join(names)}",
        )
        told = ", ".join(
            f"{one['stop']} {one['accuracy']:.2f} ± {one['half']:.2f} in {one['seconds']} s" for one in stops
        )
        expect_equal(
            found,
            right["stop"],
            because=f"the best is {best['stop']} with {best['accuracy']:.2f} ± {best['half']:.2f}, so an "
            f"interval that reaches {enough:.2f} will do, and among those the fewest seconds count",
            name=f"with {told}, your stop",
        )
    return "what can't be told from the best, and costs least"


@exercise(
    number=9,
    title="Head first, then more",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know the form",
            "A list of two dictionaries. Each has 'train_from', and 'training' below it.",
        ),
        Hint(
            "a key is refused",
            "The names are those of the presets: epochs, learning_rate, under 'training' of each phase.",
        ),
    ),
    untouched=lambda phases: _holds_a_placeholder(phases),
)
def exercise_9(phases: Sequence[Mapping[str, Any]]) -> str:
    """Check two phases: the head for five epochs, then from denseblock3 for three at 0.0001."""
    expect(
        isinstance(phases, Sequence) and not isinstance(phases, str) and len(phases) == 2,
        f"your phases are {quoted(phases)}, expected a list of two dictionaries",
    )
    expect(
        all(isinstance(phase, Mapping) for phase in phases),
        f"your phases are {quoted(phases)}: expected a dictionary for each of the two",
    )
    try:
        plan = load_config(overrides={"data.folder": ".", "phases": [dict(phase) for phase in phases]}).plan
    except ConfigError as error:
        expect(False, str(error))
        raise
    for number, (cut, epochs) in enumerate((("classifier", 5), ("denseblock3", 3))):
        where = f"phases[{number}]"
        expect_equal(
            plan[number].train_from, cut, because="that is what it trains", name=f"{where}['train_from']"
        )
        expect_equal(
            plan[number].training.epochs, epochs, because="so it was asked for", name=f"the epochs of {where}"
        )
    _expect_rates([phase.training for phase in plan])
    return "the same list stands in a YAML file, or goes to train(settings={'phases': ...})"


def _expect_rates(trainings: Sequence[TrainingConfig]) -> None:
    first, second = trainings
    preset = load_config(overrides={"data.folder": "."}).training
    why = "only the second part is slower: what a phase does not name is as in the preset"
    expect_equal(first.learning_rate, preset.learning_rate, because=why, name="the rate of phases[0]")
    expect_equal(first.optimizer, preset.optimizer, because=why, name="the optimizer of phases[0]")
    expect_close(
        second.learning_rate, 1e-4, 1e-9, because="so it was asked for", name="the rate of phases[1]"
    )


def _holds_a_placeholder(value: Any) -> bool:
    """Say whether `...` still stands anywhere in what was filled in."""
    if isinstance(value, Mapping):
        return any(map(_holds_a_placeholder, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_a_placeholder, value))
    return value is ...


_DIALS: tuple[list[Stop], ...] = (
    [
        {"stop": "all", "accuracy": 0.89, "half": 0.01, "seconds": 50},
        {"stop": "classifier", "accuracy": 0.80, "half": 0.01, "seconds": 2},
        {"stop": "denseblock4", "accuracy": 0.88, "half": 0.02, "seconds": 9},
        {"stop": "denseblock3", "accuracy": 0.90, "half": 0.03, "seconds": 20},
    ],
    [
        {"stop": "classifier", "accuracy": 0.93, "half": 0.04, "seconds": 3},
        {"stop": "denseblock4", "accuracy": 0.95, "half": 0.03, "seconds": 12},
        {"stop": "all", "accuracy": 0.94, "half": 0.01, "seconds": 60},
    ],
    [
        {"stop": "all", "accuracy": 0.97, "half": 0.01, "seconds": 70},
        {"stop": "denseblock3", "accuracy": 0.95, "half": 0.05, "seconds": 25},
        {"stop": "classifier", "accuracy": 0.90, "half": 0.10, "seconds": 2},
    ],
    [
        {"stop": "classifier", "accuracy": 0.85, "half": 0.05, "seconds": 2},
        {"stop": "denseblock3", "accuracy": 0.90, "half": 0.02, "seconds": 25},
        {"stop": "all", "accuracy": 0.97, "half": 0.01, "seconds": 70},
    ],
)


def _of(tensors: Mapping[str, Tensor], prefix: str) -> list[Tensor]:
    return [tensor for name, tensor in tensors.items() if name.startswith(prefix)]


def _length(tensors: Mapping[str, Tensor], prefix: str) -> float:
    return torch.cat([tensor.flatten() for tensor in _of(tensors, prefix)]).norm().item()


def _distance(before: Mapping[str, Tensor], after: Mapping[str, Tensor], prefix: str) -> float:
    return _length({name: after[name] - before[name] for name in before}, prefix)


def _tell_slips(found: Any, before: Mapping[str, Tensor], after: Mapping[str, Tensor], prefix: str) -> None:
    """Name the usual mistakes where the number is that of one of them."""
    each = [(a - b).norm().item() for a, b in zip(_of(after, prefix), _of(before, prefix), strict=True)]
    lengths = [tensor.norm().item() for tensor in _of(before, prefix)]
    slips = {
        "not divided by the length before": _distance(before, after, prefix),
        "divided by the length after": _distance(before, after, prefix) / _length(after, prefix),
        "of all tensors, not only of those under the prefix": _distance(before, after, "")
        / _length(before, ""),
    }
    if len(each) > 1:
        ratios = [moved / length for moved, length in zip(each, lengths, strict=True)]
        slips["the mean of a ratio for each tensor, in which small tensors count as much as large ones"] = (
            sum(ratios) / len(ratios)
        )
        slips["a sum of lengths: the squares add up, not the lengths"] = sum(each) / sum(lengths)
    if not isinstance(found, int | float):
        return
    for what, value in slips.items():
        expect(abs(found - value) >= 1e-5, f"for '{prefix}', your number {found:.4f} is {what}")
