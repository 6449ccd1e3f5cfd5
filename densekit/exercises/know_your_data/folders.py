"""Which folders are classes, what a class without pictures does to a statistic, and how a folder is mended."""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from densekit.data.doctor import diagnose
from densekit.exercises.expectations import expect, expect_close, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.words import counted


@exercise(
    number=1,
    title="Which of these are classes?",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("files are among my classes", "A class is a folder: path.is_dir() says whether it is one."),
        Hint("folders of a program are among them", "Their names begin with a dot: name.startswith('.')."),
        Hint(
            "the order differs from one machine to the next",
            "iterdir() gives names in the order of the disk. The number of a class must not depend on that.",
        ),
    ),
)
def exercise_1(class_names: Callable[[Path], Sequence[str]]) -> str:
    """Check that hidden folders and stray files are no classes, and that the order is always the same."""
    with _folder(_MANY_CLASSES, files=(".DS_Store", "README", "notes.txt", "pear.jpg")) as root:
        for name in (".ipynb_checkpoints", ".git"):
            (root / name).mkdir()
            _picture(root / name / "0-checkpoint.png", 0)
        found = class_names(root)
        expect(
            isinstance(found, Sequence) and not isinstance(found, str),
            f"you returned {quoted(found)}, expected a list of names",
        )
        names = list(found)
    for name in names:
        expect(
            isinstance(name, str),
            f"you returned {quoted(names)}, expected names, which are texts: path.name is the name of a folder",
        )
        expect(
            name not in (".DS_Store", "README", "notes.txt"),
            f"'{name}' is among your classes, but it is a file",
        )
        expect(
            name != "pear.jpg", "'pear.jpg' is among your classes: a picture outside the folders is no class"
        )
        expect(
            not str(name).startswith("."),
            f"'{name}' is among your classes: a program made that folder, not you",
        )
    missing = [name for name in sorted(_MANY_CLASSES) if name not in names]
    expect(not missing, f"'{missing[0] if missing else ''}' is missing among your classes {names}")
    expect(
        names == sorted(_MANY_CLASSES),
        f"your classes are {names}, in an order of chance: sorted, each keeps its number on every machine",
    )
    return "folders, not hidden, in sorted order: so a class has one number everywhere"


@exercise(
    number=2,
    title="A share of nothing",
    minutes=6,
    difficulty="easy",
    hints=(
        Hint("ZeroDivisionError", "Which class has no picture? Ask for total[name] before you divide."),
        Hint(
            "my empty class has 0.0", "0 of 0 is not 0 %: nobody was wrong. Say that nothing is known: None."
        ),
        Hint(
            "KeyError",
            "A class of which nothing was right may be missing in `correct`: correct.get(name, 0).",
        ),
    ),
)
def exercise_2(shares: Callable[[Mapping[str, int], Mapping[str, int]], Mapping[str, Any]]) -> str:
    """Check the share of right pictures for each class, where a class may have none."""
    for correct, total in (
        ({"cat": 3, "dog": 2}, {"cat": 4, "dog": 2}),
        ({"cat": 3}, {".DS_Store": 0, "cat": 4, "dog": 2}),
        ({}, {"cat": 0}),
    ):
        found = shares(dict(correct), dict(total))
        where = f"for correct={correct} and total={total}"
        expect(isinstance(found, Mapping), f"{where} you returned {quoted(found)}, expected a dictionary")
        expect(
            set(found) == set(total),
            f"{where} your keys are {sorted(found)}, expected those of total: {sorted(total)}",
        )
        for name, count in total.items():
            if count:
                expect(
                    found[name] is not None,
                    f"{where}, the share of '{name}' is None, but it has {counted(count, 'picture')}, of which "
                    f"{correct.get(name, 0)} are right: expected {correct.get(name, 0) / count:g}",
                )
                expect_close(
                    found[name],
                    correct.get(name, 0) / count,
                    1e-6,
                    because=f"{correct.get(name, 0)} of {count} are right",
                    name=f"{where}, the share of '{name}'",
                )
            else:
                expect(
                    found[name] is None or _is_nan(found[name]),
                    f"{where}, the share of '{name}' is {quoted(found[name])}: it has no pictures, so nothing is "
                    "known; expected None",
                )
    return "a class without pictures has no accuracy, and says so"


@exercise(
    number=3,
    title="Make the doctor content",
    minutes=15,
    difficulty="medium",
    hints=(
        Hint(
            "I don't know what is wrong",
            "for problem in diagnose(folder).errors: print(problem). Each names a path, and says what to do.",
        ),
        Hint("a picture is in train and val", "Keep one of the two: path.unlink() deletes a file."),
        Hint("a class is in val alone", "Its name is misspelt. path.rename(...) mends that."),
        Hint(
            "good pictures are missing",
            "Look at problem.kind: not everything that is wrong has to be deleted.",
        ),
    ),
)
def exercise_3(mend: Callable[[Path], Any]) -> str:
    """Check that a folder has no errors after it was mended, and still has all good pictures."""
    with _folder(
        {f"{split}/{name}": n for split, n in (("train", 6), ("val", 2)) for name in _CLASSES}
    ) as root:
        good = _pictures_by_class(root)
        (root / "val" / "pear").rename(root / "val" / "paer")
        (root / "train" / "apple" / "cut.png").write_bytes(
            (root / "train" / "apple" / "0.png").read_bytes()[:60]
        )
        (root / "val" / "plum" / "again.png").write_bytes((root / "train" / "plum" / "0.png").read_bytes())
        before = len(diagnose(root).errors)
        mend(root)
        expect(root.is_dir(), "the folder is gone: mend what is in it")
        errors = diagnose(root).errors
        expect(
            not errors,
            f"{len(errors)} of {before} errors are left, the first: {errors[0] if errors else ''}",
        )
        found = _pictures_by_class(root)
    for name, pictures in good.items():
        left = pictures & found.get(name, set())
        expect(
            left == pictures,
            f"the doctor is content, but of the {len(pictures)} good pictures of '{name}' {len(left)} are left",
        )
    return "what is damaged or a copy has gone, what was misspelt is mended, and every good picture is there"


_CLASSES = ("apple", "pear", "plum")
_MANY_CLASSES = (
    "plum",
    "apple",
    "kiwi",
    "pear",
    "fig",
    "quince",
    "banana",
    "pear no. 2",
)  # sorted neither way


@contextmanager
def _folder(counts: Mapping[str, int] | Sequence[str], files: Sequence[str] = ()) -> Iterator[Path]:
    """Make a folder of class folders with so many pictures each, and files beside them."""
    counts = counts if isinstance(counts, Mapping) else dict.fromkeys(reversed(counts), 2)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "pictures")
        for number, (name, count) in enumerate(counts.items()):
            (root / name).mkdir(parents=True)
            for index in range(count):
                _picture(root / name / f"{index}.png", 100 * number + index)
        for name in files:
            (root / name).write_bytes(b"\0\0\0\1Bud1")
        yield root


def _pictures_by_class(root: Path) -> dict[str, set[bytes]]:
    """Return the contents of all files of each class, in whichever split they are."""
    found: dict[str, set[bytes]] = {}
    for path in root.glob("*/*/*"):
        if path.is_file():
            found.setdefault(path.parent.name, set()).add(path.read_bytes())
    return found


def _picture(path: Path, seed: int) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(path)


def _is_nan(value: Any) -> bool:
    try:
        return math.isnan(value)
    except (TypeError, ValueError):
        return False
