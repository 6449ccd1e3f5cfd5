from pathlib import Path

import pytest
from PIL import Image

from densekit.errors import DataError
from densekit.files import sample_folder
from workshop.samples.__main__ import main
from workshop.samples.fresh import OF_EACH, check_fresh, fresh_names, fresh_sketches, fresh_sums, render_fresh
from workshop.samples.make import picture_names
from workshop.samples.objects import CLASSES


def test_there_are_as_many_of_each_class_and_none_is_a_known_picture() -> None:
    names = fresh_names()
    assert len(names) == len(set(names)) == OF_EACH * len(CLASSES)
    assert set(names).isdisjoint(picture_names())
    sums = fresh_sums()
    assert list(sums) == names
    known = (sample_folder("tabletop") / "SHA256SUMS").read_text()
    assert not any(digest in known for digest in sums.values())


@pytest.mark.slow
def test_a_picture_is_rendered_once_to_its_committed_digest(tmp_path: Path) -> None:
    some = fresh_names()[3:4]
    assert list(render_fresh(tmp_path, some, processes=1)) == some
    check_fresh(tmp_path, some)
    assert list(render_fresh(tmp_path, some, processes=1)) == []


@pytest.mark.slow
def test_a_picture_that_was_rounded_elsewhere_passes_and_another_one_does_not(tmp_path: Path) -> None:
    first, second = fresh_names()[:2]
    list(render_fresh(tmp_path, [first], processes=1))
    with Image.open(tmp_path / first) as image:
        image.save(tmp_path / first, quality=90)  # other bytes, a level more or less here and there
    check_fresh(tmp_path, [first])
    (tmp_path / second).write_bytes((tmp_path / first).read_bytes())
    with pytest.raises(DataError, match="1 of the 2 fresh pictures"):
        check_fresh(tmp_path, [first, second])
    assert list(fresh_sketches()) == fresh_names()


def test_a_changed_or_missing_picture_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / fresh_names()[0]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 of the 2 fresh pictures.*the first is fresh-2/.*/0001\.jpg"):
        check_fresh(tmp_path, fresh_names()[:2])
    assert main(["fresh", "--check", str(tmp_path)]) == 2
    assert "delete the folder" in capsys.readouterr().err
