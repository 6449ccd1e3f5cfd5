"""First layers that learn to tell what other ones told: what `workshop.distillation.graft` does.

All that the layers behind the first transition ever see are its maps. So another network's layers can stand in
for those before it as soon as they make the same maps.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import TrainingError
from densekit.model.cut import frozen_modules
from densekit.model.densenet import DenseNet, Transition
from workshop.distillation.adapters import LeastSquares
from workshop.distillation.cache import CropCache
from workshop.distillation.distil import as_seen
from workshop.distillation.optimizers import Optimizers, make_optimizers, set_rates
from workshop.distillation.settings import Recipe, Stage, make_recipe, rate_part_at, stage_at
from workshop.distillation.views import Beyond, batch_at, generator_for, make_views, whole_views

BEHIND = "denseblock2"
"""The first module that stays; the new layers are those before it."""

RECIPE = make_recipe(
    images=24_000,
    batch_size=16,
    stages=(
        Stage(size=64, teacher_size=128, share=0.35),
        Stage(size=96, teacher_size=128, share=0.35),
        Stage(size=128, teacher_size=128, share=0.30),
    ),
    learning_rate=1e-3,
    muon_learning_rate=0.01,
    weight_decay=0.0,
    warm_up=50,
    decay=1.0,
)
"""What the new layers follow. Their teacher are the old ones, so only what concerns views and rates counts."""

_FITTED_ON = 960  # views, for the least squares
_EXAMINED_ON = 256
_RIDGE = 1e-6


@dataclass(frozen=True)
class Likeness:
    """How far the new layers tell what the old ones told, on pictures kept for measuring.

    Args:
        explained: part of the variance of the old maps, mean over the channels; 1 if they are equal.
        worst: the same of the channel that is told worst.
    """

    explained: float
    worst: float


class Graft:
    """The layers that are replaced, and those that take their place.

    Args:
        front: the network whose first layers are taken; they are changed in place.
        rest: the network that gets them; its first layers are frozen and stay as they are until `joined`.
        cache: the crops to look at.
        recipe: what the views are like, and how fast to learn.
    """

    def __init__(self, front: DenseNet, rest: DenseNet, cache: CropCache, recipe: Recipe = RECIPE) -> None:
        self.cache, self.recipe, self.rest = cache, recipe, rest
        self.new, self.old = first_layers(front).train(), first_layers(rest).eval().requires_grad_(False)
        self.to_learn, _ = cache.split()
        size = recipe.stages[-1].size
        numbers = cache.kept_for_measuring(_EXAMINED_ON)
        self.pictures = [as_seen(whole_views(cache.crops(one), size), size) for one in numbers]
        maps = torch.cat([self.old(images).transpose(0, 1).flatten(1) for images in self.pictures], dim=1)
        self.mean, self.std = (one.view(1, -1, 1, 1) for one in (maps.mean(dim=1), maps.std(dim=1) + 1e-3))

    def fit(self) -> None:
        """Set the new transition's convolution to the mixture of its maps that is nearest to the old ones."""
        transition = self.new[-1]
        assert isinstance(transition, Transition)
        norm, relu, convolution, pool = transition.children()
        assert isinstance(convolution, nn.Conv2d)
        squares = LeastSquares(convolution.in_channels, convolution.out_channels, constant=False)
        generator = generator_for(self.recipe.seed, Beyond.FRONT, 0)
        numbers = batch_at(self.to_learn, 0, min(_FITTED_ON, len(self.to_learn)), self.recipe.seed)
        stage = self.recipe.stages[-1]
        self.new.eval()
        with torch.no_grad():
            for part in np.array_split(numbers, math.ceil(len(numbers) / self.recipe.batch_size)):
                images = self._views(part, stage, generator)
                # Averages of mixtures are mixtures of averages, so pooling may come before the convolution.
                squares.read(pool(relu(norm(self.new[:-1](images)))), self.old(images))
            convolution.weight.copy_(squares.solve(_RIDGE)[0].view_as(convolution.weight))
        self.new.train()

    def learn(self) -> Iterator[float]:
        """Teach all new layers, yielding the loss of each step.

        Raises:
            TrainingError: the loss is no number any more.
        """
        recipe, optimizers = self.recipe, self._optimizers()
        images = step = 0
        while images < recipe.images:
            set_rates(optimizers, rate_part_at(step, images, recipe))
            crops = batch_at(self.to_learn, images, recipe.batch_size, recipe.seed)
            views = self._views(crops, stage_at(images, recipe), generator_for(recipe.seed, step, 0))
            loss = F.smooth_l1_loss(self.new(views) / self.std, self.old(views) / self.std)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss.item()} at step {step + 1}: take a lower learning rate"
                )
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            step, images = step + 1, images + recipe.batch_size
            yield loss.item()

    @torch.no_grad()
    def examine(self) -> Likeness:
        """Compare new and old maps on the pictures kept for measuring."""
        self.new.eval()
        missed = spread = torch.zeros(())
        for images in self.pictures:
            old = self.old(images)
            missed = missed + (self.new(images) - old).square().sum(dim=(0, 2, 3))
            spread = spread + (old - self.mean).square().sum(dim=(0, 2, 3))
        self.new.train()
        explained = 1 - missed / spread.clamp_min(1e-12)
        return Likeness(explained.mean().item(), explained.min().item())

    def joined(self) -> DenseNet:
        """Return the network that got the new layers: the one that was given, changed in place."""
        for old, new in zip(self.old, self.new, strict=True):
            old.load_state_dict(new.state_dict())
        return self.rest.requires_grad_(True)

    def _optimizers(self) -> Optimizers:
        convolutions = [one.weight for one in self.new.modules() if isinstance(one, nn.Conv2d)]
        # Muon keeps sizes, and that of the last one counts, since it has to meet the old maps.
        first, *hidden, last = convolutions
        norms = [one for one in self.new.parameters() if one.dim() == 1]
        return make_optimizers(hidden, [first, last, *norms], self.recipe)

    def _views(self, numbers: NDArray[np.int64], stage: Stage, generator: torch.Generator) -> Tensor:
        views = make_views(self.cache.crops(numbers), stage.teacher_size, self.recipe, generator)
        return as_seen(views, stage.size)


def first_layers(network: DenseNet) -> nn.Sequential:
    """Return the modules before the second dense block, the ones of the network itself."""
    return nn.Sequential(*frozen_modules(network, BEHIND).values())
