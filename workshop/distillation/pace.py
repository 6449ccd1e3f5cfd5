"""A run that fits into a given time: measure the pace first, then choose the length."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic

from densekit.training.team import Team
from workshop.distillation.logbook import LogBook
from workshop.distillation.session import LOG, Plan, train
from workshop.distillation.settings import Recipe, Stage

UNDECIDED = 10**9  # views; so long that the learning rate does not fall while the pace is measured
_MEASURED = 0.1  # part of the time
_SURE = 0.9  # of what the pace allows: the end must not be cut off
_FIXED = 0.5  # part of a small view's time that a larger one takes no more of: teacher, optimiser, reading


def train_within(team: Team, plan: Plan, minutes: float) -> None:
    """Train so that the learning rate reaches zero just before the time is over.

    The beginning, at the full rate, shows the pace, and how long setting up and closing take. If the rest is
    slower than foreseen, the run is stopped when the time is over, shortly before its end, where the rate is
    nearly zero.

    Args:
        team: the processes.
        plan: of a run that may not have begun yet; its recipe's number of images is replaced.
        minutes: for everything.
    """
    began = monotonic()
    first = 60 * minutes * _MEASURED
    beginning = replace(
        plan, recipe=of_length(plan.recipe, UNDECIDED), minutes=first / 60, examine_minutes=1e9
    )
    train(team, beginning)
    team.wait()  # for the one that writes the log
    took = monotonic() - began
    left = 60 * minutes - took - (took - first)  # the rest is set up and closed as well
    seen, pace = _pace(LogBook.resumed(plan.folder / LOG, UNDECIDED).rows)
    # One process decides: two clocks would make two plans, and networks that drift apart.
    images, left = team.told((images_within(left, seen, pace, plan.recipe.stages), left))
    train(team, replace(plan, recipe=of_length(plan.recipe, images), minutes=left / 60))


def _pace(rows: Sequence[Mapping[str, str]]) -> tuple[int, float]:
    """Return how many views a log tells of, and how many came a second."""
    images = [int(row["images"]) for row in rows]
    seconds = sum(
        (now - before) / float(row["images_per_second"])
        for row, now, before in zip(rows, images, [0, *images[:-1]], strict=True)
    )
    return images[-1], images[-1] / seconds


def images_within(left: float, seen: int, pace: float, stages: Sequence[Stage]) -> int:
    """Return how many views a run may have in all, so that it ends in time.

    Args:
        left: seconds.
        seen: views so far, all of them of the first stage's size.
        pace: of those, views a second.
        stages: of the run; larger views take longer.

    >>> images_within(90, 900, 100.0, [Stage(size=64, teacher_size=64, share=1)])
    9000
    >>> images_within(
    ...     90,
    ...     900,
    ...     100.0,
    ...     [Stage(size=64, teacher_size=64, share=0.5), Stage(size=128, teacher_size=128, share=0.5)],
    ... )
    5142
    """
    areas = [(stage.size / stages[0].size) ** 2 for stage in stages]
    cost = sum(
        stage.share * (_FIXED + (1 - _FIXED) * area) for stage, area in zip(stages, areas, strict=True)
    )
    return max(seen, int((_SURE * max(0.0, left) * pace + seen) / cost))


def of_length(recipe: Recipe, images: int) -> Recipe:
    """Return the same recipe for so many views."""
    return recipe.model_copy(update={"images": images})
