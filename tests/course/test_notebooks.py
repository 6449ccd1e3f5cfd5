"""Every notebook of the course: in step with its source, runs without a network, prints what it has stored."""

import itertools

import nbformat
import pytest

from densekit.course.check import check_course
from densekit.course.places import VERSIONS, open_course
from densekit.course.run import run_course

pytestmark = pytest.mark.notebooks

COURSE = open_course()
EACH = pytest.mark.parametrize(("name", "version"), list(itertools.product(COURSE.names(), VERSIONS)))


def test_every_notebook_is_in_step_with_its_source_and_holds_to_the_rules():
    report = check_course()

    assert report.ok, report.text


@EACH
def test_it_runs_to_its_end_in_batch_without_a_network(name, version, tmp_path, monkeypatch):
    monkeypatch.setenv("DENSEKIT_CACHE", str(tmp_path / "cache"))

    report = run_course(
        [name], out=tmp_path / "out", solutions=version == "solutions", offline=True, workers=1
    )

    assert report.ok, report.text
    assert report.rows[0].result, "the notebook records no key result: end it with record_result(...)"


@EACH
def test_it_prints_what_it_has_stored(name, version, compare):
    notebook = COURSE.notebook(name, version)

    compared = compare(notebook)

    assert compared.returncode == 0, compared.stdout[-6000:]
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    assert f"{len(cells)} passed" in compared.stdout
