"""A DenseNet in numbers: what each stage costs, how small its maps become, and both on one page."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from densekit.model.architectures import DenseNetConfig
from densekit.model.proof.ledger import Ledger, Stage, make_ledger
from densekit.plots.bars import draw_strips, strip_title, strip_words
from densekit.plots.described import describe, new_figure
from densekit.plots.parts import name_rows, write_behind
from densekit.plots.style import BLUE, GREY, LIGHT, ORANGE, styled
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
            write_behind(axes, row, share, percent(share / 100, decimals=0), size=7.5, gap=3)
    name_rows(axes, [stage.name for stage in stages], size=8.5)
    axes.set_xlim(0, 1.22 * max(patch.get_width() for patch in axes.patches if isinstance(patch, Rectangle)))
    axes.set_xlabel("% of all")
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


def size_ladder(config: DenseNetConfig | None = None, image_size: int = 224, numbers: bool = True) -> Figure:
    """Draw how the maps shrink while their number grows: a box for each stage, drawn to scale.

    A box is as high as the maps are (in spatial positions) and as wide as there are channels.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.
        numbers: write sizes and channels beside the boxes; without them readers can work them out.

    Raises:
        ConfigError: nothing is left of images of this size.
    """
    ledger = make_ledger(config, image_size, num_classes=0)
    with styled():
        figure = new_figure(8.6, 3.3)
        draw_sizes(figure.add_subplot(), ledger, numbers)
        figure.suptitle(size_title(ledger) if numbers else "One picture's way through the network")
    return describe(figure, size_words(ledger) if numbers else _trend_in_words(ledger))


_TREND = "Fewer positions, more channels"


def draw_sizes(axes: Axes, ledger: Ledger, numbers: bool = True) -> None:
    """Draw the boxes of a network's stages into given axes."""
    boxes = [("image", 3, ledger.image_size)]
    boxes += [(stage.name, stage.channels_out, stage.side) for stage in ledger.stages if _is_step(stage)]
    widest = max(channels for _, channels, _ in boxes)
    left = 0.0
    for index, (name, channels, side) in enumerate(boxes):
        width = 0.05 + 0.9 * channels / widest
        middle = left + max(width, 0.62) / 2
        colour = LIGHT if name == "image" else BLUE if name.startswith("dense") else ORANGE
        axes.add_patch(
            Rectangle((middle - width / 2, 0), width, side, facecolor=colour, edgecolor=GREY, linewidth=0.5)
        )
        low = 26 if index % 2 else 13  # points below the axis: neighbours would run into each other
        written = [(name, low)]
        if numbers:
            axes.annotate(
                f"{side}×{side}",
                (middle, side),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8.0,
            )
            written.append((str(channels), 0))
        for text, below in written:
            axes.annotate(
                text,
                (middle, 0),
                (0, -4 - below),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=8.0 if text == name else 9.0,
                color=GREY if text == name else "black",
            )
        left += max(width, 0.62) + 0.1
    axes.set_xlim(-0.1, left)
    axes.set_ylim(0, ledger.image_size * 1.14)
    axes.set_ylabel("height of the maps")
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    if not numbers:
        axes.set_yticks([])


def size_title(ledger: Ledger) -> str:
    """Return what stands over the boxes."""
    last = ledger.stages[-1]
    return (
        f"{_TREND}: 3 × {ledger.image_size}×{ledger.image_size} to "
        f"{last.channels_out} × {last.side}×{last.side}"
    )


def size_words(ledger: Ledger) -> str:
    """Return the boxes in words."""
    lines = ", ".join(
        f"{stage.name} {stage.channels_out} maps of {stage.side}×{stage.side}"
        for stage in ledger.stages
        if _is_step(stage)
    )
    image = f"image {ledger.image_size}×{ledger.image_size}"
    return f"Boxes as high as the maps and as wide as the channels: {image}, {lines}."


def _trend_in_words(ledger: Ledger) -> str:
    """Return what can be seen of the boxes without their numbers."""
    names = ", ".join(stage.name for stage in ledger.stages if _is_step(stage))
    return (
        "Boxes as high as the maps and as wide as the channels, which get flatter and wider from the image to "
        f"the end: {names}."
    )


def _is_step(stage: Stage) -> bool:
    return stage.name not in ("norm5", "classifier")


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
