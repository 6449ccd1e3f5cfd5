import json
import shutil
import tarfile
from pathlib import Path

import pytest

from densekit.errors import DataError
from workshop.distillation.packages import fetch_packages

NAME = "npm:@someone/small-pictures"
ARCHIVE = "someone-small-pictures-1.2.0.tgz"

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm")


def build_package(folder: Path, **said: object) -> Path:
    """Build a package as npm packs one, in the folder where a fetched one would be."""
    tree = folder / "tree" / "package"
    (tree / "assets").mkdir(parents=True)
    (tree / "assets" / "cat.txt").write_text("a cat")
    (tree / "package.json").write_text(
        json.dumps({"name": "@someone/small-pictures", "version": "1.2.0", **said})
    )
    (folder / "archives").mkdir(exist_ok=True)
    with tarfile.open(folder / "archives" / ARCHIVE, "w:gz") as file:
        file.add(tree, "package")
    return folder / "archives" / ARCHIVE


def put_npm_in_the_way(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let `npm` be a script of our own."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@needs_npm
def test_a_package_that_is_there_is_unpacked_and_described(tmp_path: Path) -> None:
    build_package(tmp_path, license="MIT")
    (package,) = fetch_packages([NAME], tmp_path, progress=False)
    assert (package.name, package.version, package.licences) == (NAME, "1.2.0", ("MIT",))
    assert (package.folder / "assets" / "cat.txt").read_text() == "a cat"
    (package.folder / "assets" / "cat.txt").write_text("left as it is")
    assert fetch_packages([NAME], tmp_path, progress=False) == [package]
    assert (package.folder / "assets" / "cat.txt").read_text() == "left as it is"


@pytest.mark.parametrize("said", [{}, {"license": "UNLICENSED"}, {"license": {"type": "MIT"}}])
@needs_npm
def test_a_package_without_a_licence_is_refused(tmp_path: Path, said: dict[str, object]) -> None:
    build_package(tmp_path, **said)
    with pytest.raises(DataError, match=r"names no licence.*--without npm:@someone/small-pictures"):
        fetch_packages([NAME], tmp_path, progress=False)


def test_a_package_that_is_not_there_is_fetched_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = build_package(tmp_path / "elsewhere", license="MIT")
    put_npm_in_the_way(
        tmp_path / "tools", monkeypatch, f'test "$3" = @someone/small-pictures && cp "{packed}" .'
    )
    (package,) = fetch_packages([NAME], tmp_path / "packages", progress=False)
    assert package.version == "1.2.0"
    assert [path.name for path in (tmp_path / "packages" / "archives").iterdir()] == [ARCHIVE]


def test_a_package_that_cannot_be_fetched_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, 'echo "404 Not Found" >&2; exit 1')
    with pytest.raises(DataError, match=rf"{NAME}: 404 Not Found.*--without {NAME}"):
        fetch_packages([NAME], tmp_path / "packages", progress=False)
    assert list((tmp_path / "packages" / "unpacked").iterdir()) == []


def test_a_machine_without_npm_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"this machine has no 'npm': .*copy a finished folder"):
        fetch_packages([NAME], tmp_path)
