import json

import nbformat
import pytest

from densekit.course.build import build_course
from densekit.errors import CourseError

pytestmark = pytest.mark.notebooks

HEADER = "# ---\n# jupyter:\n#   densekit:\n#     compared_at_least: 0\n#     ignored_at_most: 0\n# ---\n\n"


def write_source(folder, text, name="01_own.py"):
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / name).write_text(HEADER + text, encoding="utf-8")
    return folder


def test_a_forced_build_writes_the_same_bytes_again(course):
    paths = [course / "00_sample.ipynb", course / "solutions" / "00_sample.ipynb"]
    before = [path.read_bytes() for path in paths]

    report = build_course(folder=course, force=True)

    assert list(report.built) == paths
    assert [path.read_bytes() for path in paths] == before


def test_what_has_not_changed_is_not_built_again(course):
    report = build_course(folder=course)

    assert report.built == ()
    assert [path.name for path in report.unchanged] == ["00_sample.ipynb"] * 2


def test_a_changed_source_is_built_again(course):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text().replace("layers: int = 6", "layers: int = 4"))

    build_course(folder=course)

    assert "4 layers, scale 1.0, block" in (course / "00_sample.ipynb").read_text()


def test_ids_are_stable_and_metadata_holds_nothing_of_the_machine(course):
    notebook = nbformat.read(course / "00_sample.ipynb", as_version=4)

    assert [cell.id for cell in notebook.cells] == [f"00_sample-{i:03d}" for i in range(len(notebook.cells))]
    assert set(notebook.metadata) == {"densekit", "kernelspec", "language_info", "widgets"}
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


def test_widgets_are_numbered_in_the_order_in_which_they_were_opened(course):
    notebook = json.loads((course / "00_sample.ipynb").read_text())

    state = notebook["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    (shown,) = [
        output["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert list(state) == [f"{number:032x}" for number in range(len(state))]
    assert state[shown]["model_name"] == "HBoxModel"
    slider, label = (child.removeprefix("IPY_MODEL_") for child in state[shown]["state"]["children"])
    assert (state[slider]["model_name"], state[label]["model_name"]) == ("IntSliderModel", "LabelModel")
    assert state[slider]["state"]["value"] == 7


def test_volatile_output_is_not_stored(course):
    assert "seconds since 1970\\n" not in (course / "00_sample.ipynb").read_text()


def test_a_cell_that_fails_is_named_and_the_old_notebook_stays(course):
    before = (course / "00_sample.ipynb").read_bytes()
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text().replace("slider.value = 7", "slider.valve.open()"))

    with pytest.raises(
        CourseError, match=r"00_sample \(learner\): cell 11 \(00_sample-010\): AttributeError: .*'valve'"
    ):
        build_course(folder=course)

    assert (course / "00_sample.ipynb").read_bytes() == before


def test_only_the_solved_version_fails_and_neither_is_replaced(course):
    before = (course / "00_sample.ipynb").read_bytes()
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text().replace("channels = 64 + 32 * layers\n###", "channels = 1 / 0\n###"))

    with pytest.raises(CourseError, match=r"00_sample \(solutions\): .*ZeroDivisionError: division by zero"):
        build_course(folder=course)

    assert (course / "00_sample.ipynb").read_bytes() == before


def test_a_notebook_that_takes_too_long_is_stopped(tmp_path):
    write_source(tmp_path, "# %%\nimport time\n\nwhile True:\n    time.sleep(0.1)\n")

    with pytest.raises(CourseError, match=r"cell 1 .*stopped after 4 s; the cell begins 'import time'"):
        build_course(folder=tmp_path, timeout_s=4)


def test_a_build_has_no_network_an_empty_folder_and_an_empty_cache(tmp_path):
    code = """# %%
import os
import urllib.request
from pathlib import Path

from densekit.files import cache_folder

try:
    urllib.request.urlopen("http://example.com", timeout=5)
except OSError as error:
    print(error)
print(list(Path.cwd().iterdir()), cache_folder().exists())
"""
    write_source(tmp_path, code)

    build_course(folder=tmp_path)

    text = (tmp_path / "01_own.ipynb").read_text()
    assert "'example.com' was not contacted: this run has no network" in text
    assert "[] False" in text


def test_an_unknown_name_is_refused_with_the_nearest(course):
    with pytest.raises(CourseError, match=r"no notebook '00_smaple': did you mean '00_sample'\?"):
        build_course(["00_smaple"], folder=course)


@pytest.mark.parametrize("name", ["00", "sample", "00_sample", "00_sample.ipynb"])
def test_a_notebook_answers_to_its_number_and_its_name(course, name):
    assert len(build_course([name], folder=course).unchanged) == 2


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CourseError, match=r"no course in .*nowhere: the folder does not exist"):
        build_course(folder=tmp_path / "nowhere")


def test_a_folder_without_sources_is_no_error(tmp_path):
    assert build_course(folder=tmp_path).text == "no sources, so nothing to build"


def test_a_place_that_can_not_be_written_to_is_told(tmp_path):
    write_source(tmp_path, "# %%\npass\n")
    (tmp_path / "solutions").write_text("a file where a folder is due")

    with pytest.raises(CourseError, match=r"can't write .*01_own.ipynb"):
        build_course(folder=tmp_path)
