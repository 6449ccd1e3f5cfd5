"""Heat maps of one set of images as PNG files, one after the other, in a tenth of the time that each takes alone.

A training has many of them, with the same classes and the same number of images in each. What they have in
common (names, scale and layout) is drawn once. Of each number that stands in a cell the letters are drawn once
as well, and then stamped wherever it stands.
"""

from functools import cache
from typing import TypeVar

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from densekit.plots.confusion import (
    ConfusionCounts,
    cell_text,
    confusion_heatmap,
    is_written,
    number_colour,
    number_size,
    title_of,
    words_of,
)
from densekit.plots.described import CSS_PIXELS_PER_INCH, as_png
from densekit.plots.style import styled

Pixels = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.float64)


class HeatMapPrinter:
    """Prints heat maps of one set of images.

    A map that is printed alone and one that is printed among others have the same bytes (since matplotlib 3.11).

    Args:
        report: any one of the set.
    """

    def __init__(self, report: ConfusionCounts) -> None:
        self.classes = report.classes
        self.totals = np.asarray(report.confusion).sum(axis=1)  # (C,)
        self._figure = confusion_heatmap(report)
        self._axes, *_ = self._figure.axes
        (self._image,) = self._axes.images
        with styled():
            self._title = self._figure.suptitle("Confusion")
        for artist in (self._image, self._title, *self._axes.texts):
            artist.set_animated(True)  # left out when the figure is drawn
        self._figure.set_dpi(CSS_PIXELS_PER_INCH)
        with styled():
            self._canvas = FigureCanvasAgg(self._figure)
            self._canvas.draw()  # type: ignore[no-untyped-call]
            self._common = self._canvas.copy_from_bbox(self._figure.bbox)  # type: ignore[no-untyped-call]

    def fits(self, report: ConfusionCounts) -> bool:
        """Say whether a report is of the same set."""
        totals = np.asarray(report.confusion).sum(axis=1)
        return report.classes == self.classes and bool((totals == self.totals).all())

    def png(self, report: ConfusionCounts) -> bytes:
        """Return the heat map of a report of the set, in percent, with its alt text as description."""
        counts = np.asarray(report.confusion)
        with styled():
            self._canvas.restore_region(self._common)  # type: ignore[no-untyped-call]
            self._title.set_text(title_of(counts))
            self._title.draw(self._canvas.get_renderer())  # type: ignore[no-untyped-call]
            pixels: Pixels = np.array(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
            self._fill(pixels, counts)
        return as_png(pixels, words_of(report, counts, self.totals))

    def _fill(self, pixels: Pixels, counts: NDArray[np.int64]) -> None:
        """Colour the cells, and stamp the numbers into them."""
        known = self.totals[:, None] > 0
        shares = np.divide(
            100.0 * counts, self.totals[:, None], out=np.full(counts.shape, np.nan), where=known
        )
        colours = self._image.to_rgba(shares)  # (C, C, 4), 0 to 1
        across, down = self._edges(pixels.shape[0])
        for row, column in np.ndindex(counts.shape):
            cell = pixels[down[row] : down[row + 1], across[column] : across[column + 1], :3]
            cell[:] = np.rint(255 * colours[row, column, :3])
            if is_written(counts, row, column):
                text = cell_text(int(counts[row, column]), int(self.totals[row]))
                weight = "bold" if row == column else "normal"
                letters = _letters(text, weight, number_size(len(counts)))
                _stamp(cell, letters, to_rgb(number_colour(counts, colours, row, column)))

    def _edges(self, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the cells begin and end, in pixels from the left and from the top, (C + 1,) each."""
        box, count = self._axes.get_window_extent(), len(self.classes)
        across = np.rint(np.linspace(box.x0, box.x1, count + 1)).astype(np.int64)
        down = np.rint(np.linspace(height - box.y1, height - box.y0, count + 1)).astype(np.int64)
        return across, down


@cache
def _letters(text: str, weight: str, size: float) -> NDArray[np.float64]:
    """Draw a text; return how much of each pixel it covers, 0 to 1, (h, w), with its middle in the middle."""
    with styled():
        figure = Figure(figsize=(1.0, 0.5), dpi=CSS_PIXELS_PER_INCH)
        canvas = FigureCanvasAgg(figure)
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=size, fontweight=weight, color="black")
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn = np.array(canvas.buffer_rgba())[:, :, 0]  # type: ignore[no-untyped-call]
    return 1.0 - drawn / 255.0


def _stamp(cell: Pixels, letters: NDArray[np.float64], colour: tuple[float, float, float]) -> None:
    """Lay letters over the middle of a cell, (H, W, 3), in place; what is wider than the cell is cut off."""
    height, width = (min(pair) for pair in zip(cell.shape, letters.shape, strict=False))
    part, covered = _middle(cell, height, width), _middle(letters, height, width)[:, :, None]
    part[:] = np.rint(part * (1 - covered) + 255 * np.array(colour) * covered)


def _middle(array: NDArray[Number], height: int, width: int) -> NDArray[Number]:
    top, left = (array.shape[0] - height) // 2, (array.shape[1] - width) // 2
    return array[top : top + height, left : left + width]
