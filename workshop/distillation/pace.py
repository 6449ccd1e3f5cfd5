"""A run that fits into a given time: measure the pace first, then choose the length."""

from dataclasses import replace
from time import monotonic

from densekit.training.team import Team
from workshop.distillation.logbook import LogBook
from workshop.distillation.session import LOG, Plan, train
from workshop.distillation.settings import Recipe

_LONG = 10**9  # views; so long that the learning rate does not fall while the pace is measured
_MEASURED = 0.1  # part of the time
_SURE = 0.9  # of what the pace allows: larger images may take longer, and the end must not be cut off


def train_within(team: Team, plan: Plan, minutes: float) -> None:
    """Train so that the learning rate reaches zero just before the time is over.

    The beginning, at the full rate, shows the pace. If the rest is slower than that by more than is allowed for,
    the run is stopped when the time is over, shortly before its end, where the rate is nearly zero.

    Args:
        team: the processes.
        plan: of a run that may not have begun yet; its recipe's number of images is replaced.
        minutes: for everything.
    """
    began = monotonic()
    train(
        team,
        replace(
            plan, recipe=_of_length(plan.recipe, _LONG), minutes=minutes * _MEASURED, examine_minutes=1e9
        ),
    )
    row = LogBook.resumed(plan.folder / LOG, _LONG).rows[-1]
    left = 60 * minutes - (monotonic() - began)
    images = images_within(left, int(row["images"]), float(row["images_per_second"]))
    rest = replace(plan, recipe=_of_length(plan.recipe, images), minutes=left / 60)
    train(team, rest)


def images_within(left: float, images: int, pace: float) -> int:
    """Return how many views a run has in all if there were so many, so many come a second, and so long is left.

    >>> images_within(90, 1000, 100.0)
    9100
    """
    return images + int(_SURE * max(0.0, left) * pace)


def _of_length(recipe: Recipe, images: int) -> Recipe:
    return recipe.model_copy(update={"images": images})
