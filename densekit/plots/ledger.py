"""A DenseNet on one page: where its channels come from, how small the maps become, and what it costs."""

from matplotlib.figure import Figure

from densekit.model.architectures import DenseNetConfig
from densekit.model.proof.ledger import make_ledger
from densekit.plots.channels import draw_strips, strip_title, strip_words
from densekit.plots.costs import cost_title, cost_words, draw_costs
from densekit.plots.described import describe, new_figure
from densekit.plots.sizes import draw_sizes, size_title, size_words
from densekit.plots.style import styled

_DIGIT = 0.019  # share of the widest strip that a digit takes, as the strips are narrow here


def ledger_overview(config: DenseNetConfig | None = None, image_size: int = 224) -> Figure:
    """Draw channel strip, size ladder and costs of a network on one page.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.

    Raises:
        ConfigError: nothing is left of images of this size.
    """
    config = config or DenseNetConfig()
    ledger = make_ledger(config, image_size, num_classes=0)
    with styled():
        figure = new_figure(9.4, 6.4)
        places = figure.subplot_mosaic(
            [["channels", "costs"], ["sizes", "sizes"]], width_ratios=[3, 2], height_ratios=[5, 4]
        )
        draw_strips(places["channels"], config, _DIGIT)
        draw_costs(places["costs"], ledger)
        draw_sizes(places["sizes"], ledger)
        places["channels"].set_title(strip_title(config))
        places["costs"].set_title("Where they are, in %")
        places["sizes"].set_title(size_title(ledger))
        figure.suptitle(cost_title(ledger))
    words = [cost_words(ledger), strip_words(config), size_words(ledger)]
    return describe(figure, " ".join(words))
