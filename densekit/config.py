"""One validated configuration, whatever it comes from: a YAML file, keyword arguments, a widget, `--set`.

    preset  ◄─ your file  ◄─ your overrides            (what stands further right wins)

Two configuration files that grow apart, and settings that are misspelt and silently ignored, cost more time than
any bug in a network. So there is one schema, unknown keys are refused, and every problem is told at once.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from densekit.devices import DeviceName, Precision
from densekit.errors import ConfigError, nearest, one_line
from densekit.files import read_text

_PRESETS = Path(__file__).parent / "presets"

PRESETS: tuple[str, ...] = tuple(sorted(path.stem for path in _PRESETS.glob("*.yaml")))
"""Names of the ready-made configurations."""


def _no_boolean(value: Any) -> Any:
    # YAML reads `yes` and `on` as true, and pydantic would take true for 1.
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    return value


def _is_cut(value: str) -> str:
    # How many blocks a network has is known when it is built; here a cut has to look like one.
    if value in ("classifier", "all") or re.fullmatch(r"denseblock[1-9]\d*", value):
        return value
    known = ("classifier", "denseblock4", "denseblock3", "denseblock2", "denseblock1", "all")
    raise ValueError(f"no such cut; {nearest(value, known)}")


def _no_empty_path(value: Any) -> Any:
    # Path("") is the present folder, which nobody means who leaves a name empty.
    if isinstance(value, str) and not value.strip():
        raise ValueError("name a folder")
    return value


# With a roof, since a number with too many digits stops torch far away from where it was written.
Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1, le=10**9)]
Whole = Annotated[int, BeforeValidator(_no_boolean), Field(ge=0, lt=2**32)]
Share = Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, lt=1)]
Positive = Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, le=1e6, allow_inf_nan=False)]
NotNegative = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=1e6, allow_inf_nan=False)]
Part = Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, le=1)]
BelowOne = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, lt=1)]
Cut = Annotated[str, AfterValidator(_is_cut)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationConfig(_Section):
    """How a training picture is changed each time that it is seen. What is not asked for is left as it is."""

    resized_crop: Part | None = None
    flip: bool = False
    colour: Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=1)] = 0.0

    @property
    def changes_anything(self) -> bool:
        """Whether a training picture is ever changed."""
        return self != AugmentationConfig()


class DataConfig(_Section):
    """Which images, and how they are split and prepared."""

    folder: Annotated[Path, BeforeValidator(_no_empty_path)]
    image_size: Annotated[int, BeforeValidator(_no_boolean), Field(ge=32, le=1024)] | None = None
    val_fraction: Share = 0.2
    split_seed: Whole = 0
    cache_features: bool = True
    augmentation: AugmentationConfig = AugmentationConfig()
    stored_views: Count | None = None

    @model_validator(mode="after")
    def _views_differ(self) -> "DataConfig":
        if self.stored_views and not self.augmentation.changes_anything:
            raise ValueError(
                "stored_views keeps so many changed versions of each picture, but data.augmentation changes "
                "nothing: ask for flip, resized_crop or colour as well"
            )
        return self


class ModelConfig(_Section):
    """Which network, with which weights, and where training begins."""

    architecture: str = "densenet121"
    weights: str = "embedded"
    train_from: Cut = "classifier"
    drop_rate: BelowOne = 0.0


class TrainingConfig(_Section):
    """How the trained part is trained. The comments of presets/head.yaml explain each key.

    What the mission's second trainer calls `step_size` and `gamma` (torch's StepLR) is `reduce_lr_every` and
    `reduce_lr_factor` here, whichever optimiser is used.
    """

    standardise: bool | Literal["auto"] = "auto"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    layer_decay: Part = 1.0
    weight_decay: NotNegative = 0.0
    momentum: BelowOne | None = None
    epochs: Count = 10
    batch_size: Count = 8
    save_step: Count | None = None
    min_epoch_to_save: Whole = 0
    schedule: Literal["steps", "cosine"] = "steps"
    warm_up: BelowOne = 0.0
    reduce_lr_every: Count | None = 3
    reduce_lr_factor: Part = 0.85
    patience: Count | None = None
    class_balance: Literal["weights", "sampling"] | None = None
    label_smoothing: BelowOne = 0.0
    mixup: NotNegative = 0.0
    accumulate: Count = 1
    clip_gradients: Positive | None = None
    ema_decay: BelowOne = 0.0
    user_step: Count | None = None
    accuracy_floor: BelowOne = 0.7
    seed: Whole = 0

    @model_validator(mode="after")
    def _momentum_is_for_sgd(self) -> "TrainingConfig":
        if self.momentum is not None and self.optimizer != "sgd":
            raise ValueError(
                f"momentum is {self.momentum:g}, but {self.optimizer} has averages of its own and takes none: "
                "leave it out, or set optimizer to sgd"
            )
        return self

    @model_validator(mode="after")
    def _batches_are_large_enough(self) -> "TrainingConfig":
        if self.mixup and self.batch_size == 1:
            raise ValueError(
                "mixup lays the pictures of a batch over each other, but batch_size is 1: expected 2 or more"
            )
        if self.accumulate > 1 and 2 * self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate cuts each batch into {self.accumulate} parts, but batch_size is {self.batch_size}, "
                f"and BatchNorm needs two pictures or more in each part: expected a batch_size of "
                f"{2 * self.accumulate} or more; it is the whole batch of a step, not a part of it"
            )
        return self


class PhaseConfig(_Section):
    """One part of a training: from where, and how. What it doesn't name is as in `training`."""

    train_from: Cut
    training: TrainingConfig = TrainingConfig()


