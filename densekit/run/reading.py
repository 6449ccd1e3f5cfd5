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


@contextmanager
def read_aloud(
    total: int, counters: Counters, shown: bool, on_event: Callable[[Event], None], stop: Stop | None
) -> Iterator[Progress]:
    """Give what counts pictures while they are read.

    Args:
        total: how many there are.
        counters: of the training.
        shown: show a progress bar.
        on_event: called with `Reading` each time that some are read.
        stop: whoever has it can end the reading; None where others would wait for what is read.

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
            raise StoppedError(
                f"stopped while the pictures were read, after {read} of {total}, before anything was learned "
                "from them: what was read is kept for the next time"
            )

    with bar:
        yield count
