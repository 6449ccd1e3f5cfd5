"""What the commands share: how they answer, and a few options."""

import json
import os
import sys
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Architecture = Annotated[
    str, typer.Option("--arch", help="densenet121, 161, 169 or 201, or the number alone.")
]


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
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def note(text: str) -> None:
    """Say something on standard error, where it is in nobody's way."""
    print(text, file=sys.stderr)


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
