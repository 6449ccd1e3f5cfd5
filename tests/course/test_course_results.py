import math

import nbformat
import numpy as np
import pytest
import torch

from densekit.course.results import MIME, read_result, record_result, result_line
from densekit.errors import CourseError


def test_a_result_reads_as_one_line():
    line = result_line({"val_accuracy": 0.93751, "classes": 8, "frozen": True, "weights": "embedded"})

    assert line == "val_accuracy 0.9375 · classes 8 · frozen True · weights embedded"


def test_the_last_recorded_result_counts():
    outputs = [nbformat.v4.new_output("display_data", data={MIME: {"step": step}}) for step in (1, 2)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])

    assert read_result(notebook) == {"step": 2}


def test_a_notebook_that_records_nothing_has_no_result():
    cells = [nbformat.v4.new_markdown_cell("text"), nbformat.v4.new_code_cell("1")]

    assert read_result(nbformat.v4.new_notebook(cells=cells)) is None


@pytest.mark.parametrize("value", [np.float32(0.5), torch.tensor(0.5), np.array(0.5)])
def test_arrays_and_tensors_of_one_number_are_taken_as_numbers(value, capsys):
    record_result(accuracy=value)  # outside a notebook it prints, so nothing is lost

    assert "{'accuracy': 0.5}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "at least one value"),
        ({"curve": [1, 2]}, r"record_result\(curve=...\) is a list"),
        ({"loss": math.nan}, r"record_result\(loss=nan\): a result must be a finite number"),
        ({"losses": torch.zeros(2)}, "is a Tensor"),
    ],
)
def test_what_no_table_can_hold_is_refused(values, message):
    with pytest.raises(CourseError, match=message):
        record_result(**values)
