"""What is asked for and would be without effect, which is refused: it is a mistake, or a misunderstanding."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from densekit.config.sections import DataConfig, ModelConfig, PhaseConfig, RunConfig, TrainingConfig
from densekit.errors import ConfigError

_OF_HEAD = ("standardise",)
_OF_MORE = ("layer_decay", "norm_statistics", "accumulate")


def check_effect(config: RunConfig, asked: Mapping[str, Any]) -> None:
    """Refuse settings that were asked for by name and change nothing of what is trained.

    Args:
        config: the whole configuration.
        asked: those settings, by key path; what a preset says is not asked for.

    Raises:
        ConfigError: names the setting, and says what makes it void.
    """
    for key, value in _one_by_one(named_in(asked)).items():
        section, _, name = key.partition(".")
        phase, within, of_phase = name.partition(".training.")
        if key == "model.train_from" and config.phases:
            raise ConfigError(
                f"train_from is '{value}', but each of the phases says itself where it trains from: leave one "
                "of the two out"
            )
        if section == "training":
            _check_phases(config, name)
            _check_training([one.training for one in config.plan], key, name, value)
            _check_cut(config.plan, key, name, value)
        elif section == "phases" and within:
            _check_training([config.phases[int(phase)].training], key, of_phase, value)
            _check_cut([config.phases[int(phase)]], key, of_phase, value)


def check_split(root: Path, asked: Mapping[str, Any]) -> None:
    """Refuse to say how a folder is split that is split already.

    Args:
        root: the data folder, which has a val/ of its own.
        asked: as for `check_effect`.

    Raises:
        ConfigError: names the setting.
    """
    for key, value in _one_by_one(asked).items():
        if key in ("data.val_fraction", "data.split_seed"):
            raise ConfigError(
                f"{key} is {value}, but {root} has validation images of its own, so that none are split off: "
                "leave the setting out, or start from a folder of classes"
            )


def named_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the values of a file ask for, without the sections that name every one of their settings.

    A run writes its configuration so, with what has no effect as well.
    """
    sections: dict[str, type[BaseModel]] = {
        "data": DataConfig,
        "model": ModelConfig,
        "training": TrainingConfig,
    }
    asked = {key: value for key, value in values.items() if not _is_whole(value, sections.get(key))}
    phases = asked.get("phases") or []
    asked["phases"] = [{} if _is_whole(one.get("training"), TrainingConfig) else one for one in phases]
    return asked


def is_whole(values: Mapping[str, Any]) -> bool:
    """Say whether the values of a file name every setting of model and training, as those that a run writes."""
    return _is_whole(values.get("model"), ModelConfig) and _is_whole(values.get("training"), TrainingConfig)


def _is_whole(values: Any, section: type[BaseModel] | None) -> bool:
    return section is not None and isinstance(values, Mapping) and len(values) == len(section.model_fields)


def _one_by_one(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return each setting by its key path, also those of a section or a list of phases that is given whole."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= _one_by_one({f"{key}.{name}": own for name, own in value.items()})
        elif key == "phases" and isinstance(value, list | tuple):
            found |= _one_by_one({f"phases.{number}": phase for number, phase in enumerate(value)})
        else:
            found[key] = value
    return found


def _check_phases(config: RunConfig, name: str) -> None:
    """Refuse what each of the phases says otherwise."""
    if not config.phases:
        return
    value = getattr(config.training, name)
    if any(getattr(one.training, name) == value for one in config.phases):
        return
    if name == "epochs":
        raise ConfigError(
            f"epochs is {value}, but each of the phases says itself how many it takes: change them there, with "
            "phases.0.training.epochs, for example"
        )
    raise ConfigError(
        f"training.{name} is {value}, but each of the phases says it itself: change it there, with "
        f"phases.0.training.{name}, for example"
    )


def _check_cut(phases: Sequence[PhaseConfig], key: str, name: str, value: Any) -> None:
    """Refuse what is for a head alone, or for more than that, where none of these phases trains so."""
    if name not in _OF_HEAD + _OF_MORE or value in (None, TrainingConfig.model_fields[name].default):
        return
    heads = [one.train_from == "classifier" for one in phases]
    if name in _OF_HEAD and not any(heads):
        raise ConfigError(
            f"{key} is {value}, but a head learns from features on one scale only where it is trained alone: "
            "leave it out, or train the classifier alone first, as the preset head-then-full does"
        )
    if name in _OF_MORE and all(heads):
        raise ConfigError(
            f"{key} is {value}, but it has no effect where the classifier alone is trained: leave it out"
        )


def _check_training(settings: Sequence[TrainingConfig], key: str, name: str, value: Any) -> None:
    """Refuse what another setting makes void in every part of the training."""
    falls = name in ("reduce_lr_every", "reduce_lr_factor")
    if falls and value is not None and all(one.schedule == "cosine" for one in settings):
        raise ConfigError(
            f"{key} is {value}, but with schedule=cosine the learning rate falls along a cosine and not in "
            "steps: leave one of the two out"
        )
    if name == "reduce_lr_factor" and all(one.reduce_lr_every is None for one in settings):
        raise ConfigError(
            f"{key} is {value}, but reduce_lr_every is null, so that the learning rate never falls: give both, "
            "or leave both out"
        )
    if name == "accuracy_floor" and all(one.user_step is None for one in settings):
        raise ConfigError(
            f"{key} is {value}, but it is the floor of checks within a validation, and there are none: set "
            "user_step as well"
        )
