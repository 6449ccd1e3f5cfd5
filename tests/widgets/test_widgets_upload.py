"""The reader's own pictures: both shapes of an upload, an answer for each, and words where there is none."""

import base64
import io
import re
from types import SimpleNamespace

import pytest
from PIL import Image

from densekit.errors import DataError, DensekitError
from densekit.plots import alt_text
from densekit.run import train
from densekit.widgets.upload import answers, picture_upload, uploaded


@pytest.fixture
def run(pictures, tiny_architecture, tmp_path):
    settings = {"model.architecture": str(tiny_architecture), "model.weights": "none", "data.image_size": 32}
    return train(data=pictures, epochs=1, out=tmp_path / "run", settings=settings)


def content(colour="red", format="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(buffer, format)
    return buffer.getvalue()


def look_at(widget, value):
    """What the widget shows when the front end hands it files; a FileUpload's value can't be set from Python."""
    widget.button = SimpleNamespace(value=value)
    widget.look()
    return widget.answer.value


@pytest.mark.parametrize(
    "value",
    [
        ({"name": "a.png", "content": memoryview(b"abc")}, {"name": "b.png", "content": memoryview(b"de")}),
        {"a.png": {"metadata": {}, "content": b"abc"}, "b.png": {"metadata": {}, "content": b"de"}},
    ],
    ids=["ipywidgets 8", "ipywidgets 7"],
)
def test_files_arrive_in_the_shape_of_either_version(value):
    assert list(uploaded(value)) == [("a.png", b"abc"), ("b.png", b"de")]


def test_each_picture_of_a_folder_is_answered_with_a_class(run, pictures):
    words = alt_text(answers(run, pictures / "red"))

    assert "Grid of 12 pictures" in words
    assert words.count("%") == 12


def test_an_uploaded_picture_is_answered_in_the_notebook(run):
    html = look_at(picture_upload(run), ({"name": "../../mine.png", "content": memoryview(content())},))

    assert re.search(r'alt="Grid of 1 picture\. .*(blue|green|red) \d+ %', html)
    assert base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])


def test_a_file_that_is_no_picture_is_told_and_not_raised(run):
    html = look_at(picture_upload(run), ({"name": "<b>notes.txt", "content": memoryview(b"hello")},))

    assert html.startswith("<b>✗</b> there is nothing to show: 00.txt")


def test_a_name_can_not_reach_the_page(run):
    html = look_at(picture_upload(run), ({"name": "x.<script>", "content": memoryview(b"hello")},))

    assert "<script>" not in html


def test_no_more_than_twenty_are_answered_at_once(run):
    many = tuple({"name": f"{n}.png", "content": memoryview(content())} for n in range(23))

    html = look_at(picture_upload(run), many)

    assert "Grid of 20 pictures" in html
    assert "The first 20 of 23 pictures." in html


def test_nothing_uploaded_changes_nothing(run):
    widget = picture_upload(run)
    before = widget.answer.value

    assert look_at(widget, ()) == before


def test_a_missing_folder_and_an_empty_one_are_refused(run, tmp_path):
    with pytest.raises((DataError, DensekitError), match="nowhere"):
        answers(run, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DensekitError, match="there is nothing to show"):
        answers(run, tmp_path / "empty")
