"""The live ledger: sliders for the numbers that make a DenseNet, over its channels, sizes and costs."""

from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.proof.ledger import make_ledger
from densekit.plots.network import ledger_overview
from densekit.widgets.explorer import Explorer, choice, slider
from densekit.words import percent

_LARGEST_BLOCKS = (12, 24, 64, 48)  # layers: room for the four variants and some more


def ledger_view(
    config: DenseNetConfig | None = None, image_size: int = 224, drop_rate: float = 0.0
) -> tuple[Figure, str]:
    """Return the figure and the table of a network's ledger.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.
        drop_rate: probability of dropping a new feature while training, 0 ≤ p < 1.

    Raises:
        ConfigError: nothing is left of images of this size.
    """
    config = config or DenseNetConfig()
    ledger = make_ledger(config, image_size, num_classes=0)
    text = f"{_headline(config)}\n\n{ledger}\n\n{_dropping(drop_rate)}"
    return ledger_overview(config, image_size), text


class LedgerExplorer(Explorer):
    """Sliders for growth rate, layers of four blocks, first features, bottleneck, dropout and image size.

    The list `variant` moves them to one of the four networks of the paper.

    Args:
        image_size: side of the images at the start, in pixels; it should be the one that a reader is told to use.
    """

    def __init__(self, image_size: int = 224) -> None:
        super().__init__(_controls(image_size), _view_of_sliders)
        self.variant = choice("densenet121", ARCHITECTURES, label="start from")
        self.variant.observe(self._start_again, names="value")
        self.view.children = (self.variant, *self.view.children)

    def _start_again(self, change: Any) -> None:
        self.set(**_sliders_of(read_architecture(change["new"])))


def _controls(image_size: int) -> dict[str, widgets.Widget]:
    start = _sliders_of(DenseNetConfig())
    blocks = {
        name: slider(start[name], 1, largest, label=f"layers in block {number}")
        for number, (name, largest) in enumerate(zip(_block_names(), _LARGEST_BLOCKS, strict=True), start=1)
    }
    return {
        "growth_rate": slider(start["growth_rate"], 4, 64, label="growth rate", step=4),
        **blocks,
        "num_init_features": slider(start["num_init_features"], 8, 128, label="initial features", step=8),
        "bn_size": slider(start["bn_size"], 1, 8, label="bottleneck (bn_size)"),
        "drop_rate": slider(0.0, 0.0, 0.9, label="drop_rate", step=0.1),
        "image_size": slider(min(max(image_size, 32), 320), 32, 320, label="image size", step=32),
    }


def _sliders_of(config: DenseNetConfig) -> dict[str, int]:
    return {
        "growth_rate": config.growth_rate,
        **dict(zip(_block_names(), config.block_config, strict=True)),
        "num_init_features": config.num_init_features,
        "bn_size": config.bn_size,
    }


def _view_of_sliders(
    growth_rate: int, num_init_features: int, bn_size: int, drop_rate: float, image_size: int, **blocks: int
) -> tuple[Figure, str]:
    block_config = tuple(blocks[name] for name in _block_names())
    config = DenseNetConfig(growth_rate, block_config, num_init_features, bn_size)
    return ledger_view(config, image_size, round(drop_rate, 2))


def _block_names() -> list[str]:
    return [f"block_{number}" for number in range(1, len(_LARGEST_BLOCKS) + 1)]


def _headline(config: DenseNetConfig) -> str:
    same = [name for name in ARCHITECTURES if read_architecture(name) == config]
    name = same[0] if same else "a network of your own"
    return (
        f"{name}: growth_rate {config.growth_rate}, block_config {config.block_config}, "
        f"num_init_features {config.num_init_features}, bn_size {config.bn_size}\n"
        f"{config.depth} layers, embeddings of {config.num_features} numbers"
    )


def _dropping(drop_rate: float) -> str:
    if drop_rate == 0:
        return "drop_rate 0: every new value is kept"
    share = percent(drop_rate, 0)
    return (
        f"drop_rate {drop_rate:g}: while training, {share} of the new values of each layer are set to zero,\n"
        "others each time; parameters and multiply-adds stay the same"
    )
