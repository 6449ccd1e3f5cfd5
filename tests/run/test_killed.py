"""A run that is killed at any moment goes on and ends with the same bytes.

DENSEKIT_KILLS=40 kills as often; a few times are enough while one works.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import contents, in_child, killed_at_event

from densekit.run.trainer import resume, train

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows can't fork")

KILLS = int(os.environ.get("DENSEKIT_KILLS", "6"))
Training = Callable[[Path], Callable[[], object]]


@pytest.fixture
def training(tiny_architecture: Path, pictures: Path) -> Training:
    """Return what trains, or goes on training, into a folder: with everything that draws random numbers."""
    settings = {
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
        "model.train_from": "denseblock3",
        "model.drop_rate": 0.2,
        "data.image_size": 32,
        "data.augmentation": {"flip": True, "resized_crop": 0.5, "colour": 0.2},
        "training.epochs": 4,
        "training.save_step": 3,
        "training.learning_rate": 0.01,
    }

    def into(folder: Path) -> Callable[[], object]:
        def work() -> None:
            os.environ["DENSEKIT_CACHE"] = str(folder.with_name(f"{folder.name}-cache"))
            if (folder / "config.yaml").exists():
                resume(folder, progress=False)
            else:
                train(data=pictures, settings=settings, out=folder, progress=False)

        return work

    return into


@pytest.mark.slow
def test_at_a_random_moment(training: Training, tmp_path: Path) -> None:
    began = time.perf_counter()
    assert in_child(training(tmp_path / "whole")) == 0
    took = time.perf_counter() - began
    chance = random.Random(0)
    for number in range(KILLS):
        folder = tmp_path / f"part-{number}"
        killed = in_child(training(folder), kill_after=chance.uniform(0.02, took))
        assert in_child(training(folder)) == 0
        assert contents(folder) == contents(tmp_path / "whole"), f"kill {number}, status {killed}"


@pytest.mark.slow
def test_again_and_again(training: Training, tmp_path: Path) -> None:
    began = time.perf_counter()
    assert in_child(training(tmp_path / "whole")) == 0
    took = time.perf_counter() - began
    folder = tmp_path / "part"
    for number in range(5):
        in_child(training(folder), kill_after=took * (0.3 + 0.1 * number))
    assert in_child(training(folder)) == 0
    assert contents(folder) == contents(tmp_path / "whole")


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.slow
def test_at_file_events_of_a_save(training: Training, tmp_path: Path, torn: bool) -> None:
    assert in_child(training(tmp_path / "whole")) == 0
    every = 1 if KILLS >= 40 else 25  # all of them take some minutes
    for number in range(0, 10_000, every):
        folder = tmp_path / f"part-{number}"
        killed = killed_at_event(training(folder), folder, number, torn)
        assert in_child(training(folder)) == 0
        assert contents(folder) == contents(tmp_path / "whole"), f"event {number}"
        if killed == 0:
            break
    assert number > every
