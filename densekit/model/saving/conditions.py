"""Whether a dense layer computes what `block` rewrites; where it does not, the block computes as it was built."""

import torch
from torch import nn

from densekit.model.densenet import DenseLayer


def is_as_built(layer: DenseLayer) -> bool:
    """Say whether a layer computes what is rewritten here: no module in it was replaced or switched."""
    return (
        type(layer) is DenseLayer
        and (layer.training or layer.drop_rate == 0)
        and type(layer.relu1) is type(layer.relu2) is nn.ReLU
        and _is_plain(layer.conv1, kernel_size=1)
        and _is_plain(layer.conv2, kernel_size=3)
    )


def normalises_by_batch(layer: DenseLayer, dtype: torch.dtype) -> bool:
    """Say whether the norms of a layer take a batch's own statistics, and have gains and biases of this type."""
    return all(
        type(norm) is nn.BatchNorm2d and norm.training and norm.affine and norm.weight.dtype == dtype
        for norm in (layer.norm1, layer.norm2)
    )


def keeps_statistics(layer: DenseLayer, dtype: torch.dtype) -> bool:
    """Say whether a layer learns while its norms keep the statistics that they have, all of this type."""
    return layer.training and all(
        (type(norm) is nn.BatchNorm2d and not norm.training and norm.affine)
        and (norm.running_mean is not None and norm.running_var is not None)
        and norm.weight.dtype == norm.running_mean.dtype == dtype
        for norm in (layer.norm1, layer.norm2)
    )


def _is_plain(conv: nn.Module, kernel_size: int) -> bool:
    """Say whether a module is a convolution without bias that keeps height and width."""
    return type(conv) is nn.Conv2d and (
        (conv.kernel_size, conv.stride, conv.dilation) == ((kernel_size, kernel_size), (1, 1), (1, 1))
        and (conv.padding, conv.padding_mode) == ((kernel_size // 2, kernel_size // 2), "zeros")
        and conv.groups == 1
        and conv.bias is None
    )
