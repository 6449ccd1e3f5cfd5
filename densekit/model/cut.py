"""Where a network is cut in two: a frozen part, which runs once per image, and a trained part behind it.

    conv0 norm0 relu0 pool0 │ denseblock1 … │ denseblock2 … │ denseblock3 … │ denseblock4 norm5 │ classifier
   └ all                    └ denseblock1   └ denseblock2   └ denseblock3   └ denseblock4       └ classifier

A cut is named after the first module that is trained. `classifier` trains the head alone, on embeddings;
`denseblock4` and the other blocks fine-tune a part of the network, on the feature maps that enter the block;
`all` trains everything, on images. The two ways to train a network are two ends of one dial.

What stands before the cut is frozen in earnest: it is computed in evaluation mode, so BatchNorm's statistics
stay what they are, which `requires_grad_(False)` alone would not do.
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from densekit.errors import ConfigError, nearest
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseBlock, DenseNet

CLASSIFIER = "classifier"
ALL = "all"


def cuts(config: DenseNetConfig) -> tuple[str, ...]:
    """Return the names of all cuts of a network, the one that trains least first.

    >>> cuts(DenseNetConfig())
    ('classifier', 'denseblock4', 'denseblock3', 'denseblock2', 'denseblock1', 'all')
    """
    return (CLASSIFIER, *(stage.name for stage in reversed(config.stages)), ALL)


def check_cut(config: DenseNetConfig, cut: str) -> None:
    """Refuse a cut that the network doesn't have.

    Raises:
        ConfigError: with the nearest cut that it has.
    """
    known = cuts(config)
    if cut not in known:
        raise ConfigError(
            f"a network with {len(config.stages)} blocks has no cut '{cut}': {nearest(cut, known)}"
        )


def frozen_modules(network: DenseNet, cut: str) -> dict[str, nn.Module]:
    """Return what stands before the cut: the modules of `network.features` by their names, in order."""
    check_cut(network.config, cut)
    modules = dict(network.features.named_children())
    names = list(modules)
    last = {ALL: 0, CLASSIFIER: len(names)}.get(cut)
    return {name: modules[name] for name in names[: names.index(cut) if last is None else last]}


class TrainedPart(nn.Module):
    """What stands behind a cut, sharing its parameters with the network.

    The names of its parameters are those that they have in the network.

    Args:
        network: the whole.
        cut: the name of the first module that is trained.

    Raises:
        ConfigError: the network has no such cut.
    """

    def __init__(self, network: DenseNet, cut: str) -> None:
        super().__init__()
        frozen = frozen_modules(network, cut)
        self.cut = cut
        self.features = nn.Sequential()
        for name, module in network.features.named_children():
            if name not in frozen:
                self.features.add_module(name, module)
        self.classifier = network.classifier

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, (N, num_classes).

        Args:
            inputs: what stands at the cut. Embeddings, (N, num_features), for `classifier`; feature maps,
                (N, in_channels, H / stride, W / stride), for a block; images, (N, 3, H, W), for `all`.
        """
        if self.cut == CLASSIFIER:
            return self.classifier(inputs)
        maps = F.relu(self.features(inputs), inplace=True)  # (N, num_features, H / 32, W / 32)
        return self.classifier(F.adaptive_avg_pool2d(maps, (1, 1)).flatten(start_dim=1))


def behind(network: DenseNet, cut: str) -> TrainedPart:
    """Return the part of a network that is trained; its parameters are the network's own.

    Raises:
        ConfigError: the network has no such cut.
    """
    return TrainedPart(network, cut)


def parameter_groups(
    module: nn.Module, learning_rate: float, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Return groups of parameters for an optimiser: no decay of weights where it does harm, slower early layers.

    Weight decay keeps large matrices small. The gains and offsets of norms and the biases, tensors of one
    dimension, are left alone by it. With `layer_decay` below 1 each block learns that much slower than the one
    behind it, since earlier features are more general and worth keeping (Howard and Ruder, *Universal Language
    Model Fine-tuning*, 2018, call it discriminative fine-tuning).

    Args:
        module: a trained part, or any module.
        learning_rate: of the last layers.
        weight_decay: of weights with two dimensions or more.
        layer_decay: the rate of a block is this many times that of the block behind it, 0 < layer_decay ≤ 1.

    Returns:
        Groups with the keys `params`, `lr`, `weight_decay` and `multiplier`. A loop that changes the learning
        rate sets each group's `lr` to rate × multiplier.
    """
    groups: list[dict[str, Any]] = []
    for depth, parameters in _by_depth(module):
        multiplier = layer_decay**depth
        for decays in (True, False):
            chosen = [one for one in parameters if (one.dim() > 1) == decays]
            if chosen:
                decay = weight_decay if decays else 0.0
                shared = {"lr": learning_rate * multiplier, "multiplier": multiplier}
                groups.append({"params": chosen, "weight_decay": decay, **shared})
    return groups


def draws_random_numbers(module: nn.Module) -> bool:
    """Say whether a module in training mode draws random numbers: whether any dropout is in it."""
    dropouts = (nn.modules.dropout._DropoutNd,)
    return any(
        (isinstance(one, dropouts) and one.p > 0) or getattr(one, "drop_rate", 0) > 0
        for one in module.modules()
    )


def has_batch_norm(module: nn.Module) -> bool:
    """Say whether a module normalises by the statistics of a batch while it trains."""
    return any(isinstance(one, nn.modules.batchnorm._BatchNorm) for one in module.modules())


def keep_norm_statistics(module: nn.Module) -> None:
    """Let BatchNorms normalise by the mean and variance that they have, and not note others.

    Gains and biases learn all the same, and the mode of everything else stays as it was.
    """
    for one in module.modules():
        if isinstance(one, nn.modules.batchnorm._BatchNorm):
            one.eval()


def _by_depth(module: nn.Module) -> Iterator[tuple[int, list[nn.Parameter]]]:
    """Yield parameters by depth: 0 for the head, 1 for the last block and what follows it, and so on."""
    features = getattr(module, "features", None)
    children = list(features.children()) if isinstance(features, nn.Sequential) else []
    within = {id(one) for child in children for one in child.parameters()}
    levels = [[one for one in module.parameters() if id(one) not in within], []]
    for child in reversed(children):
        levels[-1] = [*child.parameters(), *levels[-1]]
        if isinstance(child, DenseBlock):
            levels.append([])
    for depth, parameters in enumerate(levels):
        yield depth, [one for one in parameters if one.requires_grad]
