"""One step: forward, loss, backward, and the optimiser moves the weights against the gradient."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.devices import Compute
from densekit.model.cut import draws_random_numbers, keep_norm_statistics
from densekit.training.averaging import move_average
from densekit.training.objective import Objective
from densekit.training.randomness import drawn_for
from densekit.training.source import Batch, Source
from densekit.training.state import TrainingState
from densekit.training.team import Team, least_in_batch


@dataclass(frozen=True)
class Stepper:
    """Takes the steps of a training.

    Args:
        state: what is trained, and its optimiser.
        settings: how.
        compute: where, and how precisely.
        team: the processes that train together.
        forward: the module, or what a team and a compiler wrap around it.
        objective: the loss.
        draws: whether dropout is in the module.
        least: pictures that a batch needs: BatchNorm two for each process, unless its statistics are kept.
    """

    state: TrainingState
    settings: TrainingConfig
    compute: Compute
    team: Team
    forward: nn.Module
    objective: Objective
    draws: bool
    least: int

    @classmethod
    def of(
        cls, state: TrainingState, train: Source, settings: TrainingConfig, compute: Compute, team: Team
    ) -> "Stepper":
        """Make ready for the steps of a training on these pictures."""
        module, objective = state.module, Objective.of(settings, train.labels, team.rank)
        draws, least = draws_random_numbers(module), least_in_batch(module, team, settings)
        forward = compute.compiled(team.wrap(module))
        return cls(state, settings, compute, team, forward, objective, draws, least)

    def take(self, batch: Batch, pictures: int) -> tuple[float, int]:
        """Take one step; return the mean loss before it, and how many of so many pictures were right."""
        self.forward.train()  # BatchNorm takes each batch's own mean and variance, and dropout drops
        if self.settings.norm_statistics == "kept":
            keep_norm_statistics(self.state.module)
        optimizer, step = self.state.optimizer, self.state.counters.step + 1
        loss, right = torch.zeros((), device=batch.labels.device), batch.labels.new_zeros(())
        optimizer.zero_grad()
        with torch.enable_grad(), self._chance_of(step):  # a notebook may have switched gradients off
            for part in self.objective.parts(batch, step, pictures // max(self.least, self.team.size)):
                with self.compute.autocast():
                    logits = self.forward(part.inputs)  # (b, classes)
                share = part.share * self.team.weight(pictures)  # 1 for a whole batch, if alone
                part_loss = self.objective.loss(logits.float(), part) * share
                part_loss.backward()  # adds to the gradients of the parts before
                loss += part_loss.detach()
                right += (logits.argmax(dim=1) == part.main_labels).sum()
        self._clip()
        optimizer.step()
        if self.state.average:
            move_average(self.state.average, self.state.module, self.settings.ema_decay, step)
        return self.team.joined(loss, right, pictures)

    def _chance_of(self, step: int) -> "nullcontext[None]":
        if not self.draws:
            return nullcontext()
        return drawn_for(step, self.settings.seed, self.team.rank, self.compute.device)  # type: ignore[return-value]

    def _clip(self) -> None:
        """Scale all gradients down together, if their joint length is above what is allowed."""
        if self.settings.clip_gradients is not None:
            weights = [one for group in self.state.optimizer.param_groups for one in group["params"]]
            nn.utils.clip_grad_norm_(weights, self.settings.clip_gradients)
