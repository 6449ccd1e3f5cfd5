"""Figures with words: every figure carries its alt text, and shows itself together with it.

An image in a notebook is silent for whoever can't see it, unless its `<img>` says in words what it shows. The
notebook format has a place for such words beside an image, `{"image/png": {"alt": …}}`, but JupyterLab and
nbconvert don't read it. So a figure is shown as HTML, whose `<img>` carries them: in JupyterLab, in Colab, in
exported HTML and on the pages of a code host.
"""

import html
import io
import sys
from base64 import b64encode

import numpy as np
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from densekit.errors import DensekitError
from densekit.plots.style import styled

CSS_PIXELS_PER_INCH = 96
_PIXELS_PER_INCH = 144  # 1.5 pixels for each of the page's: sharp on dense screens at a moderate file size


class DescribedFigure(Figure):
    """A figure that knows its alt text; as the last expression of a cell it shows itself with it."""

    alt_text: str = ""
    photographic: bool = False

    def _ipython_display_(self) -> None:
        show(self)


def new_figure(width: float, height: float, photographic: bool = False) -> DescribedFigure:
    """Make an empty figure in which nothing overlaps or is cut off.

    Args:
        width: in inches; a page of a notebook has room for about 10.
        height: in inches.
        photographic: it holds photographs, so a notebook stores it as a JPEG, about a third of the size of a PNG.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)  # inches around everything
    figure = DescribedFigure(figsize=(width, height), layout=layout)
    figure.photographic = photographic
    FigureCanvasAgg(figure)
    return figure


def describe(figure: Figure, text: str) -> Figure:
    """Give any figure its alt text, and return it.

    Write what a reader who can't see the figure needs to know: what it shows, and the numbers that matter.
    """
    figure.alt_text = " ".join(text.split())  # type: ignore[attr-defined]
    return figure


def alt_text(figure: Figure) -> str:
    """Return a figure's alt text.

    Raises:
        DensekitError: nobody has given it one.
    """
    text = str(getattr(figure, "alt_text", ""))
    if not text:
        raise DensekitError("this figure has no alt text: give it one with describe(figure, '…')")
    return text


def png(figure: Figure, dpi: float = CSS_PIXELS_PER_INCH) -> bytes:
    """Draw a figure as the bytes of a PNG file, which holds the alt text as its description.

    The same figure made again gives the same bytes: neither date nor version is written into them.
    """
    return as_png(_drawn(figure, dpi), str(getattr(figure, "alt_text", "")))


def as_png(pixels: NDArray[np.uint8], words: str) -> bytes:
    """Return pixels, uint8 (H, W, 4), as the bytes of a PNG file with a description."""
    notes = PngInfo()
    notes.add_itxt("Description", words)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, format="png", pnginfo=notes)
    return buffer.getvalue()


def _jpeg(figure: Figure, dpi: float) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(_drawn(figure, dpi)).convert("RGB")
    image.save(buffer, format="jpeg", quality=90, subsampling=0)  # letters keep their edges
    return buffer.getvalue()


def _drawn(figure: Figure, dpi: float) -> NDArray[np.uint8]:
    before = figure.dpi
    with styled():
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # once; savefig draws a second time, for the layout
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    figure.set_dpi(before)
    return pixels


def img(figure: Figure) -> str:
    """Return a figure as HTML: an `<img>` that holds the picture and its alt text."""
    kind, draw = ("jpeg", _jpeg) if getattr(figure, "photographic", False) else ("png", png)
    picture = b64encode(draw(figure, _PIXELS_PER_INCH)).decode("ascii")
    width, height = (round(inches * CSS_PIXELS_PER_INCH) for inches in figure.get_size_inches())
    words = html.escape(alt_text(figure))
    return (
        f'<img src="data:image/{kind};base64,{picture}" alt="{words}" width="{width}" height="{height}" '
        'style="max-width: 100%; height: auto">'
    )


def show(figure: Figure, alt: str | None = None) -> None:
    """Show a figure in a notebook with its alt text, which also becomes the output's plain text.

    Stored outputs are compared as text, so an alt text may hold facts only. Where the figure's own text has
    numbers that differ from machine to machine, give another one.

    Args:
        figure: a figure of `densekit.plots`, or any other together with `alt`.
        alt: alt text in place of the figure's own.

    Raises:
        DensekitError: there is no alt text.
    """
    if alt is not None:
        describe(figure, alt)
    display({"text/html": img(figure), "text/plain": f"<Figure: {alt_text(figure)}>"}, raw=True)
    _forget_in_pyplot(figure)


def _forget_in_pyplot(figure: Figure) -> None:
    # A figure made with pyplot would be shown a second time at the end of the cell, without its words.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
