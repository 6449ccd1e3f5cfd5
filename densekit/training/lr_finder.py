"""Which learning rate? Try them all, from far too low to far too high, and look at the loss.

Leslie Smith's range test (*Cyclical learning rates for training neural networks*, 2017): one short training whose
rate grows by the same factor at each step. While it is too low nothing happens; then the loss falls; then it
rises, and soon explodes. A good rate lies where the loss falls fastest.
"""

import copy
import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from densekit.config import TrainingConfig
from densekit.devices import Compute
from densekit.errors import ConfigError, DataError
from densekit.features import Features
from densekit.training.complaints import SECTION, check_batch, memory_told
from densekit.training.randomness import order_of
from densekit.training.schedule import set_learning_rate
from densekit.training.source import Batch, Source, as_source
from densekit.training.state import start
from densekit.training.step import Stepper
from densekit.training.team import ALONE

_SMOOTHING = 0.9  # what is kept of the average loss at each step
_EXPLODED = 4.0  # times the lowest loss: there is nothing to be learned from going on
_FEWEST = 10  # steps, below which no slope can be told from chance
_LEAST_RANGE = 10  # times the lowest rate: below it, all of them do about the same
_LOWEST = 1e-12  # below it, hardly a weight has digits enough to move
_HIGHEST = 1e6  # which a training may have, too
_LEAST_FALL = 0.05  # of the first loss: less is no learning


