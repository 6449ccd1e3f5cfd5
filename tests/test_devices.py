"""Where to compute, and how much memory that took."""

import subprocess
import sys

import pytest

from densekit.devices import choose_compute, peak_memory
from densekit.errors import ConfigError


@pytest.mark.slow
def test_the_peak_counts_what_was_held_and_is_held_no_more():
    script = (
        "from densekit.devices import peak_memory\n"
        "before = peak_memory()\n"
        "held = bytearray(200_000_000)\n"
        "held[::4096] = bytes(len(held[::4096]))\n"  # every page is touched
        "del held\n"
        "print(peak_memory() - before)"
    )
    grown = int(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    )

    assert 150e6 < grown < 400e6


def test_the_peak_is_in_bytes():
    assert peak_memory() > 50_000_000  # Python and torch alone take more


@pytest.mark.parametrize(("device", "precision"), [("cpu", "fp8"), ("tpu", "auto")])
def test_what_is_not_known_is_refused(device, precision):
    with pytest.raises(ConfigError, match="expected"):
        choose_compute(device, precision)
