"""An explorer: sliders above a figure and a text, over a plain function.

    def draw(layers: int = 4) -> tuple[Figure, str]: ...

    show(draw()[0])                                                   # the figure, for every reader
    Explorer({"layers": slider(4, 1, 12, label="layers")}, draw)      # and with a slider, for whoever can move it

Only core widgets are used: figure and texts are `widgets.HTML`, for `widgets.Image` has no place for alt text.
This works alike with ipywidgets 7.7.1, which Colab has, and 8; in JupyterLab, in a batch run, and with no front
end at all.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from numbers import Integral
from typing import Any

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure

from densekit.errors import DensekitError, nearest
from densekit.plots.described import alt_text, img

_MARGIN = "2px 24px 2px 2px"  # room before the next control
_TRACK, _LETTER = 250, 7  # pixels of a slider with its number, and of a letter before it
_LABEL = {"description_width": "initial"}  # a label is never cut off, however long


def slider(
    value: int | float, low: int | float, high: int | float, label: str, step: int | float | None = None
) -> Any:
    """Return a slider that reports when it is let go, so that slow drawings don't pile up.

    If one of its numbers is no whole number, it is a slider of fractions.

    Args:
        value: at the start.
        low: the smallest value.
        high: the largest one.
        label: stands before it.
        step: from a value to the next one; if not given 1, or for fractions a hundredth of the way.

    Raises:
        DensekitError: the value does not lie between its ends.
    """
    if not low <= value <= high:
        raise DensekitError(f"the slider '{label}' can't begin at {value}: it goes from {low} to {high}")
    is_whole = all(isinstance(number, Integral) for number in (value, low, high, 1 if step is None else step))
    kind, number = (widgets.IntSlider, int) if is_whole else (widgets.FloatSlider, float)
    if step is None:
        step = 1 if is_whole else (high - low) / 100
    return kind(
        value=number(value),
        min=number(low),
        max=number(high),
        step=number(step),
        description=label,
        continuous_update=False,
        style=_LABEL,
        layout=widgets.Layout(width=f"{_TRACK + _LETTER * len(label)}px"),
    )


def choice(value: Any, options: Sequence[Any] | Mapping[str, Any], label: str) -> Any:
    """Return a drop-down list.

    Args:
        value: of the option that is chosen first.
        options: the values, or the values by what the list calls them.
        label: stands before it.
    """
    pairs = list(options.items()) if isinstance(options, Mapping) else [(str(each), each) for each in options]
    return widgets.Dropdown(
        value=value,
        options=pairs,
        description=label,
        style=_LABEL,
        layout=widgets.Layout(width="max-content", margin=_MARGIN),
    )


def switch(value: bool, label: str) -> Any:
    """Return a box to tick."""
    return widgets.Checkbox(
        value=value,
        description=label,
        indent=False,
        layout=widgets.Layout(width="max-content", margin=_MARGIN),
    )


class Explorer:
    """Controls above what a function draws from their values, drawn anew whenever one of them changes.

    The function gets the value of each control under its name, and returns a figure, a text, anything with an
    HTML form of its own (a pandas table, say), or a tuple of these. A text is shown as it is, in letters of one
    width; a figure together with its alt text.

    Args:
        controls: widgets with a `value`, by the name of the parameter that they set.
        draw: the function.

    Raises:
        DensekitError: the function draws something that can't be shown.

    Example:
        >>> explorer = Explorer({"layers": slider(4, 1, 12, label="layers")}, connection_diagram)
        >>> explorer.set(layers=6)
        >>> explorer.facts
        'Arrow diagram of a dense block of 6 layers: ...'
    """

    def __init__(self, controls: Mapping[str, Any], draw: Callable[..., Any]) -> None:
        self.controls = dict(controls)
        self.draw = draw
        self.figure: Figure | None = None
        self.facts = ""
        """The texts of the last drawing, alt text included."""
        self.error: Exception | None = None
        """What stopped the last drawing; None if nothing did."""
        row = widgets.Layout(flex_flow="row wrap", align_items="center")
        self._controls = widgets.Box(list(self.controls.values()), layout=row)
        self._drawing = widgets.HTML()
        self.view = widgets.VBox([self._controls, self._drawing])
        self.redraw()
        for control in self.controls.values():
            control.observe(self._changed, names="value")

    @property
    def values(self) -> dict[str, Any]:
        """The value of each control, by its name."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Set controls, as a reader does who moves them, and draw once.

        Raises:
            DensekitError: there is no such control, or it can't have that value; then none is changed. Whatever
                the drawing raises is raised here, too.
        """
        for name in values:
            if name not in self.controls:
                raise DensekitError(f"no control is called '{name}': {nearest(name, list(self.controls))}")
        before = self.values
        for control in self.controls.values():
            control.unobserve(self._changed, names="value")
        try:
            for name, value in values.items():
                _set(name, self.controls[name], value)
        except DensekitError:  # only the control itself knows what it takes, and it says so by being set
            for name in values:
                self.controls[name].value = before[name]
            raise
        finally:
            for control in self.controls.values():
                control.observe(self._changed, names="value")
        self.redraw()

    def redraw(self) -> None:
        """Draw from the values that the controls have now.

        What the function raises is shown in the place of the drawing, kept in `error`, and raised: a reader sees
        it, and so does a test.
        """
        try:
            self._show(self.draw(**self.values))
        except Exception as error:
            self.error, self.figure, self.facts = error, None, ""
            self._drawing.value = _message(error, self.values)
            raise
        self.error = None

    def _changed(self, change: Any) -> None:
        self.redraw()

    def _show(self, drawn: Any) -> None:
        parts = drawn if isinstance(drawn, tuple) else (drawn,)
        figures = [part for part in parts if isinstance(part, Figure)]
        if len(figures) > 1:
            raise DensekitError(f"an explorer shows one figure, and was given {len(figures)}")
        texts = [_as_text(part) for part in parts]
        self._drawing.value = "".join(_as_html(part) for part in sorted(parts, key=_is_text))
        self.figure = figures[0] if figures else None
        self.facts = "\n".join(texts)

    def _ipython_display_(self) -> None:
        display(self.view)


def _set(name: str, control: Any, value: Any) -> None:
    try:
        control.value = value
    except Exception as error:  # a TraitError, or whatever else a widget makes of a wrong value
        raise DensekitError(f"{name} can't be {value!r}: {error}") from error
    if control.value != value:  # sliders keep within their ends without a word
        ends = f": it goes from {control.min} to {control.max}" if hasattr(control, "max") else ""
        ends += " in whole numbers" if isinstance(control, widgets.IntSlider) else ""
        raise DensekitError(f"{name} can't be {value!r}{ends}")


def _is_text(part: Any) -> bool:
    return not isinstance(part, Figure)  # the figure comes first


def _as_text(part: Any) -> str:
    return alt_text(part) if isinstance(part, Figure) else str(part)


def _as_html(part: Any) -> str:
    if isinstance(part, Figure):
        return img(part)
    if isinstance(part, str):
        style = "line-height: 1.4; margin: 4px 0; background: none; white-space: pre-wrap"
        return f'<pre style="{style}">{escape(part)}</pre>'
    if hasattr(part, "_repr_html_"):
        return str(part._repr_html_())
    raise DensekitError(
        f"an explorer can't show a {type(part).__name__}: expected a figure, a text, or a table"
    )


def _message(error: Exception, values: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    style = "border-left: 4px solid rgb(213, 94, 0); background: rgba(213, 94, 0, 0.10); padding: 6px 10px"
    text = f"This can't be drawn with {given}: {type(error).__name__}: {error}"
    return f'<div style="{style}">{escape(text)}</div>'
