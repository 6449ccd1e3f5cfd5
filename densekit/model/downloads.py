"""ImageNet weights: torchvision's official files, fetched on request and checked.

They lie where torch.hub keeps them, so a file that torchvision has fetched is not fetched again. A classroom
without internet can name a mirror, a web address or a shared folder: DENSEKIT_WEIGHTS_MIRROR=/srv/weights.

`torch.hub.download_url_to_file` would wait for ever for a silent server, and reports a connection that broke
off as a wrong hash; so the copying is done here.
"""

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch
from tqdm.auto import tqdm

from densekit.data.transforms import Preprocessing
from densekit.errors import DownloadError, WeightsError, listed
from densekit.files import expanded, real_path, write_atomically
from densekit.model.architectures import ARCHITECTURES

MIRROR = "DENSEKIT_WEIGHTS_MIRROR"
_CHUNK = 1 << 17  # bytes


@dataclass(frozen=True)
class Release:
    """An official file of weights, as torchvision's weights API describes it.

    Args:
        url: where it lies.
        sha256: the first digits of its SHA-256, which torch.hub's file names carry.
        size: its size in bytes, rounded.
        classes: the 1000 classes of ImageNet, in the order of the outputs.
        preprocessing: what it was measured with.
    """

    url: str
    sha256: str
    size: int
    classes: tuple[str, ...]
    preprocessing: Preprocessing

    @property
    def file_name(self) -> str:
        """The name under which torch.hub keeps it, such as 'densenet121-a639ec97.pth'."""
        return self.url.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file_name


def official_release(architecture: str) -> Release:
    """Return what torchvision says of its ImageNet weights for a DenseNet.

    Raises:
        WeightsError: there are none for this architecture.
    """
    if architecture not in ARCHITECTURES:
        raise WeightsError(
            f"there are no ImageNet weights for '{architecture}': there are for {listed(ARCHITECTURES)}"
        )
    from densekit.vision import torchvision  # seconds to import, and the embedded weights do without

    weights = torchvision.models.get_model_weights(architecture).DEFAULT
    transforms = weights.transforms()
    preprocessing = Preprocessing(
        resize=transforms.resize_size[0],
        crop=transforms.crop_size[0],
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        interpolation=transforms.interpolation.value,
    )
    return Release(
        url=weights.url,
        sha256=_hash_in(weights.url),
        size=round(weights.meta["_file_size"] * 2**20),
        classes=tuple(weights.meta["categories"]),
        preprocessing=preprocessing,
    )


def fetch_imagenet(
    architecture: str = "densenet121",
    url: str | Path | None = None,
    progress: bool = True,
    timeout: float = 30.0,
) -> Path:
    """Return the path of torchvision's ImageNet weights; fetch them if they are not there yet.

    Args:
        architecture: which DenseNet.
        url: the address or the path of a copy; if not given, the mirror named in $DENSEKIT_WEIGHTS_MIRROR,
            else the official address. Wherever it comes from, the file must have the official hash.
        progress: show a bar, in a terminal or a notebook.
        timeout: seconds of silence after which the server is given up.

    Raises:
        DownloadError: no connection, no such file there, a transfer that broke off, or another file than the
            official one. Nothing is left under the file's name then, or what was there before.
        WeightsError: there are no ImageNet weights for the architecture, or the file can't be written.
    """
    release = official_release(architecture)
    if release.path.is_file() and file_sha256(release.path).startswith(release.sha256):
        return release.path
    source = _as_url(str(url)) if url else _address(release)
    try:
        download(source, release.path, release.sha256, progress, timeout)
    except DownloadError as error:
        raise DownloadError(
            f"{error}. Without a connection, weights='embedded' (densenet121) works: it comes with densekit. "
            f"Or put the file at {release.path}, or name a mirror (an address or a folder) in ${MIRROR}"
        ) from error
    return release.path


def download(url: str, path: Path, sha256: str, progress: bool = True, timeout: float = 30.0) -> None:
    """Copy a file from the network to `path`, where it appears complete and checked, or not at all.

    Args:
        url: its address.
        path: where it shall lie.
        sha256: the first digits, or all, of the SHA-256 that it must have.
        progress: show a bar, in a terminal or a notebook.
        timeout: seconds of silence after which the server is given up.

    Raises:
        DownloadError: the network failed, or another file came.
        WeightsError: the file can't be written.
    """
    with _open(url, timeout) as response:
        try:
            with write_atomically(path) as file:
                digest = hashlib.sha256()
                for chunk in _chunks(response, url, progress):
                    digest.update(chunk)
                    file.write(chunk)
                if not digest.hexdigest().startswith(sha256):
                    raise DownloadError(
                        f"{url} is another file than expected: its SHA-256 is {digest.hexdigest()}, it "
                        f"should begin with {sha256}; what came was not kept"
                    )
        except OSError as error:  # those of the network are DownloadErrors by now
            raise WeightsError(f"{path} can't be written: {error.strerror or error}") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(url: str, timeout: float) -> HTTPResponse:
    try:
        return urlopen(Request(url, headers={"User-Agent": "densekit"}), timeout=timeout)
    except HTTPError as error:
        error.close()
        raise DownloadError(f"{url} can't be fetched: the server says {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise DownloadError(f"{url} can't be fetched: no answer in {timeout:g} seconds") from error
    except URLError as error:
        raise DownloadError(f"{url} can't be fetched: {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(f"{url} can't be fetched: {error}") from error


def _chunks(response: HTTPResponse, url: str, progress: bool) -> Iterator[bytes]:
    """Yield the body in pieces, and make sure that all of it came."""
    length = response.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    received = 0
    # disable=None: no bar where standard error is a file. Programs without a console have none at all.
    hidden = None if progress and sys.stderr is not None else True
    with tqdm(total=total, unit="B", unit_scale=True, disable=hidden) as bar:
        try:
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                bar.update(len(chunk))
                yield chunk
        except (OSError, HTTPException) as error:
            raise DownloadError(
                f"the transfer of {url} broke off after {received} bytes: {error or type(error).__name__}"
            ) from error
    if total is not None and received < total:
        raise DownloadError(f"the transfer of {url} broke off after {received} of {total} bytes")


def _address(release: Release) -> str:
    mirror = os.environ.get(MIRROR)
    return _as_url(f"{mirror.rstrip('/')}/{release.file_name}") if mirror else release.url


def _as_url(address: str) -> str:
    return address if "://" in address else real_path(expanded(address)).as_uri()


def _hash_in(url: str) -> str:
    found = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    if found is None:
        raise WeightsError(f"the address {url} names no hash, so what it holds can't be checked")
    return found[1]
