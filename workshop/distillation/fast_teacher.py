"""A teacher that OpenVINO computes: the same numbers to rounding, on a processor in about half of the time.

A teacher never learns, so it does not need torch. `benchmarks/teacher.py` compares both.
"""

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from densekit.devices import Compute
from workshop.distillation.teacher import EfficientNetLite0, Lesson, Teacher

_TRACED_AT = 128  # pixels; views of any other size can be looked at, too


def efficientnet_lite0(compute: Compute) -> Teacher:
    """Return EfficientNet-Lite0, computed in the way that is fastest here.

    bfloat16 is left to torch: it is chosen where the processor has instructions for it. The two ways round in
    another order, so a run that goes on in the other one does not end with the same bits.

    Raises:
        WeightsError: the packages with the network and its weights are not installed.
    """
    network = EfficientNetLite0(compute)
    pays = compute.device.type == "cpu" and compute.precision == "fp32" and find_spec("openvino") is not None
    return FastTeacher(network) if pays else network


class FastTeacher:
    """A teacher on the CPU, in fp32, that OpenVINO computes, with as many threads as torch has now.

    Args:
        teacher: a module that is a teacher; it takes views of any number and size.
    """

    def __init__(self, teacher: nn.Module) -> None:
        self.name: str = teacher.name  # type: ignore[assignment]
        self.map_channels: tuple[int, ...] = teacher.map_channels  # type: ignore[assignment]
        self.num_classes: int = teacher.num_classes  # type: ignore[assignment]
        self._infer = _compiled(_Flat(teacher).eval())

    def __call__(self, views: Tensor) -> Lesson:
        found = self._infer(views.contiguous().numpy())
        *maps, features, logits = (torch.from_numpy(found[number]) for number in range(len(found)))
        return Lesson(maps, features, logits)


class _Flat(nn.Module):
    """Gives lessons as tuples of tensors, which is what a traced network can return."""

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, views: Tensor) -> tuple[Tensor, ...]:
        lesson = self.teacher(views)
        return (*lesson.maps, lesson.features, lesson.logits)


def _compiled(network: nn.Module) -> Any:
    """Return a function from views, (N, 3, S, S), to a sequence of arrays, for every N and S."""
    from openvino import Core

    options = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",  # it would round to bf16 by itself where the processor has that
        "ENABLE_CPU_PINNING": False,  # every process of a team would be given the same cores
    }
    model = openvino_model(network, torch.rand(2, 3, _TRACED_AT, _TRACED_AT))
    return Core().compile_model(model, "CPU", options)


def openvino_model(network: nn.Module, example: Tensor) -> Any:
    """Return a network as a model of OpenVINO, whose input may have any shape that the network takes.

    Args:
        network: in eval mode.
        example: what it is traced with.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # `openvino.convert_model` is shorter, but tells the makers of OpenVINO over the network that it was used. And
    # torch would rather export than trace, which takes a minute here instead of seconds.
    traced = torch.jit.trace(network, example)
    reader = FrontEndManager().load_by_framework("pytorch")
    # Decoder and what is read have names, since nothing else keeps them alive until they are converted.
    decoder = TorchScriptPythonDecoder(traced)
    read = reader.load(decoder)
    return reader.convert(read)
