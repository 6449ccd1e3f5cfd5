"""The optimisers of a recipe, and the rates that they step with."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from densekit.training.team import ALONE, Team
from workshop.distillation.muon import Muon
from workshop.distillation.settings import Recipe

Optimizers = tuple[torch.optim.Optimizer, ...]


def make_optimizers(
    hidden: Sequence[Tensor],
    others: Sequence[Tensor],
    recipe: Recipe,
    dtype: torch.dtype = torch.float32,
    team: Team = ALONE,
) -> Optimizers:
    """Return AdamW, and before it Muon where there are hidden convolutions.

    Each group has its highest learning rate as `initial_lr`.

    Args:
        hidden: weights of convolutions that keep their norms: Muon's.
        others: everything else that is trained; what has one dimension, biases and norms, does not decay.
        recipe: the rates, and the decay.
        dtype: of Muon's products.
        team: the processes that share them.
    """
    groups = [
        {"params": [one for one in others if one.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [one for one in others if one.dim() <= 1], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
    muon = [Muon(hidden, recipe.muon_learning_rate, dtype=dtype, team=team)] if hidden else []
    found = (*muon, adamw)
    for group in _groups(found):
        group["initial_lr"] = group["lr"]
    return found


def set_rates(optimizers: Optimizers, part: float) -> None:
    """Let each step with a part of its highest learning rate."""
    for group in _groups(optimizers):
        group["lr"] = part * group["initial_lr"]


def _groups(optimizers: Optimizers) -> Iterable[dict[str, Any]]:
    return (group for optimizer in optimizers for group in optimizer.param_groups)
