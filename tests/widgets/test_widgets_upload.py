"""The reader's own pictures: both shapes of an upload, an answer for each, and words where there is none."""

import base64
import io
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from densekit.errors import DataError, DensekitError
from densekit.plots import alt_text
from densekit.run import load_run
from densekit.widgets.upload import answers, picture_upload, uploaded


@pytest.fixture
def run(trained):
    return load_run(trained)  # nothing here writes into its folder


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

    assert html.startswith(
        "<b>✗</b> there is nothing to show: &lt;b&gt;notes.txt: no image format is recognised"
    )
    assert "Get the picture from its source again" in html


def test_a_name_can_not_reach_the_page(run):
    html = look_at(picture_upload(run), ({"name": "x.<script>", "content": memoryview(b"hello")},))

    assert "<script>" not in html


@pytest.mark.slow
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


def files(**contents):
    return tuple({"name": name, "content": memoryview(data)} for name, data in contents.items())


def test_what_can_not_be_read_is_told_beside_the_others_by_the_readers_names(run):
    value = files(
        **{
            "a.png": content(),
            "holiday.jpg": b"nonsense",
            "IMG_1.HEIC": b"\0\0\0\x18ftypheic",
            "zero.png": b"",
        }
    )

    html = look_at(picture_upload(run), value)

    assert re.search(r'alt="Grid of 1 picture\. .*a\.png (blue|green|red) \d+ %', html)
    assert "holiday.jpg: no image format is recognised in the file. Get the picture" in html
    assert "IMG_1.HEIC: holds a HEIC picture. Install pillow-heif" in html
    assert "zero.png: the file is empty (0 bytes)" in html


def test_of_many_that_can_not_be_read_a_handful_is_told(run):
    html = look_at(picture_upload(run), files(**{f"mine {n}.png": b"bad" for n in range(20)}))

    assert html.count("no image format is recognised") == 5
    assert "and 15 more" in html


@pytest.mark.parametrize("name", ["a." + 300 * "b", "a.p\ud800ng", "a.p\0ng", ""])
def test_a_picture_may_be_called_anything(run, name):
    html = look_at(picture_upload(run), files(**{name: content()}))

    assert "Grid of 1 picture" in html
    html.encode()  # a page is UTF-8


def test_a_temporary_folder_that_was_tidied_away_is_made_again(run):
    widget = picture_upload(run)
    shutil.rmtree(widget._folder.name)

    assert "Grid of 1 picture" in look_at(widget, files(**{"a.png": content()}))


def test_whatever_stops_it_is_told_in_the_place_of_the_answer(run):
    widget = picture_upload(run)
    look_at(widget, files(**{"a.png": content()}))
    folder = Path(widget._folder.name)
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was")

    html = look_at(widget, files(**{"a.png": content()}))
    folder.unlink()

    assert html.startswith("<b>✗</b> the pictures can&#x27;t be answered ([Errno 17] File exists")


def test_pictures_of_one_name_are_told_apart_by_their_folders(run, pictures):
    same = [pictures / name / "00.png" for name in ("red", "blue")]
    words = alt_text(answers(run, same))
    assert "red/00.png" in words and "blue/00.png" in words
    assert "red/00.png" not in alt_text(answers(run, same[:1]))


def test_of_a_folder_the_first_pictures_are_classified_and_no_more(run, pictures, monkeypatch):
    for path in list((pictures / "red").iterdir()):
        shutil.copy(path, path.with_stem(f"{path.stem}_again"))
    asked, predict = [], type(run).predict
    monkeypatch.setattr(
        type(run), "predict", lambda self, images, top: asked.extend(images) or predict(self, images, top)
    )

    words = alt_text(answers(run, pictures / "red"))

    assert len(asked) == 20
    assert "Grid of 20 pictures" in words
    assert "The first 20 of 24 pictures." in words


def test_of_a_folder_what_can_not_be_read_is_told(run, pictures):
    (pictures / "red" / "03.png").write_bytes(b"bad")
    (pictures / "red" / "Thumbs.db").write_bytes(b"bad")
    figure = answers(run, pictures / "red")

    words = alt_text(figure)
    assert "Grid of 11 pictures" in words and "02.png" in words
    assert "red/03.png: no image format is recognised in the file. Get the picture" in words
    assert "Thumbs" not in words
    assert "03.png: no image format" in " ".join(figure.get_supxlabel().split())


def test_what_is_shown_is_what_the_classifier_sees(run, tmp_path):
    wide = Image.new("RGB", (400, 40), "red")
    wide.paste("blue", (180, 0, 220, 40))
    wide.save(tmp_path / "wide.png")

    (axes, *_) = answers(run, [tmp_path / "wide.png"]).axes

    pixels = axes.get_images()[0].get_array()
    assert pixels.shape == (32, 32, 3)
    assert (pixels[..., 2] > 200).all()
