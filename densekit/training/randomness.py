"""Where chance comes from: everything that is drawn follows from the seed and from how far the training is.

So nothing about random generators has to be remembered: an interrupted training draws what it would have drawn.
The order of the pictures follows from seed and epoch, dropout from seed and step, and a changed view of a picture
from seed, epoch and the picture (`densekit.data.views`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from densekit.config import TrainingConfig
from densekit.model.weights import ONE_DRAWS


def shuffled(count: int, batch_size: int, epoch: int, seed: int, least: int = 1) -> tuple[Tensor, ...]:
    """Return the numbers 0 to count − 1 in the order of an epoch, in batches.

    None is dropped, so the last batch may be smaller. With fewer than `least` pictures it joins the one before:
    the statistics of a single picture say little to a BatchNorm, or nothing at all.
    """
    return _in_batches(torch.randperm(count, generator=_of_epoch(epoch, seed)), batch_size, least)


def balanced(labels: Tensor, batch_size: int, epoch: int, seed: int, least: int = 1) -> tuple[Tensor, ...]:
    """Return as many numbers as there are labels, in batches, drawn so that each class comes as often.

    A picture of a rare class comes several times in an epoch, some of a common class not at all: they are drawn
    with replacement, anew in each epoch.

    Args:
        labels: int64 (N,).
        batch_size: pictures in a batch.
        epoch: counted from 1.
        seed: of the training.
        least: pictures that the last batch needs, or else joins the one before.
    """
    labels = labels.cpu()
    chances = 1 / labels.bincount()[labels].double()
    drawn = chances.multinomial(len(labels), replacement=True, generator=_of_epoch(epoch, seed))
    return _in_batches(drawn, batch_size, least)


def order_of(labels: Tensor, settings: TrainingConfig, epoch: int, least: int) -> tuple[Tensor, ...]:
    """Return the batches of an epoch as the settings ask for them."""
    if settings.class_balance == "sampling":
        return balanced(labels, settings.batch_size, epoch, settings.seed, least)
    return shuffled(len(labels), settings.batch_size, epoch, settings.seed, least)


def _of_epoch(epoch: int, seed: int) -> torch.Generator:
    mixed = (seed * 100_003 + epoch) % 2**63  # a prime: no two epochs share a seed
    return torch.Generator().manual_seed(mixed)


def _in_batches(order: Tensor, batch_size: int, least: int) -> tuple[Tensor, ...]:
    batches = order.split(batch_size)
    if len(batches) > 1 and len(batches[-1]) < least:
        return (*batches[:-2], torch.cat(batches[-2:]))
    return batches


def number_of_batches(count: int, batch_size: int, least: int = 1) -> int:
    """Return how many batches `shuffled` makes."""
    whole, rest = divmod(count, batch_size)
    return max(1, whole + (rest >= least and rest > 0))


@contextmanager
def drawn_for(step: int, seed: int, rank: int, device: torch.device) -> Iterator[None]:
    """Let the generators of the CPU and of a device draw what belongs to a step; then they are as they were.

    Those of other devices, which may be somebody else's, are left alone: `torch.manual_seed` would seed them all.
    """
    mixed = ((seed * 1_000_003 + step) * 1_009 + rank) % 2**63
    with ONE_DRAWS:
        before = [(one, one.get_state()) for one in _generators(device)]
        try:
            for one, _ in before:
                one.manual_seed(mixed)
            yield
        finally:
            for one, state in before:
                one.set_state(state)


def _generators(device: torch.device) -> list[torch.Generator]:
    if device.type == "cuda":
        number = torch.cuda.current_device() if device.index is None else device.index
        return [torch.default_generator, torch.cuda.default_generators[number]]
    if device.type == "mps":
        return [torch.default_generator, torch.mps._get_default_mps_generator()]
    return [torch.default_generator]