class ComputeConfig(_Section):
    """Where and how to compute."""

    device: DeviceName = "auto"
    precision: Precision = "auto"
    save_memory: bool = False


class RunConfig(_Section):
    """Everything that makes a run what it is. Written resolved into the run folder as config.yaml."""

    data: DataConfig
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    compute: ComputeConfig = ComputeConfig()
    phases: tuple[PhaseConfig, ...] = ()

    @property
    def plan(self) -> tuple[PhaseConfig, ...]:
        """The phases of the training, one after the other; one where the configuration lists none."""
        return self.phases or (PhaseConfig(train_from=self.model.train_from, training=self.training),)

    @model_validator(mode="after")
    def _one_cut(self) -> "RunConfig":
        if self.phases and self.model.train_from != "classifier":
            raise ValueError(
                f"model.train_from is '{self.model.train_from}', but each of the phases says itself where it "
                "trains from: leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _has_an_effect(self) -> "RunConfig":
        if any(phase.train_from != "classifier" for phase in self.plan):
            return self
        settings = [phase.training for phase in self.plan]
        for given, key, why in (
            (self.model.drop_rate > 0, "model.drop_rate", "dropout is in the dense layers"),
            (any(one.layer_decay < 1 for one in settings), "training.layer_decay", "a head is one layer"),
            (
                any(one.accumulate > 1 for one in settings),
                "training.accumulate",
                "it saves memory that a head's features don't take",
            ),
            (
                self.compute.save_memory,
                "compute.save_memory",
                "it saves what dense layers keep while they learn",
            ),
        ):
            if given:
                raise ValueError(
                    f"{key} has no effect where the classifier alone is trained: {why}. Leave it out, or train "
                    "more, with model.train_from=denseblock4, for example"
                )
        return self

    def to_yaml(self) -> str:
        """Return the configuration as YAML that `load_config` reads back to an equal one."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def with_overrides(self, overrides: Mapping[str, Any] | Iterable[str]) -> "RunConfig":
        """Return a configuration with some settings changed, checked like any other.

        Raises:
            ConfigError: with every problem that was found.
        """
        return _overridden(self.model_dump(mode="json"), overrides)


def load_config(
    file: Path | str | None = None,
    preset: str | None = None,
    overrides: Mapping[str, Any] | Iterable[str] = (),
) -> RunConfig:
    """Put a configuration together: the preset, then the file, then the overrides.

    Args:
        file: a YAML file. A top-level key `preset` names the preset it builds on.
        preset: name of a preset; 'head' if neither this nor the file names one.
        overrides: `{"training.epochs": 3}` or `["training.epochs=3"]`; values in texts are read as YAML.

    Raises:
        ConfigError: with every problem that was found, each with its key path.
    """
    values = _read_yaml(Path(file)) if file else {}
    named = values.pop("preset", None)
    merged = _merge(_read_preset(preset or named or "head"), values)
    return _overridden(merged, overrides, where=f"{file}: " if file else "")


def read_overrides(overrides: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """Return overrides by their key paths; values in texts (`"training.epochs=3"`) are read as YAML.

    Raises:
        ConfigError: a text is not of the form key.path=value.
    """
    return dict(overrides) if isinstance(overrides, Mapping) else dict(map(_read_pair, overrides))


def _overridden(
    values: dict[str, Any], overrides: Mapping[str, Any] | Iterable[str], where: str = ""
) -> RunConfig:
    for key, value in read_overrides(overrides).items():
        _set(values, key, value)
    values = _with_whole_phases(values)
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
    heading = "the configuration has a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError("\n  ".join([f"{where}{heading}:", *problems]))


def _explain(problem: Any) -> str:
    """Put one of pydantic's findings into a line that says where, what, and what was expected."""
    path = ".".join(str(part) for part in problem["loc"])
    if not path:
        return str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{path}: no such setting; {_nearest_setting(problem['loc'])}"
    if path == "data.folder" and problem["type"] == "missing":
        return "data.folder: which images? Name a folder with --data DIR or `data: {folder: DIR}`"
    if problem["type"] == "missing":
        return f"{path}: is missing"
    if problem["type"] == "value_error" and isinstance(problem["input"], Mapping):
        return f"{path}: {problem['msg'].removeprefix('Value error, ')}"
    if isinstance(problem["input"], Mapping) or problem["type"] == "model_type":
        return f"{path}: expected a section with settings below it, found {problem['input']!r}"
    expected = problem["msg"].removeprefix("Value error, ")
    return f"{path} is {problem['input']!r}: {expected[0].lower()}{expected[1:]}"


def _nearest_setting(location: tuple[Any, ...]) -> str:
    """Return a hint that names the nearest setting: of the same section, or else of any other."""
    name, siblings = str(location[-1]), _known_keys(location[:-1])
    elsewhere = {
        key: f"{section}.{key}"
        for section in RunConfig.model_fields
        if section != "phases"
        for key in _known_keys([section])
    }
    close = get_close_matches(name, siblings, n=1, cutoff=0.6)
    other = get_close_matches(name, elsewhere, n=1, cutoff=0.6)
    if not close and other:
        return f"did you mean '{elsewhere[other[0]]}'?"
    section = ".".join(map(str, location[:-1]))
    if close and section:
        return f"did you mean '{section}.{close[0]}'?"
    return nearest(name, siblings)


def _known_keys(section: Iterable[Any]) -> list[str]:
    model: type[BaseModel] = RunConfig
    for name in section:
        if isinstance(name, str):  # else the number of a phase
            annotation = model.model_fields[name].annotation
            (model,) = (one for one in (annotation, *get_args(annotation)) if _is_section(one))
    return list(model.model_fields)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _with_whole_phases(values: dict[str, Any]) -> dict[str, Any]:
    """Complete what a phase says of its training by what `training` says."""
    phases = values.get("phases")
    if not isinstance(phases, list | tuple) or not all(isinstance(phase, dict) for phase in phases):
        return values
    base = values.get("training") or {}
    whole = [{**phase, "training": _merge(base, phase.get("training") or {})} for phase in phases]
    return {**values, "phases": whole}


def _read_preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ConfigError(f"no preset '{name}': {nearest(str(name), PRESETS)}")
    return _read_yaml(_PRESETS / f"{name}.yaml")


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        values = _parse_yaml(read_text(file, at_most=1024**2))
    except FileNotFoundError as error:
        siblings = [path.name for path in file.parent.glob("*.y*ml")]
        hint = f": {nearest(file.name, siblings)}" if siblings else ""
        raise ConfigError(
            f"no configuration file {file}{hint or '. Settings are given one by one: --set key=value'}"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not valid YAML: {one_line(error)}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} can't be read: {one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: expected sections such as `training:` with settings below them")
    return values


class _Loader(yaml.SafeLoader):
    """YAML without references: a few lines of references to references stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"a reference (*{event.anchor}), which settings don't need: write the value out"
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def _parse_yaml(text: str) -> Any:
    """Read YAML; a YAMLError or a ValueError says whatever is wrong with it."""
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except (TypeError, AttributeError, KeyError) as error:  # what a tag such as !!int meets that is none
        raise ValueError(f"a value is not what its tag says ({one_line(error)})") from error


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of settings over another; a section left empty (`training:`) changes nothing."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(dict(merged[key]), value)
        elif value is not None or not isinstance(merged.get(key), Mapping):
            merged[key] = value
    return merged


def _read_pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"'{text}' is not a setting: expected key.path=value, as in training.epochs=3")
    try:
        return key.strip(), _parse_yaml(value)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{key}: the value '{value}' can't be read: {one_line(error)}") from error


def _set(values: dict[str, Any], path: str, value: Any) -> None:
    *sections, key = path.split(".")
    place: Any = values
    for name in sections:
        place = _below(place, name, path)
    if not isinstance(place, dict):
        raise ConfigError(
            f"{path}: the phases have numbers, from 0: expected phases.0.train_from, for example"
        )
    place[key] = value


def _below(place: Any, name: str, path: str) -> Any:
    """Return what stands below a name: a section, made if need be, or one of the phases, by its number."""
    if isinstance(place, list):
        found = place[int(name)] if name.isdecimal() and int(name) < len(place) else None
        if not isinstance(found, dict):
            last = f"the last one is phases.{len(place) - 1}" if place else "the configuration lists none"
            raise ConfigError(f"{path}: there is no phase '{name}'; {last}")
        return found
    found = place.setdefault(name, {})
    if not isinstance(found, dict | list):
        raise ConfigError(f"{path}: no such setting; '{name}' is a setting itself, not a section")
    return found
