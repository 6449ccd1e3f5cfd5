"""What differs from the rest of a folder is told; a folder that is of one kind throughout is not."""

from pathlib import Path

import pytest
from pictures import scene

from densekit.data.doctor import Diagnosis, diagnose


def folder(root: Path, **counts: int) -> Path:
    """Write classes of so many pictures in colour, 120 × 90."""
    seed = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            seed += 1
            scene((120, 90), seed).save(root / name / f"{number}.png")
    return root


def told(diagnosis: Diagnosis) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in diagnosis.problems:
        found.setdefault(problem.kind, []).append(problem.path.relative_to(diagnosis.root).as_posix())
    return found


def test_pictures_of_one_kind_are_in_order(tmp_path: Path) -> None:
    assert diagnose(folder(tmp_path, cat=6, dog=6)).ok


def test_a_greyscale_picture_among_coloured_ones(tmp_path: Path) -> None:
    root = folder(tmp_path, cat=6, dog=6)
    scene((120, 90), 99).convert("L").save(root / "cat" / "grey.jpg")
    diagnosis = diagnose(root)
    assert told(diagnosis) == {"mixed-colour": ["cat/grey.jpg"]}
    assert diagnosis.problems[0].message == "in greyscale, where 12 of 13 images are in colour"


def test_a_coloured_picture_among_greyscale_ones(tmp_path: Path) -> None:
    root = folder(tmp_path, cat=6, dog=6)
    for path in root.rglob("*.png"):
        if path != root / "dog" / "0.png":
            scene((120, 90), int(path.stem) + 10 * (path.parent.name == "cat")).convert("L").save(path)
    assert told(diagnose(root)) == {"mixed-colour": ["dog/0.png"]}


@pytest.mark.parametrize("size", [(28, 21), (1600, 1200)])
def test_a_size_unlike_the_others(tmp_path: Path, size: tuple[int, int]) -> None:
    root = folder(tmp_path, cat=6, dog=6)
    scene(size, 99).resize(size).save(root / "cat" / "odd.jpg")
    (problem,) = [problem for problem in diagnose(root).problems if problem.kind == "odd-size"]
    assert problem.path.name == "odd.jpg"
    assert problem.message == f"its shorter side has {min(size)} pixels, usual here are 90"


@pytest.mark.parametrize("size", [(360, 90), (90, 360)])
def test_a_shape_unlike_the_others(tmp_path: Path, size: tuple[int, int]) -> None:
    root = folder(tmp_path, cat=6, dog=6)
    scene(size, 99).save(root / "cat" / "odd.png")
    assert told(diagnose(root)) == {"odd-shape": ["cat/odd.png"]}


def test_what_is_tiny_or_very_long_is_told_once(tmp_path: Path) -> None:
    root = folder(tmp_path, cat=6, dog=6)
    scene((12, 9), 98).save(root / "cat" / "tiny.png")
    scene((1000, 90), 99).save(root / "cat" / "strip.png")
    assert told(diagnose(root)) == {"tiny-image": ["cat/tiny.png"], "extreme-shape": ["cat/strip.png"]}


def test_of_a_few_pictures_none_stands_apart(tmp_path: Path) -> None:
    root = folder(tmp_path, cat=3, dog=3)
    scene((120, 90), 99).convert("L").save(root / "cat" / "grey.jpg")
    assert diagnose(root).ok


@pytest.mark.parametrize(("many", "is_told"), [(20, True), (19, False)])
def test_a_class_with_a_tenth_of_the_images_of_another(tmp_path: Path, many: int, is_told: bool) -> None:
    root = folder(tmp_path, cat=many, dog=2, fox=10)
    diagnosis = diagnose(root)
    assert told(diagnosis) == ({"imbalance": ["dog"]} if is_told else {})
    assert [problem.message for problem in diagnosis.problems] == ["2 images, where 'cat' has 20"] * is_told


def test_imbalance_is_judged_where_one_learns(tmp_path: Path) -> None:
    """In a split folder by train/ alone: val/ may be as it likes."""
    root = folder(tmp_path / "train", cat=3, dog=3).parent
    (root / "val" / "cat").mkdir(parents=True)
    (root / "val" / "dog").mkdir()
    for number in range(20):
        scene((120, 90), 200 + number).save(root / "val" / "cat" / f"{number}.png")
    for number in range(2):
        scene((120, 90), 300 + number).save(root / "val" / "dog" / f"{number}.png")
    assert diagnose(root).ok
