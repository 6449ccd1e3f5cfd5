"""What the tests of runs share: settings for a training of milliseconds."""

from pathlib import Path

import pytest


@pytest.fixture
def tiny(tiny_architecture: Path, pictures: Path) -> dict[str, object]:
    """A tiny network with random weights, on the pictures of this test."""
    return {
        "data.folder": str(pictures),
        "data.image_size": 32,
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
    }
