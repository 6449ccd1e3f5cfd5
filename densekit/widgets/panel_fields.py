"""The settings that the panel shows: for each its widget, and when it has no effect."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from densekit.model.architectures import DenseNetConfig
from densekit.model.cut import cuts
from densekit.training.state import MOMENTUM
from densekit.widgets.explorer import choice, slider

Values = Mapping[str, Any]
"""What one phase is trained with: `train_from`, and settings of `training` by their names."""

CUTS = cuts(DenseNetConfig())


def _same(value: Any) -> Any:
    return value


def _rounded(value: float) -> float:
    return round(value, 4)  # a slider's 0.85 is 0.8500000000000001


def _has_effect(values: Values) -> str:
    return ""


@dataclass(frozen=True)
class Field:
    """A setting with its widget.

    Args:
        name: of the setting.
        make: makes the widget.
        shown: from a value of the setting to that of the widget.
        read: from a value of the widget to that of the setting.
        void: why it has no effect with these values; nothing if it has.
        neutral: the value to send where it has no effect, and another value would be refused; None for as it is.
    """

    name: str
    make: Callable[[], Any]
    shown: Callable[[Any], Any] = _same
    read: Callable[[Any], Any] = _same
    void: Callable[[Values], str] = _has_effect
    neutral: tuple[Any] | None = None

    @property
    def is_of_training(self) -> bool:
        """Whether it stands in the section `training`; only the cut does not."""
        return self.name != "train_from"

    def put(self, widget: Any, value: Any) -> None:
        """Let the widget show a value; a slider that is too short for it is made longer.

        What is no number is shown as it is: the configuration refuses it, with its reason.
        """
        value = self.shown(value)
        if hasattr(widget, "min") and math.isfinite(value):
            place = math.log10(value) if isinstance(widget, widgets.FloatLogSlider) else value
            whole = isinstance(widget, widgets.FloatLogSlider)
            widget.min = min(widget.min, math.floor(place) if whole else place)
            widget.max = max(widget.max, math.ceil(place) if whole else place)
        if isinstance(widget, widgets.Dropdown) and value not in [option for _, option in widget.options]:
            widget.options = [*widget.options, (str(value), value)]
        widget.value = value


def _whole(label: str) -> Any:
    return widgets.IntText(description=label)


def _rate() -> Any:
    return widgets.FloatLogSlider(
        value=1e-3, base=10, min=-6, max=0, step=0.1, description="learning rate", continuous_update=False
    )


def _fraction(label: str, low: float, high: float, step: float = 0.05) -> Callable[[], Any]:
    return lambda: slider(low, low, high, label=label, step=step)


def _or_never(value: int | None) -> int:
    return value or 0


def _none_if_never(value: int) -> int | None:
    return value or None  # a negative number is passed on, and refused with its reason


def _for_sgd_alone(values: Values) -> str:
    return "" if values["optimizer"] == "sgd" else "only sgd takes one"


def _for_blocks_alone(values: Values) -> str:
    return "" if values["train_from"] != "classifier" else "a head is one layer"


def _for_steps_alone(values: Values) -> str:
    return "" if values["schedule"] == "steps" else "a cosine falls all the time"


def _for_falls_alone(values: Values) -> str:
    return _for_steps_alone(values) or ("" if values["reduce_lr_every"] else "the rate never falls")


def _for_checks_alone(values: Values) -> str:
    return "" if values["user_step"] else "no checks are asked for"


GROUPS: dict[str, tuple[Field, ...]] = {
    "What is trained": (
        Field("train_from", lambda: choice("classifier", CUTS, "train from")),
        Field("epochs", lambda: _whole("epochs")),
        Field("batch_size", lambda: _whole("batch size")),
        Field("seed", lambda: _whole("seed")),
    ),
    "Steps": (
        Field("optimizer", lambda: choice("adam", ("adam", "adamw", "sgd"), "optimizer")),
        Field("learning_rate", _rate, read=lambda value: float(f"{value:.3g}")),
        Field(
            "momentum",
            _fraction("momentum", 0.0, 0.99, 0.01),
            shown=lambda value: MOMENTUM if value is None else value,
            read=_rounded,
            void=_for_sgd_alone,
            neutral=(None,),
        ),
        Field("weight_decay", lambda: widgets.FloatText(description="weight decay", step=0.01)),
        Field(
            "layer_decay",
            _fraction("layer decay", 0.05, 1.0),
            read=_rounded,
            void=_for_blocks_alone,
            neutral=(1.0,),
        ),
    ),
    "Rate over time": (
        Field("schedule", lambda: choice("steps", ("steps", "cosine"), "schedule")),
        Field("warm_up", _fraction("warm-up", 0.0, 0.9), read=_rounded),
        Field(
            "reduce_lr_every",
            lambda: _whole("falls every (epochs)"),
            shown=_or_never,
            read=_none_if_never,
            void=_for_steps_alone,
        ),
        Field("reduce_lr_factor", _fraction("falls to", 0.05, 1.0), read=_rounded, void=_for_falls_alone),
    ),
    "Validations": (
        Field("save_step", lambda: _whole("every (steps)"), shown=_or_never, read=_none_if_never),
        Field("min_epoch_to_save", lambda: _whole("not before epoch")),
        Field("user_step", lambda: _whole("check every (batches)"), shown=_or_never, read=_none_if_never),
        Field(
            "accuracy_floor", _fraction("accuracy floor", 0.0, 0.95), read=_rounded, void=_for_checks_alone
        ),
    ),
}
"""Every setting of both trainers, by what it is about."""

NOTES = {
    "Rate over time": "every 0 epochs: never",
    "Validations": (
        "every 0 steps: at the end of each epoch; check every 0 batches: never. Checks below the accuracy floor "
        "are not written down"
    ),
}
"""What labels have no room for."""

FIELDS: dict[str, Field] = {field.name: field for group in GROUPS.values() for field in group}
