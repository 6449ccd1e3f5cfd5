"""torchvision, whichever build is installed.

A torchvision wheel that was built for CUDA can stand beside a torch that was built for the CPU (two package
indexes, one environment). Importing it then stops with "operator torchvision::nms does not exist": it looks up
two compiled operators that its CUDA-bound library could not register. densekit uses neither, so declaring their
names is enough for models, transforms and data sets to work.

Everything in densekit that needs torchvision takes it from here:

    from densekit.vision import torchvision
"""

import importlib
import importlib.util
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> ModuleType:
    """Import torchvision, declaring its compiled operators first where the build does not bring them.

    Raises:
        ImportError: torchvision is not installed, or broken in another way.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _forget_partial_import()
        _declare_operators()
        return importlib.import_module("torchvision")


def _forget_partial_import() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


def _declare_operators() -> None:
    # The library object must live as long as the operators do, so it is kept in this module.
    global _library
    _library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        _library.define(schema)


def mend_torchvision() -> None:
    """Let a plain `import torchvision` work later on, without importing it now, which takes seconds.

    Where torchvision's compiled part can't be loaded beside this torch, its operators are declared.
    """
    if "torchvision" in sys.modules or _library is not None:
        return
    with suppress(ImportError, ValueError):
        package = importlib.util.find_spec("torchvision")
        compiled = Path(package.origin).with_name("_C.so") if package and package.origin else None
        if compiled is not None and compiled.is_file() and not _can_be_loaded(compiled):
            _declare_operators()


def _can_be_loaded(library: Path) -> bool:
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True


def __getattr__(name: str) -> Any:
    """Import torchvision when it is first asked for."""
    if name == "torchvision":
        return import_torchvision()
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


_library: torch.library.Library | None = None
