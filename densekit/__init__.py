"""densekit: from "what is transfer learning?" to an image classifier of your own pictures.

These are the names to start from; each is loaded when it is first used, so that `import densekit` costs nothing.

    network = densenet121(num_classes=5)          the network, with weights that work offline
    folder = open_folder("my_pictures")           classes and samples to train, validate and test on
    print(diagnose("my_pictures"))                what is wrong with a folder, and what to do about it
    run = train(data="my_pictures")               train a classifier, kept in a run folder
    run = load_run("runs/my_pictures-1")          open it again: run.predict, run.evaluate, run.report
    features = extract_features(network, folder.train)
    for event in fit(head, features, ...): ...    the training loop itself, event by event
    print(compare("densenet121"))                 proof that the network is torchvision's, module by module
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from densekit.data.doctor import diagnose
    from densekit.data.folder import open_folder
    from densekit.features import extract_features
    from densekit.files import sample_folder
    from densekit.model.proof.parity import compare
    from densekit.model.zoo import densenet121, densenet161, densenet169, densenet201
    from densekit.run.classifier import load_run
    from densekit.run.trainer import resume, train
    from densekit.training.loop import fit

_HOMES = {
    "compare": "densekit.model.proof.parity",
    "densenet121": "densekit.model.zoo",
    "densenet161": "densekit.model.zoo",
    "densenet169": "densekit.model.zoo",
    "densenet201": "densekit.model.zoo",
    "diagnose": "densekit.data.doctor",
    "extract_features": "densekit.features",
    "fit": "densekit.training.loop",
    "load_run": "densekit.run.classifier",
    "open_folder": "densekit.data.folder",
    "resume": "densekit.run.trainer",
    "sample_folder": "densekit.files",
    "train": "densekit.run.trainer",
}

__all__ = [
    "__version__",
    "compare",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "diagnose",
    "extract_features",
    "fit",
    "load_run",
    "open_folder",
    "resume",
    "sample_folder",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'densekit' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


# A notebook's kernel is set up by nobody else. It has to be done before torch is imported, which reads it then.
if "ipykernel" in sys.modules and "torch" not in sys.modules:
    importlib.import_module("densekit.threads").settle()
