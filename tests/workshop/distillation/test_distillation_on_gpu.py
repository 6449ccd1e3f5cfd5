import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_distillation import plan, recipe, work_folder

from densekit.training.team import ALONE
from workshop.distillation.__main__ import _parser, _plan
from workshop.distillation.cache import open_cache
from workshop.distillation.logbook import LogBook
from workshop.distillation.pace import UNDECIDED, images_within, train_within
from workshop.distillation.packing import pack
from workshop.distillation.session import LOG, read_recipe, train
from workshop.distillation.settings import Recipe

HERE = Path(__file__).parent
SCRIPT = HERE.parents[2] / "workshop" / "distillation" / "on_gpu.sh"
STAGES = "32@64:0.5,64@64:0.5"


def run(pack: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DEVICE": "cpu",
        "PRECISION": "fp32",
        "BATCH": "8",
        "PYTHON": sys.executable,
        "PROGRAM": f"{sys.executable} {HERE / 'tiny_command.py'}",
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    command = [str(SCRIPT), str(pack), str(out), "0.05", "--stages", STAGES, *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "crops.packed"
    pack(open_cache(work_folder(tmp_path / "work") / "crops"), path, megabytes=1)
    return path


@pytest.mark.slow
def test_weights_recipe_and_log_come_back_and_little_else(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # It learns nothing: only the way there and back is looked at.
    done = run(packed, out, "--learning-rate", "1e-9", "--muon-learning-rate", "1e-9")
    assert done.returncode == 0, done.stdout + done.stderr + (out / "console.log").read_text()
    names = {path.name for path in out.iterdir()}
    assert names == {
        "tiny.safetensors",
        "tiny.json",
        "README.md",
        "run",
        "console.log",
    }
    configuration = json.loads((out / "run" / "recipe.json").read_text())
    assert configuration["device"] == "cpu"
    assert configuration["recipe"]["batch_size"] == 8
    with (out / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert 0 < int(rows[0]["images"]) <= int(rows[-1]["images"])  # a slow machine has time for one row
    assert configuration["recipe"]["images"] < 10**9


@pytest.mark.slow
def test_a_training_that_fails_says_so_and_leaves_its_console(packed: Path, tmp_path: Path) -> None:
    done = run(packed, tmp_path / "out", "--learning-rate", "-1")
    assert done.returncode != 0
    assert "learning_rate" in (tmp_path / "out" / "console.log").read_text()
    assert "learning_rate" in done.stdout


@pytest.mark.slow
def test_a_length_is_chosen_that_fits(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    train_within(ALONE, plan(work), minutes=0.02)
    chosen = read_recipe(work)
    assert chosen is not None
    assert chosen == recipe(images=chosen.images)
    seen = int(LogBook.resumed(work / "run" / LOG, 10**9).rows[-1]["images"])
    # The clock of a busy machine may have cut it off; the last batch may go beyond.
    assert 0.3 * chosen.images <= seen < chosen.images + chosen.batch_size


def test_the_pace_of_small_views_tells_how_many_of_all_sizes_there_is_time_for() -> None:
    stages = recipe().stages  # one half at 32 px, one at 64 px
    assert images_within(-5.0, 640, 10.0, stages) == 640
    images = images_within(1000.0, 0, 10.0, stages)
    # As the slowest of logs has it, twice the size takes 2.4 times as long.
    assert 800 < images / 2 / 10.0 + images / 2 / (10.0 / 2.4) < 1000


def test_a_run_that_was_killed_while_its_pace_was_measured_has_an_end(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    train(ALONE, plan(work, recipe(images=UNDECIDED), minutes=0.0))
    options = _parser().parse_args(["--work", str(work)])
    assert _plan(options).recipe.images == Recipe().images


@pytest.mark.slow
def test_crops_held_on_the_device_give_the_same_bits(tmp_path: Path) -> None:
    one, other = work_folder(tmp_path / "one"), work_folder(tmp_path / "other")
    for work, held in ((one, False), (other, True)):
        train(ALONE, plan(work, hold_crops=held))
    one_log, other_log = (LogBook.resumed(work / "run" / LOG, 10**9).rows for work in (one, other))
    assert [row["loss"] for row in one_log] == [row["loss"] for row in other_log]
