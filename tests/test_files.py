"""A file appears complete under its name, or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from densekit.errors import DataError
from densekit.files import (
    bundled,
    cache_folder,
    expanded,
    name_of,
    named,
    real_path,
    remove_leftovers,
    sample_folder,
    write_atomically,
)

KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from densekit.files import write_atomically
with write_atomically(Path(sys.argv[1])) as file:
    file.write(b"new" * 100_000)
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


def test_what_was_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "a.bin") as file:
        file.write(b"\0\1\2")
    assert (tmp_path / "a.bin").read_bytes() == b"\0\1\2"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_text_is_utf8_with_the_same_line_ends_everywhere(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "a.txt", "w") as file:
        file.write("고양이\n🐕\n")
    assert (tmp_path / "a.txt").read_bytes() == "고양이\n🐕\n".encode()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "a" / "b" / "c.bin") as file:
        file.write(b"c")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"c"


def test_until_it_is_complete_the_old_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with write_atomically(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_exception_in_the_middle_leaves_the_old_file_and_no_rest(
    tmp_path: Path, error: type[BaseException] | BaseException
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(BaseException) as caught, write_atomically(path) as file:
        file.write(b"half of the n")
        raise error
    assert caught.type is (error if isinstance(error, type) else type(error))
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"a\.bin"), write_atomically(path) as file:
            file.write(b"x" * 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    left = [other.name for other in tmp_path.iterdir() if other != path]
    assert len(left) == 1 and left[0].startswith(".a.bin.") and left[0].endswith(".partial")
    with write_atomically(path) as file:  # what the kill left behind is not in the way
        file.write(b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
class TestModeBits:
    def test_those_of_the_old_file_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "a.sh"
        path.touch()
        path.chmod(0o751)
        with write_atomically(path) as file:
            file.write(b"#!/bin/sh")
        assert stat.S_IMODE(path.stat().st_mode) == 0o751

    def test_a_new_file_has_those_that_open_would_give(self, tmp_path: Path) -> None:
        (tmp_path / "by open").touch()
        with write_atomically(tmp_path / "by us") as file:
            file.write(b"")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert modes["by us"] == modes["by open"]


class TestPlaces:
    def test_the_cache_is_where_the_environment_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DENSEKIT_CACHE", str(tmp_path))
        assert cache_folder() == tmp_path

    def test_else_it_is_a_folder_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DENSEKIT_CACHE", raising=False)
        assert "densekit" in cache_folder().parts

    def test_a_user_without_a_home_folder_has_it_among_the_temporary_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nobody(user: int) -> None:
            raise KeyError(user)

        for name in ("DENSEKIT_CACHE", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("pwd.getpwuid", nobody)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert cache_folder() == tmp_path / f"densekit-{os.getuid()}"

    def test_sample_data_is_found_by_name(self) -> None:
        for folder in bundled("data_samples").iterdir():
            assert not folder.is_dir() or sample_folder(folder.name) == folder

    def test_sample_data_that_is_not_there_is_named(self) -> None:
        with pytest.raises(DataError, match="no sample data called 'tabeltop'"):
            sample_folder("tabeltop")


def test_what_a_killed_writer_left_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    leftover = tmp_path / "evaluation" / ".statistics.csv.x1y2_abc.partial"
    leftover.parent.mkdir()
    others = [".hidden", ".thesis.mov.partial", "mine.partial"]
    for path in (leftover, *(tmp_path / name for name in others)):
        path.write_bytes(b"half")
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == others


def test_a_tilde_is_the_home_folder_and_that_of_nobody_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert expanded("~/pictures") == Path("/home/somebody/pictures")
    assert expanded(Path("pictures/~")) == Path("pictures/~")
    assert expanded("~nobody-is-called-so/pictures") == Path("~nobody-is-called-so/pictures")


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_name_is_refused(empty: str) -> None:
    with pytest.raises(DataError, match="a name is empty"):
        named(empty)


def test_half_a_character_is_in_no_name_but_a_byte_that_is_no_utf_8_may_be() -> None:
    with pytest.raises(DataError, match=r"'run\\ud800' holds .*\\ud800.*, which no name can have"):
        named("run\ud800")
    assert named("run\udcff") == Path("run\udcff")


@pytest.mark.parametrize("given", [b"pictures", 3, None])
def test_what_is_neither_text_nor_path_is_no_name(given: object) -> None:
    with pytest.raises(
        DataError, match=f"a name is given as {type(given).__name__}: expected a text or a path"
    ):
        named(given)  # type: ignore[arg-type]


def test_a_circle_of_links_has_a_path_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert real_path(tmp_path / "a" / "x").is_relative_to(tmp_path)


def test_the_present_folder_and_the_one_above_have_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "up" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "up" / "here")
    assert [name_of(Path(one)) for one in (".", "..", "a/b", "/")] == ["here", "up", "b", "/"]


def test_where_nothing_can_be_written_the_file_is_named_and_no_hidden_one(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 245)  # a name that may be, unlike that of the temporary file
    with pytest.raises(OSError) as caught, write_atomically(path):
        pass
    assert caught.value.filename == str(path)
