"""Which weights there are, which of them are here, and whether they are what they should be."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from densekit.errors import FingerprintError, WeightsError, listed, nearest
from densekit.model.architectures import ARCHITECTURES, read_architecture
from densekit.model.downloads import file_sha256, official_release
from densekit.model.state_dicts import check_fit, fits_architecture, read_weights_file
from densekit.model.weights import EMBEDDED

_NAMED = re.compile("-([0-9a-f]{8})$")  # torch's files of weights end in the first digits of their SHA-256


@dataclass(frozen=True)
class KnownWeights:
    """A file of weights that densekit knows by name.

    Args:
        name: 'embedded' or 'imagenet'.
        architecture: the DenseNet it is for.
        status: 'shipped' with densekit, 'cached' after a download, or 'not fetched'.
        path: where it lies, or would lie.
        size: in bytes; what the publisher says where it is not fetched.
        sha256: that it must have, or its first digits where no more are published.
        source: where it comes from.
    """

    name: str
    architecture: str
    status: Literal["shipped", "cached", "not fetched"]
    path: Path
    size: int
    sha256: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "path": str(self.path)}


def known_weights() -> tuple[KnownWeights, ...]:
    """Return every file of weights that has a name, here or not. Nothing is read or fetched."""
    return (*_embedded(), *(_imagenet(architecture) for architecture in ARCHITECTURES))


def verify_weights(name: str = "embedded", architecture: str = "densenet121") -> KnownWeights:
    """Compute the SHA-256 of a file of weights anew and compare it with the published one.

    Raises:
        WeightsError: no such weights, or the file is not here.
        FingerprintError: it is another file; names both hashes.
    """
    weights = _find(name, architecture)
    if not weights.path.is_file():
        fetch = f"fetch it: densekit weights fetch --arch {architecture}"
        raise WeightsError(
            f"there is nothing to verify: '{name}' for {architecture} is not at {weights.path}; "
            f"{'it comes with densekit: install that anew' if name == 'embedded' else fetch}"
        )
    found = file_sha256(weights.path)
    if not found.startswith(weights.sha256):
        raise FingerprintError(
            f"{weights.path} is not '{name}' for {architecture}: its SHA-256 is {found}, it should be "
            f"{weights.sha256}{'…' if len(weights.sha256) < len(found) else ''}"
        )
    return weights


@dataclass(frozen=True)
class Examined:
    """What is in a file of weights.

    Args:
        path: the file.
        sha256: of its bytes.
        fits: the DenseNets whose tensors these are, by name and shape.
        published: under which name it is published, such as 'imagenet densenet121'; None if it is not.
        told: what was taken off to get at the tensors, for people.
    """

    path: Path
    sha256: str
    fits: tuple[str, ...]
    published: str | None
    told: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "path": str(self.path)}


def examine_weights(path: Path, architecture: str | None = None) -> Examined:
    """Read a file of weights, and say what it is.

    Args:
        path: the file.
        architecture: what it shall fit; any DenseNet that has a name will do if not given.

    Raises:
        WeightsError: it can't be read, or holds the weights of no DenseNet, or not of the one asked for.
        ConfigError: no architecture has this name.
        FingerprintError: it is called after another SHA-256, as torch's files are.
    """
    file = read_weights_file(path)
    fits = tuple(name for name in ARCHITECTURES if fits_architecture(file.tensors, name))
    if architecture or not fits:
        wanted = architecture or ARCHITECTURES[0]
        check_fit(file.tensors, read_architecture(wanted), wanted, path)
        fits = fits or (wanted,)  # it has no name of its own: a network in a JSON file
    if (named := _NAMED.search(path.stem)) and not file.sha256.startswith(named[1]):
        raise FingerprintError(
            f"{path} is called after its SHA-256, which should begin with {named[1]}, but it is {file.sha256}: "
            "fetch the file again"
        )
    known = (
        f"{one.name} {one.architecture}" for one in known_weights() if file.sha256.startswith(one.sha256)
    )
    return Examined(path, file.sha256, fits, next(known, None), file.told)


def _find(name: str, architecture: str) -> KnownWeights:
    known = {(weights.name, weights.architecture): weights for weights in known_weights()}
    if (name, architecture) in known:
        return known[name, architecture]
    names = sorted({name for name, _ in known})
    if name not in names:
        raise WeightsError(f"no file of weights is called '{name}': {nearest(name, names)}")
    here = [other for known_name, other in known if known_name == name]
    raise WeightsError(f"'{name}' has no weights for '{architecture}', but for {listed(here)}")


def _embedded() -> list[KnownWeights]:
    descriptions = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(EMBEDDED.glob("*.json"))]
    return [
        KnownWeights(
            "embedded",
            description["architecture"],
            "shipped",
            EMBEDDED / description["file"],
            description["bytes"],
            description["sha256"],
            description["source"],
        )
        for description in descriptions
    ]


def _imagenet(architecture: str) -> KnownWeights:
    release = official_release(architecture)
    cached = release.path.is_file()
    return KnownWeights(
        "imagenet",
        architecture,
        "cached" if cached else "not fetched",
        release.path,
        release.path.stat().st_size if cached else release.size,
        release.sha256,
        release.url,
    )
