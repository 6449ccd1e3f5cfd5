"""Adapters that fit from the first step.

A run that begins with weights has a student that sees well already, and adapters that know nothing: for hundreds
of steps their errors would pull at layers that are right. What the best adapters are follows from the student's
and the teacher's maps by least squares, so nothing has to be learned step by step.
"""

import torch
from torch import Tensor, nn

from workshop.distillation.distil import Classroom, as_seen, views_to_measure_by
from workshop.distillation.state import State
from workshop.distillation.student import on_grid_of
from workshop.distillation.views import Beyond

_VIEWS = 2048
_RIDGE = 3e-3  # part of the mean square that is added to each: without it, rare directions would decide
_SMALLEST_RIDGE = 1e-12  # values that are all zero must not stop it


class LeastSquares:
    """The linear map that tells some values from others best.

    Args:
        given: how many values it tells from.
        wanted: how many it tells.
        constant: whether it adds a constant to each; if not, the best map is another one.
    """

    def __init__(self, given: int, wanted: int, constant: bool = True) -> None:
        self.always = float(constant)
        self.squares = torch.zeros(given + 1, given + 1, dtype=torch.float64)
        self.products = torch.zeros(given + 1, wanted, dtype=torch.float64)

    def read(self, given: Tensor, wanted: Tensor) -> None:
        """Take in maps: (N, C, H, W) to tell from, and (N, D, H, W) to tell, position by position."""
        rows = given.movedim(1, -1).flatten(0, -2).cpu().double()  # (N · H · W, C)
        rows = torch.cat([rows, torch.full((len(rows), 1), self.always, dtype=torch.float64)], dim=1)
        self.squares += rows.T @ rows
        self.products += rows.T @ wanted.movedim(1, -1).flatten(0, -2).cpu().double()

    def solve(self, ridge: float) -> tuple[Tensor, Tensor]:
        """Return weights, (wanted, given), and constants, (wanted,), which are zeros where none are wanted.

        Args:
            ridge: how strongly large weights are avoided, as a part of the mean square of the given values.
        """
        added = self.squares.diagonal().clone()
        added[:-1] = max(ridge * added[:-1].mean().item(), _SMALLEST_RIDGE)
        added[-1] = 1 - self.always  # the constant may be as large as it is
        found = torch.linalg.solve(self.squares + torch.diag(added), self.products)
        return found[:-1].T.float(), found[-1].float()


@torch.no_grad()
def fit_adapters(state: State, room: Classroom) -> None:
    """Set the adapters, and the prediction of the pooled features, to what fits the student as it is.

    The student looks as it does in training, at views of the first stage, so the running statistics of what
    learns follow too. Adapters of frozen maps are not used, and stay as they are.
    """
    student, stage = state.student, room.recipe.stages[0]
    first = student.frozen_maps
    adapters = [one for one in student.adapters[first:] if isinstance(one, nn.Conv2d)]
    fits = [LeastSquares(one.in_channels, one.out_channels) for one in adapters]
    for views in views_to_measure_by(room, stage, _VIEWS, Beyond.ADAPTERS):
        lesson = room.teacher(views)
        pairs = list(zip(student.maps(as_seen(views, stage.size)), lesson.maps, strict=True))
        for number, fit in enumerate(fits, start=first):
            mine, theirs = pairs[number]
            fit.read(mine.float(), on_grid_of(mine, state.standards(theirs, number)))
    solved = [fit.solve(_RIDGE) for fit in fits]
    for adapter, (weight, bias) in zip(adapters, solved, strict=True):
        adapter.load_state_dict({"weight": weight.view_as(adapter.weight), "bias": bias})
    # The pooled features are the mean of the last maps, so the mean of their predictions predicts them. Fitted
    # on their own, they would have one example a view, which is too few for a thousand values.
    last_weight, last_bias = solved[-1]
    student.project.load_state_dict({"weight": last_weight, "bias": last_bias})
    fitted = [*student.adapters.state_dict().values(), *student.project.state_dict().values()]
    room.team.average([*fitted, *student.statistics()])  # no process may begin with others, even by rounding
    state.averaged.load_state_dict(student.state_dict())
