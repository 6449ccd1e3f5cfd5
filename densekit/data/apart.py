"""Pictures and classes that stand apart from the others of a folder: by colour, size, shape, depth, number.

A network learns what tells the classes apart, and these may: if all cats are greyscale, colour tells a dog.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from densekit.data.findings import Finding
from densekit.data.problems import Problem
from densekit.words import counted

FEW = 10
"""Of fewer pictures, none is said to stand apart."""
SMALLER, LARGER = 4, 8
"""A picture whose shorter side is so many times smaller, or larger, than is usual in the folder has an odd size.
Measured on photographs from the web: 1.9 and 5.2."""
LONGER = 2.5
"""A picture is of an odd shape if its sides differ by so many times more than usually. Measured there: 1.9."""
IMBALANCE = 10
"""A class with so many times fewer images than the largest is told: a network that never names it is still right
for nearly all images."""


def stands_apart(root: Path, findings: Sequence[Finding]) -> Iterator[Problem]:
    """Yield the pictures that differ from most of the others.

    Args:
        root: the data folder.
        findings: of all its images; of one that is tiny or very long, its size or shape is told already.
    """
    yield from _depths(root, findings)
    seen = [finding for finding in findings if finding.appearance]
    if len(seen) >= FEW:
        yield from _colours(seen)
        yield from _sizes(seen)
        yield from _shapes(seen)


def imbalance(counts: Mapping[str, int], folders: Mapping[str, Path]) -> Iterator[Problem]:
    """Yield the classes that have far fewer images than the largest.

    Args:
        counts: images that are learned from, by class.
        folders: of the classes.
    """
    largest = max(counts, key=lambda name: counts[name], default="")
    for name, count in counts.items():
        if count > 1 and count * IMBALANCE <= counts[largest]:  # of a single one is told elsewhere
            message = f"{count} images, where '{largest}' has {counts[largest]}"
            yield Problem.of("imbalance", folders[name], message)


def _depths(root: Path, findings: Sequence[Finding]) -> Iterator[Problem]:
    """Yield one problem if images have other depths than 8 or 16 bits, or several of them."""
    counts = Counter(finding.bits for finding in findings if finding.bits)
    if not set(counts) - {8} or set(counts) == {16}:
        return
    told = " and ".join(f"{counted(count, 'image')} of {bits} bits" for bits, count in sorted(counts.items()))
    of_class: dict[str, set[int]] = {}
    for finding in findings:
        if finding.bits:
            of_class.setdefault(finding.place.name, set()).add(finding.bits)
    apart = [name for name, bits in sorted(of_class.items()) if bits != set(counts)]
    if apart:
        own = " and ".join(map(str, sorted(of_class[apart[0]])))
        told = f"{told}; of these '{apart[0]}' has {own} alone"
    yield Problem.of("deep-image", root, told)


def _colours(findings: Sequence[Finding]) -> Iterator[Problem]:
    grey = [finding for finding in findings if finding.appearance and finding.appearance.is_grey]
    coloured = [finding for finding in findings if finding.appearance and not finding.appearance.is_grey]
    fewer, what, others = grey, "greyscale", "colour"
    if len(coloured) < len(grey):
        fewer, what, others = coloured, "colour", "greyscale"
    most = len(findings) - len(fewer)
    for finding in fewer:
        message = f"in {what}, where {most} of {len(findings)} images are in {others}"
        yield Problem.of("mixed-colour", finding.place.path, message)


def _sizes(findings: Sequence[Finding]) -> Iterator[Problem]:
    sides = [min(finding.appearance.size) for finding in findings if finding.appearance]
    usual = median(sides)
    for finding, side in zip(findings, sides, strict=True):
        if (side * SMALLER < usual or side > LARGER * usual) and not _is(finding, "tiny-image"):
            message = f"its shorter side has {counted(side, 'pixel')}, usual here are {usual:.0f}"
            yield Problem.of("odd-size", finding.place.path, message)


def _shapes(findings: Sequence[Finding]) -> Iterator[Problem]:
    sizes = [finding.appearance.size for finding in findings if finding.appearance]
    ratios = [max(size) / min(size) for size in sizes]
    usual = median(ratios)
    for finding, ratio, (width, height) in zip(findings, ratios, sizes, strict=True):
        if ratio > LONGER * usual and not _is(finding, "extreme-shape"):
            message = f"{width} × {height} pixels, sides as 1 to {ratio:.1f}, usual here are 1 to {usual:.1f}"
            yield Problem.of("odd-shape", finding.place.path, message)


def _is(finding: Finding, kind: str) -> bool:
    return any(problem.kind == kind for problem in finding.problems)
