"""The student, and how its maps are compared with the teacher's.

Dense blocks 1, 2, 3 work at strides 4, 8, 16 and see a picture half the teacher's size, so their maps have as
many positions as the teacher's at strides 8, 16, 32: position by position, a 1×1 convolution has to tell from
the student's channels what the teacher's are. The last maps are compared in the same way, then pooled ones and
the outputs. The 1×1 convolutions (adapters) serve for training alone.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig
from densekit.model.cut import ALL, CLASSIFIER, behind, frozen_modules
from densekit.model.densenet import DenseNet, Transition
from workshop.distillation.likeness import disagreement
from workshop.distillation.settings import Recipe
from workshop.distillation.teacher import Lesson

_FAR = 2.0
"""How far from zero a value may be that enters the first block that learns: so many times the median, over the
views of a batch, of each view's largest one."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What the student says about a batch of views.

    Args:
        maps: predictions of the teacher's coarsest maps, from fine to coarse, each (N, C_i, h_i, w_i).
        features: a prediction of the teacher's pooled features, (N, C).
        logits: (N, classes).
        embeddings: its own pooled features, (N, D).
    """

    maps: list[Tensor]
    features: Tensor
    logits: Tensor
    embeddings: Tensor


class Standards(nn.Module):
    """Mean and standard deviation of each of the teacher's channels: what is loud must not drown what is quiet.

    Args:
        map_channels: channels of each of the teacher's maps; the last ones are those of its features.
    """

    def __init__(self, map_channels: tuple[int, ...]) -> None:
        super().__init__()
        for number, channels in enumerate(map_channels):
            self.register_buffer(f"mean{number}", torch.zeros(channels))
            self.register_buffer(f"std{number}", torch.ones(channels))

    @torch.no_grad()
    def measure(self, lessons: list[Lesson]) -> None:
        """Take mean and standard deviation over all positions of some lessons."""
        for number in range(len(lessons[0].maps)):
            values = torch.cat(
                [lesson.maps[number].float().transpose(0, 1).flatten(1) for lesson in lessons], 1
            )
            getattr(self, f"mean{number}").copy_(values.mean(dim=1))
            getattr(self, f"std{number}").copy_(values.std(dim=1) + 1e-3)

    def forward(self, values: Tensor, number: int) -> Tensor:
        """Return maps, (N, C, H, W), or features, (N, C), in standard deviations from the mean."""
        shape = (1, -1, 1, 1)[: values.dim()]
        mean, std = getattr(self, f"mean{number}"), getattr(self, f"std{number}")
        return (values.float() - mean.view(shape)) / std.view(shape)


class Student(nn.Module):
    """A DenseNet with adapters.

    Args:
        config: the shape of the network.
        map_channels: channels of the teacher's maps, from fine to coarse, as many as there are dense blocks.
        num_classes: outputs of the teacher.
        train_from: the block from which on it learns, or 'all' (`densekit.model.cut`). What stands before it is
            frozen: it stays as it is, with its running statistics.

    Raises:
        ConfigError: the network has no such block.
    """

    def __init__(
        self,
        config: DenseNetConfig,
        map_channels: tuple[int, ...],
        num_classes: int,
        train_from: str = ALL,
    ) -> None:
        super().__init__()
        self.network = DenseNet(config, num_classes)
        self.adapters = nn.ModuleList(
            nn.Conv2d(stage.out_channels, wanted, kernel_size=1)
            for stage, wanted in zip(config.stages, map_channels, strict=True)
        )
        self.project: nn.Module = nn.Linear(self.network.num_features, map_channels[-1])
        if train_from == CLASSIFIER:
            raise ConfigError("the features are what is learned: a student can't train its classifier alone")
        # Plain lists: the modules are the network's, and must not be counted twice.
        self.frozen = list(frozen_modules(self.network, train_from).values())
        self.learning = list(behind(self.network, train_from).features)
        for module in self.frozen:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> "Student":
        """Switch to training or evaluation, all but what is frozen."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    @property
    def frozen_maps(self) -> int:
        """How many maps, counted from the finest, stand before what learns."""
        return sum(isinstance(one, Transition) for one in self.frozen)

    def statistics(self) -> list[Tensor]:
        """Return the running means and variances of what learns."""
        every = (one for module in self.learning for one in module.buffers())
        return [one for one in every if one.is_floating_point()]

    @property
    def first_convolution(self) -> nn.Conv2d:
        """The one that looks at the pixels."""
        found = self.network.features.conv0
        assert isinstance(found, nn.Conv2d)
        return found

    def hidden_convolutions(self) -> list[Tensor]:
        """Return the weights of the convolutions that learn, without the first one and without the adapters."""
        first = self.first_convolution
        every = (one for module in self.learning for one in module.modules())
        return [one.weight for one in every if isinstance(one, nn.Conv2d) and one is not first]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Look at normalised images, (N, 3, S, S); return what the adapters are given, from fine to coarse."""
        taps = []
        x = images
        stages: Any = self.network.features
        for stage in stages:
            if self.frozen and stage is self.learning[0] and stage.training:
                x = _tamed(x)
            if isinstance(stage, Transition):
                norm, relu, conv, pool = stage.children()
                x = relu(norm(x))
                taps.append(x)  # (N, 256 | 512 | 1024, ...), before the channels are halved
                x = pool(conv(x))
            else:
                x = stage(x)
        return [*taps, F.relu(x)]  # the last one: (N, 1024, S / 32, S / 32)

    def forward(self, images: Tensor) -> Answer:
        """Look at normalised images, (N, 3, S, S), once, and answer all that is asked."""
        taps = self.maps(images)
        first = self.frozen_maps
        maps = [adapter(tap) for adapter, tap in zip(self.adapters[first:], taps[first:], strict=True)]
        with torch.autocast(images.device.type, enabled=False):
            embeddings = taps[-1].float().mean(dim=(2, 3))  # (N, 1024)
            return Answer(maps, self.project(embeddings), self.network.classifier(embeddings), embeddings)


def _tamed(maps: Tensor) -> Tensor:
    """Bring values that are far too large nearer: of maps that enter the first block that learns, (N, C, H, W).

    For one view in a hundred the first three blocks say twenty times what they say for others, or more
    (`tried.md`). In a batch's mean and variance one of them counts for more than all the rest.
    """
    far = _FAR * maps.abs().amax(dim=(1, 2, 3)).median()
    far = torch.where(far > 0, far, torch.inf)  # most views are all zeros: nothing to go by
    return torch.minimum(torch.maximum(maps, -far), far)


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts of the loss, each a scalar before it is weighted."""

    maps: Tensor
    features: Tensor
    logits: Tensor
    likeness: Tensor

    def total(self, recipe: Recipe) -> Tensor:
        """Return what is minimised."""
        return (
            recipe.weight_maps * self.maps
            + recipe.weight_features * self.features
            + recipe.weight_logits * self.logits
            + recipe.weight_likeness * self.likeness
        )


