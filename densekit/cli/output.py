"""What the commands share: how they answer, and a few options."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from densekit.files import as_json
from densekit.words import shown

_REMEDIES = {
    errno.ENOSPC: "Free some space, or name another place",
    errno.EDQUOT: "Your share of the disk is used up: free some space, or name another place",
    errno.EFBIG: "The file is larger than this place allows: name another place, or ask for more room",
    errno.EROFS: "That place can only be read: name another one",
    errno.EACCES: "You may not read or write there: ask for permission, or name another place",
    errno.EPERM: "You may not do that there: ask for permission, or name another place",
    errno.ENAMETOOLONG: "The name is too long for this system: choose a shorter one",
    errno.ENOENT: "Nothing is there, or not any more: check the name, and that the present folder still exists",
}

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_OF_A_NETWORK = typer.Option("--arch", help="densenet121, 161, 169 or 201, or the number alone.")
Architecture = Annotated[str, _OF_A_NETWORK]
AnyArchitecture = Annotated[str | None, _OF_A_NETWORK]


def group(text: str) -> typer.Typer:
    """Make a group of commands with this help."""
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(as_json(document))


def note(text: str) -> None:
    """Say something on standard error, where it is in nobody's way."""
    print(shown(text, keep="\n\t"), file=sys.stderr)


def say_in_any_terminal() -> None:
    """Let a name that a terminal can't show be written as an escape, instead of stopping the program.

    A stream that was closed before the start (`2>&-`, a service) becomes one that takes everything and shows
    nothing; otherwise what is meant for one stream would go to the other.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def what_the_system_says(error: OSError) -> str:
    """Put an error of the operating system into a message: what, where, and what to do."""
    where = f"{error.filename}: " if error.filename else ""
    remedy = _REMEDIES.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{f'. {remedy}' if remedy else ''}"


def full_name(architecture: str) -> str:
    """Return 'densenet121' for '121' as well."""
    return f"densenet{architecture}" if architecture.isdigit() else architecture


def in_terminal() -> bool:
    """Say whether somebody is watching, for whom a progress bar is worth drawing."""
    return sys.stderr.isatty()


def leads_the_team() -> bool:
    """Say whether this is the process that speaks for all, where `torchrun` has started several."""
    return os.environ.get("RANK", "0") == "0"


def exit_unless(good: bool) -> None:
    """End with status 1 if the answer is "not good"."""
    if not good:
        raise typer.Exit(1)
