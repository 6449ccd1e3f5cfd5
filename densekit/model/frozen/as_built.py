"""Whether a network is what densekit builds: `rewrite` reads its weights, and takes all else for known.

A ReLU that was replaced by another function, a convolution with a bias, a block of a subclass: the rewrite would
have none of it, and be the rewrite of another network. So whatever decides what a module computes is held against
a network as it is built: types, order, settings, and which tensors there are. Their values are read, and so is a
norm's ε; how many channels there are, and layers in a block, is for the network to say.

Hooks are not looked at: most of them watch, and change nothing.
"""

import re
from collections.abc import Iterable
from functools import cache
from itertools import chain

from torch import nn

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig
from densekit.model.cut import CLASSIFIER, frozen_modules
from densekit.model.densenet import DenseNet
from densekit.model.weights import seeded

_SETTINGS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv2d: ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode"),
    nn.MaxPool2d: ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    nn.AvgPool2d: ("kernel_size", "stride", "padding", "ceil_mode", "divisor_override"),
}
_NUMBER = re.compile(r"(denseblock|denselayer|transition)\d+")


def check_as_built(network: DenseNet, cut: str) -> None:
    """Refuse a network that has anything else before a cut than what densekit builds.

    Raises:
        ConfigError: names the first module that differs, and how.
    """
    for method in ("forward_features", "forward_head"):
        if getattr(getattr(network, method), "__func__", None) is not getattr(DenseNet, method):
            raise _refusal(f"the network has a {method} of its own")
    before, expected = frozen_modules(network, cut), _modules(network.config, cut)
    if list(before) != expected:
        raise _refusal(f"network.features has the modules {_row(before)}: expected {_row(expected)}")
    for name, part in before.items():
        for inner, module in part.named_modules(prefix=name, remove_duplicate=False):
            _check(f"features.{inner}", _told(module), _as_built()[_first(inner)])


def _check(name: str, found: dict[str, str], expected: dict[str, str]) -> None:
    for what, value in found.items():
        if value != expected[what]:
            raise _refusal(f"{name} has the {what} {value}: expected {expected[what]}")


def _refusal(told: str) -> ConfigError:
    return ConfigError(
        f"{told}; a network that is not as densekit builds it can't be rewritten: compute its features with "
        "network.forward_features(images)"
    )


def _modules(config: DenseNetConfig, cut: str) -> list[str]:
    """Return the names of the modules of `network.features` before a cut, in order."""
    pairs = ((stage.name, f"transition{number}") for number, stage in enumerate(config.stages, start=1))
    names = ["conv0", "norm0", "relu0", "pool0", *list(chain(*pairs))[:-1], "norm5"]
    return names if cut == CLASSIFIER else names[: names.index(cut)]


@cache
def _as_built() -> dict[str, dict[str, str]]:
    """Return what is told of each kind of module, by the name of the first: a network with one of everything."""
    with seeded(0):  # nobody's random numbers are drawn
        features = DenseNet(DenseNetConfig(1, (1, 1), 1), num_classes=0).features
    return {name: _told(module) for name, module in features.named_modules()}


def _told(module: nn.Module) -> dict[str, str]:
    """Return all that decides what a module computes from the values of its tensors, as texts."""
    kind = _kind(module)
    own = " with a forward of its own" if "forward" in vars(module) else ""
    settings = {name: _setting(getattr(module, name)) for name in _SETTINGS.get(kind, ())}
    tensors = chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False))
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}{own}",
        "modules": _row(_first(name) for name, _ in module.named_children()),
        "tensors": _row(sorted(name for name, _ in tensors)),
        **settings,
    }


def _kind(module: nn.Module) -> type[nn.Module]:
    """Return the type of a module, or the one whose outputs it has in evaluation mode."""
    kind = type(module)
    if kind is nn.SyncBatchNorm:
        return nn.BatchNorm2d
    stands_for: type[nn.Module] = vars(kind).get("stands_for", kind)  # not what a subclass inherits
    return stands_for


def _setting(value: object) -> str:
    """Return a setting as text: 3 and (3, 3) are the same one."""
    alike = isinstance(value, tuple) and len(set(value)) == 1
    return str(value[0] if alike else value)  # type: ignore[index]


def _row(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"


def _first(name: str) -> str:
    """Return the name of the first module of the same kind: all blocks are alike, all layers and transitions."""
    return _NUMBER.sub(r"\g<1>1", name)
