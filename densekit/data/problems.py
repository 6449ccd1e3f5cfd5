"""What can be wrong with a folder of pictures, and what to do about each of it.

The loaders and the doctor speak of a problem in the same words, because they take them from here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Args:
        one: what one of them is called.
        many: what several of them are called.
        severity: 'error' for what you most likely wanted to use and can't, or what spoils a result; 'warning'
            for what does no harm as it is, but is worth a look.
        left_out: the file or folder is not used.
        remedy: what to do.
    """

    one: str
    many: str
    severity: Severity
    left_out: bool
    remedy: str

    def name(self, count: int) -> str:
        """Return what this many of them are called."""
        return self.one if count == 1 else self.many


KINDS: dict[str, Kind] = {
    # files and folders that are not used
    "system-file": Kind(
        "system file",
        "system files",
        "warning",
        True,
        "It can be deleted; the operating system makes it again when it needs it.",
    ),
    "hidden-file": Kind(
        "hidden file",
        "hidden files",
        "warning",
        True,
        "If it is a picture of yours, give it a name without the dot.",
    ),
    "hidden-folder": Kind(
        "hidden folder",
        "hidden folders",
        "warning",
        True,
        "It is no class. It can be deleted if you don't need it.",
    ),
    "not-an-image": Kind(
        "file that is no image",
        "files that are no images",
        "warning",
        True,
        "Move it out of the class folder.",
    ),
    "unused-folder": Kind(
        "folder that is not read",
        "folders that are not read",
        "warning",
        True,
        "Move its classes into train/, val/ or test/ to use them.",
    ),
    "misplaced-image": Kind(
        "image outside the class folders",
        "images outside the class folders",
        "error",
        True,
        "Move it into the folder of its class.",
    ),
    "unnamed-image": Kind(
        "image without an image's extension",
        "images without an image's extension",
        "error",
        True,
        "Add the extension to its name.",
    ),
    "unreadable-format": Kind(
        "image in a format that is not read",
        "images in a format that is not read",
        "error",
        True,
        "Convert it to JPEG or PNG, and use that.",
    ),
    "no-permission": Kind(
        "file or folder without permission",
        "files and folders without permission",
        "error",
        True,
        "Give yourself the right to read it (chmod u+r).",
    ),
    "missing-file": Kind(
        "missing file", "missing files", "error", True, "Check the name, or put the file back."
    ),
    "broken-link": Kind(
        "broken link",
        "broken links",
        "error",
        True,
        "Delete the link, or put back the file that it points to.",
    ),
    "corrupt-image": Kind(
        "damaged image",
        "damaged images",
        "error",
        True,
        "Get the picture from its source again, or delete it.",
    ),
    "too-large-image": Kind(
        "image too large to decode",
        "images too large to decode",
        "error",
        True,
        "Scale the picture down, and use that.",
    ),
    # files that are used, but deserve a look
    "wrong-extension": Kind(
        "image with another format's extension",
        "images with another format's extension",
        "warning",
        False,
        "Rename it; until then it is read all the same.",
    ),
    "several-frames": Kind(
        "image with several frames",
        "images with several frames",
        "warning",
        False,
        "Only the first frame is used: save the one you want alone.",
    ),
    "tiny-image": Kind(
        "tiny image", "tiny images", "warning", False, "Use the original picture instead of a thumbnail."
    ),
    "extreme-shape": Kind(
        "very long image",
        "very long images",
        "warning",
        False,
        "Only a square from the middle is used: cut the picture yourself.",
    ),
    "duplicate": Kind("duplicate", "duplicates", "warning", False, "Delete all but one of them."),
    "leakage": Kind(
        "image in several splits",
        "images in several splits",
        "error",
        False,
        "Keep it in one split only, or the accuracy is too good.",
    ),
    "label-conflict": Kind(
        "image in several classes",
        "images in several classes",
        "error",
        False,
        "Keep it in its right class only.",
    ),
    # classes and splits
    "empty-class": Kind(
        "empty class",
        "empty classes",
        "warning",
        True,
        "Put images into the folder, or delete it; until then it is no class.",
    ),
    "unreadable-class": Kind(
        "class without a readable image",
        "classes without a readable image",
        "error",
        False,
        "Put readable images into the folder, or delete it.",
    ),
    "empty-split": Kind(
        "empty split", "empty splits", "warning", True, "Put class folders with images into it, or delete it."
    ),
    "one-image-class": Kind(
        "class with one image",
        "classes with one image",
        "warning",
        False,
        "Add images: with one, nothing is left to check the class on.",
    ),
    "one-class-only": Kind(
        "single class",
        "single classes",
        "error",
        False,
        "Add a folder for a second class; telling apart needs two.",
    ),
    "class-mismatch": Kind(
        "class that differs between splits",
        "classes that differ between splits",
        "error",
        False,
        "Let each split have the same class folders.",
    ),
}
"""Every kind of problem by its name."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        kind: one of `KINDS`.
        path: the file or folder.
        message: what is wrong with it.
        remedy: what to do about it.
        severity: 'error' or 'warning', as the kind has it unless it's said otherwise.
    """

    kind: str
    path: Path
    message: str
    remedy: str
    severity: Severity

    @classmethod
    def of(cls, kind: str, path: Path, message: str, severity: Severity | None = None) -> "Problem":
        """Make a problem with its kind's remedy and severity."""
        return cls(kind, path, message, KINDS[kind].remedy, severity or KINDS[kind].severity)

    @property
    def left_out(self) -> bool:
        """Whether the file or folder is not used."""
        return KINDS[self.kind].left_out

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.message}. {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "path": printable(self.path),
            "message": self.message,
            "remedy": self.remedy,
            "severity": self.severity,
            "left_out": self.left_out,
        }


def printable(path: Path) -> str:
    """Return the path as text that can always be written: bytes that are no UTF-8 show as question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
