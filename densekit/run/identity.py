"""Which training a run is: what an interrupted one must share with what goes on from it."""

import hashlib
import json
from dataclasses import asdict

from densekit.config import RunConfig
from densekit.model.densenet import DenseNet
from densekit.run.phase import Phase


def identity(
    config: RunConfig, network: DenseNet, precision: str, classes: tuple[str, ...], phase: Phase
) -> str:
    """Return a text that is equal for two trainings exactly if one can go on where the other stopped.

    Args:
        config: of the run.
        network: that it trains, with the weights that it began with.
        precision: that is computed in, which may be chosen for the device.
        classes: their names, in the order of the logits.
        phase: with its pictures.
    """
    data = config.data
    told = [
        [one.model_dump() for one in config.plan],
        [data.augmentation.model_dump(), data.stored_views, config.model.drop_rate],
        [asdict(network.config), network.weights.sha256, network.preprocessing.identity],
        [precision, classes],
        # These round in another order.
        *(name for name in ("save_memory", "compile") if getattr(config.compute, name)),
        *[(part.hashes, part.labels.tolist()) for part in (phase.learned_from, phase.held_back)],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
