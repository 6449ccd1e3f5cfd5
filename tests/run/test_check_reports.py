"""What a check in the middle of a validation leaves in the run folder."""

from pathlib import Path

import pytest

from densekit.run.trainer import resume, train
from densekit.training.events import Checked, Event, Validated
from densekit.training.stop import Stop

SETTINGS = {
    "training.learning_rate": 0.03,
    "training.epochs": 4,
    "training.batch_size": 2,
    "training.user_step": 1,
    "training.accuracy_floor": 0.3,
}


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "evaluation").rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_a_better_check_leaves_tables_and_a_heat_map(tiny: dict[str, object], tmp_path: Path) -> None:
    told: list[Event] = []
    whole = {**tiny, **SETTINGS}
    run = train(settings=whole, out=tmp_path / "run", progress=False, on_event=told.append)
    better = [one for one in told if isinstance(one, Checked) and one.improved]
    assert better
    expected = {f"epoch-{one.epoch}-step-{one.step}/check-{one.batches}" for one in better}
    found = (run.folder / "evaluation").glob("epoch-*/check-*")
    assert {path.relative_to(run.folder / "evaluation").as_posix() for path in found} == expected
    for name in expected:
        folder = run.folder / "evaluation" / name
        assert (folder / "statistics.csv").is_file() and (folder / "heatmap.png").is_file()


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_with_the_same_reports(tiny: dict[str, object], tmp_path: Path) -> None:
    whole = {**tiny, **SETTINGS}
    straight = train(settings=whole, out=tmp_path / "straight", progress=False)
    stop = Stop()

    def press(event: Event) -> None:
        if isinstance(event, Validated) and event.epoch == 3:
            stop.stop()

    train(settings=whole, out=tmp_path / "run", progress=False, on_event=press, stop=stop)
    again = resume(tmp_path / "run", progress=False)
    assert files(again.folder) == files(straight.folder)
