"""Rows of bars: the images of each class, and where the channels of a network come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from densekit.model.architectures import DenseNetConfig
from densekit.plots.described import describe, new_figure
from densekit.plots.parts import name_rows, write_behind, write_within
from densekit.plots.style import (
    GREEN,
    GREY,
    LIGHT,
    PURPLE,
    SKY,
    SPLIT_COLOURS,
    label_names,
    readable_on,
    styled,
)
from densekit.words import counted

_NAMED_IN_WORDS = 20
_MORE_COLOURS = (SKY, PURPLE, GREEN)


def class_bars(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw one bar per class, made of its images in each split, with the numbers in and behind it.

    Args:
        counts: images by split and class, such as `{"train": {"apple": 20, "pear": 18}, "val": {…}}`. A class
            that a split does not name has no image there.
    """
    classes = list(dict.fromkeys(name for split in counts.values() for name in split))
    totals = [sum(split.get(name, 0) for split in counts.values()) for name in classes]
    size, height = (9.0, 0.27) if len(classes) <= 30 else (7.0, 0.19)
    with styled():
        figure = new_figure(7.2, 1.5 + height * max(len(classes), 2))
        axes = figure.add_subplot()
        _draw_pieces_of_classes(axes, counts, classes, max([*totals, 1]), size)
        for row, total in enumerate(totals):
            write_behind(axes, row, total, str(total), size, gap=4)
        name_rows(axes, label_names(classes), size)
        axes.set_xlim(0, max([*totals, 1]) * 1.08)
        axes.set_xlabel("images")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=max(len(counts), 1)
        )
        figure.suptitle(_total(classes, totals))
    return describe(figure, _words(counts, classes, totals))


def _draw_pieces_of_classes(
    axes: Axes, counts: Mapping[str, Mapping[str, int]], classes: list[str], longest: int, size: float
) -> None:
    left = [0] * len(classes)
    for index, (split, images) in enumerate(counts.items()):
        widths = [images.get(name, 0) for name in classes]
        colour = SPLIT_COLOURS.get(split, _MORE_COLOURS[index % len(_MORE_COLOURS)])
        label = f"{split} ({sum(widths)})"
        axes.barh(range(len(classes)), widths, left=left, color=colour, edgecolor="white", label=label)
        for row, width in enumerate(widths):
            if width >= 0.05 * longest:  # a number that would not fit into its piece is left out
                write_within(axes, (left[row] + width / 2, row), str(width), readable_on(colour), size)
        left = [before + width for before, width in zip(left, widths, strict=True)]


def _total(classes: list[str], totals: list[int]) -> str:
    return f"{counted(sum(totals), 'image')} in {counted(len(classes), 'class', 'classes')}"


def _words(counts: Mapping[str, Mapping[str, int]], classes: list[str], totals: list[int]) -> str:
    splits = ", ".join(f"{split} {sum(images.values())}" for split, images in counts.items())
    text = f"Bars of images per class: {_total(classes, totals)} ({splits})."
    if len(classes) <= _NAMED_IN_WORDS:
        each = [
            f"{name} {' + '.join(str(images.get(name, 0)) for images in counts.values())}" for name in classes
        ]
        return f"{text} {', '.join(each)}."
    return f"{text} From {min(totals)} to {max(totals)} images in a class."


_ORIGINS = colormaps["viridis"]  # from dark to bright: the order of the layers survives without colours
_DIGIT = 0.013  # share of the widest strip that a digit takes, where the figure stands alone


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
            _draw_pieces_of_channels(axes, index, pieces[: index + 1], total, size)
            seen = in_channels + index * growth_rate
            colour = pieces[index + 1].colour
            axes.barh(
                index, growth_rate, left=seen, color="white", edgecolor=colour, hatch="////", height=0.7
            )
            write_behind(axes, index, seen + growth_rate, f"sees {seen}, adds {growth_rate}", size)
        _draw_pieces_of_channels(axes, num_layers, pieces, total, size)
        write_behind(axes, num_layers, total, f"{total} leave", size)
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
    with styled():
        figure = new_figure(8.0, 0.95 + 0.36 * len(_strips(config)))
        draw_strips(figure.add_subplot(), config)
        figure.suptitle(strip_title(config))
    return describe(figure, strip_words(config))


