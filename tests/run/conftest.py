"""What the tests of runs share: settings for a training of milliseconds."""

from pathlib import Path

import pytest

from densekit.run.keeper import Keeper


@pytest.fixture
def tiny(tiny_architecture: Path, pictures: Path) -> dict[str, object]:
    """A tiny network with random weights, on the pictures of this test."""
    return {
        "data.folder": str(pictures),
        "data.image_size": 32,
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
    }


@pytest.fixture
def checkpoint_behind_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is at the moment, which would have fewer of them written."""
    monkeypatch.setattr(Keeper, "_is_time", lambda keeper: True)
