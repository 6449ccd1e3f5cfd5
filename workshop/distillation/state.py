"""Everything that a distillation has to remember, and how it is kept on the disk.

Views, their order and the learning rate follow from the seed and the step. What remains are the student, its
average, the optimisers' moments and the counters.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from densekit.devices import Compute
from densekit.errors import RunError
from densekit.model.architectures import DenseNetConfig
from densekit.model.weights import seeded
from densekit.tensor_files import UnreadableError, read_tensors, write_tensors
from densekit.training.checkpoint import below, join_optimizer, lay_out_alike, split_optimizer
from densekit.training.team import ALONE, Team
from workshop.distillation.optimizers import Optimizers, make_optimizers
from workshop.distillation.settings import Recipe
from workshop.distillation.student import Standards, Student
from workshop.distillation.teacher import Teacher

_FORMAT = "densekit distillation 3"


@dataclass
class Counters:
    """How far a run is.

    Args:
        step: steps that are done.
        images: views that were seen.
        seconds: time spent, over all sessions.
    """

    step: int = 0
    images: int = 0
    seconds: float = 0.0


@dataclass
class State:
    """A distillation between two steps.

    Args:
        student: what is trained.
        averaged: the moving average of its weights, which is the result; that of its buffers as well, until its
            running statistics are measured anew at the end of a session.
        standards: of the teacher's channels, measured once at the beginning.
        optimizers: over those of the student's parameters that learn, each over its own.
        counters: how far it is.
    """

    student: Student
    averaged: Student
    standards: Standards
    optimizers: Optimizers
    counters: Counters

    @torch.no_grad()
    def average(self, averaging: float) -> None:
        """Move the averaged weights a little towards the present ones; faster while there are few to average."""
        keep = min(averaging, (1 + self.counters.step) / (10 + self.counters.step))
        averaged, present = self.averaged.state_dict(), self.student.state_dict()
        moving = [name for name, tensor in present.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [averaged[name] for name in moving], [present[name] for name in moving], 1 - keep
        )
        for name in present.keys() - set(moving):  # counters of batches
            averaged[name].copy_(present[name])


def new_state(
    config: DenseNetConfig,
    teacher: Teacher,
    recipe: Recipe,
    compute: Compute,
    first_weights: Mapping[str, Tensor] | None = None,
    first_filters: Tensor | None = None,
    team: Team = ALONE,
) -> State:
    """Return the state before the first step, on the device.

    Args:
        config: the shape of the student.
        teacher: who says how many channels and classes there are to imitate.
        recipe: its seed makes the random weights.
        compute: where.
        first_weights: a state dict that the student's network begins with; random weights if not given.
        first_filters: weights of the first convolution; those of the rest if not given.
        team: the processes that train it together.
    """
    with seeded(recipe.seed):
        student = Student(config, teacher.map_channels, teacher.num_classes, recipe.train_from)
    if first_weights is not None:
        student.network.load_state_dict(first_weights)
    if first_filters is not None:
        with torch.no_grad():
            student.first_convolution.weight.copy_(first_filters)
    compute.place(student.train())
    averaged = copy.deepcopy(student).eval().requires_grad_(False)
    standards = Standards(teacher.map_channels).to(compute.device)
    return State(student, averaged, standards, _optimizers(student, recipe, compute, team), Counters())


def save_state(state: State, path: Path, identity: str) -> None:
    """Write the state to a file, in one step.

    Args:
        state: what to write.
        path: a .safetensors file.
        identity: a text that says which run this is; `load_state` refuses another.
    """
    tensors = {
        f"{part}.{name}": tensor
        for part, module in _modules(state).items()
        for name, tensor in module.state_dict().items()
    }
    told = []
    for number, optimizer in enumerate(state.optimizers):
        numbers, moments = split_optimizer(optimizer)
        told.append(numbers)
        tensors |= {f"{number}.{name}": moment for name, moment in moments.items()}
    description = {"identity": identity, "counters": asdict(state.counters), "optimizers": told}
    write_tensors(path, _FORMAT, tensors, description)


def load_state(state: State, path: Path, identity: str) -> None:
    """Bring a state to that of a file, in place.

    Raises:
        RunError: the file is damaged, or belongs to a run with another recipe, other crops or another teacher.
    """
    try:
        tensors, description = read_tensors(path, _FORMAT)
    except (FileNotFoundError, UnreadableError) as error:
        raise RunError(f"the checkpoint {path} is of no use: {error}; delete it to start anew") from error
    if description["identity"] != identity:
        raise RunError(
            f"{path} belongs to a run with another recipe, other crops or another teacher: give the same "
            "settings again, or another work folder"
        )
    for part, module in _modules(state).items():
        module.load_state_dict(below(f"{part}.", tensors))
    for number, optimizer in enumerate(state.optimizers):
        groups = optimizer.state_dict()["param_groups"]  # the present recipe's
        kept = join_optimizer(description["optimizers"][number], below(f"{number}.", tensors))
        optimizer.load_state_dict({**kept, "param_groups": groups})
        lay_out_alike(optimizer)
    state.counters = Counters(**description["counters"])


def _modules(state: State) -> dict[str, nn.Module]:
    return {"student": state.student, "averaged": state.averaged, "standards": state.standards}


def _optimizers(student: Student, recipe: Recipe, compute: Compute, team: Team) -> Optimizers:
    """Return AdamW for everything that learns, or for what Muon leaves of it if the recipe wants Muon."""
    hidden = student.hidden_convolutions() if recipe.optimizer == "muon" else []
    known = {id(one) for one in hidden}
    others = [one for one in student.parameters() if one.requires_grad and id(one) not in known]
    return make_optimizers(hidden, others, recipe, compute.dtype, team)
