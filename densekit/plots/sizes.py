"""How small the maps of a DenseNet become, and how many of them there are."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from densekit.model.architectures import DenseNetConfig
from densekit.model.proof.ledger import Ledger, Stage, make_ledger
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREY, LIGHT, ORANGE, styled


def size_ladder(config: DenseNetConfig | None = None, image_size: int = 224) -> Figure:
    """Draw how the maps shrink while their number grows: a box for each stage, drawn to scale.

    A box is as high as the maps are (in places) and as wide as there are channels.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.

    Raises:
        ConfigError: nothing is left of images of this size.
    """
    ledger = make_ledger(config, image_size, num_classes=0)
    with styled():
        figure = new_figure(8.6, 3.3)
        draw_sizes(figure.add_subplot(), ledger)
        figure.suptitle(size_title(ledger))
    return describe(figure, size_words(ledger))


def draw_sizes(axes: Axes, ledger: Ledger) -> None:
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
        offset = (0, 3)  # points
        axes.annotate(
            f"{side}×{side}", (middle, side), offset, textcoords="offset points", ha="center", fontsize=8.0
        )
        low = 26 if index % 2 else 13  # points below the axis: neighbours would run into each other
        for text, below in ((str(channels), 0), (name, low)):
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
    axes.set_ylabel("height in places")
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])


def size_title(ledger: Ledger) -> str:
    """Return what stands over the boxes."""
    last = ledger.stages[-1]
    return (
        f"Fewer places, more channels: 3 × {ledger.image_size}×{ledger.image_size} to "
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


def _is_step(stage: Stage) -> bool:
    return stage.name not in ("norm5", "classifier")
