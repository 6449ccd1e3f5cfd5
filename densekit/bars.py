"""Progress bars, all drawn in one way: on standard error, and in a notebook as widgets."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm


def progress_bar(
    things: Iterable[Any] | None = None,
    *,
    shown: bool,
    total: int | None = None,
    unit: str = "image",
    what: str | None = None,
    done: int = 0,
) -> Any:
    """Make tqdm's bar, for a `with` or around things that are gone through.

    Args:
        things: what is gone through, if the bar shall count it by itself.
        shown: False for no bar at all. Programs without a console (`pythonw`, services) have no standard error,
            and never a bar.
        total: how many there are.
        unit: what is counted.
        what: stands before the bar.
        done: how many are done already.
    """
    hidden = not shown or sys.stderr is None
    return tqdm(things, total=total, initial=done, desc=what, unit=unit, disable=hidden, file=sys.stderr)
