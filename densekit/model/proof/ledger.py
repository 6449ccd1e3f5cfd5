"""The ledger of a DenseNet: channels, sizes, parameters and multiply-adds, stage by stage.

Everything follows from the four numbers of a `DenseNetConfig` and the size of the images; no network is built.

    >>> print(make_ledger(DenseNetConfig(), image_size=224))

Counted are all parameters that are learned, and the multiply-adds of convolutions and of the classifier: the
way in which the literature counts (DenseNet-121 on 224×224 pixels: 2.8 G, or twice as many FLOPs). The
norms, ReLUs and pools between them cost time, too, but are not in that number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from densekit.errors import ConfigError, nearest
from densekit.model import architectures
from densekit.model.architectures import DenseNetConfig
from densekit.tables import text_table

_KERNEL = 7  # of the first convolution, which has stride 2 and sees three colours


@dataclass(frozen=True)
class Stage:
    """One line of the ledger.

    Args:
        name: such as 'denseblock1'.
        modules: names of the network's modules that make up the stage, in order.
        channels_in: that enter.
        channels_out: that leave.
        side: height and width of the maps that leave, in places.
        parameters: that are learned.
        multiply_adds: for one image.
    """

    name: str
    modules: tuple[str, ...]
    channels_in: int
    channels_out: int
    side: int
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Ledger:
    """All stages of a network, in the order in which an image goes through them.

    Args:
        config: the shape of the network.
        image_size: side of the images, in pixels.
        stages: the lines.
    """

    config: DenseNetConfig
    image_size: int
    stages: tuple[Stage, ...]

    @property
    def parameters(self) -> int:
        """All parameters that are learned."""
        return sum(stage.parameters for stage in self.stages)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one image."""
        return sum(stage.multiply_adds for stage in self.stages)

    def __getitem__(self, name: str) -> Stage:
        """Return a stage by its name.

        Raises:
            ConfigError: there is none; with the nearest that there is.
        """
        named = {stage.name: stage for stage in self.stages}
        if name not in named:
            raise ConfigError(f"the ledger has no stage '{name}': {nearest(str(name), named)}")
        return named[name]

    def rows(self) -> list[tuple[str, ...]]:
        """Return the heading, a line for each stage and the sum, all as text."""
        lines = [
            (
                stage.name,
                f"{stage.channels_in} → {stage.channels_out}",
                f"{stage.side}×{stage.side}",
                f"{stage.parameters:,}",
                f"{stage.multiply_adds / 1e6:,.1f}",
            )
            for stage in self.stages
        ]
        heading = ("stage", "channels", "maps", "parameters", "million multiply-adds")
        return [heading, *lines, ("sum", "", "", f"{self.parameters:,}", f"{self.multiply_adds / 1e6:,.1f}")]

    def __str__(self) -> str:
        heading, *rows = self.rows()
        return "\n".join(text_table(heading, rows))


def make_ledger(
    config: DenseNetConfig | None = None, image_size: int = 224, num_classes: int = 1000
) -> Ledger:
    """Work out the ledger of a DenseNet.

    Args:
        config: the shape of the network; DenseNet-121 if not given.
        image_size: side of the images, in pixels.
        num_classes: outputs of the classifier; 0 for none.

    Raises:
        ConfigError: the images are so small that nothing of them is left before the last block.
    """
    config = config or DenseNetConfig()
    smallest = 2 ** (len(config.block_config) + 1) - 3
    if image_size < smallest:
        raise ConfigError(
            f"image_size is {image_size}: with {len(config.block_config)} dense blocks, the maps are halved "
            f"so often that images need {smallest} pixels or more"
        )
    return Ledger(config, image_size, tuple(_stages(config, image_size, num_classes)))


def dense_layer_parameters(in_channels: int, growth_rate: int, bn_size: int) -> int:
    """Return the parameters of one dense layer: two norms, a 1×1 and a 3×3 convolution."""
    bottleneck = bn_size * growth_rate
    return 2 * in_channels + in_channels * bottleneck + 2 * bottleneck + 9 * bottleneck * growth_rate


def _stages(config: DenseNetConfig, image_size: int, num_classes: int) -> Iterator[Stage]:
    channels, side = config.num_init_features, _half_rounded_up(image_size)
    weights = 3 * _KERNEL**2 * channels
    modules = ("features.conv0", "features.norm0", "features.relu0")
    yield Stage("conv0", modules, 3, channels, side, weights + 2 * channels, weights * side**2)
    side = _half_rounded_up(side)
    yield Stage("pool0", ("features.pool0",), channels, channels, side, 0, 0)
    for number, block in enumerate(config.stages, start=1):
        yield _block(block, side, config)
        if number < len(config.stages):
            yield _transition(number, block.out_channels, side)
            side //= 2
    channels = config.num_features
    yield Stage("norm5", ("features.norm5",), channels, channels, side, 2 * channels, 0)
    if num_classes > 0:
        weights = channels * num_classes
        yield Stage("classifier", ("classifier",), channels, num_classes, 1, weights + num_classes, weights)


def _block(block: architectures.Stage, side: int, config: DenseNetConfig) -> Stage:
    growth_rate, bottleneck = config.growth_rate, config.bn_size * config.growth_rate
    seen = range(block.in_channels, block.out_channels, growth_rate)  # channels before each layer
    return Stage(
        name=block.name,
        modules=(f"features.{block.name}",),
        channels_in=block.in_channels,
        channels_out=block.out_channels,
        side=side,
        parameters=sum(dense_layer_parameters(channels, growth_rate, config.bn_size) for channels in seen),
        multiply_adds=sum(channels + 9 * growth_rate for channels in seen) * bottleneck * side**2,
    )


def _transition(number: int, channels: int, side: int) -> Stage:
    weights = channels * (channels // 2)
    name = f"transition{number}"
    # The convolution works at the old size; what leaves is half as high and wide.
    return Stage(
        name,
        (f"features.{name}",),
        channels,
        channels // 2,
        side // 2,
        2 * channels + weights,
        weights * side**2,
    )


def _half_rounded_up(side: int) -> int:
    """Return what the first convolution and the first pool, both with stride 2 and padding, leave of a side."""
    return (side + 1) // 2
