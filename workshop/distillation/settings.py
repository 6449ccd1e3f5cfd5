"""The recipe of a distillation, and what follows from it for each moment of a run."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from densekit.errors import ConfigError

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=32, multiple_of=32)]
TrainFrom = Literal["all", "denseblock1", "denseblock2", "denseblock3", "denseblock4"]

_LATER = ("train_from", "weight_likeness")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Section):
    """A stretch of the run at one image size.

    Args:
        size: width and height of what the student sees, in pixels.
        teacher_size: the same for the teacher.
        share: part of all images.
    """

    size: Side
    teacher_size: Side
    share: Annotated[float, Field(gt=0, le=1)]


class Recipe(_Section):
    """Everything that the result depends on, besides the crops and the teacher.

    Args:
        seed: of every view, and of the student's first weights where they are random.
        first_weights: SHA-256 of the file that the student's first weights come from; empty for random ones.
        first_filters: what the first convolution begins with: 'ica', independent components of patches of the
            views, or 'random'. Not used where there are first weights.
        train_from: the first block that learns; what stands before it keeps the first weights, and so the run
            needs some. 'all' for the whole network.
        images: how many views the student sees in all. The one value that may change while a run goes on.
        batch_size: views in a step, over all processes.
        stages: image sizes in turn; the shares add up to 1. Small images first: most is learned from them, and
            they cost least.
        optimizer: 'muon' for the hidden convolutions, with AdamW for the rest, or 'adamw' for everything.
        learning_rate: the highest one, of AdamW.
        muon_learning_rate: the highest one of Muon; it rises and falls with the other.
        weight_decay: of weights; not of biases and norms.
        warm_up: steps over which the learning rate rises from zero.
        decay: the last part of the run, over which it falls to zero along a cosine.
        averaging: how much of the averaged weights is kept in each step; the averaged ones are the result.
        compared_maps: how many of the maps that learn are compared, counted from the coarsest.
        weight_maps, weight_features, weight_logits, weight_likeness: of the four parts of the loss.
        temperature: by which logits are divided before they are compared.
        smallest_area: of a crop that a view shows at least.
        largest_angle: in radians.
        colour: how far saturation, contrast and brightness may be from 1.
        blurred: part of the views that look as if they had few pixels.
        mixed: part of the batches whose views are mixed with each other.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    first_weights: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    first_filters: Literal["ica", "random"] = "ica"
    train_from: TrainFrom = "all"
    images: Count = 600_000
    batch_size: Count = 32
    stages: tuple[Stage, ...] = (
        Stage(size=64, teacher_size=128, share=0.70),
        Stage(size=96, teacher_size=128, share=0.20),
        Stage(size=128, teacher_size=128, share=0.10),
    )
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.2e-3
    muon_learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.02
    weight_decay: NotNegative = 0.02
    warm_up: Count = 200
    decay: Part = 0.6
    averaging: Part = 0.999
    compared_maps: Annotated[int, Field(ge=1, le=4)] = 4
    weight_maps: NotNegative = 2.0
    weight_features: NotNegative = 1.0
    weight_logits: NotNegative = 0.2
    weight_likeness: NotNegative = 0.0
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    smallest_area: Annotated[float, Field(gt=0, le=1)] = 0.3
    largest_angle: NotNegative = 0.35
    colour: Part = 0.4
    blurred: Part = 0.25
    mixed: Part = 0.15

    @model_validator(mode="after")
    def _shares_add_up(self) -> "Recipe":
        total = sum(stage.share for stage in self.stages)
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"the shares of the stages add up to {total:g}: expected 1")
        return self

    @model_validator(mode="after")
    def _keeps_what_was_learned(self) -> "Recipe":
        if self.train_from != "all" and not self.first_weights:
            raise ValueError(
                f"what stands before {self.train_from} would stay random: give first weights, or train all"
            )
        return self

    def identity(self) -> str:
        """Return a text that is equal for two recipes exactly if one run can follow both.

        What came later is named only where it is used, so runs that were begun before can go on.
        """
        unused = {name for name in _LATER if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump_json(exclude={"images", *unused})


def make_recipe(**values: object) -> Recipe:
    """Make a recipe from keywords; what is not given is as in the class.

    Raises:
        ConfigError: an unknown key, or an impossible value; all of them in one message.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, one['loc'])) or 'recipe'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise ConfigError(f"this recipe can't be followed: {'; '.join(problems)}") from error


def read_stages(text: str) -> tuple[Stage, ...]:
    """Read stages from a text like '64@128:0.7,96@192:0.3': size @ the teacher's size : share.

    Raises:
        ConfigError: the text is not of this form, or a value is impossible.
    """
    try:
        found = []
        for part in text.split(","):
            sizes, _, share = part.partition(":")
            size, _, teacher_size = sizes.partition("@")
            found.append(Stage(size=int(size), teacher_size=int(teacher_size), share=float(share)))
    except ValueError as error:  # pydantic's errors are among them
        raise ConfigError(
            f"the stages '{text}' can't be read: expected SIZE@TEACHER_SIZE:SHARE for each, with commas "
            "between, such as 64@128:0.7,96@128:0.3, with sizes that are multiples of 32"
        ) from error
    return tuple(found)


def stage_at(images: int, recipe: Recipe) -> Stage:
    """Return the stage in which the view after so many images is."""
    done, passed = images / recipe.images, 0.0
    for stage in recipe.stages:
        passed += stage.share
        if done < passed - 1e-9:
            return stage
    return recipe.stages[-1]


def learning_rate_at(step: int, images: int, recipe: Recipe) -> float:
    """Return AdamW's learning rate in a step (counted from 0) before which so many images were seen.

    >>> recipe = Recipe(images=1000, learning_rate=1.0, warm_up=10, decay=0.5)
    >>> [round(learning_rate_at(step, 10 * step, recipe), 2) for step in (0, 9, 49, 75, 100)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    return recipe.learning_rate * rate_part_at(step, images, recipe)


def rate_part_at(step: int, images: int, recipe: Recipe) -> float:
    """Return by which part of their highest ones the learning rates are used in a step, from 0 to 1."""
    rising = min(1.0, (step + 1) / recipe.warm_up)
    left = 1 - min(1.0, images / recipe.images)
    falling = 0.5 * (1 - math.cos(math.pi * left / recipe.decay)) if left < recipe.decay else 1.0
    return rising * falling


def highest_part(recipe: Recipe) -> float:
    """Return the highest part of the highest learning rates that a whole run comes to.

    A run that is shorter than its warm-up, or whose rates fall before they have risen, never has all of them.

    >>> [round(highest_part(Recipe(images=images)), 2) for images in (6400, 500_000)]
    [0.48, 1.0]
    """
    steps = range(min(recipe.warm_up, math.ceil(recipe.images / recipe.batch_size)))  # then it only falls
    return max(rate_part_at(step, step * recipe.batch_size, recipe) for step in steps)
