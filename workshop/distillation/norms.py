"""Running statistics that fit the averaged weights.

A BatchNorm's running mean and variance are those of the maps that went through it in training. The averaged
student never went through anything: averaged along with its weights, the statistics are of other weights, and of
the smaller views of the stages before. So they are measured anew at the end of each session, as Izmailov and
others do ("Averaging Weights Leads to Wider Optima and Better Generalization", 2018, section 3.2).
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from workshop.distillation.distil import Classroom, as_seen, views_to_measure_by
from workshop.distillation.state import State
from workshop.distillation.student import Student
from workshop.distillation.views import Beyond

_VIEWS = 2048


@torch.no_grad()
def measure_statistics(state: State, room: Classroom) -> None:
    """Measure the running statistics of what learns in the averaged student, at views of the last stage."""
    # In evaluation mode, since update_bn leaves the mode that it has found.
    update_bn(_views(room), _Learning(state.averaged).eval(), room.compute.device)


class _Learning(nn.Module):
    """What learns in a student, as a module of its own: `update_bn` resets every BatchNorm that it finds."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.learning = nn.ModuleList(student.learning)
        self.look = student.maps

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.look(images)


def _views(room: Classroom) -> Iterator[Tensor]:
    """Yield batches of views as the student sees them, (N, 3, size, size)."""
    stage = room.recipe.stages[-1]
    for views in views_to_measure_by(room, stage, _VIEWS, Beyond.NORMS):
        yield as_seen(views, stage.size)
