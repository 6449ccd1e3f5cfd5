"""The doctor's findings as thumbnails to choose from: nothing on the disk is touched."""

import hashlib
from pathlib import Path

import pytest

from densekit.data.clean_copy import write_clean_copy
from densekit.data.doctor import diagnose
from densekit.data.doctor_page import PICTURES
from densekit.data.messy import write_messy
from densekit.errors import DensekitError
from densekit.widgets.doctor_view import doctor_view


def tree(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    write_messy(tmp_path / "messy")
    return tmp_path / "messy"


def test_every_kind_can_be_chosen_and_nothing_is_touched(messy: Path) -> None:
    before = tree(messy)
    diagnosis = diagnose(messy)
    view = doctor_view(diagnosis)

    for kind in dict.fromkeys(problem.kind for problem in diagnosis.problems):
        view.show(kind)
        count = sum(problem.kind == kind for problem in diagnosis.problems)
        assert len(view.boxes) == min(count, PICTURES)

    assert tree(messy) == before


def test_at_first_it_leaves_out_what_a_clean_copy_leaves_out(messy: Path, tmp_path: Path) -> None:
    diagnosis = diagnose(messy)

    copy = write_clean_copy(diagnosis, tmp_path / "clean")

    assert doctor_view(diagnosis).left_out == tuple(sorted(problem.path for problem in copy.left_out))


def test_a_picture_is_a_thumbnail_with_words(messy: Path) -> None:
    view = doctor_view(diagnose(messy))
    view.show("blurry")

    (card,) = view._pictures.children
    assert '<img src="data:image/jpeg;base64,' in card.children[0].value
    assert 'alt="train/apple/blurred.jpg: ' in card.children[0].value


def test_a_tick_changes_the_list_and_the_list_the_tick(messy: Path) -> None:
    view = doctor_view(diagnose(messy))
    view.show("blurry")
    path = messy / "train" / "apple" / "blurred.jpg"
    assert path not in view.left_out

    view.boxes[path].value = False
    assert path in view.left_out
    assert "train/apple/blurred.jpg" in view._told.value

    view.include("train/apple/blurred.jpg")
    assert path not in view.left_out
    assert view.boxes[path].value is True


def test_what_no_problem_names_is_refused(messy: Path) -> None:
    view = doctor_view(diagnose(messy))
    with pytest.raises(DensekitError, match="no problem names"):
        view.include("train/apple/0.jpg", False)
    with pytest.raises(DensekitError, match="nothing of the kind 'blury' was found: did you mean 'blurry'"):
        view.show("blury")


def test_a_clean_folder_has_nothing_to_choose(pictures: Path) -> None:
    view = doctor_view(diagnose(pictures))

    assert view.left_out == ()
    assert "0 files and folders left out" in view._told.value


def test_names_are_escaped(pictures: Path) -> None:
    (pictures / "red" / "<b>x.jpg").write_bytes(b"nothing")
    view = doctor_view(diagnose(pictures))

    assert "<b>x" not in view._told.value
    assert "&lt;b&gt;x" in view._told.value
