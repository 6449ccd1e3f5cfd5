"""The page stands alone, shows pictures with alt text, and is safe whatever a file is called."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pictures import class_folders, dirty_folder, scene

from densekit.data.doctor import diagnose
from densekit.data.doctor_page import PICTURES, write_page
from densekit.data.image_files import FORMATS
from densekit.errors import DataError

OPEN = ("meta", "img", "br")  # elements without an end


class Reader(HTMLParser):
    """Collects elements, and text as a browser would show it; complains about what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in OPEN:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(root: Path, path: Path) -> Reader:
    return Reader(write_page(diagnose(root), path).read_text(encoding="utf-8"))


def test_every_problem_is_on_it(tmp_path: Path) -> None:
    root = dirty_folder(tmp_path / "dirty")
    page = page_of(root, tmp_path / "doctor.html")
    for problem in diagnose(root).problems:
        assert problem.path.relative_to(root).as_posix() in page.text
        assert problem.message in page.text
        assert problem.remedy in page.text


def test_pictures_have_alt_text_and_are_in_the_page_itself(tmp_path: Path) -> None:
    page = page_of(dirty_folder(tmp_path / "dirty"), tmp_path / "doctor.html")
    alts = [image["alt"] for image in page.of("img")]
    assert "dog/animation.gif: holds 3 frames" in alts
    assert len(set(alts)) == len(alts) >= 5
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in page.of("img"))
    loaded = [
        value for _, attributes in page.elements for name, value in attributes.items() if name == "href"
    ]
    assert loaded == []


def test_what_can_not_be_read_has_no_picture(tmp_path: Path) -> None:
    page = page_of(dirty_folder(tmp_path / "dirty"), tmp_path / "doctor.html")
    assert not any("cut.jpg" in (image["alt"] or "") for image in page.of("img"))


def test_a_name_is_a_name_and_not_markup(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 2, "<b>dog & 'co'": 2})
    name = '"><script>alert(1)<╱script>.png'.replace("╱", "'")
    (root / "cat" / name).write_bytes(b"x")
    scene().save(root / "cat" / "x' onerror='alert(2).gif", save_all=True, append_images=[scene(seed=1)])
    page = page_of(root, tmp_path / "doctor.html")
    assert page.of("script") == page.of("b") == []
    assert all(set(image) == {"src", "alt"} for image in page.of("img"))
    assert name in page.text
    assert "<b>dog & 'co'" in page.text


def test_of_many_pictures_the_first_are_shown_and_the_others_named(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 2, "dog": 2})
    for number in range(PICTURES + 5):
        scene((12, 12), seed=number).save(root / "cat" / f"tiny{number:02}.png")
    page = page_of(root, tmp_path / "doctor.html")
    assert len(page.of("img")) == PICTURES
    assert len(re.findall(r"cat/tiny\d\d\.png", page.text)) == PICTURES + 5


def test_a_clean_folder(tmp_path: Path) -> None:
    page = page_of(class_folders(tmp_path / "data", {"cat": 2, "dog": 2}), tmp_path / "doctor.html")
    assert "No problems found." in page.text


def test_it_is_never_written_into_the_data_folder(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 2, "dog": 2})
    with pytest.raises(DataError, match=r"never changed: name a file outside"):
        write_page(diagnose(root), root / "cat" / "0.png")
    with pytest.raises(DataError, match=r"is a folder: name a file"):
        write_page(diagnose(root), tmp_path)


def test_a_page_replaces_a_page_and_nothing_else(tmp_path: Path) -> None:
    class_folders(tmp_path / "pictures", {"train/apple": 2, "train/pear": 2})
    diagnosis = diagnose(tmp_path / "pictures")
    page = write_page(diagnosis, tmp_path / "page.html")
    write_page(diagnosis, page)

    other = tmp_path / "mine.jpg"
    scene().save(other)
    before = other.read_bytes()
    with pytest.raises(DataError, match="is there already, and is no page of the doctor's"):
        write_page(diagnosis, other)
    assert other.read_bytes() == before

    another = tmp_path / "another.html"
    another.write_text(
        page.read_text(encoding="utf-8").replace("<title>What", "<title>Whatever"), encoding="utf-8"
    )
    with pytest.raises(DataError, match="is no page of the doctor's"):
        write_page(diagnosis, another)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_nor_does_it_replace_a_pipe(tmp_path: Path) -> None:
    diagnosis = diagnose(class_folders(tmp_path / "data", {"cat": 2, "dog": 2}))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"is no file, but a pipe, socket or device"):
        write_page(diagnosis, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_to_a_page_stays_a_link(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 2, "dog": 2})
    page = write_page(diagnose(root), tmp_path / "page.html")
    (tmp_path / "link.html").symlink_to("page.html")
    (root / "cat" / "notes.txt").touch()
    write_page(diagnose(root), tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert "notes.txt" in page.read_text(encoding="utf-8")


def test_it_is_never_written_into_a_class_that_is_a_link(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 2, "dog": 2})
    (root / "cat").rename(tmp_path / "elsewhere")
    (root / "cat").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"lies in .*data/cat, which is never changed"):
        write_page(diagnose(root), tmp_path / "elsewhere" / "page.html")


def test_a_name_that_nobody_has_and_a_circle_of_links_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosis = diagnose(class_folders(tmp_path / "data", {"cat": 2, "dog": 2}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"nobody here is called 'nobody-is-called-so'"):
        write_page(diagnosis, "~nobody-is-called-so/page.html")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DataError, match=r"which leads nowhere: name a file"):
        write_page(diagnosis, tmp_path / "a" / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "data"]


def test_the_present_folder_has_its_name_in_the_title(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(class_folders(tmp_path / "data", {"cat": 2, "dog": 2}))
    page = write_page(diagnose("."), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>What the doctor found in data</title>" in page
    write_page(diagnose("."), tmp_path / "page.html")


def test_what_looks_the_same_is_shown_beside_it(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 3, "dog": 3})
    scene(seed=70).save(root / "cat" / "a.png")
    scene(seed=70).resize((120, 90)).save(root / "cat" / "small.png")
    alts = [image["alt"] or "" for image in page_of(root, tmp_path / "page.html").of("img")]
    assert [alt.split(":")[0] for alt in alts] == ["cat/small.png", "cat/a.png, beside cat/small.png"]


def test_remedies_of_one_kind_are_a_section_each(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "data", {"cat": 2, "dog": 2})
    for number in range(6):
        (root / "cat" / f"p{number}.{'heic' if number % 2 else 'psd'}").write_bytes(b"x")
    page = page_of(root, tmp_path / "page.html")
    expected = 1 if ".heic" in FORMATS else 2
    assert len(page.of("section")) == expected
