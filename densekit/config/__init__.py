"""One validated configuration, whatever it comes from: a YAML file, keyword arguments, a widget, `--set`.

    preset  ◄─ your file  ◄─ your overrides            (what stands further right wins)

Two configuration files that grow apart, and settings that are misspelt and silently ignored, cost more time than
any bug in a network. So there is one schema, unknown keys are refused, and every problem is told at once.
"""

from densekit.config.checking import read_overrides
from densekit.config.loading import PRESETS, load_config
from densekit.config.sections import (
    AugmentationConfig,
    ComputeConfig,
    DataConfig,
    LogsConfig,
    ModelConfig,
    PhaseConfig,
    RunConfig,
    TrainingConfig,
)

__all__ = [
    "PRESETS",
    "AugmentationConfig",
    "ComputeConfig",
    "DataConfig",
    "LogsConfig",
    "ModelConfig",
    "PhaseConfig",
    "RunConfig",
    "TrainingConfig",
    "load_config",
    "read_overrides",
]
