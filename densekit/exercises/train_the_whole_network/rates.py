"""Learning rates: how one is found, and how they differ from block to block."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densekit.exercises.expectations import expect, expect_close, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.words import counted

_WELL_BEFORE = 3.0  # times below the rate of the lowest loss: as the kit's own finder has it
_NEAR = 2.0  # times more or less than the rate where the loss falls fastest: as good as another


@exercise(
    number=5,
    title="Where the loss falls fastest",
    minutes=10,
    difficulty="medium",
    hints=(
        Hint(
            "I take the rate of the lowest loss",
            "There the next step may be too far. Where does the loss fall?",
        ),
        Hint(
            "I get one of the first rates",
            "The rates grow by the same factor at each step, so look at the change from step to step, or over "
            "np.log(rates): between small rates there is hardly any distance.",
        ),
        Hint("I have a position, not a rate", "rates[position] is the rate."),
    ),
)
def exercise_5(steepest_rate: Callable[[Sequence[float], Sequence[float]], float]) -> str:
    """Check the rate that is chosen from a sweep on four curves."""
    for centre in (3e-5, 1e-3, 1e-2, 0.05):
        rates, losses = _sweep(centre)
        found = _number(steepest_rate(rates.tolist(), losses.tolist()))
        lowest = float(rates[losses.argmin()])
        where = f"of the curve that falls around {centre:g}, you chose"
        expect(
            rates[0] <= found <= rates[-1],
            f"{where} {found:g}, which is not one of the rates that were tried",
        )
        expect(
            not lowest / _WELL_BEFORE < found < 1.35 * lowest,
            f"{where} {found:g}, at or shortly before {lowest:g}, where the loss is lowest: right after it the "
            "loss explodes. Expected a rate where it is still falling fast",
        )
        expect(found < lowest, f"{where} {found:g}: there the loss is on its way up. Expected a lower rate")
        expect(
            centre / _NEAR <= found <= centre * _NEAR,
            f"{where} {found:.2g}: there the loss hardly falls yet. Expected a rate near {centre:g}, "
            "where it falls fastest from step to step",
        )
    return "where the loss falls fastest, well before its lowest point"


@exercise(
    number=7,
    title="Slower in front",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "my rates grow the wrong way",
            "The stages come from the picture to the class. Which is the last one?",
        ),
        Hint("the classifier's rate is too low", "It has no stage after it, so nothing is taken off."),
    ),
)
def exercise_7(stage_rates: Callable[[float, float, list[str]], Mapping[str, float]]) -> str:
    """Check that each stage learns at a share of the rate of the stage after it."""
    stages = ["stem", "denseblock1", "denseblock2", "denseblock3", "denseblock4", "classifier"]
    for highest, decay, names in ((0.01, 0.5, stages), (1.0, 0.7, stages[3:]), (0.1, 1.0, stages[-1:])):
        found = stage_rates(highest, decay, list(names))
        where = f"stage_rates({highest:g}, {decay:g}, {names})"
        expect(
            isinstance(found, Mapping),
            f"{where} is {quoted(found)}, expected a dictionary from the names of the stages to their rates",
        )
        for after, name in enumerate(reversed(names)):
            expect(name in found, f"{where} has no rate for '{name}'")
            expect_close(
                found[name],
                highest * decay**after,
                1e-9,
                because=f"it has {counted(after, 'stage')} after it",
                name=f"{where}['{name}']",
            )
    return "the last stage learns at the full rate, each stage before it at a share of the one after it"


def _sweep(centre: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rates and smoothed losses of a sweep: falling fastest at `centre`, exploding at 30 times it.

    It falls a little from the first rate on, as the loss does where small steps help a little. So a slope over
    the rates themselves, and not over their logarithms, is steepest at the very beginning.
    """
    rates = np.geomspace(1e-7, 3.0, 120)
    place = np.log10(rates / centre)
    falls = 2.3 - 1.8 / (1 + np.exp(-5 * place)) - 0.02 * np.log10(rates / rates[0])
    return rates, falls + np.exp(6 * (place - 1.5))


def _number(value: Any) -> float:
    expect(value is not None, "your function returned None: it needs a `return`")
    try:
        return float(value)
    except (TypeError, ValueError):
        expect(False, f"you returned {quoted(value)}, expected one rate, a number")
        raise
