"""What is refused before a training begins: phases, batches, devices and classes that it can't have."""

from pathlib import Path

from densekit.config import RunConfig
from densekit.devices import Compute
from densekit.errors import ConfigError, DataError, listed
from densekit.features.extraction import Pictures
from densekit.model.cut import CLASSIFIER, cuts
from densekit.model.densenet import DenseNet
from densekit.model.saving.block import DEVICES
from densekit.training.complaints import SECTION
from densekit.training.team import ALONE, Team
from densekit.words import counted


def section_of(config: RunConfig, number: int) -> str:
    """Return where the settings of a phase's training stand, counted from 0."""
    return f"phases.{number}.training" if config.phases else SECTION


def check_plan(config: RunConfig, network: DenseNet, pictures: int, team: Team = ALONE) -> None:
    """Refuse phases that can't follow one another or can't be computed, before anything is.

    Args:
        config: the phases.
        network: that they train.
        pictures: how many there are to learn from.
        team: the processes that share each batch.

    Raises:
        ConfigError: a cut that the network doesn't have, a phase that freezes what one before it trained, or
            batches of one picture where BatchNorm learns from their statistics.
    """
    _check_size(network)
    known = cuts(network.config)
    depth = 0
    for number, phase in enumerate(config.plan):
        where = f"phases.{number}.train_from" if config.phases else "model.train_from"
        if phase.train_from not in known:
            raise ConfigError(
                f"{where} is '{phase.train_from}', but {config.model.architecture} has "
                f"{len(network.stages)} blocks: expected one of {', '.join(known)}"
            )
        if known.index(phase.train_from) < depth:
            raise ConfigError(
                f"{where} is '{phase.train_from}', which would freeze what the phase before it has trained: "
                "a phase may train as much as the one before it, or more"
            )
        depth = known.index(phase.train_from)
        learns = phase.train_from != CLASSIFIER and phase.training.norm_statistics == "batch"
        if learns and min(phase.training.batch_size, pictures) < 2 * team.size:
            setting = f"{section_of(config, number)}.batch_size"
            each = f" for each of {team.size} processes" if team.size > 1 else ""
            raise ConfigError(
                f"{setting} is {phase.training.batch_size}, with {counted(pictures, 'image')} to learn from, but "
                f"BatchNorm needs two pictures or more{each} to tell how much they vary: expected "
                f"{2 * team.size} or more, unless the classifier alone is trained, or norm_statistics are kept"
            )


def _check_size(network: DenseNet) -> None:
    side, stride = network.preprocessing.crop, network.stages[-1].stride
    if side < stride:
        raise ConfigError(
            f"data.image_size is {side}, but this network halves a picture until a side of {stride} is one "
            f"number: expected {stride} or more"
        )


def check_saving(compute: Compute, team: Team) -> None:
    """Refuse `compute.save_memory` where it has no passes.

    Raises:
        ConfigError: another device, or several GPUs.
    """
    kind = compute.device.type
    if kind not in DEVICES:
        raise ConfigError(
            f"compute.save_memory is true, but it has no passes for the device '{kind}': leave it out, or "
            f"compute on {' or '.join(DEVICES)}"
        )
    if kind == "cuda" and team.size > 1:
        raise ConfigError(
            f"compute.save_memory is true, but {team.size} GPUs train together and share the statistics "
            "of their norms, for which it has no passes: leave it out, or train on one GPU"
        )


def check_classes(folder: Path, classes: tuple[str, ...], learned_from: Pictures) -> None:
    """Refuse to begin if a class has lost all its images because none of them can be read.

    Raises:
        DataError: which classes.
    """
    left = set(learned_from.labels.tolist())
    lost = [name for label, name in enumerate(classes) if label not in left]
    if lost:
        raise DataError(
            f"no training image of {listed(lost)} can be read, so there is nothing to learn it from: "
            f"`densekit doctor {folder}` says what is wrong with each"
        )
