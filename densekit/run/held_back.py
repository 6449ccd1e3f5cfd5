"""The pictures that a run held back, found again in a data folder that may have changed since."""

from collections.abc import Iterable
from pathlib import Path

from densekit.data.loading import content_hash
from densekit.data.scan import Sample, scan_folder
from densekit.errors import DataError, ImageError
from densekit.run.folder import Split


def held_back(split: Split, root: Path, part: str) -> tuple[list[Sample], tuple[str, ...]]:
    """Find the pictures that a run held back ('val') or learned from ('train').

    A picture is known by its content: one that was renamed or moved within the folder is found all the same,
    one that was replaced by another is not taken for it, and what was added is left alone.

    Args:
        split: the pictures of the run.
        root: its data folder.
        part: 'val' or 'train'.

    Returns:
        Those that were found, and the paths of those that were not.

    Raises:
        DataError: none is left.
    """
    samples = split.samples(root, part)
    wanted = [one.sha256 for one in getattr(split, part)]
    found = {
        number: sample
        for number, (sample, content) in enumerate(zip(samples, wanted, strict=True))
        if _hash_of(sample.path) == content
    }
    if len(found) < len(samples):
        elsewhere = _by_content(root, taken={sample.path for sample in found.values()})
        for number, sample in enumerate(samples):
            if number not in found and elsewhere.get(wanted[number]):
                found[number] = Sample(elsewhere[wanted[number]].pop(), sample.label)
    if not found:
        raise DataError(
            f"none of the {len(samples)} pictures of this run's {part} split is in {root} any more: put them "
            "back, or name another folder of images with --data"
        )
    missing = tuple(one.path for number, one in enumerate(getattr(split, part)) if number not in found)
    return [found[number] for number in sorted(found)], missing


def _by_content(root: Path, taken: Iterable[Path]) -> dict[str, list[Path]]:
    known = set(taken)
    paths: dict[str, list[Path]] = {}
    for classes in scan_folder(root).images.values():
        for path in (path for images in classes.values() for path in images if path not in known):
            content = _hash_of(path)
            if content:
                paths.setdefault(content, []).append(path)
    return paths


def _hash_of(path: Path) -> str | None:
    try:
        return content_hash(path)
    except ImageError:
        return None
