"""Adapters that fit from the first step.

A run that begins with weights has a student that sees well already, and adapters that know nothing: for hundreds
of steps their errors would pull at layers that are right. What the best adapters are follows from the student's
and the teacher's maps by least squares, so nothing has to be learned step by step.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from workshop.distillation.distil import Classroom, as_seen
from workshop.distillation.state import State
from workshop.distillation.student import on_grid_of
from workshop.distillation.views import batch_at, generator_for, make_views

_VIEWS = 2048
_AT_ONCE = 32
_ADAPTERS_STEP = 2**31 + 2  # a step that no run reaches: its views are those for the adapters
_RIDGE = 3e-3  # part of the mean variance that is added to each: without it, rare directions would decide


class LeastSquares:
    """The linear map, with a constant, that tells some values from others best.

    Args:
        given: how many values it tells from.
        wanted: how many it tells.
    """

    def __init__(self, given: int, wanted: int) -> None:
        self.squares = torch.zeros(given + 1, given + 1, dtype=torch.float64)
        self.products = torch.zeros(given + 1, wanted, dtype=torch.float64)

    def read(self, given: Tensor, wanted: Tensor) -> None:
        """Take in maps: (N, C, H, W) to tell from, and (N, D, H, W) to tell, position by position."""
        rows = given.movedim(1, -1).flatten(0, -2).cpu().double()  # (N · H · W, C)
        rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1)
        self.squares += rows.T @ rows
        self.products += rows.T @ wanted.movedim(1, -1).flatten(0, -2).cpu().double()

    def solve(self, ridge: float) -> tuple[Tensor, Tensor]:
        """Return weights, (wanted, given), and constants, (wanted,).

        Args:
            ridge: how strongly large weights are avoided, as a part of the mean square of the given values.
        """
        added = self.squares.diagonal().clone()
        added[:-1] = ridge * added[:-1].mean()
        added[-1] = 0  # the constant may be as large as it is
        found = torch.linalg.solve(self.squares + torch.diag(added), self.products)
        return found[:-1].T.float(), found[-1].float()


@torch.no_grad()
def fit_adapters(state: State, room: Classroom) -> None:
    """Set the adapters, and the prediction of the pooled features, to what fits the student as it is.

    The student looks as it does in training, at views of the first stage, so its running statistics follow too.
    """
    learn, _ = room.cache.split()
    recipe, student = room.recipe, state.student
    stage = recipe.stages[0]
    numbers = batch_at(learn, 0, min(_VIEWS, len(learn)), recipe.seed)
    generator = generator_for(recipe.seed, _ADAPTERS_STEP, 0)
    adapters = [one for one in student.adapters if isinstance(one, nn.Conv2d)]
    fits = [LeastSquares(one.in_channels, one.out_channels) for one in adapters]
    for part in np.array_split(numbers, math.ceil(len(numbers) / _AT_ONCE)):
        views = make_views(room.crops(part), stage.teacher_size, recipe, generator)
        lesson = room.teacher(views)
        maps = student.maps(as_seen(views, stage.size))
        for number, (fit, mine, theirs) in enumerate(zip(fits, maps, lesson.maps, strict=True)):
            fit.read(mine.float(), on_grid_of(mine, state.standards(theirs, number)))
    for adapter, fit in zip(adapters, fits, strict=True):
        weight, bias = fit.solve(_RIDGE)
        adapter.weight.copy_(weight.view_as(adapter.weight))
        adapter.bias.copy_(bias)  # type: ignore[union-attr]
    # The pooled features are the mean of the last maps, and so are their predictions.
    student.project.load_state_dict({"weight": weight, "bias": bias})
    room.team.average([*student.state_dict().values()])  # no process may begin with others, even by rounding
    state.averaged.load_state_dict(student.state_dict())
