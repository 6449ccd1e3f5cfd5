"""In what runs differ: their settings by key path, their seeds, and the pictures that they learned from."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from densekit.config import TrainingConfig
from densekit.errors import DensekitError
from densekit.model.architectures import ARCHITECTURES
from densekit.run.classifier import Run
from densekit.run.folder import SPLIT, Remembered, Split

_SEED = "seed"
_NOT_COMPARED = (
    "data.cache_features",
    "compute.device",
    "logs.tensorboard",
)  # of no influence on what comes out


def settings_of(run: Run) -> dict[str, Any]:
    """Return the settings of a run by their key paths, with each phase's own, however they were written."""
    config = run.config.model_dump(mode="json")
    plan = [phase.model_dump(mode="json") for phase in run.config.plan]
    if len(plan) == 1:
        config["model"]["train_from"], config["training"] = plan[0]["train_from"], plan[0]["training"]
        config.pop("phases")
    else:
        config["phases"] = {str(number): phase for number, phase in enumerate(plan)}
        config.pop("training")
        config["model"].pop("train_from")
    return {key: value for key, value in _flat(config).items() if key not in _NOT_COMPARED}


def own_shapes(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the numbers of the networks that files describe, by their key paths: a file may say others by now.

    Where a run has lost its classifier nobody knows them, and they are left out for all.
    """
    shapes = [_own_shape(run) for run in runs]
    return [{} if None in shapes else shape or {} for shape in shapes]


def _own_shape(run: Run) -> dict[str, Any] | None:
    if run.config.model.architecture in ARCHITECTURES:
        return {}
    with suppress(DensekitError):
        return {f"model.{key}": value for key, value in asdict(run.artefact.shape).items()}
    return None


def labelled(pictures: Iterable[Remembered]) -> frozenset[tuple[str, str]]:
    """Return what pictures are known by: their content, and the class that each was in."""
    return frozenset((one.sha256, one.name) for one in pictures)


def judged_by(split: Split | None) -> frozenset[tuple[str, str]] | None:
    """Return by which pictures, in which classes, a run was judged; None where that is not known any more."""
    return None if split is None else labelled(split.val)


def incomparable(
    classes: Sequence[tuple[str, ...]], judged: Sequence[frozenset[tuple[str, str]] | None]
) -> list[str]:
    """Say why the accuracies of runs may not be compared; nothing if they may.

    Args:
        classes: that each run tells apart.
        judged: by which pictures, as `judged_by` tells.
    """
    found = []
    if len(set(classes)) > 1:
        found.append("the runs tell other classes apart, so their accuracies say nothing about each other")
    if None in judged and len(judged) > 1:
        found.append(
            f"not all of the runs have a {SPLIT}, which says by which pictures each was judged: `densekit "
            "evaluate RUN --data DIR` judges each by the same"
        )
    elif len(set(judged)) > 1:
        found.append(
            "the runs were judged by other pictures, or by other labels of them: `densekit evaluate RUN --data "
            "DIR` judges each by the same"
        )
    return found


def learned_from(splits: Sequence[Split | None]) -> list[str | None]:
    """Say for each run how many pictures it learned from; equally many that are not the same get a letter.

    The same pictures in other classes are not the same: correcting labels is a reason to train again.
    """
    known: dict[int, list[frozenset[tuple[str, str]]]] = {}
    told: list[str | None] = []
    for split in splits:
        if split is None:
            told.append(None)
            continue
        pictures = labelled(split.train)
        others = known.setdefault(len(split.train), [])
        if pictures not in others:
            others.append(pictures)
        place = others.index(pictures)
        told.append(f"{len(split.train)}" + (f" {chr(ord('a') + place)}" if place else ""))
    return told


def began_with(runs: Sequence[Run]) -> list[str | None]:
    """Return the beginning of the SHA-256 of the weights of each run; random ones hang on the seed alone."""
    named = ((run.config.model.weights, run.metrics.get("weights_sha256")) for run in runs)
    return [None if weights == "none" or not sha256 else str(sha256)[:8] for weights, sha256 in named]


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def without_seeds(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.rpartition(".")[2] != _SEED}


def differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that don't have one value in all of the settings, in their order."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if len({repr(one.get(key)) for one in settings}) > 1]


def telling(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that differ, without those that one run has more of since it has more phases.

    What such a phase leaves as it is by default tells nothing.
    """
    defaults = TrainingConfig().model_dump(mode="json")

    def tells(key: str) -> bool:
        own = [one[key] for one in settings if key in one]
        name = key.rpartition(".")[2]
        return len(own) == len(settings) or any(value != defaults.get(name, ...) for value in own)

    return [key for key in differing(settings) if tells(key)]


def alike(settings: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the numbers of those that differ in nothing but seeds, group by group."""
    groups: dict[str, list[int]] = {}
    for number, one in enumerate(settings):
        groups.setdefault(repr(sorted(without_seeds(one).items())), []).append(number)
    return list(groups.values())
