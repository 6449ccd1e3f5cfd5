"""The training loop: a generator of events, from top to bottom.

    for event in fit(head, train, val, settings):
        if isinstance(event, Validated):
            print(event.epoch, event.accuracy)

Whoever reads the events prints, writes and plots. The loop does not know what it trains: `module` is what stands
behind the cut, a head or the whole network, and a source hands it batches of what stands before. What one step
does is in `densekit.training.step`. Behind each event the state is whole: who goes on from there does what is
left, and ends with the same weights.
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from torch import nn

from densekit.config import TrainingConfig
from densekit.devices import Compute
from densekit.features import Features
from densekit.training.complaints import SECTION, check_batch, check_not_empty, diverged, memory_told
from densekit.training.events import BatchDone, EpochDone, Event, Finished, Stopping
from densekit.training.randomness import order_of
from densekit.training.schedule import learning_rate_at, set_learning_rate, validates_at
from densekit.training.source import Source, as_source
from densekit.training.state import TrainingState, start
from densekit.training.step import Stepper
from densekit.training.stop import Stop
from densekit.training.team import ALONE, Team
from densekit.training.validation import validate


def fit(
    module: nn.Module,
    train: Features | Source,
    val: Features | Source,
    settings: TrainingConfig | None = None,
    state: TrainingState | None = None,
    compute: Compute | None = None,
    team: Team = ALONE,
    stop: Stop | None = None,
    section: str = SECTION,
) -> Iterator[Event]:
    """Train a module, yielding an event for everything that happens.

    The module is trained in place, on its device. When the events have all been read, it holds the weights of the
    best validation, also if `stop` ended it early; when the reader just stops reading, those of the moment.

    Args:
        module: from inputs, (N, ...), to logits, (N, classes).
        train: what to learn from.
        val: what to judge by; never learned from.
        settings: the defaults if not given.
        state: where an interrupted training goes on; its module must be `module`.
        compute: how precisely; as the module is if not given.
        team: the processes that train together.
        stop: whoever has it can end the training; it is looked at after each step.
        section: where the settings stand, for the advice in a message: 'phases.1.training' in a second phase.

    Raises:
        DataError: the training or the validation set is empty.
        ConfigError: batches of one picture, and BatchNorm learns from their statistics.
        TrainingError: the loss is no longer a number, or the memory is full.
    """
    settings = settings or TrainingConfig()
    state = state or start(module, settings)
    compute = compute or Compute(next(module.parameters()).device, "fp32")
    train, val = as_source(train, compute.device), as_source(val, compute.device)
    check_not_empty(train, val)
    stepper = Stepper.of(state, train, settings, compute, team)
    check_batch(settings.batch_size, stepper.least, section)
    loop = _Loop(state, train, val, settings, compute, team, stop or Stop(), stepper, section)
    last = state.counters.first_epoch + settings.epochs
    while state.epoch < last and not loop.is_to_stop():
        with memory_told(settings, section):
            yield from loop.one_epoch()
    stopped = state.epoch < last
    if stopped:
        yield Stopping(state.epoch, state.counters.step)
    if not state.best.weights:
        with memory_told(settings, section):
            yield from validate(state, val, settings, compute, team, section)
    module.load_state_dict(state.best.weights)
    best = state.best
    yield Finished(state.epoch, state.counters.step, best.epoch, best.step, best.accuracy, stopped)


@dataclass(frozen=True)
class _Loop:
    state: TrainingState
    train: Source
    val: Source
    settings: TrainingConfig
    compute: Compute
    team: Team
    stop: Stop
    stepper: Stepper
    section: str

    def one_epoch(self) -> Iterator[Event]:
        """Go through what is left of an epoch."""
        counters, settings = self.state.counters, self.settings
        began = time.perf_counter() - counters.seconds
        epoch = counters.epoch + 1
        order = order_of(self.train.labels, settings, epoch, self.stepper.least)
        yield from self.validate_if_due(len(order))  # where a kill came between a step and its validation
        left, rate = order[counters.batch :], self.state.optimizer.param_groups[0]["lr"]
        with closing(self.train.batches([self.team.share(chosen) for chosen in left], epoch)) as batches:
            for chosen, batch in zip(left, batches, strict=True):
                done = counters.share_done(len(order), settings.epochs)
                rate = learning_rate_at(epoch - counters.first_epoch, settings, done)
                set_learning_rate(self.state.optimizer, rate)
                loss, right = self.stepper.take(batch, len(chosen))
                if not math.isfinite(loss):
                    raise diverged(
                        counters.step + 1, epoch, loss, self.state.optimizer, settings, self.section
                    )
                counters.count_batch(loss, right, len(chosen))
                counters.seconds = time.perf_counter() - began
                yield BatchDone(epoch, counters.step, loss, rate)
                yield from self.validate_if_due(len(order))
                if counters.batch < len(order) and self.is_to_stop():
                    return  # a whole epoch is told first
        seen, took = len(self.train.labels), time.perf_counter() - began
        ended = EpochDone(epoch, counters.step, counters.loss / seen, counters.right / seen, rate, took)
        counters.begin_epoch()
        yield ended

    def validate_if_due(self, batches: int) -> Iterator[Event]:
        """Judge by the validation set, if it is time and hasn't been done behind this step."""
        counters = self.state.counters
        epoch = counters.epoch + 1 - counters.first_epoch
        is_new = counters.batch > 0 and counters.validated_at != counters.step
        if is_new and validates_at(counters.batch, batches, epoch, self.settings):
            yield from validate(self.state, self.val, self.settings, self.compute, self.team, self.section)

    def is_to_stop(self) -> bool:
        """Say whether somebody asked for the end, or patience is lost; a team agrees on it."""
        patience, waited = self.settings.patience, self.state.counters.not_better
        return self.team.agree(self.stop.requested or (patience is not None and waited >= patience))
