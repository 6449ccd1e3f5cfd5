"""What each stage of a DenseNet costs, in parameters and in multiply-adds."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from densekit.model.architectures import DenseNetConfig
from densekit.model.proof.ledger import Ledger, Stage, make_ledger
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, ORANGE, styled
from densekit.words import percent


def cost_bars(config: DenseNetConfig | None = None, image_size: int = 224) -> Figure:
    """Draw the share of the parameters and of the multiply-adds that each stage has.

    The classifier is left out: its size follows from the number of classes, not from the network.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.

    Raises:
        ConfigError: nothing is left of images of this size.
    """
    ledger = make_ledger(config, image_size, num_classes=0)
    with styled():
        figure = new_figure(8.0, 1.3 + 0.36 * len(_costly(ledger)))
        draw_costs(figure.add_subplot(), ledger)
        figure.suptitle(cost_title(ledger))
    return describe(figure, cost_words(ledger))


def draw_costs(axes: Axes, ledger: Ledger) -> None:
    """Draw the shares of a network's stages into given axes."""
    stages = _costly(ledger)
    both = (
        ("parameters", BLUE, ledger.parameters, [stage.parameters for stage in stages], -0.19),
        ("multiply-adds", ORANGE, ledger.multiply_adds, [stage.multiply_adds for stage in stages], 0.19),
    )
    for name, colour, total, values, shift in both:
        rows = [row + shift for row in range(len(stages))]
        shares = [100 * value / total for value in values]
        axes.barh(rows, shares, height=0.36, color=colour, label=name)
        for row, share in zip(rows, shares, strict=True):
            offset = (3, 0)  # points
            text = percent(share / 100, decimals=0)
            axes.annotate(text, (share, row), offset, textcoords="offset points", va="center", fontsize=7.5)
    axes.set_yticks(range(len(stages)), [stage.name for stage in stages], fontsize=8.5)
    axes.set_ylim(len(stages) - 0.4, -0.6)
    axes.set_xlim(0, 1.22 * max(patch.get_width() for patch in axes.patches if isinstance(patch, Rectangle)))
    axes.set_xlabel("% of all")
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="best", fontsize=8.0)


def cost_title(ledger: Ledger) -> str:
    """Return the sums, which stand over the shares."""
    return (
        f"{_amount(ledger.parameters)} parameters, {_amount(ledger.multiply_adds)} multiply-adds at "
        f"{ledger.image_size}×{ledger.image_size}"
    )


def cost_words(ledger: Ledger) -> str:
    """Return the sums and the shares in words."""
    lines = ", ".join(
        f"{stage.name} {percent(stage.parameters / ledger.parameters, 0)} and "
        f"{percent(stage.multiply_adds / ledger.multiply_adds, 0)}"
        for stage in _costly(ledger)
    )
    return f"{cost_title(ledger)}. Shares of parameters and of multiply-adds: {lines}."


def _costly(ledger: Ledger) -> list[Stage]:
    return [stage for stage in ledger.stages if stage.multiply_adds > 0]


def _amount(number: int) -> str:
    for unit, name in ((10**9, "billion"), (10**6, "million")):
        if number >= unit:
            return f"{number / unit:.2f} {name}"
    return f"{number:,}"
