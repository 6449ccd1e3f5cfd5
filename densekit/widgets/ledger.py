"""The live ledger: sliders for the numbers that make a DenseNet, over its channels, sizes and costs."""

from math import gcd
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from densekit.errors import ConfigError, nearest
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.proof.ledger import make_ledger
from densekit.plots.network import ledger_overview
from densekit.widgets.explorer import Explorer, choice, slider
from densekit.words import percent

_OWN = "a network of your own"
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
        ConfigError: nothing is left of images of this size, or no such probability.
    """
    if not 0 <= drop_rate < 1:
        raise ConfigError(f"drop_rate is {drop_rate}: expected 0 ≤ drop_rate < 1")
    config = config or DenseNetConfig()
    ledger = make_ledger(config, image_size, num_classes=0)
    text = f"{_headline(config)}\n\n{ledger}\n\n{_dropping(drop_rate)}"
    return ledger_overview(config, image_size), text


class LedgerExplorer(Explorer):
    """Sliders for growth rate, layers of four blocks, first features, bottleneck, dropout and image size.

    The list `variant` moves them to one of the four networks of the paper, and says which one they stand at.

    Args:
        image_size: side of the images at the start, in pixels; it should be the one that a reader is told to use.

    Raises:
        ConfigError: nothing is left of images of this size.
    """

    def __init__(self, image_size: int = 224) -> None:
        names = {name: name for name in ARCHITECTURES}
        self.variant = choice("densenet121", {**names, _OWN: ""}, label="start from")
        super().__init__(_controls(image_size), _view_of_sliders)
        self.variant.observe(self._start_again, names="value")
        self.view.children = (self.variant, *self.view.children)

    def set(self, **values: Any) -> None:
        """Set controls, and draw once; `variant` sets those that make one of the four networks.

        Raises:
            DensekitError: see `Explorer.set`.
        """
        if (variant := values.pop("variant", None)) is not None:
            if variant not in ARCHITECTURES:
                raise ConfigError(f"no network is called '{variant}': {nearest(str(variant), ARCHITECTURES)}")
            values = {**_sliders_of(read_architecture(variant)), **values}
        super().set(**values)

    def redraw(self) -> None:
        """Draw from the values that the controls have now; the list names their network."""
        self.variant.value = _variant(_config(**self.values))
        super().redraw()

    def _start_again(self, change: Any) -> None:
        if change["new"] not in ("", _variant(_config(**self.values))):  # a reader has chosen it
            self.set(variant=change["new"])


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
        # Ends and step are such that the reader can come back to where it begins.
        "image_size": slider(
            image_size,
            min(image_size, 32),
            max(image_size, 320),
            label="image size",
            step=gcd(image_size, 32),
        ),
    }


def _sliders_of(config: DenseNetConfig) -> dict[str, int]:
    return {
        "growth_rate": config.growth_rate,
        **dict(zip(_block_names(), config.block_config, strict=True)),
        "num_init_features": config.num_init_features,
        "bn_size": config.bn_size,
    }


def _view_of_sliders(image_size: int, drop_rate: float, **shape: int) -> tuple[Figure, str]:
    return ledger_view(_config(**shape), image_size, round(drop_rate, 2))


def _config(growth_rate: int, num_init_features: int, bn_size: int, **others: int) -> DenseNetConfig:
    block_config = tuple(others[name] for name in _block_names())
    return DenseNetConfig(growth_rate, block_config, num_init_features, bn_size)


def _variant(config: DenseNetConfig) -> str:
    """Return the name of one of the four networks; empty for another one."""
    return next((name for name in ARCHITECTURES if read_architecture(name) == config), "")


def _block_names() -> list[str]:
    return [f"block_{number}" for number in range(1, len(_LARGEST_BLOCKS) + 1)]


def _headline(config: DenseNetConfig) -> str:
    return (
        f"{_variant(config) or _OWN}: growth_rate {config.growth_rate}, block_config {config.block_config}, "
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
