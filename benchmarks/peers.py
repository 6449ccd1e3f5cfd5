"""OpenVINO as a peer of the exact rewrite, where it is installed (`pip install openvino`).

It is a compiler: it knows the shape of its input before the first picture comes, and generates its code for it.
densekit does not need it; it shows how far a compiler gets on the same processor. It brings threads of its own,
which torch's waiting ones must leave the cores to: measure it with OMP_WAIT_POLICY=PASSIVE.
"""

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from densekit.model.densenet import DenseNet
from densekit.threads import usable_cores
from workshop.distillation.fast_teacher import openvino_model

_AT_ONCE = 4  # images; of 4, 16 and 32 the fastest at 224 px
_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def openvino_is_here() -> bool:
    """Say whether OpenVINO can be imported."""
    return find_spec("openvino") is not None


def openvino_way(network: DenseNet, size: int, precision: str) -> Callable[[Tensor], Tensor]:
    """Compile a network for OpenVINO; return a function from images, (N, 3, S, S), to embeddings.

    Args:
        network: without a classifier, in eval mode.
        size: of the images, in pixels.
        precision: 'fp32' or 'bf16'.
    """
    import openvino

    example = torch.zeros(_AT_ONCE, 3, size, size)
    model = openvino_model(network, example)
    model.reshape(list(example.shape))
    options = {
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
        "INFERENCE_NUM_THREADS": usable_cores(),
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(model, "CPU", options)

    def embed(images: Tensor) -> Tensor:
        parts = [compiled(part.contiguous().numpy())[0].copy() for part in images.split(_AT_ONCE)]
        return torch.cat([torch.from_numpy(part) for part in parts])

    return embed