@dataclass(frozen=True)
class Sweep:
    """What a range test found.

    Args:
        rates: the learning rate of each step, rising.
        losses: of its batch, before the step.
        smoothed: the same, averaged over the last steps.
        suggestion: a rate to begin with; None where no loss fell.
        reason: why that one, in a sentence.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    reason: str

    def __str__(self) -> str:
        head = "no rate to suggest" if self.suggestion is None else f"learning_rate={self.suggestion:.2g}"
        return f"{head}: {self.reason}"


def find_learning_rate(
    module: nn.Module,
    train: Features | Source,
    settings: TrainingConfig | None = None,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    compute: Compute | None = None,
    section: str = SECTION,
) -> Sweep:
    """Train a copy of a module with a growing learning rate; the module itself stays as it is.

    It ends early where the loss explodes. The pictures are gone through again from the start as often as need be.

    Args:
        module: from inputs, (N, ...), to logits, (N, classes).
        train: what to learn from.
        settings: of the training that a rate is sought for; its own rate and schedule don't matter.
        lowest: the rate of the first step, 1e-12 or more.
        highest: that of the last one, ten times `lowest` or more, and a million at most.
        steps: how many batches at most, 10 or more.
        compute: how precisely; as the module is if not given.
        section: where the settings stand, for the advice in a message.

    Raises:
        ConfigError: the rates or the number of steps can't be used.
        DataError: there is nothing to learn from.
    """
    check_range(lowest, highest, steps)
    settings = settings or TrainingConfig()
    compute = compute or Compute(next(module.parameters()).device, "fp32")
    source = as_source(train, compute.device)
    if len(source.labels) == 0:
        raise DataError("there are no training images: nothing to learn from")
    state = start(copy.deepcopy(module), settings)
    stepper = Stepper.of(state, source, settings, compute, ALONE)
    check_batch(settings.batch_size, stepper.least, section)
    growth = (highest / lowest) ** (1 / (steps - 1))
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    endless = closing(_endless(source, settings, stepper.least))
    with memory_told(settings, section), endless as batches:
        for step, batch in zip(range(steps), batches, strict=False):
            rate = lowest * growth**step
            set_learning_rate(state.optimizer, rate)
            loss, right = stepper.take(batch, len(batch.numbers))
            if not math.isfinite(loss):
                break
            state.counters.count_batch(loss, right, len(batch.numbers))
            rates.append(rate)
            losses.append(loss)
            smoothed.append(_smoothed(losses))
            if step >= _FEWEST and smoothed[-1] > _EXPLODED * min(smoothed):
                break
    return Sweep(tuple(rates), tuple(losses), tuple(smoothed), *suggest(rates, smoothed))


def check_range(lowest: float, highest: float, steps: int) -> None:
    """Refuse a sweep that can't be made, before anything is computed for it.

    Raises:
        ConfigError: the rates or the number of steps can't be used.
    """
    for name, value, kind in (
        ("lowest", lowest, int | float),
        ("highest", highest, int | float),
        ("steps", steps, int),
    ):
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"{name} is {value!r}: expected a {'whole ' if kind is int else ''}number")
    if not (lowest > 0 and _LEAST_RANGE * lowest <= highest <= _HIGHEST):
        raise ConfigError(
            f"rates from {lowest:g} to {highest:g}: expected 0 < lowest, and a highest of {_LEAST_RANGE} times "
            f"lowest or more, and of {_HIGHEST:g} at most"
        )
    if lowest < _LOWEST:
        raise ConfigError(f"lowest is {lowest:g}, which moves hardly a weight: expected {_LOWEST:g} or more")
    if steps < _FEWEST:
        raise ConfigError(f"steps is {steps}: expected {_FEWEST} or more, to tell a slope from chance")


def suggest(rates: list[float], smoothed: list[float]) -> tuple[float | None, str]:
    """Return a learning rate to begin with, or None, and why.

    It is where the smoothed loss falls fastest on the logarithmic axis before its lowest value, by straight lines
    through a quarter of the steps at a time, since from one step to the next chance rules. And it is a third of
    the rate where the loss is lowest at most: there the next step may be too far already.

    Args:
        rates: rising, (n,).
        smoothed: losses, (n,).
    """
    if len(rates) < _FEWEST:
        return None, f"the loss was no number any more after {len(rates)} steps: begin with a lower rate"
    lowest = int(np.argmin(smoothed))
    if lowest < 2 or smoothed[lowest] > (1 - _LEAST_FALL) * smoothed[0]:
        if lowest < 2 and smoothed[-1] > (1 + _LEAST_FALL) * smoothed[lowest]:
            return None, f"the loss rose from the first steps on, at {rates[0]:.2g}: begin with a lower rate"
        return None, (
            f"the loss never fell by more than {_LEAST_FALL:.0%}, between {rates[0]:.2g} and {rates[-1]:.2g}: "
            "try higher rates, or more steps"
        )
    steepest = rates[_steepest(np.log(rates[: lowest + 1]), np.asarray(smoothed[: lowest + 1]))]
    chosen = max(min(steepest, rates[lowest] / 3), rates[0])
    where = f"the loss falls fastest near {steepest:.2g} and is lowest near {rates[lowest]:.2g}"
    if lowest == len(rates) - 1:
        return chosen, f"{where}, the highest that was tried: a higher one may do as well"
    if chosen < steepest:
        return chosen, f"{where}, so close together that a third of the latter is the safer choice"
    return chosen, f"{where}, behind which it rises"


def _steepest(places: NDArray[np.float64], losses: NDArray[np.float64]) -> int:
    """Return the middle of the part, a quarter of all, through which the falling line is steepest.

    The first steps, over which the average hardly reaches, are left out if there are enough others.
    """
    width = max(3, len(losses) // 4)
    first = min(_FEWEST, len(losses) // 3, len(losses) - width)
    starts = range(first, len(losses) - width + 1)
    slopes = [
        np.polyfit(places[begin : begin + width], losses[begin : begin + width], 1)[0] for begin in starts
    ]
    return starts[int(np.argmin(slopes))] + width // 2


def _smoothed(losses: list[float]) -> float:
    """Return the average of losses, the last ones counting most, as if there had been no beginning."""
    shares = _SMOOTHING ** np.arange(len(losses))[::-1]
    return float(np.dot(shares, losses) / shares.sum())


def _endless(source: Source, settings: TrainingConfig, least: int) -> Generator[Batch, None, None]:
    epoch = 1
    while True:
        order: tuple[Tensor, ...] = order_of(source.labels, settings, epoch, least)
        with closing(source.batches(order, epoch)) as batches:
            yield from batches
        epoch += 1
