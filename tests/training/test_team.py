"""Two processes that train together take the steps that one takes with the joined batch."""

import json
import multiprocessing.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.devices import DeviceName
from densekit.errors import TrainingError
from densekit.features import Features
from densekit.run import load_run, resume, train
from densekit.training.events import BatchDone, EpochDone, Event, Validated
from densekit.training.loop import fit
from densekit.training.stop import Stop
from densekit.training.team import ALONE, Team, _take_own_gpu, called_team, least_in_batch, run_together

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo needs files that Windows locks")

GENERATOR = torch.Generator().manual_seed(0)
TRAIN = Features(torch.randn(21, 4, generator=GENERATOR), torch.arange(21) % 3)  # 21: no batch divides evenly
VAL = Features(torch.randn(7, 4, generator=GENERATOR), torch.arange(7) % 3)
SETTINGS = TrainingConfig(epochs=3, batch_size=5, learning_rate=0.05)


def train_and_tell(team: Team, folder: str, kept: bool) -> None:
    """Train a head, or, with norms whose statistics are kept, more; write down all that happened."""
    torch.manual_seed(0)
    norm = [nn.BatchNorm1d(8)] if kept else []
    module = nn.Sequential(nn.Linear(4, 8), *norm, nn.ReLU(), nn.Linear(8, 3))
    settings = SETTINGS.model_copy(update={"norm_statistics": "kept"}) if kept else SETTINGS
    told = {"losses": [], "epochs": [], "logits": []}
    for event in fit(module, TRAIN, VAL, settings, team=team):
        match event:
            case BatchDone():
                told["losses"].append(event.loss)
            case EpochDone():
                told["epochs"].append((event.loss, event.accuracy))
            case Validated():
                told["logits"].append(event.logits.tolist())
    Path(folder, f"{team.size}-{team.rank}.json").write_text(json.dumps(told))


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_they_do_what_one_does(tmp_path: Path, kept: bool) -> None:
    run_together(1, None, train_and_tell, str(tmp_path), kept)
    run_together(2, 1, train_and_tell, str(tmp_path), kept)
    alone, first, second = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("1-0", "2-0", "2-1")
    )
    assert first == second
    for key in alone:
        torch.testing.assert_close(torch.tensor(first[key]), torch.tensor(alone[key]), rtol=1e-4, atol=1e-5)


class TestShares:
    def test_together_they_are_everything(self) -> None:
        chosen = torch.arange(5)
        assert sorted(torch.cat([Team(rank, 2).share(chosen) for rank in range(2)]).tolist()) == list(
            range(5)
        )

    def test_weighted_their_mean_is_the_mean_of_all(self) -> None:
        values = torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0])
        team = [Team(rank, 3) for rank in range(3)]
        assert sum(
            float(values[one.share(torch.arange(5))].mean()) * one.weight(5) for one in team
        ) / 3 == pytest.approx(4.0)

    def test_who_goes_without_counts_for_nothing(self) -> None:
        team = Team(2, 3)
        assert team.share(torch.tensor([7, 8])).tolist() == [7]
        assert (team.weight(2), team.has_share(torch.tensor([7, 8]))) == (0.0, False)

    def test_one_alone_has_everything(self) -> None:
        assert ALONE.share(torch.arange(3)).tolist() == [0, 1, 2]
        assert ALONE.weight(3) == 1.0


@pytest.mark.slow
def test_torchrun_trains_a_run_that_is_that_of_one_process(
    tiny_architecture: Path, pictures: Path, tmp_path: Path
) -> None:
    settings = {
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
        "data.image_size": 32,
        "training.epochs": 3,
        "training.learning_rate": 0.01,
    }
    arguments = ["train", "--data", pictures, "--out", tmp_path / "together"]
    arguments += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*map(str, launcher), "-m", "densekit", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("validation images") == 1  # one of them speaks
    alone = train(data=pictures, settings=settings, out=tmp_path / "alone", progress=False)
    together = load_run(tmp_path / "together")
    assert together.metrics["val_accuracy"] == alone.metrics["val_accuracy"]
    assert together.metrics["val_loss"] == pytest.approx(alone.metrics["val_loss"], abs=1e-4)
    names = [{path.name for path in run.folder.iterdir()} for run in (alone, together)]
    assert names[0] == names[1]


@pytest.mark.slow
def test_what_a_team_reports_is_what_its_network_says_also_with_batch_norm(
    tiny_architecture: Path, pictures: Path, tmp_path: Path
) -> None:
    settings = {
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
        "model.train_from": "all",
        "data.image_size": 32,
        "training.epochs": 2,
        "training.learning_rate": 0.02,
        "training.batch_size": 13,  # the last batch of 30 would be 4, two for each
    }
    arguments = ["train", "--data", pictures, "--out", tmp_path / "together"]
    arguments += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*map(str, launcher), "-m", "densekit", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    run = load_run(tmp_path / "together")
    best = run.history.query(f"step == {run.metrics['best_step']}").val_loss.iloc[-1]
    assert run.evaluate()[0].loss == pytest.approx(best, abs=1e-4)
    assert run.metrics["val_loss"] == pytest.approx(best, abs=1e-4)


