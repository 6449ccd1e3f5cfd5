import json
import shutil
import tarfile
from pathlib import Path

import pytest

from densekit.errors import DataError
from workshop.distillation.packages import fetch_packages

NAME = "npm:@someone/small-pictures"
ARCHIVE = "npm-@someone+small-pictures.tgz"

pytestmark = pytest.mark.skipif(shutil.which("tar") is None, reason="no tar")


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


def test_a_package_that_is_there_is_unpacked_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_package(tmp_path, license="MIT")
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, "exit 1")  # nothing is fetched
    (package,) = fetch_packages([NAME], tmp_path, progress=False)
    assert (package.name, package.version, package.licences) == (NAME, "1.2.0", ("MIT",))
    (package.folder / "assets" / "cat.txt").write_text("left as it is")
    assert fetch_packages([NAME], tmp_path, progress=False) == [package]
    assert (package.folder / "assets" / "cat.txt").read_text() == "left as it is"


@pytest.mark.parametrize(
    "said", [{}, {"license": "UNLICENSED"}, {"license": "SEE LICENSE IN x"}, {"license": {"type": "MIT"}}]
)
def test_a_package_without_a_licence_is_refused(
    tmp_path: Path, said: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    build_package(tmp_path, **said)
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, "exit 1")
    with pytest.raises(DataError, match=r"names no licence.*--without npm:@someone/small-pictures"):
        fetch_packages([NAME], tmp_path, progress=False)


def test_a_description_that_is_damaged_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_package(tmp_path, license="MIT")
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, "exit 1")
    (package,) = fetch_packages([NAME], tmp_path, progress=False)
    (package.folder / "package.json").write_text("[]")
    with pytest.raises(DataError, match=r"package\.json can't be read: .*delete"):
        fetch_packages([NAME], tmp_path, progress=False)


def test_a_package_that_is_not_there_is_fetched_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = build_package(tmp_path / "elsewhere", license="MIT")
    script = f'test "$3" = @someone/small-pictures && cp "{packed}" any-name-1.2.0.tgz'
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, script)
    (package,) = fetch_packages([NAME], tmp_path / "packages", progress=False)
    assert package.version == "1.2.0"
    assert [path.name for path in (tmp_path / "packages" / "archives").iterdir()] == [ARCHIVE]


def test_packages_whose_names_begin_the_same_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_package(tmp_path, license="MIT")
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, "exit 1")
    with pytest.raises(DataError, match=r"npm:@someone/small: no reason given"):
        fetch_packages(["npm:@someone/small"], tmp_path, progress=False)


def test_a_package_that_cannot_be_fetched_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'for word in "code E404" "404 Not Found - GET somewhere" "A complete log of this run is in x"; do'
    )
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, f'{script} echo "npm error $word" >&2; done; exit 1')
    with pytest.raises(DataError, match=rf"{NAME}: code E404\..*--without {NAME}"):
        fetch_packages([NAME], tmp_path / "packages", progress=False)
    assert list((tmp_path / "packages" / "unpacked").iterdir()) == []


@pytest.mark.parametrize("harm", ["half of it", "a member that would lie elsewhere"])
def test_an_archive_that_is_damaged_or_reaches_elsewhere_harms_nothing(
    tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = build_package(tmp_path, license="MIT")
    if harm == "half of it":
        archive.write_bytes(archive.read_bytes()[:100])
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(tmp_path / "tree" / "package" / "package.json", "package/../../../elsewhere.json")
    put_npm_in_the_way(tmp_path / "tools", monkeypatch, "exit 1")
    with pytest.raises(DataError, match=r"(?s)small-pictures\.tgz can't be unpacked: .*delete it"):
        fetch_packages([NAME], tmp_path, progress=False)
    assert list((tmp_path / "unpacked").iterdir()) == []
    assert not list(tmp_path.rglob("elsewhere.json"))


def test_a_machine_without_npm_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=rf"this machine has no 'npm' and 'tar': .*--without {NAME}"):
        fetch_packages([NAME], tmp_path)
