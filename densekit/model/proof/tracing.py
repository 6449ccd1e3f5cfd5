"""What every module of a network took in and gave out during one forward pass, in the order it happened."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

ROOT = "network"
"""The name of the whole network, which torch calls ''."""


class Event(NamedTuple):
    """A module is entered with an input, or left with an output.

    Args:
        kind: which of the two.
        module: its name, such as 'features.denseblock1.denselayer2.norm1'; `ROOT` for the whole network.
        call: 1 for the first time that the module is called, 2 for the second.
    """

    kind: Literal["input", "output"]
    module: str
    call: int


Trace = dict[Event, Tensor]
"""The tensor of each event, a copy, in the order of the events."""


class Run(NamedTuple):
    """One forward pass.

    Args:
        trace: what happened, up to the error if there was one.
        output: what the network returned; None if it failed.
        error: what it failed with; None if it did not.
    """

    trace: Trace
    output: Tensor | None
    error: str | None


def run_traced(network: nn.Module, images: Tensor, names: Collection[str]) -> Run:
    """Run a network and record the modules called `names`.

    An error in the forward pass is recorded too: what happened before it often says why.
    """
    trace: Trace = {}
    hooks = [
        hook
        for name, module in named_modules(network).items()
        if name in names
        for hook in _record(name, module, trace)
    ]
    try:
        output = network(images)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return Run(trace, None, f"{type(error).__name__}: {error}")
    finally:
        for hook in hooks:
            hook.remove()  # before the backward pass, in which a memory-efficient network runs forward again
    return Run(trace, output, None)


def named_modules(network: nn.Module) -> dict[str, nn.Module]:
    """Return every module by its name, the network itself as `ROOT`."""
    return {name or ROOT: module for name, module in network.named_modules()}


def parent(name: str) -> str:
    """Return the name of the module around a module."""
    return name.rpartition(".")[0] or ROOT


def _record(name: str, module: nn.Module, trace: Trace) -> Iterator[torch.utils.hooks.RemovableHandle]:
    calls: Counter[str] = Counter()

    def entered(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        calls["input"] += 1
        trace[Event("input", name, calls["input"])] = _copy(arguments)

    def left(_: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        calls["output"] += 1
        trace[Event("output", name, calls["output"])] = _copy(output)

    yield module.register_forward_pre_hook(entered)
    yield module.register_forward_hook(left)


def _copy(value: Any) -> Tensor:
    """Copy what a module takes or gives: at once, since an in-place ReLU behind it would overwrite it.

    Several tensors are joined along the channel axis: a dense layer may take a list of features, or the same
    features already side by side.
    """
    tensors = list(_tensors(value))
    if len(tensors) == 1:
        return tensors[0].detach().clone()
    try:
        return torch.cat([tensor.detach() for tensor in tensors], dim=1)
    except (RuntimeError, IndexError):  # of different sizes: one long row is enough to compare them
        return torch.cat([tensor.detach().flatten() for tensor in tensors]) if tensors else torch.empty(0)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
