"""The checkers about comparing accept every right answer and tell the usual mistakes apart."""

import pandas as pd

from densekit.exercises.from_resnet_to_densenet import comparing as check
from densekit.exercises.testing import assert_checker

ZOO = pd.DataFrame(
    {
        "parameters": [25_557_032, 44_549_160, 20_013_928, 7_978_856, 25_028_904],
        "accuracy": [76.13, 77.374, 76.896, 74.434, 77.618],
    },
    index=["resnet50", "resnet101", "densenet201", "densenet121", "resnext50_32x4d"],
)


class TestExercise8:
    def test_names_are_held_to_the_table(self):
        assert_checker(
            check.exercise_8,
            right=[
                (["densenet201", "resnext50_32x4d"], ZOO),
                (("resnext50_32x4d", "densenet201"), ZOO),
                ({"densenet201", "resnext50_32x4d"}, ZOO),
                (ZOO.index[(ZOO.parameters < 25_557_032) & (ZOO.accuracy > 76.13)], ZOO),
            ],
            wrong=[
                ((["densenet201"], ZOO), "you named 1, expected 2"),
                (([], ZOO), "you named 0, expected 2"),
                ((["densenet121"], ZOO), "densenet121 has 8.0 M parameters and 74.4 %, expected"),
                ((["resnet101", "densenet201"], ZOO), "resnet101 has 44.5 M parameters and 77.4 %"),
                ((["resnet50"], ZOO), "resnet50 has 25.6 M parameters"),
                ((["DenseNet-201"], ZOO), "'DenseNet-201' is not in the table"),
                (("densenet201", ZOO), "expected a list of names"),
                ((ZOO, ZOO), "expected the names of its rows: take its .index"),
                ((ZOO.accuracy > 76.13, ZOO), "expected the names where it is True"),
            ],
        )

    def test_it_follows_the_table_that_it_is_given(self):
        one_less = ZOO.drop(index="resnext50_32x4d")
        assert check.exercise_8.judge(["densenet201"], one_less).state == "passed"


def test_exercise_9_takes_the_letter():
    assert_checker(
        check.exercise_9,
        right=["b", "B", " (b) "],
        wrong=[
            ("a", "your answer is 'a', expected another one: the second weights of ResNet-50"),
            ("c", "your answer is 'c', expected another one: each is a share of 50 000 pictures"),
            ("d", "your answer is 'd', expected 'a', 'b' or 'c'"),
            (True, "your answer is True"),
        ],
    )
