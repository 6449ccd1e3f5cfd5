from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.errors import RunError
from densekit.features import Features
from densekit.training.checkpoint import before, load_checkpoint, save_checkpoint
from densekit.training.events import EpochDone
from densekit.training.loop import fit
from densekit.training.state import start

FEATURES = Features(torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2)


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_training_continues_from_a_checkpoint_to_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    settings = TrainingConfig.model_validate({"epochs": 4, "optimizer": optimizer, "reduce_lr_every": 1})
    whole = module()
    list(fit(whole, FEATURES, FEATURES, settings))

    stopped = module()
    state = start(stopped, settings)
    for event in fit(stopped, FEATURES, FEATURES, settings, state):
        if isinstance(event, EpochDone) and event.epoch == 2:
            save_checkpoint(state, tmp_path / "c.safetensors", "mine")
            break

    continued = module()
    state = start(continued, settings)
    load_checkpoint(state, tmp_path / "c.safetensors", "mine")
    assert state.epoch == 2
    list(fit(continued, FEATURES, FEATURES, settings, state))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, continued.state_dict()[name]), name


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    settings = TrainingConfig()
    save_checkpoint(start(module(), settings), tmp_path / "c.safetensors", "mine")
    with pytest.raises(RunError, match="belongs to a training with other images or settings"):
        load_checkpoint(start(module(), settings), tmp_path / "c.safetensors", "yours")


@pytest.mark.parametrize("content", [b"", b"\x10\x00\x00\x00\x00\x00\x00\x00{", b"not a checkpoint at all"])
def test_where_none_can_be_read_the_error_names_them_and_has_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    before(path).write_bytes(content)
    with pytest.raises(
        RunError, match=r"c\.safetensors is of no use: it can't be read .* Delete .*and continue"
    ):
        load_checkpoint(start(module(), TrainingConfig()), path, "mine")


def test_the_one_before_is_used_where_the_last_is_damaged_or_gone(tmp_path: Path) -> None:
    path, state = tmp_path / "c.safetensors", start(module(), TrainingConfig())
    state.counters.step = 1
    save_checkpoint(state, path, "mine", {"told": "first"})
    state.counters.step = 2
    save_checkpoint(state, path, "mine", {"told": "second"})

    def step_of(path: Path) -> tuple[int, object, int]:
        fresh = start(module(), TrainingConfig())
        notes, complaints = load_checkpoint(fresh, path, "mine")
        return fresh.counters.step, notes, len(complaints)

    assert step_of(path) == (2, {"told": "second"}, 0)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert step_of(path) == (1, {"told": "first"}, 1)
    path.unlink()
    assert step_of(path) == (1, {"told": "first"}, 0)
    before(path).unlink()
    assert step_of(path) == (0, None, 0)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    for candidate in (path, before(path)):
        safetensors.torch.save_file({"weight": torch.zeros(1)}, candidate)
    with pytest.raises(RunError, match="it is something else, not a 'densekit checkpoint"):
        load_checkpoint(start(module(), TrainingConfig()), path, "mine")