def draw_strips(axes: Axes, config: DenseNetConfig, digit: float = _DIGIT) -> None:
    """Draw the strips of a network into given axes.

    Args:
        axes: to draw into.
        config: the shape of the network.
        digit: share of the widest strip that a digit takes; what does not fit into a piece is left out.
    """
    strips = _strips(config)
    widest = max(sum(piece.channels for piece in pieces) for _, pieces, _ in strips)
    for row, (_, pieces, text) in enumerate(strips):
        _draw_pieces_of_channels(axes, row, pieces, widest, 8.0, digit)
        write_behind(axes, row, sum(piece.channels for piece in pieces), text, 8.0)
    what = f"channels; dotted: mixed, coloured: {config.growth_rate} by each layer"
    _finish_rows(axes, [name for name, _, _ in strips], widest, what, 8.5)


def strip_title(config: DenseNetConfig) -> str:
    """Return what stands over the strips."""
    return f"Where the channels come from: {config.num_init_features} become {config.num_features}"


def strip_words(config: DenseNetConfig) -> str:
    """Return the strips in words."""
    lines = ", ".join(f"{name} {text}" for name, _, text in _strips(config))
    return f"Strips of the channels behind each stage, growth rate {config.growth_rate}: {lines}."


def _strips(config: DenseNetConfig) -> list[tuple[str, list[_Piece], str]]:
    """Return, for each stage, its name, its pieces, and what is written behind them."""
    channels = config.num_init_features
    strips = [("pool0", [_mixed(channels)], str(channels))]
    for number, block in enumerate(config.stages, start=1):
        pieces = _block_pieces(block.num_layers, block.in_channels, config.growth_rate)
        added = f"{block.in_channels} + {block.num_layers} × {config.growth_rate}"
        strips.append((block.name, pieces, f"{added} = {block.out_channels}"))
        if number < len(config.stages):
            halved = block.out_channels // 2
            strips.append((f"transition{number}", [_mixed(halved)], f"half: {halved}"))
    return strips


def _block_pieces(num_layers: int, in_channels: int, growth_rate: int) -> list[_Piece]:
    shades = [0.12 + 0.83 * index / max(num_layers - 1, 1) for index in range(num_layers)]
    return [_mixed(in_channels), *(_Piece(growth_rate, to_hex(_ORIGINS(shade))) for shade in shades)]


def _mixed(channels: int) -> _Piece:
    return _Piece(channels, LIGHT, "...")


def _draw_pieces_of_channels(
    axes: Axes, row: int, pieces: Sequence[_Piece], widest: int, size: float, digit: float = _DIGIT
) -> None:
    starts = [0, *accumulate(piece.channels for piece in pieces)]
    for piece, left in zip(pieces, starts, strict=False):
        thin = piece.channels < 0.006 * widest  # a white edge would hide it
        bar = axes.barh(row, piece.channels, left=left, color=piece.colour, hatch=piece.hatch, height=0.7)
        bar.patches[0].set(edgecolor=GREY if piece.hatch else "white", linewidth=0.0 if thin else 0.5)
        if piece.channels >= digit * (len(str(piece.channels)) + 0.5) * widest:
            middle, colour = (left + piece.channels / 2, row), readable_on(piece.colour)
            text = write_within(axes, middle, str(piece.channels), colour, size - 0.5)
            text.set_in_layout(False)  # so layout is quick
            if piece.hatch:
                text.set_bbox({"facecolor": LIGHT, "edgecolor": "none", "pad": 1.8})


def _finish_rows(axes: Axes, names: Sequence[str], widest: int, label: str, size: float) -> None:
    name_rows(axes, names, size)
    axes.set_xlim(0, widest * 1.28)  # room for what is written behind the widest
    axes.set_xlabel(label)
