"""The doctor's report as one page of HTML, with the pictures that it speaks of.

Everything is in the one file: it can be sent, and opened without a network. Names and messages are escaped, since
a file may be called anything, and what the page may load is nothing.
"""

import base64
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image

from densekit.data.decoding import Picture, read_and_use
from densekit.data.doctor import Diagnosis
from densekit.data.image_files import has_image_name
from densekit.data.outside import check_outside
from densekit.data.problems import KINDS, Problem, name_below
from densekit.data.repeated import LOOKS_ALIKE
from densekit.errors import DataError
from densekit.files import name_of, named, place_without_room, real_path, write_text
from densekit.words import counted, shown

PICTURES = 24
"""So many pictures of a kind are shown; the others are named."""

_TITLE = "What the doctor found in"
_SIDE = 160  # of a thumbnail, in pixels
_NO_PIXELS = ("corrupt-image", "too-large-image", "no-permission", "missing-file", "broken-link")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } thead { border-bottom: 1px solid #888; }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
li { width: 10rem; overflow-wrap: anywhere; font-size: 85%; } li.text { width: 100%; }
img { display: block; max-width: 100%; border: 1px solid #ccc; }
li:has(img + img) { width: 21rem; }
li:has(img + img) img { display: inline-block; width: 48%; margin-right: 1%; vertical-align: top; }
h2.error { color: #a00; } h2.warning { color: #850; } code { font-size: 95%; }
"""


def check_page(path: Path, root: Path, images: Iterable[Path]) -> None:
    """Make sure that a page can be written without touching the data folder.

    Args:
        path: the file for the page.
        root: the data folder.
        images: its image files.

    Raises:
        DataError: the file lies in a folder of the source, is a folder, or is there and is no such page.
    """
    check_outside(path, root, images, "a file")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file for the page, such as {path / 'doctor.html'}")
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file, but a pipe, socket or device: name a file for the page")
    if path.is_file() and not _is_page(path):
        raise DataError(f"{path} is there already, and is no page of the doctor's: name another file")
    if there := place_without_room(real_path(path).parent):
        raise DataError(f"no file can be made in {there}: name another place for the page")


def _is_page(path: Path) -> bool:
    """Say whether a file has the title of our pages in its head; such a one may be written anew."""
    with path.open("rb") as file:
        return f"<title>{_TITLE} ".encode() in file.read(2000)


def write_page(diagnosis: Diagnosis, path: Path | str) -> Path:
    """Write the report as HTML; pictures that it shows are read once more.

    Raises:
        DataError: the file can't be used (see `check_page`).
    """
    path = named(path)
    check_page(path, diagnosis.root, diagnosis.images)
    write_text(real_path(path), "\n".join(_page(diagnosis)) + "\n")
    return path


def _page(diagnosis: Diagnosis) -> Iterator[str]:
    title = f"{_TITLE} {_text(name_of(diagnosis.root))}"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    yield f"<p>{_summary(diagnosis)}</p>"
    yield from _counts(diagnosis)
    for (severity, kind, remedy), group in groupby(
        diagnosis.problems, key=lambda problem: (problem.severity, problem.kind, problem.remedy)
    ):
        problems = list(group)
        yield f'<section>\n<h2 class="{severity}">{severity}: {KINDS[kind].title} ({len(problems)})</h2>'
        yield f"<p>{_text(remedy)}</p>\n<ul>"
        yield from _items(problems, diagnosis.root)
        yield "</ul>\n</section>"
    yield "</body>\n</html>"


def _summary(diagnosis: Diagnosis) -> str:
    if diagnosis.ok:
        return "No problems found."
    errors = len(diagnosis.errors)
    found = f"{counted(errors, 'error')}, {counted(len(diagnosis.problems) - errors, 'warning')}."
    return f"{found} Nothing in the folder was changed."


def _counts(diagnosis: Diagnosis) -> Iterator[str]:
    heading = "".join(
        f'<th scope="col">{"images" if split == "all" else split}</th>' for split in diagnosis.counts
    )
    yield f'<table>\n<thead><tr><th scope="col">class</th>{heading}</tr></thead>\n<tbody>'
    for name in diagnosis.classes:
        cells = "".join(f"<td>{of_class[name]}</td>" for of_class in diagnosis.counts.values())
        yield f'<tr><th scope="row">{_text(name)}</th>{cells}</tr>'
    yield "</tbody>\n</table>"


def _items(problems: Sequence[Problem], root: Path) -> Iterator[str]:
    pictures = 0
    for problem in problems:
        name = html.escape(name_below(problem.path, root), quote=True)
        told = f"<code>{name}</code><br>{_text(problem.message)}"
        source = thumbnail(problem) if pictures < PICTURES else None
        if source is None:
            yield f'<li class="text">{told}</li>'
        else:
            pictures += 1
            alt = f"{name}: {_text(problem.message)}"
            yield f'<li><img src="{source}" alt="{alt}">{_beside(problem, root)}{told}</li>'


def _beside(problem: Problem, root: Path) -> str:
    """Return the picture that one looks like, so that the two can be compared; of equal files one is enough."""
    if problem.other is None or problem.kind not in LOOKS_ALIKE:
        return ""
    source = thumbnail_of(problem.other)
    names = [html.escape(name_below(path, root), quote=True) for path in (problem.other, problem.path)]
    return f'<img src="{source}" alt="{names[0]}, beside {names[1]}">' if source else ""


def thumbnail(problem: Problem) -> str | None:
    """Return a problem's picture as a data URL, small; None for what is no picture that can be read."""
    return None if problem.kind in _NO_PIXELS else thumbnail_of(problem.path)


def thumbnail_of(path: Path) -> str | None:
    """Return a picture as a data URL, small; None for what is no picture that can be read."""
    if not has_image_name(path) or not path.is_file():
        return None
    answer = read_and_use(path, _as_jpeg, enough=_SIDE)
    return None if isinstance(answer, Problem) else answer


def _as_jpeg(picture: Picture) -> str:
    smaller = picture.image.copy()
    smaller.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    file = io.BytesIO()
    smaller.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _text(words: str | Path) -> str:
    return html.escape(shown(words), quote=True)
