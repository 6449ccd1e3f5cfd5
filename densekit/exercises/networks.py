"""The small network on which answers about training are tried."""

import torch
from torch import Tensor

from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.proof.parity import randomise


def small_densenet() -> DenseNet:
    """Return a DenseNet for three classes in float64 and train mode, with random gains and statistics."""
    network = DenseNet(DenseNetConfig(growth_rate=4, block_config=(1, 2), num_init_features=8), 3)
    randomise(network.double(), torch.Generator().manual_seed(0))
    return network.train()


def some_images(count: int = 6) -> Tensor:
    """Return random images, float64 (count, 3, 32, 32)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 32, 32, generator=generator, dtype=torch.float64)
