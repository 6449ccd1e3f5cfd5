"""The schema: every setting that there is, in sections, and what can't be said together."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from densekit.config.checking import overridden, with_whole_phases
from densekit.config.kinds import (
    BelowOne,
    Count,
    Cut,
    Folder,
    NotNegative,
    Part,
    Positive,
    Share,
    Standardise,
    Whole,
    plain_number,
)
from densekit.config.yaml_text import write_yaml
from densekit.devices import DeviceName, Precision


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationConfig(_Section):
    """How a training picture is changed each time that it is seen. What is not asked for is left as it is."""

    resized_crop: Part | None = None
    flip: bool = False
    colour: Annotated[float, BeforeValidator(plain_number), Field(ge=0, le=1)] = 0.0

    @property
    def changes_anything(self) -> bool:
        """Whether a training picture is ever changed."""
        return self != AugmentationConfig()


class DataConfig(_Section):
    """Which images, and how they are split and prepared."""

    folder: Folder
    image_size: Annotated[int, BeforeValidator(plain_number), Field(ge=32, le=1024)] | None = None
    val_fraction: Share = 0.2
    split_seed: Whole = 0
    cache_features: bool = True
    augmentation: AugmentationConfig = AugmentationConfig()
    stored_views: Count | None = None

    @model_validator(mode="after")
    def _views_differ(self) -> "DataConfig":
        if self.stored_views and not self.augmentation.changes_anything:
            raise ValueError(
                "stored_views asks for so many changed versions of each picture, but data.augmentation changes "
                "nothing: ask for flip, resized_crop or colour as well, or set stored_views to null"
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

    What torch's StepLR calls `step_size` and `gamma` is `reduce_lr_every` and `reduce_lr_factor` here, whichever
    optimiser is used.
    """

    standardise: Standardise = "auto"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    layer_decay: Part = 1.0
    norm_statistics: Literal["batch", "kept"] = "batch"
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

    @property
    def least_in_part(self) -> int:
        """Pictures that BatchNorm needs at once: two to tell how much they vary, one if it keeps statistics."""
        return 1 if self.norm_statistics == "kept" else 2

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
        least = self.least_in_part * self.accumulate
        if self.accumulate > 1 and least > self.batch_size:
            norm = ", and BatchNorm needs two pictures or more in each part" if self.least_in_part > 1 else ""
            raise ValueError(
                f"accumulate cuts each batch into {self.accumulate} parts, but batch_size is {self.batch_size}"
                f"{norm}: expected a batch_size of {least} or more; it is the whole batch of a step, not a part "
                "of it"
            )
        return self


class PhaseConfig(_Section):
    """One part of a training: from where, and how. What it doesn't name is as in `training` of the RunConfig."""

    train_from: Cut
    training: TrainingConfig = TrainingConfig()


class ComputeConfig(_Section):
    """Where and how to compute."""

    device: DeviceName = "auto"
    precision: Precision = "auto"
    save_memory: bool = False
    compile: bool = False

    @model_validator(mode="after")
    def _one_way_to_compute(self) -> "ComputeConfig":
        if self.save_memory and self.compile:
            raise ValueError(
                "save_memory and compile exclude each other: dense blocks that save memory take each pass by "
                "themselves, forwards and backwards, and leave nothing to compile. Set one of the two to false"
            )
        return self


class LogsConfig(_Section):
    """What is written besides the run's own files. It changes nothing of what is trained."""

    tensorboard: bool = False


class RunConfig(_Section):
    """Everything that makes a run what it is. Written resolved into the run folder as config.yaml."""

    data: DataConfig
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    compute: ComputeConfig = ComputeConfig()
    logs: LogsConfig = LogsConfig()
    phases: tuple[PhaseConfig, ...] = ()

    @property
    def plan(self) -> tuple[PhaseConfig, ...]:
        """The phases of the training, one after the other; one where the configuration lists none."""
        return self.phases or (PhaseConfig(train_from=self.model.train_from, training=self.training),)

    @model_validator(mode="before")
    @classmethod
    def _phases_are_whole(cls, values: Any) -> Any:
        return with_whole_phases(values) if isinstance(values, dict) else values

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
                any(one.norm_statistics == "kept" for one in settings),
                "training.norm_statistics",
                "all norms stand before it, in the frozen part, which keeps theirs anyhow",
            ),
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
            (self.compute.compile, "compute.compile", "a head is one product of matrices"),
        ):
            if given:
                raise ValueError(
                    f"{key} has no effect where the classifier alone is trained: {why}. Leave it out, or train "
                    "more, with model.train_from=denseblock4, for example"
                )
        return self

    def to_yaml(self) -> str:
        """Return the configuration as YAML that `load_config` reads back to an equal one."""
        return write_yaml(self.model_dump(mode="json"))

    def with_overrides(self, overrides: Mapping[str, Any] | Iterable[str]) -> "RunConfig":
        """Return a configuration with some settings changed, checked like any other.

        Raises:
            ConfigError: with every problem that was found.
        """
        values = self.model_dump(mode="json")
        return overridden(RunConfig, {**values, "phases": self.phases_as_told()}, overrides)

    def phases_as_told(self) -> list[dict[str, Any]]:
        """Return the phases, each with what it changes of `training` and no more.

        Where one of them says how long it takes, all do: who then asks for other `epochs` is told so.
        """
        base = self.training.model_dump(mode="json")
        each = any(phase.training.epochs != self.training.epochs for phase in self.phases)
        phases = []
        for phase in self.phases:
            own = phase.training.model_dump(mode="json")
            changes = {
                name: value
                for name, value in own.items()
                if value != base[name] or (each and name == "epochs")
            }
            phases.append({"train_from": phase.train_from, **({"training": changes} if changes else {})})
        return phases
