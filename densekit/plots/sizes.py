"""The sizes of the pictures of a folder."""

from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import GREY, LIGHT, LOOKS, label_names, styled
from densekit.words import counted


def size_scatter(sizes: Mapping[str, Sequence[tuple[int, int]]], title: str) -> Figure:
    """Draw width and height of pictures, a dot for each size: the larger, the more pictures have it.

    Args:
        sizes: by the name of the class, (width, height) of its pictures, in pixels; a class without any is
            left out.
        title: what is shown.

    Raises:
        DataError: there are no pictures.
    """
    sizes = {name: each for name, each in sizes.items() if each}
    everything = [size for each in sizes.values() for size in each]
    if not everything:
        raise DataError("there are no pictures, so they have no sizes to draw")
    with styled():
        figure = new_figure(6.4, 4.4)
        axes = figure.subplots()
        ends = [min(map(min, everything)), max(map(max, everything))]
        axes.plot(ends, ends, color=GREY, linewidth=0.8, linestyle=":", label="square")
        for number, (name, each) in enumerate(sizes.items()):
            colour, marker = LOOKS[number] if number < len(LOOKS) else (GREY, "x")
            counts = Counter(each)
            widths, heights = zip(*counts, strict=True)
            areas = [24 + 12 * count**0.5 for count in counts.values()]
            label = label_names([name])[0] if number < len(LOOKS) else None
            if number == len(LOOKS):
                label = counted(len(sizes) - number, "other class", "other classes")
            axes.scatter(widths, heights, areas, color=colour, marker=marker, alpha=0.7, label=label)
        axes.set(xscale="log", yscale="log", xlabel="width, pixels", ylabel="height, pixels", title=title)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(color=LIGHT, linewidth=0.8)
        axes.set_axisbelow(True)
        figure.legend(loc="outside right upper")
    return describe(figure, _words(title, everything))


def _words(title: str, sizes: Sequence[tuple[int, int]]) -> str:
    commonest = ", ".join(
        f"{width} × {height} ({count})" for (width, height), count in Counter(sizes).most_common(3)
    )
    widths, heights = zip(*sizes, strict=True)
    return (
        f"{title}: width and height of {counted(len(sizes), 'picture')}, {counted(len(set(sizes)), 'size')}. "
        f"Widths from {min(widths)} to {max(widths)}, heights from {min(heights)} to {max(heights)} pixels. "
        f"The commonest: {commonest}."
    )
