"""Ways to train a classifier that `results.py` compares, each as what a user would set.

What is tried in addition is tried one at a time, beside the same way without it: the table says what each gains.
What a way consists of is left out one at a time: the table says what that loses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HEAD = "head alone"
BOTH = "head, then all"
BLOCK4 = "head, then from denseblock4, pictures changed and mixed"

_CHANGED_PICTURES = {"data.augmentation.flip": True, "data.augmentation.colour": 0.2}
_CROPPED_PICTURES = {**_CHANGED_PICTURES, "data.augmentation.resized_crop": 0.6}
_HEAD_ALONE = {"phases": [{"train_from": "classifier", "training": {"epochs": 16}}]}
_AS_THEY_ARE = {"flip": False, "colour": 0.0, "resized_crop": None}
_LAST = "phases.1"  # the phase that trains more than the head


@dataclass(frozen=True)
class Way:
    """One way to train.

    Args:
        name: for the table.
        preset: what it starts from.
        settings: what it changes, by key path.
        beside: the way that it is compared with: what it adds to it, or leaves out, gains so much.
    """

    name: str
    preset: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    beside: str | None = None


def _from(cut: str) -> Way:
    return Way(f"head, then from {cut}", "head-then-full", {f"{_LAST}.train_from": cut})


def _without(what: str, settings: Mapping[str, Any]) -> Way:
    return Way(f"- {what}", "head-then-block4", settings, BLOCK4)


WAYS = (
    Way(HEAD, "head"),
    _from("denseblock4"),
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
    Way(BLOCK4, "head-then-block4", beside=HEAD),
    _without("the last block: the head alone", _HEAD_ALONE),
    _without("its mixed pictures", {f"{_LAST}.training.mixup": 0.0}),
    _without("its changed pictures", {"data.augmentation": _AS_THEY_ARE, "data.stored_views": None}),
    _without("its higher rate", {f"{_LAST}.training.learning_rate": 0.0005}),
    _without("its second eight epochs", {f"{_LAST}.training.epochs": 8, "data.stored_views": 8}),
    Way("+ denseblock3", "head-then-block4", {f"{_LAST}.train_from": "denseblock3"}, BLOCK4),
)
"""In the order of the table: the dial from the head to the whole network, then what is added or left out."""
