"""What the tests of a network's figures share: a small network, and whether all of a figure is seen."""

from matplotlib.figure import Figure

from densekit.model.architectures import DenseNetConfig
from densekit.plots import png

SMALL = DenseNetConfig(growth_rate=4, block_config=(2, 3), num_init_features=10, bn_size=2)


def assert_nothing_is_cut_off(figure: Figure) -> None:
    png(figure)
    box = figure.get_tightbbox()  # in inches
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
