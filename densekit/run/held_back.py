"""The pictures that a run held back, found again in a data folder that may have changed since."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from densekit.data.loading import content_hash
from densekit.data.scan import Sample, scan_folder
from densekit.errors import DataError, ImageError
from densekit.run.folder import Split


class HeldBack(NamedTuple):
    """Pictures of a run, as they lie in a data folder now.

    Args:
        samples: those that were found, labelled by the class in which they lie now.
        missing: the paths of those that were not.
        moved: how many of them lie in another class than when the run saw them.
    """

    samples: list[Sample]
    missing: tuple[str, ...]
    moved: int


def held_back(split: Split, root: Path, part: str) -> HeldBack:
    """Find the pictures that a run held back ('val') or learned from ('train').

    A picture is known by its content: one that was renamed or moved within the folder is found all the same,
    one that was replaced by another is not taken for it, and what was added is left alone. Whoever moves one
    into another class has corrected its label.

    Args:
        split: the pictures of the run.
        root: its data folder.
        part: 'val' or 'train'.

    Raises:
        DataError: none is left, or the folder of a class has another name now.
    """
    samples = split.samples(root, part)
    wanted = [one.sha256 for one in getattr(split, part)]
    found = {
        number: sample
        for number, (sample, content) in enumerate(zip(samples, wanted, strict=True))
        if _hash_of(sample.path) == content
    }
    if len(found) < len(samples):
        elsewhere = _by_content(root, split, wanted, taken={sample.path for sample in found.values()})
        for number, sample in enumerate(samples):
            if number not in found and (there := elsewhere.get(wanted[number])):
                own = next((one for one in there if one.label == sample.label), there[0])
                there.remove(own)
                found[number] = own
    if not found:
        raise DataError(
            f"none of the {len(samples)} pictures of this run's {part} split is in {root} any more: put them "
            "back, or name another folder of images with --data"
        )
    missing = tuple(one.path for number, one in enumerate(getattr(split, part)) if number not in found)
    moved = sum(sample.label != samples[number].label for number, sample in found.items())
    return HeldBack([found[number] for number in sorted(found)], missing, moved)


def _by_content(root: Path, split: Split, wanted: Sequence[str], taken: set[Path]) -> dict[str, list[Sample]]:
    """Find the pictures of known classes by their hashes, without those that are taken.

    Raises:
        DataError: the folder of a class has another name now.
    """
    samples: dict[str, list[Sample]] = {}
    every = scan_folder(root).images.values()
    there = {name for images in every for name in images}
    was_called = {one.sha256: one.name for one in (*split.train, *split.val) if one.name not in there}
    renamed: Counter[tuple[str, str]] = Counter()
    for images in every:
        for name, paths in images.items():
            for path in (path for path in paths if path not in taken):
                content = _hash_of(path)
                if name in split.classes and content:
                    samples.setdefault(content, []).append(Sample(path, split.classes.index(name)))
                elif content in was_called and content in wanted:
                    renamed[was_called[content], name] += 1
    for (old, new), count in renamed.items():
        if 2 * count > sum(was_called.get(content) == old for content in wanted):
            raise DataError(
                f"{root} has a class '{new}' that the run does not know, with pictures that it knows as "
                f"'{old}': give the folder its old name back"
            )
    return samples


def _hash_of(path: Path) -> str | None:
    try:
        return content_hash(path)
    except ImageError:
        return None
