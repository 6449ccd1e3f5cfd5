"""Which files of a folder are images: the one rule that the loaders and the doctor share.

The name decides first, then a look at the file from outside (is it there, may it be read, has it any bytes).
What its bytes hold is for `densekit.data.decoding` to say, when it decodes them.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from PIL import Image

from densekit.data.file_bytes import size_of
from densekit.data.problems import Problem
from densekit.data.signatures import HEIC_REMEDY
from densekit.errors import one_line
from densekit.files import is_folder
from densekit.words import is_plain, shown

# Formats that hold pictures, by the extensions they are known by. A PostScript file, say, is none of these:
# Pillow would start another program to read it.
_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".jp2"),
)
_OTHER_PICTURES = (
    *(".svg", ".psd", ".xcf", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".eps"),
    *(
        ".jxl",
        ".ico",
        ".tga",
        ".pcx",
        ".exr",
        ".hdr",
        ".dds",
        ".dcm",
        ".dicom",
        ".nii",
        ".czi",
        ".nd2",
        ".fits",
    ),
)
_HEIC = (".heic", ".heif")
_PACKED = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst", ".lnk", ".url", ".webloc")

with suppress(ImportError):  # where it is installed, pictures of iPhones are read as they are
    import_module("pillow_heif").register_heif_opener()

FORMATS: dict[str, str] = {
    extension: name for extension, name in Image.registered_extensions().items() if extension in _EXTENSIONS
}
"""Extensions that are read, in lower case, each with Pillow's name of its format."""

DECODERS: tuple[str, ...] = tuple(sorted(set(FORMATS.values()) & set(Image.OPEN)))
"""The only formats that Pillow may try on a file, whatever the file claims to be."""

_SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".ds_store", ".localized", ".directory")
_SYSTEM_FOLDERS = ("__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information")


def find_images(folder: Path, root: Path | None = None) -> tuple[list[Path], list[Problem]]:
    """Walk a folder and its subfolders; sort what is in there into images and problems.

    Args:
        folder: of a class.
        root: the folder of all classes; a link from one of them to another, or further up, is not followed.

    Returns:
        The images, in the order in which torchvision's ImageFolder lists them, and a problem for each other
        file and for each hidden folder. Nothing goes missing in between.
    """
    images: list[Path] = []
    problems: list[Problem] = []
    for path in _walk(folder, root, problems):
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


def judge_beside_classes(path: Path) -> Problem | None:
    """Say whether a file that lies beside class folders was meant to be one of them, or their images.

    Other files there are most likely a data card.
    """
    if problem := judge_name(path) or judge_reach(path):
        return problem
    if has_image_name(path):
        return Problem.of("misplaced-image", path, "the image lies in no class folder")
    if path.suffix.lower() in _PACKED:
        what = "a shortcut" if path.suffix.lower() in (".lnk", ".url", ".webloc") else "an archive"
        return Problem.of("packed-class", path, f"{what}, not a class folder")
    return None


def has_image_name(path: Path) -> bool:
    """Say whether the extension, in lower or upper case, is that of an image."""
    return path.suffix.lower() in FORMATS


def is_hidden_folder(path: Path) -> bool:
    """Say whether a folder is one that people don't make: `.ipynb_checkpoints`, `__MACOSX`, `.git`."""
    return path.name.startswith(".") or path.name.lower() in _SYSTEM_FOLDERS


def list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, links followed, each sorted by name.

    A link that leads nowhere, or to where one may not look, counts as a file.
    """
    folders: list[Path] = []
    files: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        (folders if is_folder(path) else files).append(path)
    return folders, files


def holds_an_image(folder: Path, root: Path | None = None) -> bool:
    """Say whether `find_images` finds any, and stop at the first."""
    return any(judge(path) is None for path in _walk(folder, root, []))


def visible_folders(folder: Path) -> list[Path]:
    """Return the subfolders that are not hidden, sorted by name; none if the folder may not be opened."""
    try:
        return [path for path in list_folder(folder)[0] if not is_hidden_folder(path)]
    except OSError:
        return []


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _out_of_reach(path: Path, error: OSError) -> Problem:
    """Say why a file or folder that its folder lists can't be looked at."""
    if isinstance(error, FileNotFoundError):
        return Problem.of("missing-file", path, "it is not there any more")
    if isinstance(error, PermissionError):
        remedy = "Give yourself the right to enter the folder (chmod u+rx)."
        return Problem.of("no-permission", path, "the folder may not be entered", remedy=remedy)
    return Problem.of("corrupt-image", path, f"it can't be looked at ({one_line(error)})")


