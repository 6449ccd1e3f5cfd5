"""Running statistics that fit the averaged weights.

A BatchNorm's running mean and variance are those of the maps that went through it in training. The averaged
student never went through anything: averaged along with its weights, the statistics are of other weights, and of
the smaller views of the stages before. So they are measured anew at the end of each session, as Izmailov and
others do ("Averaging Weights Leads to Wider Optima and Better Generalization", 2018, section 3.2).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from workshop.distillation.distil import Classroom, as_seen, views_to_measure_by
from workshop.distillation.state import State
from workshop.distillation.views import Beyond

_VIEWS = 2048


@torch.no_grad()
def measure_statistics(state: State, room: Classroom) -> None:
    """Measure the running statistics of the averaged student, at views of the last stage."""
    update_bn(_views(room), state.averaged, room.compute.device)


def _views(room: Classroom) -> Iterator[Tensor]:
    """Yield batches of views as the student sees them, (N, 3, size, size)."""
    stage = room.recipe.stages[-1]
    for views in views_to_measure_by(room, stage, _VIEWS, Beyond.NORMS):
        yield as_seen(views, stage.size)
