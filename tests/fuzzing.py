"""What fuzzing shares: how long it goes on, damage to bytes, and the ledger of what was tried."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("DENSEKIT_FUZZ", "0"))
"""Seconds for each room, as `make fuzz` sets them; 0 for the short form, which is the same each time."""

LEDGER: Counter[tuple[str, str]] = Counter()
"""How many were tried, by room and by what came of them."""

_began: dict[str, float] = {}

bounded = settings(
    max_examples=100_000 if SECONDS else 25,
    derandomize=not SECONDS,
    deadline=60_000,  # milliseconds for one example; usual are a few
    database=None,
    suppress_health_check=list(HealthCheck),
)

bounded_slowly = settings(bounded, max_examples=100_000 if SECONDS else 8)
"""For examples that take a second."""


def tried(room: str, work: Callable[[], str]) -> None:
    """Count what comes of an example; the test ends, as skipped, when the time of its room is over."""
    began = _began.setdefault(room, time.monotonic())
    if SECONDS and time.monotonic() - began > SECONDS:
        pytest.skip(f"{SECONDS:g} s are over, and no example was wrong")
    LEDGER[room, work()] += 1


def digest(folder: Path) -> str:
    """Return a hash of all that is in a folder: names, links, contents, and when they were changed."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        told.update(
            repr((os.fsencode(path.relative_to(folder)), status.st_mode, status.st_mtime_ns)).encode()
        )
        if path.is_symlink():
            told.update(os.fsencode(path.readlink()))
        elif path.is_file():
            told.update(path.read_bytes())
    return told.hexdigest()


@st.composite
def damage(draw: Any) -> Callable[[bytes], bytes]:
    """Draw a way to damage bytes: cut off, flipped, overwritten, repeated, or others in their place."""
    kind = draw(st.sampled_from(["cut", "flip", "overwrite", "repeat", "replace", "none"]))
    place, length = draw(st.floats(0, 1)), draw(st.integers(1, 64))
    junk = draw(st.binary(min_size=1, max_size=64))

    def apply(data: bytes) -> bytes:
        at = int(place * max(len(data) - 1, 0))
        match kind:
            case "cut":
                return data[:at]
            case "flip":
                return data[:at] + bytes(byte ^ junk[0] or 1 for byte in data[at : at + 1]) + data[at + 1 :]
            case "overwrite":
                return data[:at] + junk + data[at + len(junk) :]
            case "repeat":
                return data[:at] + data[max(0, at - length) : at] + data[at:]
            case "replace":
                return junk
        return data

    return apply
