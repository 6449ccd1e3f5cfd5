"""The doctor's findings as thumbnails to choose from: nothing on the disk is touched."""

import hashlib
import shutil
from pathlib import Path

import pytest
from PIL import Image

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
        first = [problem for problem in diagnosis.problems if problem.kind == kind][:PICTURES]
        assert len(view._pictures.children) == len(first)
        named = {path for problem in first for path in (problem.path, problem.other) if path}
        assert set(view.boxes) == {path for path in named if path.exists() or path.is_symlink()}

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


def test_of_a_picture_in_two_classes_either_can_be_kept(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(pictures / "blue" / "00.png", pictures / "red" / "copy.png")
    monkeypatch.chdir(pictures.parent)
    root = Path(pictures.name)
    view = doctor_view(diagnose(root))
    view.show("label-conflict")
    sides = [root / "blue" / "00.png", root / "red" / "copy.png"]
    assert view.left_out == tuple(sides)
    assert [view.boxes[path].value for path in sides] == [False, False]

    view.include(sides[0])
    assert view.left_out == (sides[1],)
    view.boxes[sides[1]].value = True
    assert view.left_out == ()

    with pytest.raises(DensekitError, match=r"no problem names pictures/blue/nowhere\.png:"):
        view.include(root / "blue" / "nowhere.png")


def test_what_is_ticked_is_in_the_clean_copy_and_what_is_not_is_listed(pictures: Path) -> None:
    shutil.copy(pictures / "blue" / "00.png", pictures / "red" / "copy.png")
    view = doctor_view(diagnose(pictures))
    view.include("blue/00.png")
    clean = view.write_clean_copy(pictures.with_name("clean"))
    assert (clean.folder / "blue" / "00.png").is_file()
    assert not (clean.folder / "red" / "copy.png").exists()
    assert "red/copy.png" in (clean.folder / "manifest.csv").read_text()


def test_a_copy_stands_beside_what_it_is_a_copy_of(pictures: Path) -> None:
    shutil.copy(pictures / "red" / "00.png", pictures / "red" / "copy.png")
    view = doctor_view(diagnose(pictures))
    view.show("duplicate")

    (card,) = view._pictures.children
    shown = [child.value for child in card.children if isinstance(child.value, str)]
    assert len(shown) == 2 and all("<img src=" in words for words in shown)
    assert "red/copy.png" in shown[0] and "red/00.png" in shown[1]
    assert [view.boxes[pictures / "red" / name].value for name in ("copy.png", "00.png")] == [False, True]


def test_each_picture_of_a_kind_has_its_own_remedy(pictures: Path) -> None:
    (pictures / "red" / "a.psd").write_bytes(b"8BPS")
    (pictures / "red" / "b.dcm").write_bytes(bytes(128) + b"DICM")
    (pictures / "red" / "c.png").write_bytes(bytes(128) + b"DICM")  # told by its content, with its remedy
    view = doctor_view(diagnose(pictures))
    view.show("unreadable-format")

    words = [card.children[0].value for card in view._pictures.children]
    assert ["Convert it to JPEG or PNG" in each for each in words] == [True, True, False]
    assert "Export it as PNG (pydicom does it)" in words[2]
    assert "Convert" not in view._remedy.value


def test_warnings_are_not_called_errors_and_what_is_not_there_has_no_box(tmp_path: Path) -> None:
    for split, names in (("train", "abc"), ("val", "abd")):
        for number, name in enumerate(names):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(2):
                picture = Image.effect_noise((40, 40), 60 + number)
                picture.save(tmp_path / split / name / f"{index}.png")
    view = doctor_view(diagnose(tmp_path))
    view.show("class-mismatch")

    (title,) = [title for title, kind in view.kind.options if kind == "class-mismatch"]
    assert title.startswith("error or warning: ")
    assert set(view.boxes) == {tmp_path / "val" / "d"}


def test_what_was_shown_before_is_closed(messy: Path) -> None:
    view = doctor_view(diagnose(messy))
    view.show("blurry")
    (card,) = view._pictures.children
    parts = [card, *card.children, card.layout, *(child.layout for child in card.children)]

    view.show("one-colour")

    assert all(part.comm is None for part in parts)


def test_what_can_not_be_read_can_not_be_chosen(pictures: Path) -> None:
    (pictures / "red" / "bad.png").write_bytes(b"nothing")
    view = doctor_view(diagnose(pictures))
    view.show("corrupt-image")
    path = pictures / "red" / "bad.png"

    assert view.boxes[path].disabled
    with pytest.raises(
        DensekitError, match=r"it can't be used as it is: .*bad\.png: no image format is recog"
    ):
        view.include(path)
    assert view.left_out == (path,)
