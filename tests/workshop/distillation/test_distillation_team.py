import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_distillation import fail_in_one, fit_and_tell, plan, recipe, vote_and_train, work_folder

from densekit.errors import TrainingError, WeightsError
from densekit.training.team import ALONE, Team, run_together
from workshop.distillation.pace import UNDECIDED
from workshop.distillation.session import LOG


def test_one_process_averages_with_nobody_and_agrees_with_itself() -> None:
    tensor = torch.ones(2)
    ALONE.average([tensor])
    assert tensor.tolist() == [1, 1]
    assert [ALONE.agree(True), ALONE.agree(False), ALONE.leads] == [True, False, True]


@pytest.mark.slow
def test_two_processes_average_and_vote_and_train_one_student(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    run_together(2, None, vote_and_train, tmp_path, plan(work, recipe(images=32)))
    expected = [[[0.5] * 3] * 2, 5.0, [False, True]]
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)] == [expected, expected]
    log = (work / "run" / LOG).read_text().splitlines()
    assert [line.split(",")[1] for line in log] == ["images", "8", "16", "24", "32"]


@pytest.mark.slow
def test_two_processes_that_shall_fit_into_a_time_follow_one_plan(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    run_together(2, None, fit_and_tell, tmp_path, plan(work, save_minutes=60.0), 0.05)
    first, second = ((tmp_path / f"followed-{rank}.json").read_text() for rank in (0, 1))
    assert first == second
    assert 8 <= json.loads(first)["images"] < UNDECIDED


@pytest.mark.slow
def test_when_the_first_process_is_killed_the_others_end_too(tmp_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell\n"
        "from pathlib import Path; from tiny_distillation import wait_for_ever\n"
        "from densekit.training.team import run_together\n"
        f"if __name__ == '__main__': run_together(2, None, wait_for_ever, Path({str(tmp_path)!r}))"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    while process.poll() is None and len(list(tmp_path.glob("*.pid"))) < 2:
        time.sleep(0.05)
    members = [int(path.read_text() or 0) for path in tmp_path.glob("*.pid")]
    process.kill()
    process.wait()
    assert len(members) == 2
    for _ in range(400):
        if not any(is_running(member) for member in members):
            break
        time.sleep(0.05)
    assert [member for member in members if is_running(member)] == []


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.is_file() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
def test_a_process_that_fails_ends_the_others_with_one_error() -> None:
    # Which of the two is heard first is chance: the broken one, or the other, which lost its peer.
    with pytest.raises(TrainingError, match=r"^a process failed: |ended before its time"):
        run_together(2, None, fail_in_one)


def refuse(team: Team) -> None:
    if team.rank == 1:
        raise WeightsError("these weights are of another network: give others")
    team.wait()


@pytest.mark.slow
def test_an_error_that_is_meant_for_a_user_comes_through_as_it_is() -> None:
    with pytest.raises(WeightsError, match=r"^these weights are of another network: give others$"):
        run_together(2, None, refuse)
