"""Names that are no UTF-8, or do something to a terminal: they are told, carried through, and stop nothing."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import class_folders, save

from densekit.data.doctor import diagnose
from densekit.data.folder import open_folder
from densekit.run import load_run, train
from densekit.tables import text_table
from densekit.words import shown

KOREAN = "개미".encode("cp949")


def odd_folder(root: Path, *names: bytes) -> Path:
    """Make a class folder of each name, with six pictures whose names are odd as well."""
    for number, name in enumerate(names):
        for index in range(6):
            source = save(root / "source.png", seed=10 * number + index)
            folder = root / os.fsdecode(name)
            folder.mkdir(exist_ok=True)
            source.rename(folder / os.fsdecode(name + b"%d.png" % index))
    return root


@pytest.fixture
def korean(tmp_path: Path) -> Path:
    try:
        return odd_folder(tmp_path / "cp949", KOREAN, "벌".encode("cp949"))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("고양이 🐈", "고양이 🐈"),
        (os.fsdecode(b"\xb0\xb3"), r"\xb0\xb3"),
        ("a\rb\x1b[2J\n", r"a\rb\x1b[2J\n"),
        ("\ud800", r"\ud800"),
        ("C:\\x\\new", "C:\\x\\new"),
    ],
)
def test_a_name_is_shown_as_it_is_or_escaped(name: str, expected: str) -> None:
    assert shown(name) == expected
    shown(name).encode()


def test_a_table_is_not_broken_by_a_carriage_return(tmp_path: Path) -> None:
    data = open_folder(odd_folder(tmp_path, b"a\rb", b"a\nc"))
    assert data.classes == (r"a\nc", r"a\rb")
    assert len(data.describe().splitlines()) == 5
    assert (
        len({len(line) for line in text_table(["class", "n"], [[name, "1"] for name in data.classes])}) == 1
    )


def test_the_doctor_tells_how_to_rename(korean: Path) -> None:
    told = diagnose(korean)
    folder = next(problem for problem in told.problems if problem.path.is_dir())
    assert folder.kind == "odd-name"
    assert folder.message == "the name is no UTF-8; in Korean Windows it is '개미'"
    assert "convmv -f cp949 -t utf-8" in folder.remedy
    assert len(told.problems) == 2 + 12
    json.dumps(told.to_dict(), ensure_ascii=False).encode()


def test_a_training_on_such_names_ends_in_a_report_and_resumes(
    korean: Path, tmp_path: Path, tiny_architecture: Path
) -> None:
    settings = {"data.folder": str(korean), "data.image_size": 32, "training.epochs": 2}
    settings |= {"model.architecture": str(tiny_architecture), "model.weights": "none"}
    run = train(settings=settings, out=tmp_path / "run", progress=False)
    assert run.classes == (r"\xb0\xb3\xb9\xcc", r"\xb9\xfa")
    again = load_run(tmp_path / "run")
    assert len(again.predict(sorted(korean.rglob("*.png"))).made) == 12
    assert again.evaluate()[0].total == 2
    table = (tmp_path / "run" / "evaluation" / "statistics.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(table.splitlines()))
    assert [row[0] for row in rows[1:]] == list(run.classes)


@pytest.mark.parametrize("encoding", ["cp949", "cp1252", "ascii", "utf-8:strict"])
@pytest.mark.parametrize("command", ["doctor", "doctor --json"])
@pytest.mark.slow
def test_no_terminal_stops_a_command(tmp_path: Path, encoding: str, command: str) -> None:
    class_folders(tmp_path, {"고양이 🐈": 2, "naïve": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONIOENCODING", encoding)
        arguments = [sys.executable, "-m", "densekit", *command.split(), str(tmp_path)]
        done = subprocess.run(arguments, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_a_message_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "densekit", "doctor", str(tmp_path / "a\x1b[2Jb")]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert r"a\x1b[2Jb" in done.stderr
