"""The controls of the panel, and the request that they stand for."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from html import escape
from typing import Any

import ipywidgets as widgets

from densekit.config import PRESETS, PhaseConfig, read_overrides
from densekit.errors import ConfigError, DensekitError
from densekit.run.request import Request, full_names
from densekit.widgets.explorer import choice
from densekit.widgets.panel_fields import FIELDS, GROUPS, NOTES

_WIDTH = "330px"


class Controls:
    """Folder, preset, phase and the settings of a phase.

    What the controls have no place for, such as `data.image_size`, is kept as it was given.

    Args:
        request: what they show first.
        on_change: called whenever a reader has changed something, with the reason if that can't be.

    Raises:
        ConfigError: the request can't be carried out, so there is nothing to show.
    """

    def __init__(self, request: Request, on_change: Callable[[DensekitError | None], None]) -> None:
        self._on_change = on_change
        self._extras: dict[str, Any] = {}
        self._plan: list[dict[str, Any]] = []
        self._is_phased = False
        self._is_filling = False
        self.folder = widgets.Text(description="folder", continuous_update=False)
        self.preset = choice(request.preset if request.preset in PRESETS else "head", PRESETS, "preset")
        self.phase = choice(0, {"1": 0}, "settings of phase")
        self.fields = {name: field.make() for name, field in FIELDS.items()}
        self._notes = {title: widgets.HTML() for title in GROUPS}
        self.view = self._laid_out()
        self.show(request)
        self.folder.observe(self._folder_changed, names="value")
        self.preset.observe(self._preset_changed, names="value")
        self.phase.observe(self._phase_changed, names="value")
        for name, widget in self.fields.items():
            widget.observe(self._changed(name), names="value")

    def request(self) -> Request:
        """Return what the controls stand for; it may be impossible."""
        settings = dict(self._extras)
        for number, values in enumerate(self._plan):
            for name, field in FIELDS.items():
                if not field.void(values):
                    settings[self._key(number, name)] = values[name]
                elif field.neutral is not None:
                    settings[self._key(number, name)] = field.neutral[0]
        return Request(self.folder.value, self.preset.value, settings)

    def show(self, request: Request) -> None:
        """Let the controls show a request.

        Raises:
            ConfigError: it can't be carried out; the controls stay as they are.
        """
        config = request.config() if request.data.strip() else _somewhere(request).config()
        self._extras = {key: value for key, value in request.settings.items() if not _is_controlled(key)}
        self._plan = [_values(phase) for phase in config.plan]
        self._is_phased = bool(config.phases)
        self._is_filling = True
        try:
            self.folder.value, self.preset.value = request.data, request.preset
            self.phase.options = [
                (f"{number}, from {phase.train_from}", number - 1)
                for number, phase in enumerate(config.plan, start=1)
            ]
            self.phase.value = 0
            self.phase.layout.display = None if self._is_phased else "none"
        finally:
            self._is_filling = False
        self._fill()

    def set(self, values: Mapping[str, Any]) -> None:
        """Set what a reader may set, and any other setting: `preset`, `data`, `epochs`, `data.image_size`.

        Raises:
            ConfigError: no such setting, or no such value; the controls stay as they are.
        """
        rest = read_overrides(values)
        request = self.request()
        if "preset" in rest or "phases" in rest:  # either says anew what the fields show
            request = Request(request.data, rest.pop("preset", request.preset), self._kept())
        if "data" in rest and not isinstance(
            rest["data"], Mapping
        ):  # else it is the section, with all its keys
            rest["data.folder"] = rest.pop("data")
        if self._is_phased and not {"preset", "phases"} & set(values):
            _check_phase_is_named(full_names(rest))
        self.show(self._without_void(request.with_settings(rest), full_names(rest)))

    def _without_void(self, request: Request, named: Collection[str]) -> Request:
        """Return a request without what the fields show and new settings have made void, unless it is named."""
        settings = dict(request.settings)
        for number, shown in enumerate(self._plan):
            keys = {name: self._key(number, name) for name in FIELDS}
            values = {name: settings.get(key, shown[name]) for name, key in keys.items()}
            for name, field in FIELDS.items():
                if keys[name] in settings and keys[name] not in named and field.void(values):
                    del settings[keys[name]]
                    if field.neutral is not None:
                        settings[keys[name]] = field.neutral[0]
        return replace(request, settings=settings)

    def _key(self, number: int, name: str) -> str:
        if not FIELDS[name].is_of_training:
            return f"phases.{number}.{name}" if self._is_phased else f"model.{name}"
        return f"phases.{number}.training.{name}" if self._is_phased else f"training.{name}"

    def _kept(self) -> dict[str, Any]:
        """Return what stays when another preset is chosen."""
        return {key: value for key, value in self._extras.items() if key.partition(".")[0] != "phases"}

    def _fill(self) -> None:
        """Let the fields show the settings of the phase that is chosen."""
        self._is_filling = True
        try:
            for name, value in self._plan[self.phase.value].items():
                FIELDS[name].put(self.fields[name], value)
        finally:
            self._is_filling = False
        self._tell_void()

    def _tell_void(self) -> None:
        """Disable what has no effect, and say why."""
        values = self._plan[self.phase.value]
        for title, group in GROUPS.items():
            reasons = [NOTES[title]] if title in NOTES else []
            for field in group:
                widget, reason = self.fields[field.name], field.void(values)
                widget.disabled = bool(reason)
                if reason:
                    reasons.append(f"{widget.description}: {reason}")
            self._notes[title].value = _small(reasons)

    def _changed(self, name: str) -> Callable[[Any], None]:
        def read(change: Any) -> None:
            if not self._is_filling:
                self._plan[self.phase.value][name] = FIELDS[name].read(change["new"])
                self._tell_void()
                self._on_change(None)

        return read

    def _folder_changed(self, change: Any) -> None:
        if not self._is_filling:
            self._on_change(None)

    def _phase_changed(self, change: Any) -> None:
        if not self._is_filling and change["new"] is not None:
            self._fill()

    def _preset_changed(self, change: Any) -> None:
        if self._is_filling:
            return
        try:
            self.show(Request(self.folder.value, change["new"], self._kept()))
        except ConfigError as error:  # what was given besides doesn't fit this preset
            self._is_filling = True
            self.preset.value = change["old"]
            self._is_filling = False
            self._on_change(error)
        else:
            self._on_change(None)

    def _laid_out(self) -> Any:
        for widget in (self.folder, self.preset, self.phase, *self.fields.values()):
            widget.style.description_width = "150px"
            widget.layout.width = _WIDTH
            widget.layout.margin = "2px"  # a wider one would not fit into a group, and it would scroll
        self.folder.layout.width = "675px"
        for name, widget in self.fields.items():
            tooltip = (
                "tooltip" if widget.has_trait("tooltip") else "description_tooltip"
            )  # as ipywidgets 7 has it
            setattr(widget, tooltip, f"{'training' if FIELDS[name].is_of_training else 'model'}.{name}")
        above = widgets.HBox([self.preset, self.phase], layout=widgets.Layout(flex_flow="row wrap"))
        groups = [
            widgets.VBox(
                [
                    widgets.HTML(f"<b>{title}</b>"),
                    *(self.fields[field.name] for field in group),
                    self._notes[title],
                ],
                layout=widgets.Layout(width="345px"),
            )
            for title, group in GROUPS.items()
        ]
        below = widgets.Box(groups, layout=widgets.Layout(flex_flow="row wrap"))
        return widgets.VBox([self.folder, above, below])


def _values(phase: PhaseConfig) -> dict[str, Any]:
    return {
        name: getattr(phase.training if field.is_of_training else phase, name)
        for name, field in FIELDS.items()
    }


def _is_controlled(key: str) -> bool:
    section, _, name = key.partition(".")
    if section == "phases":  # phases.0.train_from, phases.0.training.epochs
        return name.partition(".")[2].removeprefix("training.") in FIELDS
    return key == "model.train_from" or (section == "training" and name in FIELDS)


def _check_phase_is_named(settings: Iterable[str]) -> None:
    """Refuse what each phase says itself, so that it would be without effect."""
    for name in settings:
        if _is_controlled(name) and not name.startswith("phases."):
            _, _, last = name.rpartition(".")
            place = f"phases.0.{'training.' if FIELDS[last].is_of_training else ''}{last}"
            raise ConfigError(f"{name}: each of the phases says it itself; name the phase, such as {place}")


def _somewhere(request: Request) -> Request:
    """Return the same request for a folder, where none is named yet."""
    return Request(".", request.preset, request.settings)


def _small(lines: list[str]) -> str:
    text = "<br>".join(map(escape, lines))
    return f'<div style="font-size: 85%; line-height: 1.3; opacity: 0.75">{text}</div>'
