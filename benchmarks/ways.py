"""Ways to train a classifier that `results.py` compares, each as what a user would set.

What is tried in addition is tried one at a time, beside the same way without it: the table says what each gains.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HEAD = "head alone"
BOTH = "head, then all"

_CHANGED_PICTURES = {"data.augmentation.flip": True, "data.augmentation.colour": 0.2}
_CROPPED_PICTURES = {**_CHANGED_PICTURES, "data.augmentation.resized_crop": 0.6}
_HALF_CROPPED_PICTURES = {**_CHANGED_PICTURES, "data.augmentation.resized_crop": 0.5}
_LAST = "phases.1"  # the phase of the preset head-then-full that trains more than the head


@dataclass(frozen=True)
class Way:
    """One way to train.

    Args:
        name: for the table.
        preset: what it starts from.
        settings: what it changes, by key path.
        beside: the way that it adds one thing to, if it does.
    """

    name: str
    preset: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    beside: str | None = None


def _from(cut: str) -> Way:
    return Way(f"head, then from {cut}", "head-then-full", {f"{_LAST}.train_from": cut})


FOURTH = _from("denseblock4")

WAYS = (
    Way(HEAD, "head"),
    FOURTH,
    _from("denseblock3"),
    _from("denseblock2"),
    _from("denseblock1"),
    Way(BOTH, "head-then-full"),
    Way("all at once", "full"),
    Way("from random weights", "full", {"model.weights": "none"}),
    Way("+ changed pictures, kept", "head", {**_CROPPED_PICTURES, "data.stored_views": 8}, HEAD),
    Way("+ changed pictures", "head-then-full", _CHANGED_PICTURES, BOTH),
    Way("+ changed and cropped pictures", "head-then-full", _CROPPED_PICTURES, BOTH),
    Way("+ averaged weights", "head-then-full", {f"{_LAST}.training.ema_decay": 0.98}, BOTH),
    Way("+ one rate for all blocks", "head-then-full", {f"{_LAST}.training.layer_decay": 1.0}, BOTH),
    Way("+ twice the epochs", "head-then-full", {f"{_LAST}.training.epochs": 16}, BOTH),
    Way(
        "+ changed pictures, averaged weights, twice the epochs",
        "head-then-full",
        {**_CHANGED_PICTURES, f"{_LAST}.training.ema_decay": 0.98, f"{_LAST}.training.epochs": 16},
        BOTH,
    ),
    Way(
        "+ changed, cropped and mixed pictures, twice the epochs",
        "head-then-full",
        {
            **FOURTH.settings,
            **_HALF_CROPPED_PICTURES,
            f"{_LAST}.training.epochs": 16,
            f"{_LAST}.training.mixup": 0.2,
        },
        FOURTH.name,
    ),
)
"""In the order of the table: the dial from the head to the whole network, then what is added one at a time."""
