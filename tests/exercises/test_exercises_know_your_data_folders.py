"""The checkers about folders accept every right answer and tell the usual mistakes apart."""

import os
import shutil

import pytest

from densekit.data.doctor import diagnose
from densekit.exercises.know_your_data import folders as check
from densekit.exercises.testing import assert_checker


def test_exercise_1_wants_folders_that_are_not_hidden_in_sorted_order():
    assert_checker(
        check.exercise_1,
        right=[
            lambda root: sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")),
            lambda root: sorted(p.name for p in root.glob("[!.]*") if not p.is_file()),
            lambda root: tuple(sorted(name for name in next(os.walk(root))[1] if name[0] != ".")),
        ],
        wrong=[
            (lambda root: sorted(path.name for path in root.iterdir()), "it is a file"),
            (lambda root: sorted(p.name for p in root.iterdir() if p.is_dir()), "a program made that folder"),
            (
                lambda root: sorted((p.name for p in root.glob("[!.]*") if p.is_dir()), reverse=True),
                "order of chance",
            ),
            (lambda root: sorted(p.name for p in root.glob("[!.]*")), "it is a file"),
            (lambda root: sorted(p.name for p in root.iterdir() if "." not in p.name), "it is a file"),
            (
                lambda root: sorted(p.name for p in root.iterdir() if p.is_dir() and "." not in p.name),
                "is missing among your classes",
            ),
            (lambda root: ["apple"], "is missing among your classes"),
            (lambda root: "apple", "expected a list of names"),
            (lambda root: [p.name for p in root.glob("[!.]*") if p.is_dir()], "order of chance"),
            (lambda root: sorted(p for p in root.glob("[!.]*") if p.is_dir()), "expected names"),
            (
                lambda root: [*sorted(p.name for p in root.glob("[!.]*") if p.is_dir()), "pear.jpg"],
                "no class",
            ),
        ],
    )


def test_exercise_2_wants_nothing_said_of_a_class_without_pictures():
    def with_get(correct, total):
        return {name: correct.get(name, 0) / count if count else None for name, count in total.items()}

    def step_by_step(correct, total):
        found = {}
        for name in total:
            found[name] = float("nan")
            if total[name] > 0:
                found[name] = correct.get(name, 0) / total[name]
        return found

    assert_checker(
        check.exercise_2,
        right=[with_get, step_by_step],
        wrong=[
            (lambda correct, total: {name: correct[name] / total[name] for name in total}, "KeyError"),
            (
                lambda correct, total: {
                    n: correct[n] / c if n in correct else None for n, c in total.items()
                },
                "is None, but it has 2 pictures, of which 0 are right",
            ),
            (
                lambda correct, total: {n: correct.get(n, 0) / c for n, c in total.items()},
                "ZeroDivisionError",
            ),
            (
                lambda correct, total: {n: correct.get(n, 0) / max(c, 1) for n, c in total.items()},
                "nothing is",
            ),
            (lambda correct, total: {n: correct.get(n, 0) / c for n, c in total.items() if c}, "your keys"),
            (lambda correct, total: [correct.get(n, 0) / c for n, c in total.items() if c], "a dictionary"),
            (lambda correct, total: {n: 1.0 if c else None for n, c in total.items()}, "are right"),
        ],
    )


def mend(root, delete_class=False, delete_damaged=True, delete_copy=True, delete_both=False):
    """Mend in a right way, with knobs to make it wrong."""
    if delete_damaged:
        (root / "train" / "apple" / "cut.png").unlink()
    if delete_copy:
        (root / "val" / "plum" / "again.png").unlink()
    if delete_both:
        (root / "train" / "plum" / "0.png").unlink()
    if delete_class:
        shutil.rmtree(root / "val" / "paer")
    else:
        (root / "val" / "paer").rename(root / "val" / "pear")


def by_the_doctor(root):
    for problem in diagnose(root).errors:
        if problem.kind == "class-mismatch" and problem.path.name == "paer":
            problem.path.rename(problem.path.with_name("pear"))
        elif problem.path.is_file():
            problem.path.unlink()


def the_other_copy_kept(root):
    mend(root, delete_copy=False)
    (root / "train" / "plum" / "0.png").unlink()


@pytest.mark.slow
def test_exercise_3_wants_no_errors_and_every_good_picture():
    assert_checker(
        check.exercise_3,
        right=[mend, by_the_doctor, the_other_copy_kept],
        wrong=[
            (lambda root: None, "errors are left"),
            (lambda root: mend(root, delete_damaged=False), "errors are left"),
            (lambda root: mend(root, delete_copy=False), "errors are left"),
            (lambda root: mend(root, delete_both=True), "of the 8 good pictures of 'plum' 7 are left"),
            (lambda root: mend(root, delete_class=True), "of the 8 good pictures of 'pear' 6 are left"),
            (lambda root: shutil.rmtree(root), "the folder is gone"),
        ],
    )
