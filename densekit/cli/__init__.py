"""The command line: each command is a few lines over the package.

Exit status: 0 done; 1 the answer is "not good" (problems found, checks failed); 2 the request can't be carried
out, with one message on standard error. With --json, one JSON document stands on standard output and nothing
else. What takes long to import is imported by the command that needs it.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer

from densekit import __version__
from densekit.cli.cache import cache
from densekit.cli.classifier import doctor, evaluate, parity, predict, train
from densekit.cli.course import course
from densekit.cli.output import group, note, say_in_any_terminal, what_the_system_says
from densekit.cli.runs import compare, lr_find
from densekit.cli.weights import weights
from densekit.errors import DensekitError
from densekit.processes import end_at_once

_PACKAGE = Path(__file__).parents[1]
_warn_as_python_does = warnings.showwarning

app = group("From a folder of pictures to a trained, tested image classifier.")


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"densekit {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit status: 0 done; 1 the answer is not good (problems found, a check failed, a picture unjudged); "
    "2 it can't be done, and one message says why; 130 stopped by Ctrl-C."
)
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None: ...


for command in (train, evaluate, predict, compare, lr_find, doctor, parity):
    app.command()(command)
app.add_typer(cache, name="cache")
app.add_typer(course, name="course")
app.add_typer(weights, name="weights")


def main() -> NoReturn:
    """Run the command line; a mistake of the caller's ends in one message and never in a traceback."""
    say_in_any_terminal()
    warnings.showwarning = _say_plainly
    status = _status()
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        end_at_once(status)
    sys.exit(status)


def _say_plainly(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Put a warning of this package's in one plain line: a learner has no use for a line of its source."""
    if category is UserWarning and Path(filename).is_relative_to(_PACKAGE):
        note(f"densekit: {message}")
    else:
        _warn_as_python_does(message, category, filename, lineno, file, line)


def _status() -> int:
    """Carry the command out; return its exit status."""
    try:
        app(standalone_mode=True)
    except SystemExit as done:  # as typer ends every command
        if isinstance(getattr(done.__context__, "__cause__", None), KeyboardInterrupt):  # typer says nothing
            note("densekit: stopped")
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except DensekitError as error:
        note(f"densekit: {error}")
        return 2
    except OSError as error:
        note("; ".join([f"densekit: {what_the_system_says(error)}", *getattr(error, "__notes__", [])]))
        return 2
    except KeyboardInterrupt:
        note("densekit: stopped")
        return 130
    return 0
