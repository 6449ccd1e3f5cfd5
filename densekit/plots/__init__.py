"""Every figure: functions that return a matplotlib Figure, each with its alt text.

In a notebook `show(figure)` shows a figure together with its words, and so does the figure itself as the last
expression of a cell. `alt_text(figure)` returns the words, `png(figure)` the picture for a file or a widget.
"""

from densekit.plots.confusion import confusion_heatmap
from densekit.plots.described import alt_text, describe, png, show

__all__ = ["alt_text", "confusion_heatmap", "describe", "png", "show"]
