"""Every error that densekit raises on purpose.

    DensekitError
    ├── ConfigError           a setting is unknown, of the wrong type, or impossible
    ├── DataError             a folder of images can't be used as it is
    │   └── ImageError        one image file can't be read
    ├── WeightsError          weights can't be found, fetched, read, or don't fit
    │   ├── DownloadError     the network or the file that came over it
    │   └── FingerprintError  the weights are not the ones that were asked for
    ├── TrainingError         training can't go on
    │   └── StoppedError      somebody has asked for the end before there was anything to keep
    ├── RunError              a run folder is missing something or doesn't fit
    └── CourseError           a notebook, its source or its parameters

A message says what was wrong, where (file, key, value), what was expected, and what to do about it. It is
written for somebody who sees it for the first time, so it is a sentence or two and never a code.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class DensekitError(Exception):
    """The root: catch this one to catch them all."""


class ConfigError(DensekitError):
    """A setting is unknown, of the wrong type, or impossible."""


class DataError(DensekitError):
    """A folder of images can't be used as it is."""


class ImageError(DataError):
    """One image file can't be read."""


class WeightsError(DensekitError):
    """Weights can't be found, fetched, read, or don't fit the network."""


class DownloadError(WeightsError):
    """The network failed, or the file that came over it is damaged."""


class FingerprintError(WeightsError):
    """The weights are not the ones that were asked for."""


class TrainingError(DensekitError):
    """Training can't go on."""


class StoppedError(TrainingError):
    """Somebody asked for the end before anything was learned."""


class RunError(DensekitError):
    """A run folder is missing something, or doesn't fit what is asked of it."""


class CourseError(DensekitError):
    """A notebook, its source or its parameters can't be used."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to `word`, or lists them all if none is near.

    >>> nearest("embeded", ["embedded", "imagenet", "none"])
    "did you mean 'embedded'?"
    >>> nearest("resnet", ["embedded", "imagenet", "none"])
    "known are 'embedded', 'imagenet' and 'none'"
    """
    choices = list(known)
    if not choices:
        return "none is known"
    close = get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known are {listed(choices)}"


def listed(words: Iterable[str]) -> str:
    """Return the words quoted, in the way a sentence lists them: 'a', 'b' and 'c'."""
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def one_line(error: Exception) -> str:
    """Return what another library's error says on one line, or its name if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
