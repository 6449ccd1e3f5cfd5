"""What can be wrong with a folder of pictures, and what to do about each of it.

The loaders and the doctor speak of a problem in the same words, because they take them from here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from densekit.words import shown

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Args:
        title: what a report calls a group of them.
        severity: 'error' for what you most likely wanted to use and can't, or what spoils a result; 'warning'
            for what does no harm as it is, but is worth a look.
        left_out: the file or folder is not used.
        remedy: what to do.
    """

    title: str
    severity: Severity
    left_out: bool
    remedy: str


_LEFT_OUT_BY_MISTAKE = {
    "missing-file": ("missing files", "Check the name, or put the file back."),
    "broken-link": ("broken links", "Delete the link, or put back what it points to."),
    "no-permission": ("no permission to read", "Give yourself the right to read it (chmod u+r)."),
    "corrupt-image": ("damaged images", "Get the picture from its source again, or delete it."),
    "too-large-image": ("images too large to decode", "Scale the picture down, and use that."),
    "unreadable-format": ("formats that are not read", "Convert it to JPEG or PNG, and use that."),
    "changed-file": ("files that were changed meanwhile", "Let the doctor look at the folder again."),
    "unnamed-image": ("images without an image's extension", "Add the extension to its name."),
    "link-to-classes": (
        "links to other classes",
        "Delete the link: a class is its own folder, and holds its own images.",
    ),
    "misplaced-image": ("images outside the class folders", "Move it into the folder of its class."),
}
_LEFT_OUT_RIGHTLY = {
    "system-file": ("system files", "It can be deleted; the system makes it again when it needs it."),
    "hidden-file": ("hidden files", "If it is a picture of yours, give it a name without the dot."),
    "hidden-folder": ("hidden folders", "It is no class. It can be deleted if you don't need it."),
    "not-an-image": ("files that are no images", "Move it out of the class folder."),
    "packed-class": (
        "archives and shortcuts",
        "If a class is in it, unpack it, or put the folder itself here.",
    ),
    "unused-folder": (
        "folders that are not read",
        "Move its classes into train/, val/ or test/ to use them.",
    ),
    "empty-class": ("empty classes", "Put images into the folder, or delete it; until then it is no class."),
    "empty-folder": ("folders without a picture", "Name a folder with pictures in it, or the pictures."),
    "by-choice": ("left out by choice", "Nothing is to be done, unless it was chosen by mistake."),
    "empty-split": ("empty splits", "Put class folders with images into it, or delete it."),
}
_USED_WRONGLY = {
    "one-class-only": ("a single class", "Add the folder of a second class: telling apart needs two."),
    "class-mismatch": ("classes that differ between splits", "Give each split the same class folders."),
    "unreadable-class": ("classes without a readable image", "Put readable images into it, or delete it."),
    "leakage": ("images in several splits", "Keep it in one split only, or the accuracy comes out too good."),
    "label-conflict": ("images in several classes", "Keep it in its right class only."),
    "near-leakage": (
        "images that look the same in several splits",
        "If it is one picture, keep it in one split only, or the accuracy comes out too good.",
    ),
    "near-label-conflict": (
        "images that look the same in several classes",
        "If it is one picture, keep it in its right class only.",
    ),
}
_USED_WITH_DOUBT = {
    "one-image-class": (
        "classes with one image",
        "Add images: with one, none is left to check the class on.",
    ),
    "odd-name": (
        "names that not every program can show",
        "Rename it; a whole folder from Korean Windows: convmv -f cp949 -t utf-8 -r --notest FOLDER.",
    ),
    "twin-classes": (
        "classes that are written in two ways",
        "If one class is meant, put all its images into one folder.",
    ),
    "nested-classes": (
        "classes inside of classes",
        "If they are the classes, put their folders directly into the data folder; if not, all is well.",
    ),
    "deep-image": (
        "depths of pictures",
        "All is read, each depth by its own white; check that no class has a depth of its own.",
    ),
    "wrong-extension": ("extensions of another format", "Rename it; until then it is read all the same."),
    "several-frames": ("images with several frames", "Only the first is used: save the one you want alone."),
    "tiny-image": ("tiny images", "Use the original picture instead of a thumbnail."),
    "extreme-shape": ("very long images", "Only a square from the middle is used: cut it out yourself."),
    "odd-size": (
        "sizes unlike the others",
        "Use pictures from one source; enlarged, a small one is blurred, and that tells its class as well.",
    ),
    "odd-shape": ("shapes unlike the others", "Only a square from the middle is used: cut it out yourself."),
    "one-colour": ("pictures of one colour", "There is nothing on it to learn from: delete it."),
    "too-dark": ("pictures that are too dark", "Delete it, or make it brighter if there is something on it."),
    "too-bright": (
        "pictures that are too bright",
        "Delete it, or make it darker if there is something on it.",
    ),
    "low-information": (
        "pictures with next to nothing on them",
        "Delete it, unless this is what the class is.",
    ),
    "blurry": (
        "blurred pictures",
        "Delete it, or replace it by a sharp one, unless users' pictures are like it.",
    ),
    "mixed-colour": (
        "greyscale among colour",
        "Make all of them greyscale, or take care that no class has more of them than another.",
    ),
    "imbalance": (
        "classes that are much smaller than others",
        "Add images to it; and look at the recall of each class, not at the accuracy alone.",
    ),
    "duplicate": ("duplicates", "Delete all but one of them."),
    "near-duplicate": (
        "near duplicates",
        "If it is one picture, keep the better one: a picture that is there twice counts twice.",
    ),
}


def _kinds(table: dict[str, tuple[str, str]], severity: Severity, left_out: bool) -> dict[str, Kind]:
    return {name: Kind(title, severity, left_out, remedy) for name, (title, remedy) in table.items()}


KINDS: dict[str, Kind] = {
    **_kinds(_USED_WRONGLY, "error", left_out=False),
    **_kinds(_LEFT_OUT_BY_MISTAKE, "error", left_out=True),
    **_kinds(_USED_WITH_DOUBT, "warning", left_out=False),
    **_kinds(_LEFT_OUT_RIGHTLY, "warning", left_out=True),
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
        other: the file that it is the same as, or looks like, where there is one.
    """

    kind: str
    path: Path
    message: str
    remedy: str
    severity: Severity
    other: Path | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        path: Path,
        message: str,
        severity: Severity | None = None,
        remedy: str | None = None,
        other: Path | None = None,
    ) -> "Problem":
        """Make a problem with its kind's remedy and severity, unless it's said otherwise."""
        told = shown(message)  # which may have names in it
        return cls(kind, path, told, remedy or KINDS[kind].remedy, severity or KINDS[kind].severity, other)

    @property
    def left_out(self) -> bool:
        """Whether the file or folder is not used."""
        return KINDS[self.kind].left_out

    def __str__(self) -> str:
        end = "" if self.message.endswith("?") else "."
        return f"{shown(self.path)}: {self.message}{end} {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "path": shown(self.path),
            "message": self.message,
            "remedy": self.remedy,
            "severity": self.severity,
            "left_out": self.left_out,
            **({"other": shown(self.other)} if self.other else {}),
        }


def name_below(path: Path, root: Path) -> str:
    """Return a path as a report on a data folder names it: from that folder on; the folder itself in full."""
    return shown(path.relative_to(root) if path != root else root)
