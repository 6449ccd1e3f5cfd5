"""A package whose pictures may be learned from, wherever it came from."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """An unpacked package.

    Args:
        name: as it was asked for.
        version: the version that was fetched.
        licences: the licences that it names, for the package as a whole.
        folder: where it is unpacked.
    """

    name: str
    version: str
    licences: tuple[str, ...]
    folder: Path


def run(*command: str, where: str | None = None) -> str:
    """Run a tool and return what it prints.

    Raises:
        subprocess.CalledProcessError: it fails; `stderr` has what it says of the reason.
    """
    return subprocess.run(command, cwd=where, check=True, capture_output=True, text=True).stdout
