"""The doctor: what is wrong with a folder of images, told before it costs a day of training.

It looks with the loaders' own eyes: `scan_folder` says which files are images, `read_and_use` whether they can be
read. So what it reports as left out is exactly what training leaves out. Nothing is ever changed or deleted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from densekit.bars import progress_bar
from densekit.data.apart import imbalance, stands_apart
from densekit.data.appearance import LOOKED_AT, Appearance, appearance_of
from densekit.data.decoding import Picture, read_and_use
from densekit.data.findings import Finding, Place
from densekit.data.image_files import FORMATS, odd_name
from densekit.data.loading import map_ahead
from densekit.data.problems import KINDS, Problem, name_below
from densekit.data.quality import poor_quality
from densekit.data.repeated import repeated
from densekit.data.scan import Scan, scan_folder
from densekit.errors import ConfigError
from densekit.files import name_of
from densekit.tables import text_table
from densekit.threads import usable_cores
from densekit.words import counted, shown

TINY = 16
"""Below this length of the shorter side, in pixels, a picture is called tiny."""
LONG = 8
"""Above this ratio of the longer to the shorter side, a picture is called very long."""
SHOWN = 10
"""A printed report shows this many problems of a kind, and counts the rest."""


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found.

    Args:
        root: the data folder.
        layout: 'flat' (`DIR/<class>/`) or 'split' (`DIR/train/<class>/`).
        classes: the classes that training would see.
        counts: of each split ('train', 'val', 'test'; 'all' in a flat folder) and each class, the number of
            images that can be read.
        problems: errors first, each kind together.
        images: the images that can be read, each with the SHA-256 of its bytes.
    """

    root: Path
    layout: Literal["flat", "split"]
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    problems: tuple[Problem, ...]
    images: dict[Path, str] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing at all was found."""
        return not self.problems

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep something from being used, or spoil a result."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "root": shown(self.root),
            "ok": self.ok,
            "layout": self.layout,
            "classes": list(self.classes),
            "counts": self.counts,
            "errors": len(self.errors),
            "warnings": len(self.problems) - len(self.errors),
            "problems": [problem.to_dict() for problem in self.problems],
        }

    def __str__(self) -> str:
        return "\n".join(_report(self))


def diagnose(root: Path | str, workers: int | None = None, progress: bool = False) -> Diagnosis:
    """Look at every file of a data folder, and decode every image, once.

    Args:
        root: the data folder, laid out as `open_folder` takes it.
        workers: threads; as many as the process may use cores if not given.
        progress: draw a progress bar on standard error.

    Raises:
        DataError: the folder is missing, is a file, holds no images, or holds them in another order.
        ConfigError: `workers` is below 1.
    """
    workers = usable_cores() if workers is None else workers
    if workers < 1:
        raise ConfigError(f"workers is {workers}: expected 1 or more")
    scan = scan_folder(root)
    places = list(_places(scan))
    examined = map_ahead(_examine, places, workers, ahead=8 * workers)
    findings = list(progress_bar(examined, shown=progress, total=len(places), what="doctor"))
    readable = [finding.place for finding in findings if finding.content_hash]
    images = {finding.place.path: finding.content_hash for finding in findings if finding.content_hash}
    problems = [
        *scan.problems,
        *(problem for finding in findings for problem in finding.problems),
        *repeated(scan.root, findings),
        *stands_apart(scan.root, findings),
        *_imbalance(scan, readable),
        *_classes_lost(scan, readable),
    ]
    order = {kind: number for number, kind in enumerate(KINDS)}
    problems.sort(key=lambda problem: (problem.severity, order[problem.kind], problem.remedy, problem.path))
    counts = _count(scan, readable)
    return Diagnosis(scan.root, scan.layout, scan.classes, counts, tuple(problems), images)


def _places(scan: Scan) -> Iterator[Place]:
    for split, classes in scan.images.items():
        for name, paths in classes.items():
            yield from map(partial(Place, split=split, name=name), paths)


def _examine(place: Place) -> Finding:
    def look(picture: Picture) -> Finding:
        seen = appearance_of(picture.image, picture.size)
        problems = tuple(_oddities(place.path, picture, seen))
        return Finding(place, problems, picture.content_hash, picture.bits, seen)

    finding = read_and_use(place.path, look, enough=LOOKED_AT)
    return Finding(place, (finding,)) if isinstance(finding, Problem) else finding


def _oddities(path: Path, picture: Picture, seen: Appearance) -> Iterator[Problem]:
    """Yield what is worth a look in a picture that can be read."""
    if odd := odd_name(path):
        yield odd
    named = FORMATS[path.suffix.lower()].replace("MPO", "JPEG")
    if picture.format != named:
        message = f"named {path.suffix}, but holds a {picture.format} image"
        yield Problem.of("wrong-extension", path, message)
    if picture.frames > 1:
        yield Problem.of("several-frames", path, f"holds {picture.frames} frames")
    (width, height), (short, long) = picture.size, sorted(picture.size)
    if short < TINY:
        yield Problem.of("tiny-image", path, f"only {width} × {height} pixels")
    elif poor := poor_quality(path, seen):
        yield poor
    if long > LONG * short:
        message = f"{width} × {height} pixels, more than {LONG} times as long as wide"
        yield Problem.of("extreme-shape", path, message)


def _imbalance(scan: Scan, readable: Sequence[Place]) -> Iterator[Problem]:
    counts = Counter(place.name for place in readable if place.split == scan.learned_from)
    folders = {name: _class_folder(scan, name) for name in counts}
    yield from imbalance(counts, folders)


def _classes_lost(scan: Scan, readable: Sequence[Place]) -> Iterator[Problem]:
    """Yield what decoding took away: classes without a readable image, and perhaps the last but one class."""
    learned_from = scan.learned_from
    left = {place.name for place in readable if place.split == learned_from}
    for name in scan.classes:
        if name not in left:
            folder = _class_folder(scan, name)
            yield Problem.of("unreadable-class", folder, f"none of the images of '{name}' can be read")
    if len(left) < 2 <= len(scan.classes):
        message = f"{'only one class has' if left else 'no class has'} images that can be read"
        yield Problem.of("one-class-only", scan.folders[learned_from], message)


def _class_folder(scan: Scan, name: str) -> Path:
    split = scan.folders[scan.learned_from]
    return split / scan.images[scan.learned_from][name][0].relative_to(split).parts[0]


def _count(scan: Scan, readable: Sequence[Place]) -> dict[str, dict[str, int]]:
    counts = Counter((place.split, place.name) for place in readable)
    return {split: {name: counts[split, name] for name in scan.classes} for split in scan.images}


def _report(diagnosis: Diagnosis) -> Iterator[str]:
    root = diagnosis.root
    place = name_of(root) if root.name in ("", "..") else root  # '.' would tell nobody where it was
    yield f"{shown(place)}: {counted(len(diagnosis.classes), 'class', 'classes')}"
    yield from _count_table(diagnosis.counts, diagnosis.classes)
    if diagnosis.ok:
        yield "No problems found."
        return
    errors = len(diagnosis.errors)
    warnings = len(diagnosis.problems) - errors
    yield f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    for (severity, kind, remedy), group in groupby(
        diagnosis.problems, key=lambda problem: (problem.severity, problem.kind, problem.remedy)
    ):
        problems = list(group)
        yield ""
        yield f"{severity}, {KINDS[kind].title} ({len(problems)}): {remedy}"
        yield from (
            f"  {name_below(problem.path, diagnosis.root)}: {problem.message}" for problem in problems[:SHOWN]
        )
        if len(problems) > SHOWN:
            yield f"  … and {len(problems) - SHOWN} more"


def _count_table(counts: Mapping[str, Mapping[str, int]], classes: Sequence[str]) -> list[str]:
    heading = ["class", *("images" if split == "all" else split for split in counts)]
    rows = [[name, *(str(of_class[name]) for of_class in counts.values())] for name in classes]
    total = ["all", *(str(sum(of_class.values())) for of_class in counts.values())]
    return text_table(heading, [*rows, total])
