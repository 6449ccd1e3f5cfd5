"""What stands before a cut: frozen, rewritten and hashed once, from pixels to features."""

from functools import cached_property

import torch
from torch import Tensor

from densekit.data import decoding
from densekit.data.transforms import Preprocessing
from densekit.devices import Compute
from densekit.model.cut import ALL, CLASSIFIER, check_cut, frozen_modules
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import FrozenDenseNet, frozen
from densekit.model.state_dicts import fingerprint


class Extractor:
    """The frozen part of a network, as a function from pixels to features.

    It is made from the network once, when it is first needed, and what becomes of the network afterwards does not
    reach it. With the cut `all` nothing is frozen, and the features are the pixels themselves.

    Args:
        network: its weights and statistics are used, whatever mode it is in.
        cut: where it ends (`densekit.model.cut`).
        compute: device and precision.
        preprocessing: what the pixels were cut with; the network's own if not given.

    Raises:
        ConfigError: the network has no such cut.
    """

    def __init__(
        self, network: DenseNet, cut: str, compute: Compute, preprocessing: Preprocessing | None = None
    ) -> None:
        check_cut(network.config, cut)
        self.cut = cut
        self.compute = compute
        self.preprocessing = preprocessing or network.preprocessing
        self._network = network

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the frozen weights; empty with the cut `all`."""
        return frozen_fingerprint(self._network, self.cut)

    @cached_property
    def identity(self) -> str:
        """A text that is equal for two extractors exactly if their features can stand for each other."""
        if self.cut == ALL:
            return f"pixels {decoding.VERSION}; preprocessing {self.preprocessing.identity}"
        return (
            f"features at {self.cut} {self.fingerprint}; preprocessing {self.preprocessing.identity}; "
            f"pixels {decoding.VERSION}; "
            f"precision {self.compute.precision}"
        )

    @property
    def description(self) -> str:
        """A few words for people: which network, which cut, how large the pictures are."""
        weights = self._network.weights
        size, precision = self.preprocessing.crop, self.compute.precision
        if self.cut == ALL:
            return f"pixels, {size} px"
        what = "embeddings" if self.cut == CLASSIFIER else f"maps before {self.cut}"
        return f"{what} of {weights.architecture} ({weights.name}), {size} px, {precision}"

    @cached_property
    def model(self) -> FrozenDenseNet:
        """The rewritten network up to the cut, on the device."""
        return frozen(self._network, self.compute.dtype, self.cut).to(self.compute.device)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return features to be kept, for pixels, uint8 (B, 3, S, S).

        Embeddings, float32 (B, num_features), or maps, (B, C, H, W), in the type that is computed in, on the
        device; with the cut `all` the pixels as they are.
        """
        if self.cut == ALL:
            return pixels
        images = self.preprocessing.normalise(self.compute.send(pixels))  # (B, 3, S, S), float32
        features = self.model(images.to(self.compute.dtype))
        return features.float() if self.cut == CLASSIFIER else features

    def inputs(self, features: Tensor) -> Tensor:
        """Return what the trained part takes, on the device, from features that this extractor made."""
        on_device = self.compute.send(features)
        if self.cut == CLASSIFIER:
            return on_device
        maps = self.preprocessing.normalise(on_device) if self.cut == ALL else on_device.float()
        return maps.contiguous(memory_format=torch.channels_last)


def frozen_fingerprint(network: DenseNet, cut: str) -> str:
    """Return the fingerprint of what stands before a cut; empty where nothing does."""
    modules = frozen_modules(network, cut)
    tensors = {
        f"{name}.{key}": tensor
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    return fingerprint(tensors) if tensors else ""
