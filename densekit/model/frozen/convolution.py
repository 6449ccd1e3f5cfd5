"""A convolution that is not trained any more, as fast as this torch can do it.

On a CPU, torch hands convolutions to oneDNN, which lays out the weights anew at each call and leaves a ReLU to a
second pass over the result. torch's own compiler avoids both with two operators: one packs the weights once, one
convolves with them and rectifies on the way. Nobody promises that these operators stay, so they are tried
first, and where they don't work an ordinary convolution does.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Module):
    """A convolution with a bias, and a ReLU if asked for, in channels-last memory.

    On a CPU it runs on oneDNN's operator with packed weights and the ReLU built in, where this torch has it.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        dtype: torch.dtype,
        stride: int = 1,
        padding: int = 0,
        rectified: bool = False,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.rectified = (stride, stride), (padding, padding), rectified
        self.register_buffer("weight", weight.to(dtype, memory_format=torch.channels_last))
        self.register_buffer("bias", bias.to(torch.promote_types(dtype, torch.float32)))
        self._packed: tuple[Tensor, int, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and _has_packed_convolution(x.dtype):
            return _packed_convolution(
                x, self._packed_weight(x), self.bias, self.stride, self.padding, self.rectified
            )
        x = F.conv2d(x, self.weight, self.bias.to(x.dtype), self.stride, self.padding)
        return x.relu_() if self.rectified else x

    def _packed_weight(self, x: Tensor) -> Tensor:
        weight = self.weight
        packed = self._packed
        if packed is None or packed[0] is not weight or packed[1] != weight._version:
            packed = weight, weight._version, _pack(weight, x, self.stride, self.padding)
            self._packed = packed
        return packed[2]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_packed": None}  # packed weights can't be copied, but made again


def _pack(weight: Tensor, x: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    return torch.ops.mkldnn._reorder_convolution_weight(weight, padding, stride, (1, 1), 1, list(x.shape))


def _packed_convolution(
    x: Tensor,
    packed: Tensor,
    bias: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    rectified: bool,
) -> Tensor:
    activation = "relu" if rectified else "none"
    return torch.ops.mkldnn._convolution_pointwise(
        x, packed, bias, padding, stride, (1, 1), 1, activation, [], ""
    )


@cache
def _has_packed_convolution(dtype: torch.dtype) -> bool:
    """Try it: these operators are what torch's own compiler uses, and nobody promises that they stay."""
    if dtype not in (torch.float32, torch.bfloat16):
        return False
    try:
        x, weight = torch.ones(1, 16, 4, 4, dtype=dtype), torch.ones(16, 16, 1, 1, dtype=dtype)
        packed = _pack(weight, x, (1, 1), (0, 0))
        y = _packed_convolution(x, packed, torch.ones(16), (1, 1), (0, 0), True)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False
    return bool((y == 17).all())
