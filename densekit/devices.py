"""The one place that chooses where and how to compute: device, precision, memory format.

Data on one device and the network on another is the oldest way to stop a training run, so nothing else in
densekit names a device: it asks here, once, and hands the answer on.
"""

import importlib
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from densekit.errors import ConfigError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class Compute:
    """Where and how to compute.

    Args:
        device: the torch device.
        precision: 'fp32', or 'bf16' for matrix products and convolutions in bfloat16 under autocast.
        compile: whether steps of a training go through `torch.compile`.
    """

    device: torch.device
    precision: Literal["fp32", "bf16"]
    compile: bool = False

    @property
    def dtype(self) -> torch.dtype:
        """The type that matrix products and convolutions run in."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> torch.autocast:
        """Return the context for a forward pass: bfloat16 where the precision asks for it, else a no-op."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in channels-last memory, which convolutions read fastest."""
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def compiled(self, module: nn.Module) -> nn.Module:
        """Return what computes as a module does, compiled where that is asked for.

        The parameters stay the module's own, and nothing is compiled before the first batch.
        """
        if not self.compile:
            return module
        compiled: nn.Module = torch.compile(module)  # type: ignore[assignment]
        return compiled

    def send(self, tensor: Tensor) -> Tensor:
        """Move a tensor to the device, without waiting for the copy where the device allows it."""
        return tensor.to(self.device, non_blocking=True)


def choose_compute(device: str = "auto", precision: str = "auto", compile_steps: bool = False) -> Compute:
    """Choose device and precision; 'auto' takes the best device there is, and fp32.

    bf16 is never chosen by itself: it is faster where the hardware has instructions for it, but it rounds, and
    a faster path that may change a prediction is asked for by name. So is `torch.compile`: the first step waits
    for the compiler, which only a long training on a GPU earns back.

    Args:
        device: 'auto', 'cpu', 'cuda' or 'mps'.
        precision: 'auto', 'fp32' or 'bf16'.
        compile_steps: whether steps of a training are compiled.

    Raises:
        ConfigError: the device is not there, a name is not known, or there is nothing to compile for the device.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise ConfigError(f"precision is '{precision}': expected 'auto', 'fp32' or 'bf16'")
    chosen = _best_device() if device == "auto" else _named_device(device)
    if compile_steps:
        _check_compiler(chosen)
    return Compute(chosen, "bf16" if precision == "bf16" else "fp32", compile_steps)


def bf16_is_fast(device: torch.device | None = None) -> bool:
    """Say whether there are instructions for bfloat16: bf16 without them is slower than fp32.

    Args:
        device: the one to compute on; a GPU of NVIDIA's if there is one, or else the processor, if not given.
    """
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device is None else device.type
    if kind == "mps":
        return True  # which nobody has told us more about
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _named_device(name: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name not in available:
        raise ConfigError(f"device is '{name}': expected 'auto', 'cpu', 'cuda' or 'mps'")
    if not available[name]:
        raise ConfigError(f"device is '{name}', but this machine has none: use 'auto' or 'cpu'")
    return torch.device(name)


def _check_compiler(device: torch.device) -> None:
    if device.type != "cuda":
        raise ConfigError(
            f"compute.compile is true, but the device is '{device.type}', where compiling takes a minute and "
            "gains nothing: leave it out, or compute on cuda"
        )
    if find_spec("triton") is None:
        raise ConfigError(
            "compute.compile is true, but the package triton, with which torch compiles for this GPU, is not "
            "installed: install it (`pip install triton`), or leave compute.compile out"
        )


def peak_memory() -> int:
    """Return the most bytes of main memory that this process has held so far.

    Linux tells it in /proc (what `resource` tells there counts the process that started this one, too), macOS
    through `resource`, Windows through psutil, which comes with Jupyter.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    if sys.platform == "darwin":
        resource = importlib.import_module("resource")
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return int(importlib.import_module("psutil").Process().memory_info().peak_wset)
