"""Where the channels of a DenseNet come from, how small the maps become, and what each stage costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from densekit.model.architectures import DenseNetConfig
from densekit.model.ledger import Ledger, Stage, make_ledger
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, GREY, LIGHT, ORANGE, readable_on, styled
from densekit.words import counted, percent

_ORIGINS = colormaps["viridis"]  # from dark to bright: the order of the layers survives without colours
_DIGIT, _SMALL_DIGIT = 0.013, 0.019  # share of the widest strip that a digit takes, alone and in the overview


@dataclass(frozen=True)
class _Piece:
    """Channels that stand side by side and have one origin."""

    channels: int
    colour: str
    hatch: str = ""


def block_staircase(num_layers: int, in_channels: int, growth_rate: int) -> Figure:
    """Draw what every layer of a dense block sees and what it adds, coloured by origin.

    Args:
        num_layers: layers of the block.
        in_channels: channels that enter the block.
        growth_rate: channels that each layer adds.
    """
    pieces = _block_pieces(num_layers, in_channels, growth_rate)
    total = in_channels + num_layers * growth_rate
    size = 8.0 if num_layers <= 12 else 7.0
    with styled():
        figure = new_figure(8.0, 1.3 + (0.27 if num_layers <= 12 else 0.2) * (num_layers + 1))
        axes = figure.add_subplot()
        for index in range(num_layers):
            _draw_pieces(axes, index, pieces[: index + 1], total, size)
            seen = in_channels + index * growth_rate
            colour = pieces[index + 1].colour
            axes.barh(
                index, growth_rate, left=seen, color="white", edgecolor=colour, hatch="////", height=0.7
            )
            _behind(axes, index, seen + growth_rate, f"sees {seen}, adds {growth_rate}", size)
        _draw_pieces(axes, num_layers, pieces, total, size)
        _behind(axes, num_layers, total, f"{total} leave", size)
        names = [*(f"layer {index + 1}" for index in range(num_layers)), "the block"]
        _finish_rows(axes, names, total, "channels, coloured by the layer that made them", size)
        figure.suptitle(
            f"A dense block: {in_channels} + {num_layers} × {growth_rate} = {counted(total, 'channel')}"
        )
    return describe(
        figure,
        f"Staircase of a dense block with {counted(num_layers, 'layer')}: {in_channels} channels enter, each "
        f"layer sees all channels so far and adds {growth_rate}. Layer 1 sees {in_channels}, the last one sees "
        f"{total - growth_rate}; {total} leave.",
    )


def channel_strip(config: DenseNetConfig | None = None) -> Figure:
    """Draw the channels behind every stage of a network as a strip, coloured by origin.

    Grey is what entered a block. Every layer of the block has a colour of its own, from dark to bright. A
    transition mixes them all into half as many, so behind it nothing has a single origin any more.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
    """
    config = config or DenseNetConfig()
    strips = _strips(config)
    with styled():
        figure = new_figure(8.0, 0.95 + 0.36 * len(strips))
        axes = figure.add_subplot()
        _draw_strips(axes, strips, config.growth_rate)
        figure.suptitle(_strip_title(config))
    return describe(figure, _strip_words(config, strips))


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
        _draw_ladder(figure.add_subplot(), ledger)
        figure.suptitle(_ladder_title(ledger))
    return describe(figure, _ladder_words(ledger))


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
        _draw_costs(figure.add_subplot(), ledger)
        figure.suptitle(_cost_title(ledger))
    return describe(figure, _cost_words(ledger))


def ledger_overview(config: DenseNetConfig | None = None, image_size: int = 224) -> Figure:
    """Draw channel strip, size ladder and costs of a network on one page.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.

    Raises:
        ConfigError: nothing is left of images of this size.
    """
    config = config or DenseNetConfig()
    ledger, strips = make_ledger(config, image_size, num_classes=0), _strips(config)
    with styled():
        figure = new_figure(9.4, 6.4)
        places = figure.subplot_mosaic(
            [["channels", "costs"], ["sizes", "sizes"]], width_ratios=[3, 2], height_ratios=[5, 4]
        )
        _draw_strips(places["channels"], strips, config.growth_rate, _SMALL_DIGIT)
        _draw_costs(places["costs"], ledger)
        _draw_ladder(places["sizes"], ledger)
        places["channels"].set_title(_strip_title(config))
        places["costs"].set_title("Where they are, in %")
        places["sizes"].set_title(_ladder_title(ledger))
        figure.suptitle(_cost_title(ledger))
    words = [_cost_words(ledger), _strip_words(config, strips), _ladder_words(ledger)]
    return describe(figure, " ".join(words))


# The channel strip


def _strips(config: DenseNetConfig) -> list[tuple[str, list[_Piece], str]]:
    """Return, for each stage, its name, its pieces, and what is written behind them."""
    channels = config.num_init_features
    strips = [("pool0", [_mixed(channels)], str(channels))]
    for number, num_layers in enumerate(config.block_config, start=1):
        pieces = _block_pieces(num_layers, channels, config.growth_rate)
        sum_so_far = f"{channels} + {num_layers} × {config.growth_rate}"
        channels += num_layers * config.growth_rate
        strips.append((f"denseblock{number}", pieces, f"{sum_so_far} = {channels}"))
        if number < len(config.block_config):
            channels //= 2
            strips.append((f"transition{number}", [_mixed(channels)], f"half: {channels}"))
    return strips


def _block_pieces(num_layers: int, in_channels: int, growth_rate: int) -> list[_Piece]:
    shades = [0.12 + 0.83 * index / max(num_layers - 1, 1) for index in range(num_layers)]
    return [_mixed(in_channels), *(_Piece(growth_rate, to_hex(_ORIGINS(shade))) for shade in shades)]


def _mixed(channels: int) -> _Piece:
    return _Piece(channels, LIGHT, "...")


def _draw_strips(
    axes: Axes, strips: Sequence[tuple[str, list[_Piece], str]], growth_rate: int, digit: float = _DIGIT
) -> None:
    widest = max(sum(piece.channels for piece in pieces) for _, pieces, _ in strips)
    for row, (_, pieces, text) in enumerate(strips):
        _draw_pieces(axes, row, pieces, widest, 8.0, digit)
        _behind(axes, row, sum(piece.channels for piece in pieces), text, 8.0)
    what = f"channels; dotted: mixed, coloured: {growth_rate} by each layer"
    _finish_rows(axes, [name for name, _, _ in strips], widest, what, 8.5)


def _draw_pieces(
    axes: Axes, row: int, pieces: Sequence[_Piece], widest: int, size: float, digit: float = _DIGIT
) -> None:
    starts = [0, *accumulate(piece.channels for piece in pieces)]
    for piece, left in zip(pieces, starts, strict=False):
        thin = piece.channels < 0.006 * widest  # a white edge would hide it
        bar = axes.barh(row, piece.channels, left=left, color=piece.colour, hatch=piece.hatch, height=0.7)
        bar.patches[0].set(edgecolor=GREY if piece.hatch else "white", linewidth=0.0 if thin else 0.5)
        if piece.channels >= digit * (len(str(piece.channels)) + 0.5) * widest:
            text = axes.text(left + piece.channels / 2, row, str(piece.channels), ha="center", va="center")
            text.set(
                color=readable_on(piece.colour), fontsize=size - 0.5, in_layout=False
            )  # so layout is quick
            if piece.hatch:
                text.set_bbox({"facecolor": LIGHT, "edgecolor": "none", "pad": 1.8})


def _behind(axes: Axes, row: int, right: int, text: str, size: float) -> None:
    offset = (5, 0)  # points
    axes.annotate(text, (right, row), offset, textcoords="offset points", va="center", fontsize=size)


def _finish_rows(axes: Axes, names: Sequence[str], widest: int, label: str, size: float) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first on top
    axes.set_xlim(0, widest * 1.28)  # room for what is written behind the widest
    axes.set_xlabel(label)
    axes.tick_params(axis="y", length=0)


def _strip_title(config: DenseNetConfig) -> str:
    return f"Where the channels come from: {config.num_init_features} become {config.num_features}"


def _strip_words(config: DenseNetConfig, strips: Sequence[tuple[str, list[_Piece], str]]) -> str:
    lines = ", ".join(f"{name} {text}" for name, _, text in strips)
    return f"Strips of the channels behind each stage, growth rate {config.growth_rate}: {lines}."


# The size ladder


def _draw_ladder(axes: Axes, ledger: Ledger) -> None:
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


def _is_step(stage: Stage) -> bool:
    return stage.name not in ("norm5", "classifier")


def _ladder_title(ledger: Ledger) -> str:
    last = ledger.stages[-1]
    return (
        f"Fewer places, more channels: 3 × {ledger.image_size}×{ledger.image_size} to "
        f"{last.channels_out} × {last.side}×{last.side}"
    )


def _ladder_words(ledger: Ledger) -> str:
    lines = ", ".join(
        f"{stage.name} {stage.channels_out} maps of {stage.side}×{stage.side}"
        for stage in ledger.stages
        if _is_step(stage)
    )
    image = f"image {ledger.image_size}×{ledger.image_size}"
    return f"Boxes as high as the maps and as wide as the channels: {image}, {lines}."


# The costs


def _costly(ledger: Ledger) -> list[Stage]:
    return [stage for stage in ledger.stages if stage.multiply_adds > 0]


def _draw_costs(axes: Axes, ledger: Ledger) -> None:
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


def _cost_title(ledger: Ledger) -> str:
    return (
        f"{_amount(ledger.parameters)} parameters, {_amount(ledger.multiply_adds)} multiply-adds at "
        f"{ledger.image_size}×{ledger.image_size}"
    )


def _amount(number: int) -> str:
    for unit, name in ((10**9, "billion"), (10**6, "million")):
        if number >= unit:
            return f"{number / unit:.2f} {name}"
    return f"{number:,}"


def _cost_words(ledger: Ledger) -> str:
    lines = ", ".join(
        f"{stage.name} {percent(stage.parameters / ledger.parameters, 0)} and "
        f"{percent(stage.multiply_adds / ledger.multiply_adds, 0)}"
        for stage in _costly(ledger)
    )
    return f"{_cost_title(ledger)}. Shares of parameters and of multiply-adds: {lines}."