WHO_IS_LEFT = """
import os
import torch
from pathlib import Path
from densekit.training.team import called_team

def threads():
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:  # it has ended since
            pass
    return [name for name in names if "gloo" in name]

with called_team("cpu") as team:
    wrapped = team.wrap(torch.nn.Linear(4, 3))
    wrapped(torch.randn(2, 4)).sum().backward()
    ring = [wrapped]
    ring.append(ring)
    del wrapped, ring
    assert threads()
Path(f"left-{os.environ['RANK']}").write_text(" ".join(threads()))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads are looked up as Linux shows them")
def test_who_leaves_a_team_has_none_of_its_threads_left(tmp_path: Path) -> None:
    # One that is left at the end of Python makes torch abort now and then, when all has been done.
    (tmp_path / "who_is_left.py").write_text(WHO_IS_LEFT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    subprocess.run([*launcher, "who_is_left.py"], cwd=tmp_path, env=environment, check=True, timeout=300)
    assert [(tmp_path / f"left-{rank}").read_text() for rank in range(2)] == ["", ""]


def end_badly_after_the_work(team: Team) -> None:
    """Do what is to be done, and break whatever Python does at its end."""
    team.wait()
    multiprocessing.util.Finalize(None, os.abort, exitpriority=0)
    sys.stdout = None


@pytest.mark.slow
def test_a_process_whose_work_is_done_has_not_failed_however_python_ends() -> None:
    run_together(2, 1, end_badly_after_the_work)


def abort_in_the_midst(team: Team) -> None:
    if team.rank == 1:
        os.abort()
    time.sleep(60)  # the other one is ended long before


def be_interrupted(team: Team) -> None:
    if team.rank == 1:
        raise KeyboardInterrupt
    time.sleep(60)


@pytest.mark.slow
def test_a_process_that_is_gone_before_its_work_is_done_is_told_with_how_it_went() -> None:
    with pytest.raises(TrainingError, match=r"process 1 of 2 ended before its time \(SIGABRT\): the same"):
        run_together(2, 1, abort_in_the_midst)


@pytest.mark.slow
def test_a_process_that_is_interrupted_has_not_done_its_work() -> None:
    with pytest.raises(TrainingError, match=r"process 1 of 2 ended before its time \(exit status 130\)"):
        run_together(2, 1, be_interrupted)


def test_batch_norm_needs_two_pictures_for_each_process() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    assert [least_in_batch(network, Team(0, size), SETTINGS) for size in (1, 2, 3)] == [2, 4, 6]
    assert least_in_batch(nn.Linear(3, 2), Team(0, 3), SETTINGS) == 1


def test_batch_norm_that_keeps_its_statistics_asks_for_no_more_than_a_head() -> None:
    network, kept = nn.BatchNorm2d(2), TrainingConfig(norm_statistics="kept")
    assert [least_in_batch(network, Team(0, size), kept) for size in (1, 2, 3)] == [1, 1, 1]


def train_until_the_second_stops(team: Team, settings: dict[str, object], out: str) -> None:
    """Train a run in which the button is pressed in another process than the one that writes."""
    stop = Stop()

    def press(event: Event) -> None:
        if team.rank == 1 and isinstance(event, BatchDone) and event.step == 3:
            stop.stop()

    train(settings=settings, out=out, progress=False, on_event=press, stop=stop)


@pytest.mark.slow
def test_whoever_of_them_was_asked_to_stop_the_run_can_be_gone_on_with(
    tiny_architecture: Path, pictures: Path, tmp_path: Path
) -> None:
    settings = {
        "data.folder": str(pictures),
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
        "data.image_size": 32,
        "training.epochs": 3,
    }
    run_together(2, 1, train_until_the_second_stops, settings, str(tmp_path / "run"))
    run = load_run(tmp_path / "run")
    assert (run.metrics["stopped"], run.metrics["epochs_done"]) == ("asked", 0)
    assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 3


@pytest.mark.parametrize(("device", "backend"), [("auto", "nccl"), ("cuda", "nccl"), ("cpu", "gloo")])
def test_where_processors_are_asked_for_the_gpus_of_a_machine_are_left_alone(
    device: DeviceName, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    called: list[str] = []

    def called_together(backend: str, **_: object) -> None:
        called.append(backend)
        raise ValueError("far enough")

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", called_together)
    with pytest.raises(TrainingError, match="far enough"), called_team(device):
        pass
    assert (called, taken) == ([backend], [0] if backend == "nccl" else [])


def test_a_process_without_a_gpu_of_its_own_is_told_how_many_there_may_be() -> None:
    with pytest.raises(
        TrainingError, match=r"process 3 has no GPU .* this machine has 2; .*--nproc-per-node=2"
    ):
        _take_own_gpu(2, there_are=2)
