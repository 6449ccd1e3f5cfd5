import shutil
import subprocess
from pathlib import Path

import pytest

from densekit.errors import DataError
from workshop.distillation.packages import fetch_packages, read_licences

needs_debian = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no Debian tools")


def build_package(folder: Path, name: str = "small-pictures", with_copyright: bool = True) -> None:
    """Build a real package file in `archives/`, where a fetched one would be."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 2:1.0-1\nArchitecture: all\nMaintainer: nobody <no@body>\nDescription: none\n"
    )
    documents = tree / "usr/share/doc" / name
    documents.mkdir(parents=True)
    (documents / "readme").write_text("hello")
    if with_copyright:
        (documents / "copyright").write_text("Files: *\nLicense: CC0-1.0\n\nFiles: a\nLicense: CC0-1.0\n")
    (folder / "archives").mkdir()
    subprocess.run(
        ["dpkg-deb", "--build", str(tree), str(folder / "archives" / f"{name}_1.0-1_all.deb")],
        check=True,
        capture_output=True,
    )


@needs_debian
def test_a_package_that_is_there_is_unpacked_and_described(tmp_path: Path) -> None:
    build_package(tmp_path)
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get")
    (package,) = fetch_packages(["small-pictures"], tmp_path, progress=False)
    assert package.version == "2:1.0-1"
    assert package.licences == ("CC0-1.0",)
    assert (package.folder / "usr/share/doc/small-pictures/readme").read_text() == "hello"
    assert fetch_packages(["small-pictures"], tmp_path, progress=False) == [package]  # and left as it is


@needs_debian
def test_a_package_without_a_licence_is_refused(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get")
    build_package(tmp_path, with_copyright=False)
    with pytest.raises(DataError, match=r"has no copyright file.*--without small-pictures"):
        fetch_packages(["small-pictures"], tmp_path, progress=False)


def test_a_machine_without_debian_tools_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"no 'apt-get' and 'dpkg-deb': run this on Debian.*copy a finished"):
        fetch_packages(["gnome-backgrounds"], tmp_path)


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_all_packages_that_cannot_be_fetched_are_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("apt-get", "dpkg-deb"):
        script = tools / name
        script.write_text('#!/bin/sh\necho "E: Unable to locate package $2" >&2\nexit 100\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    with pytest.raises(DataError, match=r"one: Unable to locate package one; two: .*--without one two"):
        fetch_packages(["one", "two"], tmp_path / "packages", progress=False)
    assert list((tmp_path / "packages" / "archives").iterdir()) == []


def test_licences_are_read_most_frequent_first(tmp_path: Path) -> None:
    path = tmp_path / "copyright"
    path.write_text("License: MIT\n text\n\nLicense: CC-BY-4.0\n\nFiles: b\nLicense:  CC-BY-4.0 \n")
    assert read_licences(path) == ("CC-BY-4.0", "MIT")


def test_licences_in_prose_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "copyright"
    path.write_text("You may copy this under the GNU General Public License.\nThe clip art is public domain.")
    assert read_licences(path) == ("GPL", "public-domain")
