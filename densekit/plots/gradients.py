"""How the gradient changes on its way back through the layers."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREEN, GREY, LIGHT, VERMILLION, styled
from densekit.words import counted

_LOOKS = ((GREY, "s", ":"), (BLUE, "o", "--"), (VERMILLION, "D", "-"))
_MORE = (GREEN, "^", "-.")


def gradient_by_depth(settings: Mapping[str, Mapping[str, ArrayLike]], title: str) -> Figure:
    """Draw the size of the gradient at each layer, relative to the last layer, on a logarithmic scale.

    A line joins the medians over the seeds, a band reaches from the smallest to the largest of them.

    Args:
        settings: a panel for each setting; in it, sizes of gradients by the kind of network, each
            (seeds, layers) and above 0, the layer next to the input first.
        title: what is shown.

    Raises:
        DataError: sizes that are not above 0, or not of two dimensions.
    """
    relative = {
        setting: {kind: _relative(kind, sizes) for kind, sizes in kinds.items()}
        for setting, kinds in settings.items()
    }
    with styled():
        figure = new_figure(4.6 * max(len(relative), 1), 3.6)
        panels = figure.subplots(1, len(relative), squeeze=False)[0]
        for axes, (setting, kinds) in zip(panels, relative.items(), strict=True):
            for index, (kind, sizes) in enumerate(kinds.items()):
                _curve(axes, kind, sizes, _LOOKS[index] if index < len(_LOOKS) else _MORE)
            axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=0)
            axes.set(title=setting, xlabel="layer (the input is on the left)", yscale="log")
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            # The default would write powers in markup, which the style does not read.
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.grid(axis="y", color=LIGHT, linewidth=0.8)
        panels[0].set_ylabel("gradient, relative to the last layer")
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=max(len(kinds), 1)
        )
        figure.suptitle(title)
    return describe(figure, _words(title, relative))


def _relative(kind: str, sizes: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(sizes, dtype=np.float64)
    if values.ndim != 2 or not values.size or not (values > 0).all():
        raise DataError(
            f"the gradients of '{kind}' have the shape {values.shape}: expected (seeds, layers), all above 0"
        )
    return values / values[:, -1:]


def _curve(axes: Axes, kind: str, sizes: NDArray[np.float64], look: tuple[str, str, str]) -> None:
    colour, marker, line = look
    layers = range(1, sizes.shape[1] + 1)
    axes.fill_between(layers, sizes.min(axis=0), sizes.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    axes.plot(layers, np.median(sizes, axis=0), line, marker=marker, markersize=3.5, color=colour, label=kind)


def _words(title: str, relative: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> str:
    text = f"{title}. "
    for setting, kinds in relative.items():
        parts = []
        for kind, sizes in kinds.items():
            first = sizes[:, 0]
            seeds, layers = sizes.shape
            parts.append(
                f"{kind}, {counted(layers, 'layer')}: at the first {_short(np.median(first))} times as large as "
                f"at the last ({_short(first.min())} to {_short(first.max())} over {counted(seeds, 'seed')})"
            )
        text += f"{setting}: {'; '.join(parts)}. "
    return text


def _short(value: float) -> str:
    return f"{value:.2g}" if 0.01 <= value < 1000 else f"{value:.0e}"
