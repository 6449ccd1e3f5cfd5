"""Reading the pictures of a phase: counted, shown, and ended if somebody asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from densekit.bars import progress_bar
from densekit.config import RunConfig
from densekit.errors import StoppedError
from densekit.features.extraction import Progress
from densekit.model.cut import CLASSIFIER
from densekit.training.events import Event, Reading
from densekit.training.state import Counters
from densekit.training.stop import Stop


def how_many(config: RunConfig, number: int, train: int, val: int) -> int:
    """Return how many pictures a phase reads, of so many to learn from and to judge by."""
    # A head reads them once as they are, for the scale of the features, and once changed.
    twice = config.plan[number].train_from == CLASSIFIER and config.data.augmentation.changes_anything
    return train * (2 if twice else 1) + val


def is_kept(config: RunConfig, number: int) -> bool:
    """Say whether what a phase computes while it reads is in a store from then on."""
    data = config.data
    endless = data.augmentation.changes_anything and data.stored_views is None
    # A head reads its pictures as they are, too, and those are kept; else changed ones are looked at alone.
    return data.cache_features and (config.plan[number].train_from == CLASSIFIER or not endless)


@contextmanager
def read_aloud(
    total: int,
    counters: Counters,
    shown: bool,
    on_event: Callable[[Event], None],
    stop: Stop | None,
    kept: bool,
) -> Iterator[Progress]:
    """Give what counts pictures while they are read.

    Args:
        total: how many there are.
        counters: of the training.
        shown: show a progress bar.
        on_event: called with `Reading` each time that some are read.
        stop: whoever has it can end the reading; None where others would wait for what is read.
        kept: whether what is computed from them is found again the next time.

    Raises:
        StoppedError: from what counts, once somebody has asked for the end.
    """
    read = 0
    bar = progress_bar(shown=shown, total=total, what="features")

    def count(more: int) -> None:
        nonlocal read
        read += more
        bar.update(more)
        on_event(Reading(counters.epoch, counters.step, read, total))
        if stop is not None and stop.requested:
            raise StoppedError(_stopped(read, total, counters, kept))

    with bar:
        yield count


def _stopped(read: int, total: int, counters: Counters, kept: bool) -> str:
    before = "before anything was learned from them"
    if counters.step:  # of a run that goes on
        before = "before the training went on, so that the run is as it was"
    again = ": what was read is kept for the next time" if kept else ""
    return f"stopped while the pictures were read, after {read} of {total}, {before}{again}"
