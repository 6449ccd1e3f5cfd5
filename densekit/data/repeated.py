"""Pictures that are in a folder more than once: as the same file, or as a copy that was changed a little."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from densekit.data.findings import Finding, Place, worst_of
from densekit.data.near_duplicates import NearCopy, looks_of, near_copies
from densekit.data.perceptual_hash import BITS
from densekit.data.problems import Problem
from densekit.words import shown

SAME_FILE = ("duplicate", "leakage", "label-conflict")
LOOKS_ALIKE = ("near-duplicate", "near-leakage", "near-label-conflict")


def repeated(root: Path, findings: Sequence[Finding]) -> Iterator[Problem]:
    """Yield the pictures that are equal to an earlier one, byte by byte, and those that look like one.

    Args:
        root: the data folder.
        findings: of all its images; of a picture in several splits or classes, the later one is reported.
    """
    first: dict[str, Place] = {}
    once: list[Finding] = []
    for finding in findings:
        if not finding.content_hash:
            continue
        place = finding.place
        other = first.setdefault(finding.content_hash, place)
        if other is place:
            once.append(finding)
        else:
            message = f"the same file as {shown(other.path.relative_to(root))}"
            yield Problem.of(worst_of(SAME_FILE, place, other), place.path, message, other=other.path)
    yield from _alike(root, once)


def _alike(root: Path, findings: Sequence[Finding]) -> Iterator[Problem]:
    seen = [(finding.place, finding.appearance) for finding in findings if finding.appearance]
    if not seen:
        return
    looks = looks_of(
        [appearance.thumbnail for _, appearance in seen],
        [appearance.tint for _, appearance in seen],
        [(place.name, place.split) for place, _ in seen],
    )
    for found in near_copies(looks):
        place, other = seen[found.copy][0], seen[found.original][0]
        message = f"looks like {shown(other.path.relative_to(root))}{_how(found)}"
        yield Problem.of(worst_of(LOOKS_ALIKE, place, other), place.path, message, other=other.path)


def _how(found: NearCopy) -> str:
    changes = ["mirrored"] * found.is_mirrored + ["cropped"] * found.is_cropped
    told = f"{' and '.join(changes)}; " if changes else ""
    return f" ({told}{BITS - found.bits} of {BITS} bits of their hashes agree)"
