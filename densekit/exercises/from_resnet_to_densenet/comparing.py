"""How networks are compared: size and accuracy together, and trained alike."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from densekit.exercises.expectations import expect, expect_letter, quoted
from densekit.exercises.framework import Hint, exercise


@exercise(
    number=8,
    title="Smaller and better",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint("I would have to read it off the table", "You may: it has two columns to look at."),
        Hint("one of my networks is refused", "Both have to hold: fewer parameters, and a higher accuracy."),
        Hint(
            "pandas says that the truth value of a Series is ambiguous",
            "Join two conditions with &, each in round brackets: zoo[(…) & (…)].index.",
        ),
    ),
)
def exercise_8(smaller_and_better: Iterable[str], zoo: pd.DataFrame) -> str:
    """Check which networks of the table have fewer parameters and a higher accuracy than ResNet-50."""
    expect(
        not isinstance(smaller_and_better, str),
        f"your answer is {quoted(smaller_and_better)}, expected a list of names",
    )
    expect(
        not isinstance(smaller_and_better, pd.DataFrame),
        "your answer is a part of the table, expected the names of its rows: take its .index",
    )
    names = list(smaller_and_better)
    expect(
        not (names and all(isinstance(name, bool | np.bool_) for name in names)),
        "your answer says True or False for each row, expected the names where it is True: "
        "zoo.index[your_answer]",
    )
    sizes, accuracies = zoo["parameters"].to_dict(), zoo["accuracy"].to_dict()
    size, accuracy = sizes["resnet50"], accuracies["resnet50"]
    for name in names:
        expect(name in sizes, f"{quoted(name)} is not in the table, expected names such as 'resnet50'")
        expect(
            sizes[name] < size and accuracies[name] > accuracy,
            f"{name} has {sizes[name] / 1e6:.1f} M parameters and {accuracies[name]:.1f} %, expected fewer "
            f"than {size / 1e6:.1f} M and more than {accuracy:.1f} %",
        )
    right = [str(name) for name in sizes if sizes[name] < size and accuracies[name] > accuracy]
    expect(
        set(names) == set(right),
        f"you named {len(set(names))}, expected {len(right)}: another one is smaller and better, too",
    )
    return (
        f"{', '.join(right)}: a DenseNet is among them, and it is not the only way to be smaller and better"
    )


_VERDICTS = {
    "a": "the second weights of ResNet-50 were trained in another way, so it need not be the connections",
    "c": "each is a share of 50 000 pictures: that is not chance",
}


@exercise(
    number=9,
    title="A fair comparison",
    minutes=4,
    difficulty="medium",
    hints=(
        Hint("I don't know what to look for", "How many things differ between the two numbers?"),
        Hint("I said a", "ResNet-50 stands in the output above twice. What differs between these two?"),
        Hint("I said c", "Think of the size of ImageNet's validation set: 50 000 pictures."),
    ),
)
def exercise_9(verdict: str) -> str:
    """Check what may be concluded from two accuracies of differently trained networks."""
    expect_letter(verdict, "b", _VERDICTS)
    return "a network and a recipe were changed at once; compare networks that were trained alike"
