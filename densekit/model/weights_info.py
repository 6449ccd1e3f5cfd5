"""What is known about a set of weights, and travels with them."""

from dataclasses import dataclass

from densekit.data.transforms import Preprocessing

SMALL = Preprocessing(resize=146, crop=128, interpolation="bicubic")
"""128 px, quick enough for a laptop without a GPU: what the embedded weights were made and measured with."""

IMAGENET = Preprocessing(resize=256, crop=224)
"""224 px, what torchvision's DenseNets were measured with, and most weights found elsewhere."""


@dataclass(frozen=True)
class WeightsInfo:
    """What is known about a set of weights.

    Args:
        name: what they were asked for by: 'embedded', 'imagenet', 'none' or the path of a file.
        architecture: the network they belong to, such as 'densenet121'.
        classes: what the outputs of their classifier mean, in order; None where they have no classifier, or
            its classes are not known.
        preprocessing: what pictures must go through before the network.
        source: where they come from, in words or as an address.
        sha256: SHA-256 of their file; for random weights, which have none, their fingerprint.
    """

    name: str
    architecture: str
    classes: tuple[str, ...] | None
    preprocessing: Preprocessing
    source: str
    sha256: str


BY_HAND = WeightsInfo("by hand", "by hand", None, SMALL, "a network made by hand", "")
"""What a network says of itself that was not made by `densekit.model.zoo`."""