def compare(answer: Answer, lesson: Lesson, standards: Standards, recipe: Recipe) -> Losses:
    """Say how far an answer is from the lesson.

    Maps: smooth L1 of standardised values, position by position, summed over the maps that are compared.
    Features: one minus the cosine of standardised values. Logits: KL divergence at a temperature. Likeness: which
    views are alike by the student's embeddings, and which by the teacher's last maps but one, pooled. Objects and
    letters are told apart better by those than by its features (`tried.md`).
    """
    first = len(lesson.maps) - len(answer.maps)
    pairs = list(enumerate(zip(answer.maps, lesson.maps[first:], strict=True), start=first))
    of_maps = [
        F.smooth_l1_loss(mine.float(), on_grid_of(mine, standards(theirs, number)))
        for number, (mine, theirs) in pairs[-recipe.compared_maps :]
    ]
    wanted = standards(lesson.features, len(lesson.maps) - 1)
    cosine = F.cosine_similarity(answer.features, wanted)
    log_mine, log_theirs = (
        F.log_softmax(logits / recipe.temperature, dim=1) for logits in (answer.logits, lesson.logits)
    )
    divergence = F.kl_div(log_mine, log_theirs, log_target=True, reduction="batchmean")
    likeness = disagreement(answer.embeddings, lesson.maps[-2].float().mean(dim=(2, 3)))
    return Losses(torch.stack(of_maps).sum(), (1 - cosine).mean(), divergence * recipe.temperature, likeness)


def on_grid_of(mine: Tensor, theirs: Tensor) -> Tensor:
    """Return the teacher's maps with as many positions as the student's."""
    height, width = mine.shape[-2:]
    if theirs.shape[-2:] == (height, width):
        return theirs
    if theirs.shape[-1] > width:
        return F.adaptive_avg_pool2d(theirs, (height, width))
    return F.interpolate(theirs, size=(height, width), mode="bilinear", align_corners=False)
