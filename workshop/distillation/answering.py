"""How the commands of this room end: a message in place of a traceback, and an exit code."""

import sys
from collections.abc import Callable

from densekit.errors import DensekitError


def answered(do: Callable[[], int], stopped: str) -> int:
    """Do what a command was asked for; return its exit code, 2 if it can't be done, 130 if it was interrupted.

    Args:
        do: the work; its result is the exit code.
        stopped: what to say if it was interrupted.
    """
    try:
        return do()
    except (DensekitError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
