"""The loop: views, the teacher's lesson, the student's answer, one step.

It is a generator of events, as all training here: to stop is to stop reading. Files, bars and clocks are with
the readers (`workshop.distillation.session`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from densekit.devices import Compute
from densekit.errors import TrainingError
from densekit.training.team import ALONE, Team
from workshop.distillation.cache import CropCache
from workshop.distillation.optimizers import set_rates
from workshop.distillation.settings import Recipe, Stage, rate_part_at, stage_at
from workshop.distillation.state import State
from workshop.distillation.student import compare
from workshop.distillation.teacher import Lesson, Teacher
from workshop.distillation.views import Beyond, batch_at, generator_for, make_views, whole_views

_LONGEST_GRADIENT = 5.0
_AT_ONCE = 32
_MEASURED_ON = 512  # views that the standards are measured on


@dataclass(frozen=True)
class StepDone:
    """One step is done.

    Args:
        step: its number, from 1.
        images: views seen so far, over all processes.
        size: width and height of the student's views in this step.
        learning_rate: AdamW's in this step.
        loss, maps, features, logits, likeness: the loss and its parts, in this process.
        seconds: that the step took.
    """

    step: int
    images: int
    size: int
    learning_rate: float
    loss: float
    maps: float
    features: float
    logits: float
    likeness: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Classroom:
    """What stays the same over a run.

    Args:
        cache: the crops.
        teacher: who is imitated.
        recipe: how.
        compute: where, and how precisely.
        team: the processes that work together.
        held: all crops on the device, where there is room for them, uint8 (N, 3, SIZE, SIZE).
    """

    cache: CropCache
    teacher: Teacher
    recipe: Recipe
    compute: Compute
    team: Team = ALONE
    held: Tensor | None = None

    @property
    def own_batch(self) -> int:
        """Views in a step of this process."""
        return max(2, self.recipe.batch_size // self.team.size)  # BatchNorm needs two

    def crops(self, numbers: NDArray[np.int64]) -> Tensor:
        """Return crops on the device, uint8 (N, 3, SIZE, SIZE)."""
        if self.held is not None:
            return self.held[self.compute.send(torch.from_numpy(numbers))]
        return self.compute.send(self.cache.crops(numbers))


def views_to_measure_by(room: Classroom, stage: Stage, most: int, step: Beyond) -> Iterator[Tensor]:
    """Yield views in [0, 1], some 32 at a time, (N, 3, T, T), the same in every process and each time.

    Args:
        room: its cache gives the crops, its recipe says how they are changed.
        stage: whose teacher's size T they have.
        most: so many views at most.
        step: what is measured.
    """
    learn, _ = room.cache.split()
    numbers = batch_at(learn, 0, min(most, len(learn)), room.recipe.seed)
    generator = generator_for(room.recipe.seed, step, 0)
    for part in np.array_split(numbers, max(1, len(numbers) // _AT_ONCE)):
        yield make_views(room.crops(part), stage.teacher_size, room.recipe, generator)


def measure_standards(state: State, room: Classroom) -> None:
    """Measure mean and standard deviation of the teacher's channels, the same in every process."""
    views = views_to_measure_by(room, room.recipe.stages[0], _MEASURED_ON, Beyond.STANDARDS)
    state.standards.measure([room.teacher(one) for one in views])


def distil(state: State, room: Classroom) -> Iterator[StepDone]:
    """Train the student until the recipe's images are seen, yielding each step once it is done.

    Args:
        state: changed in place; between two steps it is whole and can be saved.
        room: what stays the same.

    Raises:
        TrainingError: the loss is no number any more.
    """
    learn, _ = room.cache.split()
    together = room.own_batch * room.team.size
    while state.counters.images < room.recipe.images:
        began = perf_counter()
        counters = state.counters
        start = counters.images + room.team.rank * room.own_batch
        crops = room.crops(batch_at(learn, start, room.own_batch, room.recipe.seed))
        done = _step(state, room, crops)
        counters.step += 1
        counters.images += together
        state.average(room.recipe.averaging)
        seconds = perf_counter() - began
        counters.seconds += seconds
        yield StepDone(step=counters.step, images=counters.images, seconds=seconds, **done)


