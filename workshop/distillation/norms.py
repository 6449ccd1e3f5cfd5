"""Running statistics that fit the averaged weights.

A BatchNorm's running mean and variance are those of the maps that went through it in training. The averaged
student never went through anything: averaged along with its weights, the statistics are of other weights, and of
the smaller views of the stages before. So they are measured anew, once the run is over, as Izmailov and others do
("Averaging Weights Leads to Wider Optima and Better Generalization", 2018, section 3.2).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from workshop.distillation.distil import Classroom, as_seen, views_to_measure_by
from workshop.distillation.state import State

_VIEWS = 2048
_NORMS_STEP = 2**31 + 3  # a step that no run reaches: its views are those for the statistics


@torch.no_grad()
def measure_statistics(state: State, room: Classroom) -> None:
    """Measure the running statistics of the averaged student, at views of the last stage."""
    update_bn(_views(room), state.averaged, room.compute.device)


def _views(room: Classroom) -> Iterator[Tensor]:
    """Yield batches of views as the student sees them, (N, 3, size, size)."""
    stage = room.recipe.stages[-1]
    for views in views_to_measure_by(room, stage, _VIEWS, _NORMS_STEP):
        yield as_seen(views, stage.size)
