"""The modules of a network as a tree of text: which class contains which."""

from collections.abc import Iterator

from torch import nn

from densekit.model.densenet import DenseBlock, DenseLayer, DenseNet, Transition
from densekit.words import counted


def module_tree(network: nn.Module) -> str:
    """Return the tree of a network's modules.

    Each class is opened up where it comes first; what follows of the same class is named alone, and several
    dense layers in a row on one line.
    """
    lines = [_heading(network)]
    lines += _branches(network, seen={type(network)})
    return "\n".join(lines)


def _branches(module: nn.Module, seen: set[type[nn.Module]]) -> Iterator[str]:
    children = list(module.named_children())
    while children:
        name, child = children.pop(0)
        known = type(child) in seen
        seen.add(type(child))
        row = [(name, child)]
        while known and isinstance(child, DenseLayer) and children and type(children[0][1]) is type(child):
            row.append(children.pop(0))
        last = not children
        yield f"{'└─' if last else '├─'} {_label(row)}"
        if not known:
            margin = "   " if last else "│  "
            yield from (margin + line for line in _branches(child, seen))


def _label(row: list[tuple[str, nn.Module]]) -> str:
    name, module = row[0]
    if len(row) > 1:
        return f"{name} … {row[-1][0]}: {len(row)} more of the kind"
    return f"{name}: {_heading(module)}"


def _heading(module: nn.Module) -> str:
    return f"{type(module).__name__}{_facts(module)}"


def _facts(module: nn.Module) -> str:
    match module:
        case DenseNet():
            return f", {sum(parameter.numel() for parameter in module.parameters()):,} parameters"
        case DenseBlock():
            layers = [layer for layer in module.values() if isinstance(layer, DenseLayer)]
            entering = layers[0].norm1.num_features
            leaving = entering + sum(layer.conv2.out_channels for layer in layers)
            return f", {counted(len(layers), 'layer')}, {entering} → {leaving} channels"
        case DenseLayer():
            return f", {module.norm1.num_features} → {module.conv2.out_channels} channels"
        case Transition():
            conv = module.get_submodule("conv")
            return f", {conv.in_channels} → {conv.out_channels} channels"
        case nn.Conv2d():
            kernel = "×".join(map(str, module.kernel_size))
            return f", {kernel}, {module.in_channels} → {module.out_channels}"
        case nn.Linear():
            return f", {module.in_features} → {module.out_features}"
        case nn.BatchNorm2d():
            return f", {module.num_features}"
    return ""
