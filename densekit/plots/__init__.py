"""Every figure: functions that return a matplotlib Figure, each with its alt text.

In a notebook `show(figure)` shows a figure together with its words, and so does the figure itself as the last
expression of a cell. `alt_text(figure)` returns the words, `png(figure)` the picture for a file or a widget.
"""

from densekit.plots.bars import block_staircase, channel_strip, class_bars
from densekit.plots.both_ways import Way, losses_compared, time_and_accuracy
from densekit.plots.confusion import confusion_heatmap, scenario_grid
from densekit.plots.connections import connection_diagram, connection_kinds
from densekit.plots.curves import gradient_by_depth, training_curves
from densekit.plots.described import alt_text, describe, png, show
from densekit.plots.drift import buffer_drift
from densekit.plots.features import feature_map_ladder, filter_grid, weight_by_source
from densekit.plots.ladder import difference_ladder, difference_strip
from densekit.plots.measured import accuracy_lines, zoo_scatter
from densekit.plots.network import cost_bars, ledger_overview, size_ladder
from densekit.plots.pictures import before_after, image_grid, prediction_grid
from densekit.plots.sizes import size_scatter
from densekit.plots.stages import dial, stage_bars
from densekit.plots.sweep import learning_rate_sweep
from densekit.plots.way import you_are_here

__all__ = [
    "Way",
    "accuracy_lines",
    "alt_text",
    "before_after",
    "block_staircase",
    "buffer_drift",
    "channel_strip",
    "class_bars",
    "confusion_heatmap",
    "connection_diagram",
    "connection_kinds",
    "cost_bars",
    "describe",
    "dial",
    "difference_ladder",
    "difference_strip",
    "feature_map_ladder",
    "filter_grid",
    "gradient_by_depth",
    "image_grid",
    "learning_rate_sweep",
    "ledger_overview",
    "losses_compared",
    "png",
    "prediction_grid",
    "scenario_grid",
    "show",
    "size_ladder",
    "size_scatter",
    "stage_bars",
    "time_and_accuracy",
    "training_curves",
    "weight_by_source",
    "you_are_here",
    "zoo_scatter",
]
