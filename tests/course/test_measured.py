"""Tables that come with the course: read as they were written, refused where they are none."""

from pathlib import Path

import pytest

from densekit.course.measured import read_measured, write_measured
from densekit.errors import CourseError

DAMAGED = '{"command": "make", "machine": "two cores", "rows": %s}'


def write(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "measured" / "dial.json"
    write_measured(path, "python benchmarks/dial.py", "two cores", rows)
    return path


def test_a_table_comes_back_with_its_command_and_machine(tmp_path):
    write(tmp_path, [{"way": "all", "curve": [0.1, 0.5]}, {"way": "head", "curve": [0.9]}])

    table = read_measured("dial", tmp_path)

    assert table["way"].tolist() == ["all", "head"]
    assert table["curve"][0] == [0.1, 0.5]
    assert table.attrs == {"command": "python benchmarks/dial.py", "machine": "two cores"}


def test_the_tables_that_come_with_the_course_can_be_read():
    table = read_measured("whole_network")

    assert {"way", "seed", "val_accuracy", "seconds", "megabytes", "curve"} <= set(table.columns)
    assert table.groupby("way")["seed"].nunique().min() >= 3


def test_a_table_that_is_not_there_is_named_with_those_that_are(tmp_path):
    write(tmp_path, [])
    with pytest.raises(CourseError, match=r"under the name 'dail'.*dial"):
        read_measured("dail", tmp_path)


def test_a_course_without_tables_says_so(tmp_path):
    with pytest.raises(CourseError, match="holds no tables"):
        read_measured("dial", tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"rows": []}', *(DAMAGED % rows for rows in ("[]", "5", '"x"', "[1]", '{"a": 1}'))]
)
def test_a_damaged_table_is_told(tmp_path, text):
    write(tmp_path, []).write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match="is damaged"):
        read_measured("dial", tmp_path)


def test_what_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError):
        write(tmp_path, [{"accuracy": float("nan")}])
