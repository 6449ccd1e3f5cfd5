"""The bug hunt: choose a bug, say where it will show first, and see the ladder.

The function `hunt` does all of it; the explorer puts three lists above it.
"""

from functools import cache
from typing import Any

import torch
from matplotlib.figure import Figure

from densekit.errors import DensekitError, nearest
from densekit.model.proof.parity import compare_networks
from densekit.model.proof.planted import NORMS, PLANTED, Norms, PlantedBug, specimen
from densekit.plots.ladder import difference_ladder, first_red, rungs
from densekit.widgets.explorer import Explorer, choice

_HIDDEN = {
    "BatchNorms": "Freshly made BatchNorms hide it: randomise them.",
    "classifier": "A freshly made classifier hides it, since its bias is 0: randomise it.",
    "": "Nothing that it computes differs.",
}


def hunt(
    bug: str = "newest first", predicted: str = "", norms: Norms = "randomised"
) -> tuple[Figure, str] | str:
    """Return what is known of a bug; with a prediction, its ladder too, and whether the prediction was right.

    Args:
        bug: a name in `PLANTED`.
        predicted: the module that is expected to be the first red rung; empty if there is no prediction yet.
        norms: see `specimen`.

    Raises:
        DensekitError: no such bug, module or BatchNorms.
    """
    if bug not in PLANTED:
        raise DensekitError(f"no planted bug is called '{bug}': {nearest(bug, list(PLANTED))}")
    planted = PLANTED[bug]
    facts = f"written:      {planted.written}\nshould be:    {planted.meant}"
    if not predicted:
        return f"{facts}\n\nWhich rung will be the first red one? Choose it, and the ladder appears."
    ladder = _ladder(bug, norms)
    if predicted not in ladder:
        raise DensekitError(f"no module is called '{predicted}': {nearest(predicted, list(ladder))}")
    verdict, reason = _verdict(planted, predicted, first_red(ladder))
    figure = difference_ladder(ladder, f"{bug}, BatchNorms {norms}\n{verdict}", predicted)
    return figure, f"{facts}\n\n{verdict} {reason}"


def bug_hunt() -> "BugHunt":
    """Return the explorer."""
    return BugHunt()


class BugHunt(Explorer):
    """The lists over `hunt`. Another bug takes the prediction back, so that no ladder is given away."""

    def __init__(self) -> None:
        modules = {name.removeprefix("features."): name for name in _ladder("newest first", "randomised")}
        super().__init__(
            {
                "bug": choice("newest first", list(PLANTED), "bug"),
                "predicted": choice("", {"…": "", **modules}, "first red rung"),
                "norms": choice("randomised", NORMS, "BatchNorms and classifier"),
            },
            hunt,
        )

    def set(self, **values: Any) -> None:
        """Set controls, and draw once; another bug takes the prediction back, unless a new one comes with it."""
        if values.get("bug", self.values["bug"]) != self.values["bug"]:
            values.setdefault("predicted", "")
        super().set(**values)

    def _changed(self, change: Any) -> None:
        if change["owner"] is self.controls["bug"]:
            self.set(predicted="")
        else:
            self.redraw()


def _verdict(bug: PlantedBug, predicted: str, red: str | None) -> tuple[str, str]:
    """Return whether a prediction was right, and why."""
    if red is None:
        return "All green, and the bug is there.", _HIDDEN[bug.hidden_by]
    told = f"Yes: {red}." if predicted == red else f"You said {predicted}, it is {red}."
    reason = bug.reason
    if bug.look_at != red:
        reason += f" So look at the code of {_called(bug.look_at)}, which feeds it."
    if bug.harmless:
        reason += " Behind it all is green again: this one is no bug."
    return told.replace("features.", ""), reason


def _called(module: str) -> str:
    return "the whole network" if module == "network" else module


@cache
def _ladder(bug: str, norms: Norms) -> dict[str, float]:
    network = specimen(norms)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return rungs(compare_networks(PLANTED[bug](network), network, images))
