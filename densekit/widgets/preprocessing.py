"""The explorer of broken preprocessing: break one step, and see what the network sees and what it costs.

The head stays as it is, trained on features that were extracted rightly. What changes is how pictures reach the
network afterwards, and no step here raises an error, as none does in real life.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from matplotlib.figure import Figure
from torch import Tensor

from densekit.data.loading import load_images
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError, DataError, nearest
from densekit.model.densenet import DenseNet
from densekit.plots.features import as_network_sees
from densekit.widgets.explorer import Explorer, choice, switch
from densekit.words import counted, percent

Normalisation = Literal["as the weights ask", "left out, 0 to 1", "left out, 0 to 255"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)
SIZES = (32, 64, 96, 144)

_BATCH = 20
_SHOWN = 5
_TOLD = 3  # pictures that can't be read


@dataclass(eq=False)
class Pipeline:
    """A network with a trained head, and pictures whose way to it can be broken.

    Args:
        network: its features are read; it is never changed, for each measurement runs on a copy.
        head: from embeddings, (N, num_features), to class numbers, (N,).
        samples: the pictures, in the order in which they form batches of 20; those that can't be read are left
            out, and told by `draw`.
        size: side of the pictures, in pixels, that the head was trained with.
    """

    network: DenseNet
    head: Callable[[Tensor], Tensor]
    samples: Sequence[Sample]
    size: int = 96
    _accuracies: dict[tuple[object, ...], tuple[float, int]] = field(
        default_factory=dict, init=False, repr=False
    )
    _read: dict[int, "_Read"] = field(default_factory=dict, init=False, repr=False)

    def measure(
        self,
        normalisation: Normalisation = "as the weights ask",
        size: int | None = None,
        swapped: bool = False,
        eval_mode: bool = True,
    ) -> tuple[float, int]:
        """Return the accuracy of the head, 0 to 1, and how many of the network's buffers were changed.

        Args:
            normalisation: of the pixels.
            size: side of the pictures in pixels; as in training if None.
            swapped: red and blue in each other's place, as some image libraries have them.
            eval_mode: whether the network is in eval mode.

        Raises:
            ConfigError: no such normalisation.
            DataError: no picture can be read, or only one, where train mode needs two.
        """
        key = (normalisation, size or self.size, swapped, eval_mode)
        if key not in self._accuracies:
            self._accuracies[key] = self._measure(*key)
        return self._accuracies[key]

    def images(self, normalisation: Normalisation, size: int, swapped: bool) -> Tensor:
        """Return the pictures as they reach the network, (N, 3, size, size)."""
        if normalisation not in NORMALISATIONS:
            raise ConfigError(
                f"no normalisation is called '{normalisation}': {nearest(normalisation, NORMALISATIONS)}"
            )
        pixels = self._cut(size).pixels.flip(1) if swapped else self._cut(size).pixels
        if normalisation == "as the weights ask":
            return self._preprocessing(size).normalise(pixels)
        return pixels.float() / (255 if normalisation == "left out, 0 to 1" else 1)

    @torch.no_grad()
    def _measure(
        self, normalisation: Normalisation, size: int, swapped: bool, eval_mode: bool
    ) -> tuple[float, int]:
        if not eval_mode and len(self._cut(size).samples) == 1:
            raise DataError(
                "train mode can't be measured with one picture, which it normalises by the others of its batch: "
                "give two or more"
            )
        network = copy.deepcopy(self.network).train(not eval_mode)
        before = [buffer.clone() for buffer in network.buffers()]
        guesses = []
        for images in _batches(self.images(normalisation, size, swapped)):
            embeddings = network.forward_head(network.forward_features(images), pre_logits=True)
            guesses.append(self.head(embeddings))  # (20,), the last ones fewer or 21
        changed = sum(not torch.equal(*pair) for pair in zip(before, network.buffers(), strict=True))
        labels = torch.tensor([sample.label for sample in self._cut(size).samples])
        return (torch.cat(guesses) == labels).float().mean().item(), changed

    def _cut(self, size: int) -> "_Read":
        if size not in self._read:
            self._read[size] = _read(self.samples, self._preprocessing(size))
        return self._read[size]

    def _preprocessing(self, size: int) -> Preprocessing:
        return self.network.preprocessing.with_size(size)

    def draw(
        self,
        normalisation: Normalisation = "as the weights ask",
        size: int | None = None,
        swapped: bool = False,
        eval_mode: bool = True,
    ) -> tuple[Figure, str]:
        """Draw some pictures as the network sees them, and say what the head gets right now and should get.

        Takes and raises what `measure` does.
        """
        size = size or self.size
        accuracy, changed = self.measure(normalisation, size, swapped, eval_mode)
        rightly, _ = self.measure()
        read = self._cut(size)
        each = slice(0, None, max(1, len(read.samples) // _SHOWN))
        seen = self.images(normalisation, size, swapped)[each][:_SHOWN]
        figure = as_network_sees(seen, self._preprocessing(size), f"{size} px, normalisation {normalisation}")
        buffers = f"{changed} were changed" if changed else "none was changed"
        lines = [
            f"right of {counted(len(read.samples), 'picture')}   {percent(accuracy)}",
            f"with every step right   {percent(rightly)}",
            f"values from {seen.min():.1f} to {seen.max():.1f}, spread {seen.std():.2f}",
            f"buffers of the network: {buffers}",
            *_told(read.skipped),
        ]
        return figure, "\n".join(lines)


@dataclass(frozen=True)
class _Read:
    """Pictures in one size, uint8 (N, 3, size, size), and which could not be read."""

    pixels: Tensor
    samples: tuple[Sample, ...]
    skipped: tuple[Problem, ...]


def _read(samples: Sequence[Sample], preprocessing: Preprocessing) -> _Read:
    skipped: list[Problem] = []
    with closing(load_images(samples, preprocessing, report=skipped.append)) as loaded:
        batches = list(loaded)
    if not batches:
        why = (
            f"none of {counted(len(samples), 'picture')} can be read: {skipped[0]}"
            if skipped
            else "none is given"
        )
        raise DataError(f"there are no pictures to measure with: {why}")
    came_through = tuple(sample for batch in batches for sample in batch.samples)
    return _Read(torch.cat([batch.pixels for batch in batches]), came_through, tuple(skipped))


def _batches(images: Tensor) -> Iterator[Tensor]:
    """Split images into batches of 20; a last one alone goes along with those before it.

    In train mode, a picture whose maps have one place each would have nothing to be normalised by.
    """
    starts = list(range(0, len(images), _BATCH))
    if len(images) % _BATCH == 1 and len(starts) > 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        yield images[start:end]


def _told(skipped: Sequence[Problem]) -> Iterator[str]:
    if skipped:
        yield f"left out, since they can't be read: {counted(len(skipped), 'picture')}"
    yield from (f"   {problem}" for problem in skipped[:_TOLD])
    if len(skipped) > _TOLD:
        yield f"   and {len(skipped) - _TOLD} more"


def preprocessing_explorer(pipeline: Pipeline) -> Explorer:
    """Return the explorer: normalisation, size, order of the colours, mode of the network."""
    controls = {
        "normalisation": choice("as the weights ask", NORMALISATIONS, label="normalisation"),
        "size": choice(pipeline.size, sorted({*SIZES, pipeline.size}), label="size in pixels"),
        "swapped": switch(False, label="red and blue swapped"),
        "eval_mode": switch(True, label="eval mode"),
    }
    return Explorer(controls, pipeline.draw)
