"""Pictures with what a network says about them: grids, and before against after."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from densekit.errors import DataError
from densekit.plots.described import describe, new_figure
from densekit.plots.style import BLUE, CROSS, LIGHT, ORANGE, TICK, VERMILLION, drawn_text, label_names, styled
from densekit.words import counted, percent

Picture = Image.Image | NDArray[Any] | Tensor
_LARGEST_SIDE = 224  # pixels that a picture keeps: a grid of photographs must not weigh megabytes
_ALL_CLASSES_UP_TO = 10  # classes that get a bar each in `before_after`
_LIKELY_CLASSES = 6  # bars where there are more


class Guess(NamedTuple):
    """The most probable class of one picture."""

    label: int
    probability: float
    right: bool

    @property
    def sign(self) -> str:
        """A tick or a cross, so that right and wrong differ by more than their colour."""
        return TICK if self.right else CROSS


def image_grid(
    images: Sequence[Picture],
    captions: Sequence[str],
    title: str,
    right: Sequence[bool] | None = None,
    columns: int = 5,
) -> Figure:
    """Draw pictures in rows, each with its caption above it.

    Args:
        images: PIL images, arrays (H, W, 3), or tensors (3, H, W); numbers from 0 to 255 or, for floats, from
            0 to 1.
        captions: a line or two for each picture.
        title: what the grid shows.
        right: for each picture whether it was recognised: a blue frame and a tick, or a red one and a cross.
        columns: pictures in a row, at most.

    Raises:
        DataError: lengths that differ, or something that is not a picture.
    """
    _same_length(images, captions=captions, **({} if right is None else {"right": right}))
    across = max(1, min(columns, len(images)))
    down = max(1, -(-len(images) // across))
    lines = max([caption.count("\n") + 1 for caption in captions], default=1)
    with styled():
        figure = new_figure(max(1.75 * across, 5.0), down * (1.6 + 0.17 * lines) + 0.5, photographic=True)
        grid = figure.subplots(down, across, squeeze=False).flat
        for index, axes in enumerate(grid):
            axes.set_axis_off()
            if index < len(images):
                _draw_picture(axes, images[index], index)
                verdict = None if right is None else bool(right[index])
                _caption(axes, drawn_text(captions[index]), verdict)
        figure.suptitle(drawn_text(title))
    return describe(figure, _grid_words(title, captions, right))


def prediction_grid(
    images: Sequence[Picture],
    classes: Sequence[str],
    probabilities: ArrayLike | Tensor,
    labels: ArrayLike | Tensor,
    title: str = "Predictions",
    columns: int = 5,
) -> Figure:
    """Draw pictures with the predicted class, its probability, and the true class where it is another.

    Args:
        images: N pictures, as for `image_grid`.
        classes: the C names.
        probabilities: (N, C), each row summing to 1.
        labels: the true class numbers, (N,).
        title: what the grid shows; how many are right is added.
        columns: pictures in a row, at most.

    Raises:
        DataError: shapes that don't fit each other.
    """
    true = _labels(labels, images, classes)
    guesses = _guesses(_probabilities(probabilities, images, classes), true)
    names = label_names(classes, longest=16)
    captions = [
        f"{names[guess.label]} {percent(guess.probability, 0)}"
        + ("" if guess.right else f"\ntrue: {names[label]}")
        for guess, label in zip(guesses, true, strict=True)
    ]
    right = [guess.right for guess in guesses]
    figure = image_grid(images, captions, f"{title}: {sum(right)} of {len(right)} right", right, columns)
    words = [
        f"{classes[label]} taken for {classes[guess.label]} ({percent(guess.probability, 0)})"
        for guess, label in zip(guesses, true, strict=True)
        if not guess.right
    ]
    wrong = f" Wrong: {'; '.join(words)}." if words else ""
    return describe(
        figure,
        f"Grid of {counted(len(right), 'picture')}. {title}: {sum(right)} of {len(right)} right.{wrong}",
    )


def before_after(
    images: Sequence[Picture],
    classes: Sequence[str],
    before_probabilities: ArrayLike | Tensor,
    after_probabilities: ArrayLike | Tensor,
    labels: ArrayLike | Tensor,
    title: str = "Before and after training",
) -> Figure:
    """Draw each picture beside the probabilities of two networks, such as one before and after training.

    With more than ten classes, the six most probable ones are shown, the true one always among them.

    Args:
        images: N pictures, as for `image_grid`.
        classes: the C names.
        before_probabilities: (N, C) of the first network.
        after_probabilities: (N, C) of the second.
        labels: the true class numbers, (N,).
        title: what is compared.

    Raises:
        DataError: shapes that don't fit each other.
    """
    true = _labels(labels, images, classes)
    both = [_probabilities(each, images, classes) for each in (before_probabilities, after_probabilities)]
    guesses = [_guesses(each, true) for each in both]
    names = label_names(classes, longest=12)
    blocks = 2 if len(images) > 3 else 1
    down = max(1, -(-len(images) // blocks))
    shown = len(classes) if len(classes) <= _ALL_CLASSES_UP_TO else _LIKELY_CLASSES
    with styled():
        figure = new_figure(4.9 * blocks, down * max(0.16 * shown + 0.55, 1.4) + 0.65, photographic=True)
        ratios = [1.15, 1.0, 1.0] * blocks
        grid = figure.subplots(down, 3 * blocks, squeeze=False, width_ratios=ratios)
        for index in range(down * blocks):
            row, block = divmod(index, blocks)
            picture, *panels = grid[row, 3 * block : 3 * block + 3]
            if index >= len(images):
                for axes in (picture, *panels):
                    axes.set_axis_off()
                continue
            picture.set_axis_off()
            _draw_picture(picture, images[index], index)
            picture.set_title(names[true[index]], fontsize=9)
            order = _classes_to_show([each[index] for each in both], true[index])
            for number, (axes, when) in enumerate(zip(panels, ("before", "after"), strict=True)):
                guess = guesses[number][index]
                shares = [float(both[number][index][label]) for label in order]
                _draw_bars(axes, shares, [names[label] for label in order], order.index(true[index]))
                chosen = f"{when}: {guess.sign} {percent(guess.probability, 0)}"
                axes.set_title(f"{chosen}\n{names[guess.label]}", fontsize=8, fontweight="normal")
                axes.tick_params(labelleft=number == 0)
        figure.supxlabel("Bars: probability of each class. Blue, and in bold: the true class.", fontsize=8)
        figure.suptitle(drawn_text(_comparison(title, guesses)))
    return describe(figure, _comparison_words(title, classes, guesses, true))


def _draw_picture(axes: Axes, image: Picture, index: int) -> None:
    axes.imshow(_pixels(image, index), interpolation="auto")
    axes.set_anchor("N")  # captions in a row stand at one height, whatever the pictures' shapes


def _pixels(image: Picture, index: int) -> NDArray[np.uint8]:
    """Return a picture as bytes, (H, W, 3), no larger than it is shown."""
    if isinstance(image, Image.Image):
        picture = image.convert("RGB")
    else:
        array = image.detach().cpu().float().numpy() if isinstance(image, Tensor) else np.asarray(image)
        if isinstance(image, Tensor) and array.ndim == 3:
            array = array.transpose(1, 2, 0)  # (3, H, W) to (H, W, 3)
        whole = np.issubdtype(np.asarray(array).dtype, np.integer) or (
            isinstance(image, Tensor) and not image.is_floating_point()
        )
        if array.ndim != 3 or array.shape[2] != 3:
            raise DataError(f"picture {index} has the shape {tuple(image.shape)}: expected three colours")
        scaled = array if whole else 255 * array
        if scaled.min(initial=0) < -0.5 or scaled.max(initial=0) > 255.5:
            raise DataError(
                f"picture {index} has values outside 0 to {255 if whole else 1}: "
                "a normalised tensor has to be turned back into colours first"
            )
        picture = Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    return np.asarray(picture)


def _caption(axes: Axes, caption: str, right: bool | None) -> None:
    if right is None:
        axes.set_title(caption, fontsize=9, fontweight="normal")
        return
    colour = BLUE if right else VERMILLION
    axes.set_title(f"{TICK if right else CROSS} {caption}", fontsize=9, color=colour)
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=colour, linewidth=2.0)


def _draw_bars(axes: Axes, shares: list[float], names: list[str], true: int) -> None:
    rows = range(len(shares))
    colours = [BLUE if row == true else ORANGE for row in rows]
    axes.barh(rows, [1.0] * len(shares), color=LIGHT, height=0.7)
    axes.barh(rows, shares, color=colours, height=0.7)
    axes.set_yticks(rows, names, fontsize=8)
    axes.get_yticklabels()[true].set_fontweight("bold")
    axes.set(xlim=(0, 1), ylim=(len(shares) - 0.4, -0.6), xticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _classes_to_show(probabilities: list[NDArray[np.float64]], true: int) -> list[int]:
    """Return the classes worth a bar, in their own order: all if they are few, else the likely and the true."""
    count = len(probabilities[0])
    if count <= _ALL_CLASSES_UP_TO:
        return list(range(count))
    likely = np.argsort(-np.maximum(*probabilities), kind="stable")
    chosen = list(dict.fromkeys([true, *likely.tolist()]))[:_LIKELY_CLASSES]
    return sorted(chosen)


def _guesses(probabilities: NDArray[np.float64], labels: list[int]) -> list[Guess]:
    best = probabilities.argmax(axis=1).tolist()
    return [
        Guess(guess, float(row[guess]), guess == label)
        for guess, row, label in zip(best, probabilities, labels, strict=True)
    ]


def _probabilities(
    values: ArrayLike | Tensor, images: Sequence[Picture], classes: Sequence[str]
) -> NDArray[np.float64]:
    shares = torch.as_tensor(values).detach().cpu().double().numpy()  # (N, C)
    if shares.shape != (len(images), len(classes)):
        raise DataError(
            f"the probabilities have the shape {shares.shape}: expected {(len(images), len(classes))}, "
            "a row for each picture and a column for each class"
        )
    if len(shares) and (shares.min() < 0 or abs(shares.sum(axis=1) - 1).max() > 0.01):
        raise DataError("the probabilities of a picture don't add up to 1: apply softmax to logits first")
    return shares


def _labels(values: ArrayLike | Tensor, images: Sequence[Picture], classes: Sequence[str]) -> list[int]:
    labels = [int(label) for label in torch.as_tensor(values).tolist()]
    _same_length(images, labels=labels)
    for label in labels:
        if not 0 <= label < len(classes):
            raise DataError(f"a label is {label}, but there are {len(classes)} classes")
    return labels


def _same_length(images: Sequence[Picture], **others: Sequence[object]) -> None:
    for name, values in others.items():
        if len(values) != len(images):
            raise DataError(f"{len(values)} {name} for {len(images)} pictures: expected one for each")


def _grid_words(title: str, captions: Sequence[str], right: Sequence[bool] | None) -> str:
    marks = [""] * len(captions) if right is None else ["right: " if mark else "wrong: " for mark in right]
    each = "; ".join(
        f"{mark}{' '.join(caption.split())}" for mark, caption in zip(marks, captions, strict=True)
    )
    return f"Grid of {counted(len(captions), 'picture')}. {title}. {each}."


def _comparison(title: str, guesses: list[list[Guess]]) -> str:
    before, after = (sum(guess.right for guess in each) for each in guesses)
    return f"{title}: {before} of {len(guesses[0])} right, then {after}"


def _comparison_words(
    title: str, classes: Sequence[str], guesses: list[list[Guess]], labels: list[int]
) -> str:
    each = [
        f"{classes[label]}: before {classes[before.label]} ({percent(before.probability, 0)}), "
        f"after {classes[after.label]} ({percent(after.probability, 0)})"
        for before, after, label in zip(*guesses, labels, strict=True)
    ]
    what = f"{counted(len(labels), 'picture')} with the probabilities of their classes."
    return f"{what} {_comparison(title, guesses)}. {'; '.join(each)}."
