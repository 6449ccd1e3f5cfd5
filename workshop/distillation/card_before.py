"""The part of the card that tells of the runs before the last one."""

from collections.abc import Iterator, Sequence

from densekit.model.cut import ALL
from workshop.distillation.ancestry import Ancestor, Average, Graft
from workshop.distillation.settings import Recipe, highest_part

_AVERAGED = """
**Average**: each weight is the arithmetic mean of what it was at the end of several runs, which had begun with
the same weights (`python -m workshop.distillation.average`). `make weights` goes such a way from nothing."""


def how_long(seconds: float) -> str:
    """Return a time in words.

    >>> how_long(118), how_long(5400)
    ('2 minutes', '1.5 hours')
    """
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} hours"
    minutes = max(1, round(seconds / 60))
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


def whose_weights(before: Sequence[Ancestor]) -> str:
    """Return whose weights a run began with, of which there is a record or not."""
    if not before:
        return "others"
    if isinstance(before[0].made, Graft):
        return "those of two earlier runs"
    if isinstance(before[0].made, Average):
        return f"the average of those of {before[0].made.runs} earlier runs"
    return "those of an earlier run"


def what_came_before(before: Sequence[Ancestor], crops: str, is_whole: bool) -> str:
    """Return the section of a card on the runs before the last one: a line for each, and what was put together.

    Args:
        before: those runs, the latest first.
        crops: the identity of the crops that the last run saw.
        is_whole: whether these are all, back to random weights.
    """
    images = sum(one.images for one in before)
    seconds = sum(one.seconds for one in before)
    begun = "from random ones" if is_whole else "from others, of which there is no record,"
    return "\n".join(
        [
            "## What came before",
            f"The first weights were made {begun} with {images:,} views, in {how_long(seconds)}. The "
            "records of these runs are in `run/before/`.",
            "",
            "| run | views | at | optimiser | batches | hours |",
            "|---|---|---|---|---|---|",
            *(_earlier_run(one, is_other=one.crops != crops) for one in before),
            *(
                ("", "\\* on other crops than those listed below.")
                if any(one.crops != crops for one in before)
                else ()
            ),
            *(_put_together(one.made, one.images) for one in before if isinstance(one.made, Graft)),
            *((_AVERAGED,) if any(isinstance(one.made, Average) for one in before) else ()),
        ]
    )


def _earlier_run(one: Ancestor, is_other: bool) -> str:
    hours = f"{one.seconds / 3600:.1f}"
    views = f"{one.images:,}{' *' if is_other else ''}"
    if isinstance(one.made, Graft):
        return f"| {one.name}: put together | {views} | | | | {hours} |"
    if isinstance(one.made, Average):
        return f"| {one.name}: average of {one.made.runs} runs | | | | | |"
    recipe = one.made
    done = min(1.0, one.images / recipe.images)
    at = ", ".join(f"{size} px: {share:.0%}" for size, share in _seen(recipe, done))
    if recipe.train_from != ALL:
        at += f", from `{recipe.train_from}` on"
    if done < 1:
        at += f" (stopped at {done:.0%})"
    part = highest_part(recipe)
    rates = f"AdamW {part * recipe.learning_rate:.2g}"
    if recipe.optimizer == "muon":
        rates = f"Muon {part * recipe.muon_learning_rate:.2g}, {rates}"
    return f"| {one.name} | {views} | {at} | {rates} | {recipe.batch_size} | {hours} |"


def _seen(recipe: Recipe, done: float) -> Iterator[tuple[int, float]]:
    """Yield the sizes that a run has come to, with the share of its views that each had."""
    passed = 0.0
    for stage in recipe.stages:
        share = min(max(done - passed, 0.0), stage.share)
        passed += stage.share
        if share > 0:
            yield stage.size, share / done


def _put_together(graft: Graft, images: int) -> str:
    return f"""
**Put together**: the layers before `{graft.behind}` began as those of one network (*front*, SHA-256
`{graft.front[:16]}…`), the others as those of another (*rest*, `{graft.rest[:16]}…`). By least squares, then on
{images:,} views, the first ones learned to tell what the other's had told: {graft.explained:.1%} of the variance
of its maps (`python -m workshop.distillation.graft`)."""