def _step(state: State, room: Classroom, crops: Tensor) -> dict[str, Any]:
    """Do one step; return what is told of it."""
    recipe, counters = room.recipe, state.counters
    stage = stage_at(counters.images, recipe)
    part = rate_part_at(counters.step, counters.images, recipe)
    set_rates(state.optimizers, part)
    generator = generator_for(recipe.seed, counters.step, room.team.rank)
    views = make_views(crops, stage.teacher_size, recipe, generator)  # (N, 3, T, T)
    lesson = room.teacher(views)
    with room.compute.autocast():
        answer = state.student(as_seen(views, stage.size))
    losses = compare(answer, lesson, state.standards, recipe)
    loss = losses.total(recipe)
    if not torch.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss.item()} at step {counters.step + 1}, and would be again: write out the last "
            "checkpoint, which is still good, with --export, and begin a run in another work folder with those "
            "weights, --first-weights, and a lower --learning-rate"
        )
    state.student.zero_grad(set_to_none=True)
    loss.backward()
    _share(state, room.team)
    nn.utils.clip_grad_norm_(state.student.parameters(), _LONGEST_GRADIENT)
    for optimizer in state.optimizers:
        optimizer.step()
    parts = {name: one.item() for name, one in vars(losses).items()}
    return {"size": stage.size, "learning_rate": part * recipe.learning_rate, "loss": loss.item(), **parts}


def _share(state: State, team: Team) -> None:
    """Make gradients and running statistics the same in every process."""
    if team.size > 1:
        gradients = [one.grad for one in state.student.parameters() if one.grad is not None]
        team.average([*gradients, *state.student.statistics()])


def as_seen(views: Tensor, size: int) -> Tensor:
    """Return views in [0, 1], (N, 3, T, T), as the student sees them: (N, 3, size, size), normalised."""
    if views.shape[-1] != size:
        views = F.interpolate(views, size=size, mode="bilinear", antialias=True)
    mean, std = (
        torch.tensor(values, device=views.device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return ((views - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Agreement:
    """How well the averaged student imitates the teacher on pictures that are kept for measuring.

    Args:
        cosine: mean cosine between predicted and real features, standardised.
        top1: part of the pictures whose most likely class is the same.
        top5: part of them whose most likely class is among the student's first five.
    """

    cosine: float
    top1: float
    top5: float


def guessed(said: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Say of logits, (N, classes) each, where the right ones' likeliest class comes first, and among five."""
    best = right.argmax(dim=1, keepdim=True)  # (N, 1)
    ranked = said.topk(min(5, said.shape[1]), dim=1).indices
    return (ranked[:, :1] == best).any(dim=1), (ranked == best).any(dim=1)


class Examination:
    """The pictures kept for measuring, with the teacher's lesson on them, which is computed once.

    The teacher looks at them in the size of the recipe's last stage: in another one it sees other things.

    Args:
        room: its cache gives the crops, its teacher the lesson.
        size: what the student sees, in pixels.
        most: so many crops at most.
    """

    def __init__(self, room: Classroom, size: int = 128, most: int = 512) -> None:
        self.room, self.size = room, size
        self.batches: list[tuple[Tensor, Lesson]] = []
        for numbers in room.cache.kept_for_measuring(most):
            views = whole_views(room.crops(numbers), room.recipe.stages[-1].teacher_size)
            self.batches.append((as_seen(views, size), room.teacher(views)))

    @torch.no_grad()
    def __call__(self, state: State) -> Agreement:
        """Examine the averaged student."""
        found: list[tuple[Tensor, ...]] = []
        for images, lesson in self.batches:
            with self.room.compute.autocast():
                answer = state.averaged(images)
            wanted = state.standards(lesson.features, len(lesson.maps) - 1)
            cosine = F.cosine_similarity(answer.features, wanted)
            found.append((cosine, *guessed(answer.logits, lesson.logits)))
        means = (torch.cat(one).float().mean().item() for one in zip(*found, strict=True))
        return Agreement(*means)
