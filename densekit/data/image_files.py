"""Which files of a folder are images: the one rule that the loaders and the doctor share.

The name decides first, then a look at the file from outside (is it there, may it be read, has it any bytes).
What its bytes hold is for `densekit.data.decoding` to say, when it decodes them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from densekit.data.problems import Problem

# Formats that hold pictures, by the extensions they are known by. HEIC is read where the plugin pillow-heif
# is registered. A PostScript file, say, is none of these: Pillow would start another program to read it.
_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".jp2"),
)
_OTHER_PICTURES = (".svg", ".psd", ".xcf", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".eps", ".jxl")

FORMATS: dict[str, str] = {
    extension: name for extension, name in Image.registered_extensions().items() if extension in _EXTENSIONS
}
"""Extensions that are read, in lower case, each with Pillow's name of its format."""

DECODERS: tuple[str, ...] = tuple(sorted(set(FORMATS.values()) & set(Image.OPEN)))
"""The only formats that Pillow may try on a file, whatever the file claims to be."""

_SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".ds_store", ".localized", ".directory")
_SYSTEM_FOLDERS = ("__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information")


def find_images(folder: Path) -> tuple[list[Path], list[Problem]]:
    """Walk a folder and its subfolders; sort what is in there into images and problems.

    Returns:
        The images, in the order in which torchvision's ImageFolder lists them, and a problem for each other
        file and for each hidden folder. Nothing goes missing in between.
    """
    images: list[Path] = []
    problems: list[Problem] = []
    for path in _walk(folder, problems, seen=set()):
        problem = judge(path)
        if problem is None:
            images.append(path)
        else:
            problems.append(problem)
    return sorted(images, key=lambda path: (str(path.parent), path.name)), problems


def judge(path: Path) -> Problem | None:
    """Say why a file of a class folder is not used, or return None for an image."""
    return judge_name(path) or _judge_file(path) or _judge_extension(path)


def judge_name(path: Path) -> Problem | None:
    """Say whether a file belongs to the system or is hidden, which its name alone tells."""
    if path.name.lower() in _SYSTEM_FILES or path.name.startswith("._"):
        return Problem.of("system-file", path, "a file of the operating system, not an image")
    if path.name.startswith("."):
        return Problem.of("hidden-file", path, "a hidden file: its name starts with a dot")
    return None


def has_image_name(path: Path) -> bool:
    """Say whether the extension, in lower or upper case, is that of an image."""
    return path.suffix.lower() in FORMATS


def is_hidden_folder(path: Path) -> bool:
    """Say whether a folder is one that people don't make: `.ipynb_checkpoints`, `__MACOSX`, `.git`."""
    return path.name.startswith(".") or path.name.lower() in _SYSTEM_FOLDERS


def list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, links followed, each sorted by name."""
    folders: list[Path] = []
    files: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        (folders if path.is_dir() else files).append(path)
    return folders, files


def _walk(folder: Path, problems: list[Problem], seen: set[Path]) -> Iterator[Path]:
    # A link to a folder further up would lead round in circles.
    if (real := folder.resolve()) in seen:
        return
    seen.add(real)
    try:
        folders, files = list_folder(folder)
    except PermissionError:
        problems.append(Problem.of("no-permission", folder, "the folder can't be opened"))
        return
    yield from files
    for subfolder in folders:
        if is_hidden_folder(subfolder):
            problems.append(Problem.of("hidden-folder", subfolder, "a hidden folder"))
        else:
            yield from _walk(subfolder, problems, seen)


def _judge_file(path: Path) -> Problem | None:
    if path.is_symlink() and not path.exists():
        return Problem.of("broken-link", path, f"a link to {path.readlink()}, which is not there")
    if not path.is_file():
        return Problem.of("not-an-image", path, "not a file that can be read, but a pipe, socket or device")
    if not os.access(path, os.R_OK):
        return Problem.of("no-permission", path, "the file may not be read")
    if has_image_name(path) and path.stat().st_size == 0:
        return Problem.of("corrupt-image", path, "the file is empty (0 bytes)")
    return None


def _judge_extension(path: Path) -> Problem | None:
    extension = path.suffix.lower()
    if extension in FORMATS:
        return None
    if extension in _EXTENSIONS + _OTHER_PICTURES:
        return Problem.of("unreadable-format", path, f"a {extension} picture, a format that is not read here")
    if name := _format_inside(path):
        return Problem.of("unnamed-image", path, f"holds a {name} image, but its name does not say so")
    return Problem.of("not-an-image", path, "not an image")


def _format_inside(path: Path) -> str | None:
    try:
        with Image.open(path, formats=DECODERS) as image:
            return image.format
    except Exception:  # whatever stops Pillow, the answer is the same: no image
        return None
