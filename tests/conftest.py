"""What several tests share: a cache of their own, a tiny network, and a small folder of pictures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fuzzing import LEDGER
from hypothesis import settings
from PIL import Image

from densekit.run import train
from densekit.training.events import EpochDone, Event
from densekit.training.stop import Stop

# The same examples each time: a run that fails fails again.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep every test's features in a folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DENSEKIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_architecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DenseNet of four blocks that computes in milliseconds."""
    path = tmp_path_factory.mktemp("architectures") / "tiny.json"
    path.write_text(json.dumps({"growth_rate": 8, "block_config": [1, 1, 1, 1], "num_init_features": 16}))
    return path


@pytest.fixture
def tiny_json(tmp_path: Path) -> str:
    """A DenseNet of two blocks, smaller still, in a file that a test may change."""
    path = tmp_path / "tiny.json"
    path.write_text('{"growth_rate": 4, "block_config": [1, 2], "num_init_features": 8}', encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def shared_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of the fixture `pictures`, drawn once: for reading alone."""
    return draw_pictures(tmp_path_factory.mktemp("drawn") / "pictures")


@pytest.fixture
def pictures(shared_pictures: Path, tmp_path: Path) -> Path:
    """Three classes of twelve noisy pictures each, told apart by their colour, that a test may change."""
    return shutil.copytree(shared_pictures, tmp_path / "pictures")


def draw_pictures(folder: Path) -> Path:
    """Draw the pictures of the fixture `pictures` into a folder."""
    colours = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 50, 40)}
    generator = np.random.default_rng(0)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True)
        for number in range(12):
            noise = generator.normal(0, 40, (48, 64, 3))
            pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def trained(shared_pictures: Path, tiny_architecture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder to copy from: the pictures are beside it, and training it once is enough."""
    from densekit.run.trainer import train

    folder = tmp_path_factory.mktemp("trained")
    settings = {
        "model.architecture": str(tiny_architecture),
        "data.image_size": 32,
        "training.learning_rate": 0.03,
    }
    data, out = shutil.copytree(shared_pictures, folder / "pictures"), folder / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENSEKIT_CACHE", str(folder / "cache"))  # and never that of whoever runs the tests
        return train(data=data, weights="none", epochs=5, settings=settings, out=out, progress=False).folder


@pytest.fixture(scope="session")
def stopped(shared_pictures: Path, tiny_architecture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that was stopped after the second of four epochs, with its checkpoint."""
    stop, root = Stop(), tmp_path_factory.mktemp("stopped")

    def press(event: Event) -> None:
        if isinstance(event, EpochDone) and event.epoch == 2:
            stop.stop()

    settings = {"model.architecture": str(tiny_architecture), "model.weights": "none", "data.image_size": 32}
    settings |= {"training.epochs": 4, "data.cache_features": False}
    data = shutil.copytree(shared_pictures, root / "pictures")
    return train(
        data=data, settings=settings, out=root / "run", progress=False, on_event=press, stop=stop
    ).folder


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Print how many inputs were tried in this process, and what came of them."""
    rooms = sorted({room for room, _ in LEDGER})
    for room in rooms:
        outcomes = {outcome: count for (where, outcome), count in sorted(LEDGER.items()) if where == room}
        told = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.items())
        terminalreporter.write_line(f"{sum(outcomes.values()):7,} {room}: {told}")
