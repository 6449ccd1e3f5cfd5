"""Where chance comes from: everything that is drawn follows from the seed and from how far the training is.

So nothing about random generators has to be remembered: an interrupted training draws what it would have drawn.
The order of the pictures follows from seed and epoch, dropout from seed and step, and a changed view of a picture
from seed, epoch and the picture (`densekit.data.views`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def shuffled(count: int, batch_size: int, epoch: int, seed: int, least: int = 1) -> tuple[Tensor, ...]:
    """Return the numbers 0 to count − 1 in the order of an epoch, in batches.

    None is dropped, so the last batch may be smaller. With fewer than `least` pictures it joins the one before:
    the statistics of a single picture say little to a BatchNorm, or nothing at all.
    """
    mixed = (seed * 100_003 + epoch) % 2**63  # a prime: no two epochs share a seed
    generator = torch.Generator().manual_seed(mixed)
    batches = torch.randperm(count, generator=generator).split(batch_size)
    if len(batches) > 1 and len(batches[-1]) < least:
        return (*batches[:-2], torch.cat(batches[-2:]))
    return batches


def number_of_batches(count: int, batch_size: int, least: int = 1) -> int:
    """Return how many batches `shuffled` makes."""
    whole, rest = divmod(count, batch_size)
    return max(1, whole + (rest >= least and rest > 0))


@contextmanager
def drawn_for(step: int, seed: int, rank: int, device: torch.device) -> Iterator[None]:
    """Let torch's generators draw what belongs to a step; afterwards they are as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(((seed * 1_000_003 + step) * 1_009 + rank) % 2**63)
        yield
