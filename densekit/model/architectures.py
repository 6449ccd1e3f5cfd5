"""Which DenseNet: the numbers that tell one variant from another, read from a JSON file.

DenseNet-121, 161, 169 and 201 (Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017, table 1)
differ in three numbers alone, and those stand in `configs/`. A file of your own with the same keys is a
network of your own.
"""

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path

from densekit.errors import ConfigError, nearest
from densekit.files import is_file, read_json

# More than ten times what published DenseNets have at most (a growth rate of 48, 64 layers in a block, 96 initial
# features, a bn_size of 4, 4 blocks): a slip of the keyboard ends in a message, and not where memory does.
_LARGEST = {"growth_rate": 1000, "block_config": 1000, "num_init_features": 1000, "bn_size": 100}
_MOST_BLOCKS = 50
_MOST_PARAMETERS = 10**10  # 40 GB in float32; the largest published has 7 · 10⁷

_CONFIGS = Path(__file__).parent / "configs"

ARCHITECTURES: tuple[str, ...] = tuple(sorted(path.stem for path in _CONFIGS.glob("*.json")))
"""The variants that come with the package: 'densenet121', 'densenet161', 'densenet169', 'densenet201'."""


@dataclass(frozen=True)
class Stage:
    """A dense block, as its place in the network shows it.

    Args:
        name: of its module in `network.features`, such as 'denseblock4'.
        num_layers: its dense layers.
        in_channels: channels of the maps that enter it.
        out_channels: channels of the maps that leave it.
        stride: pixels of the image from one position of its maps to the next: they are H / stride high.
    """

    name: str
    num_layers: int
    in_channels: int
    out_channels: int
    stride: int


@dataclass(frozen=True)
class DenseNetConfig:
    """The shape of a DenseNet.

    Args:
        growth_rate: channels that each dense layer adds (k in the paper).
        block_config: number of dense layers in each dense block.
        num_init_features: channels that the stem hands to the first block.
        bn_size: a dense layer's 1×1 convolution makes `bn_size * growth_rate` channels (the bottleneck).

    Raises:
        ConfigError: a number that is none, is below one, or is beyond any network.
    """

    growth_rate: int = 32
    block_config: tuple[int, ...] = (6, 12, 24, 16)
    num_init_features: int = 64
    bn_size: int = 4

    def __post_init__(self) -> None:
        if isinstance(self.block_config, list):  # JSON has no tuples
            object.__setattr__(self, "block_config", tuple(self.block_config))
        for key, value in asdict(self).items():
            _check_numbers(key, value)
        self._check_size()

    def _check_size(self) -> None:
        """Refuse what no memory holds: numbers that are possible each, and not together."""
        if len(self.block_config) > _MOST_BLOCKS:
            raise ConfigError(
                f"block_config has {len(self.block_config)} blocks: expected {_MOST_BLOCKS} or fewer"
            )
        bottleneck = self.bn_size * self.growth_rate
        about = sum(  # on the average, a layer reads what enters its block and half of what the block adds
            one.num_layers * bottleneck * ((one.in_channels + one.out_channels) // 2 + 9 * self.growth_rate)
            for one in self.stages
        )
        if about > _MOST_PARAMETERS:
            raise ConfigError(
                f"the network would have about {about:,} parameters: expected {_MOST_PARAMETERS:,} or fewer; "
                "make growth_rate, block_config or bn_size smaller"
            )

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The dense blocks, in order. Whoever needs to know how many channels are where reads it here.

        >>> [stage.out_channels for stage in DenseNetConfig().stages]
        [256, 512, 1024, 1024]
        """
        stages: list[Stage] = []
        channels, stride = self.num_init_features, 4  # the stem halves height and width twice
        for number, num_layers in enumerate(self.block_config, start=1):
            grown = channels + num_layers * self.growth_rate
            stages.append(Stage(f"denseblock{number}", num_layers, channels, grown, stride))
            channels, stride = grown // 2, stride * 2  # behind the transition
        return tuple(stages)

    @property
    def num_features(self) -> int:
        """Channels after the last dense block, which is the length of an embedding (DenseNet-121: 1024)."""
        return self.stages[-1].out_channels

    @property
    def depth(self) -> int:
        """Layers with weights, as the paper counts them: the 121 of DenseNet-121."""
        in_blocks = 2 * sum(self.block_config)
        transitions = len(self.block_config) - 1
        return 1 + in_blocks + transitions + 1


def read_architecture(name_or_file: str | Path) -> DenseNetConfig:
    """Read a variant by its name ('densenet121') or from a JSON file of your own.

    Raises:
        ConfigError: no such variant or file, not JSON, or a key that a DenseNet does not have.
    """
    path = _CONFIGS / f"{name_or_file}.json"
    if not is_file(path):
        path = Path(name_or_file)
    if path.suffix == ".json" and not is_file(path):
        raise ConfigError(
            f"there is no file {path} with the numbers of a network: put it back, or name another one"
        )
    if path.suffix != ".json":
        raise ConfigError(f"no architecture '{name_or_file}': {nearest(str(name_or_file), ARCHITECTURES)}")
    try:
        values = read_json(path)
    except ValueError as error:
        raise ConfigError(f"{path} can't be read as JSON: {error}") from error
    return _from_mapping(values, where=path)


def _from_mapping(values: object, where: Path) -> DenseNetConfig:
    known = [field.name for field in fields(DenseNetConfig)]
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected an object with the keys {', '.join(known)}")
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key '{key}': {nearest(key, known)}")
    try:
        return DenseNetConfig(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _check_numbers(key: str, value: object) -> None:
    most = _LARGEST[key]
    if key != "block_config":
        if not _is_count(value, most):
            raise ConfigError(f"{key} is {value!r}: expected a whole number from 1 to {most:,}")
    elif not isinstance(value, tuple) or not value or not all(_is_count(one, most) for one in value):
        raise ConfigError(f"{key} is {value!r}: expected a list of whole numbers from 1 to {most:,}")


def _is_count(value: object, most: int) -> bool:
    return type(value) is int and 0 < value <= most