def judge_reach(path: Path) -> Problem | None:
    """Say whether one may not look at a file, or whether it is a link that leads nowhere or to such a place."""
    try:
        path.lstat()  # on its own, is_symlink() raises in some versions of Python and says no in others
    except OSError as error:
        return _out_of_reach(path, error)
    if path.is_symlink() and not _is_there(path):
        return Problem.of("broken-link", path, f"a link to {shown(path.readlink())}, which is not there")
    return None


def _walk(top: Path, root: Path | None, problems: list[Problem]) -> Iterator[Path]:
    """Yield the files below a folder, at any depth."""
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (
                real := (status.st_dev, status.st_ino)
            ) in seen:  # a link further up would lead round in circles
                continue
            seen.add(real)
            folders, files = list_folder(folder)
        except OSError as error:
            problems.append(_out_of_reach(folder, error))
            continue
        yield from files
        inner = {subfolder: _judge_subfolder(subfolder, top, root) for subfolder in folders}
        problems += filter(None, inner.values())
        waiting += [subfolder for subfolder in reversed(folders) if inner[subfolder] is None]


def _judge_subfolder(subfolder: Path, top: Path, root: Path | None) -> Problem | None:
    """Say why a subfolder of a class is not looked into."""
    if is_hidden_folder(subfolder):
        return Problem.of("hidden-folder", subfolder, "a hidden folder")
    if subfolder.is_symlink() and root is not None and _leads_out(subfolder, top, root):
        message = f"a link to {shown(subfolder.readlink())}, where images of other classes are"
        return Problem.of("link-to-classes", subfolder, message)
    return None


def _leads_out(link: Path, top: Path, root: Path) -> bool:
    """Say whether a link inside of a class leads to a folder that holds another class, or is in one."""
    real, own = link.resolve(), top.resolve()
    is_further_up = real in own.parents
    return is_further_up or (root.resolve() in real.parents and real != own and own not in real.parents)


def odd_name(path: Path) -> Problem | None:
    """Say whether a name is no UTF-8, as in an archive from Windows, or has control characters in it."""
    if is_plain(path.name):
        return None
    raw = os.fsencode(path.name)
    with suppress(UnicodeDecodeError):
        raw.decode()
        return Problem.of("odd-name", path, "the name has control characters in it")
    guess = _decoded(raw, "cp949")
    perhaps = f"; in Korean Windows it is '{guess}'" if guess else ""
    return Problem.of("odd-name", path, f"the name is no UTF-8{perhaps}")


def _decoded(raw: bytes, encoding: str) -> str | None:
    with suppress(UnicodeDecodeError):
        text = raw.decode(encoding)
        return text if is_plain(text) else None
    return None


def _judge_file(path: Path) -> Problem | None:
    if problem := judge_reach(path):
        return problem
    if not path.is_file():
        return Problem.of("not-an-image", path, "not a file that can be read, but a pipe, socket or device")
    if not os.access(path, os.R_OK):
        return Problem.of("no-permission", path, "the file may not be read")
    if has_image_name(path) and size_of(path) == 0:
        return Problem.of("corrupt-image", path, "the file is empty (0 bytes)")
    return None


def _judge_extension(path: Path) -> Problem | None:
    extension = path.suffix.lower()
    if extension in FORMATS:
        return None
    if extension in _HEIC:
        return Problem.of("unreadable-format", path, f"a {extension} picture", remedy=HEIC_REMEDY)
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
