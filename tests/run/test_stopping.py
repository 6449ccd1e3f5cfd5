"""Stopping a run, by Ctrl-C or a button: complete or to be continued, and one line says which."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from killing import contents, in_child

from densekit.config import load_config
from densekit.errors import ConfigError, DataError, RunError
from densekit.evaluation.files import write_tables
from densekit.evaluation.report import Report
from densekit.files import write_atomically, write_text
from densekit.run.classifier import load_run
from densekit.run.folder import CHECKPOINT, claimed, locked
from densekit.run.trainer import resume, train
from densekit.training import history
from densekit.training.events import BatchDone, EpochDone, Event, PhaseBegins, Validated
from densekit.training.stop import Stop

Settings = dict[str, object]


@pytest.fixture
def settings(tiny: Settings) -> Settings:
    return {**tiny, "training.epochs": 6, "training.learning_rate": 0.01}


def interrupting_at(*steps: int) -> Callable[[Event], None]:
    """A listener that presses Ctrl-C at these steps."""

    def listen(event: Event) -> None:
        if isinstance(event, BatchDone) and event.step in steps:
            os.kill(os.getpid(), signal.SIGINT)

    return listen


@pytest.fixture
def interrupted_as_usual() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt, also where a shell runs the tests in the background and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupted_as_usual")
class TestControlC:
    @pytest.mark.slow
    def test_once_leaves_a_complete_run_that_can_be_continued(
        self, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole, part = (tmp_path / name for name in ("whole", "part"))
        train(settings=settings, out=whole, progress=False)
        run = train(settings=settings, out=part, progress=False, on_event=interrupting_at(10))
        assert run.metrics["stopped"] == "asked"
        assert (run.metrics["epochs"], run.metrics["epochs_done"]) == (6, 2)
        assert len(run.predict([tmp_path / "pictures" / "red" / "00.png"]).made) == 1
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert (
            f"is complete, with the best weights so far; continue with `densekit train --resume {part}`"
            in told
        )

        assert resume(part, progress=False).metrics["stopped"] is None
        for name in (
            "head.safetensors",
            "history.csv",
            "evaluation/heatmap.png",
            "evaluation/statistics.csv",
        ):
            assert (whole / name).read_bytes() == (part / name).read_bytes(), name
        folders = [{path.name for path in (run / "evaluation").iterdir()} for run in (whole, part)]
        assert folders[0] == folders[1]

    def test_twice_ends_it_at_once_and_it_can_be_continued(self, settings: Settings, tmp_path: Path) -> None:
        press = interrupting_at(10)

        def twice(event: Event) -> None:
            ready = signal.getsignal(signal.SIGINT)
            press(event)
            while (
                isinstance(event, BatchDone) and event.step == 10 and signal.getsignal(signal.SIGINT) == ready
            ):
                time.sleep(0.001)  # two signals at the very same moment count as one
            press(event)

        with pytest.raises(KeyboardInterrupt) as caught:
            train(settings=settings, out=tmp_path / "run", progress=False, on_event=twice)
        assert caught.value.__notes__ == [f"continue with `densekit train --resume {tmp_path / 'run'}`"]
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 6

    @pytest.mark.parametrize("at", [Validated, EpochDone])
    def test_at_the_very_end_of_the_first_of_two_phases_the_other_one_is_left_to_be_trained(
        self, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], at: type[Event]
    ) -> None:
        each = {"epochs": 2, "learning_rate": 0.01}
        phases = [{"train_from": name, "training": each} for name in ("classifier", "denseblock4")]
        of_phases = {key: value for key, value in settings.items() if not key.startswith("training.")}
        of_phases["phases"] = phases
        stop = Stop()

        def press(event: Event) -> None:
            if isinstance(event, at) and event.epoch == 2:
                stop.stop()

        whole = train(settings=of_phases, out=tmp_path / "whole", progress=False)
        run = train(settings=of_phases, out=tmp_path / "run", progress=False, on_event=press, stop=stop)
        assert (run.metrics["stopped"], run.metrics["epochs_done"]) == ("asked", 2)
        assert "stopped after 2 of 4 epochs" in capsys.readouterr().err
        run = resume(tmp_path / "run", progress=False)
        assert (run.metrics["stopped"], run.metrics["epochs_done"]) == (None, 4)
        for name in ("model.safetensors", "history.csv"):
            assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()

    @pytest.mark.slow
    def test_in_the_first_of_two_phases_it_leaves_a_head_and_in_the_end_the_network_alone(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        phases = [{"train_from": "classifier"}, {"train_from": "denseblock4", "training": {"epochs": 1}}]
        plan = {**settings, "phases": phases}
        train(settings=plan, out=tmp_path / "whole", progress=False)
        run = train(settings=plan, out=tmp_path / "part", progress=False, on_event=interrupting_at(10))
        assert run.metrics["train_from"] == "classifier"
        assert len(run.predict(tmp_path / "pictures" / "red" / "00.png").made) == 1
        again = resume(run.folder, progress=False)
        assert again.metrics["train_from"] == "denseblock4"
        assert contents(again.folder) == contents(tmp_path / "whole")

    def test_while_the_reports_are_written_it_changes_nothing(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(report: Report, folder: Path) -> None:
            signal.raise_signal(signal.SIGINT)
            write_tables(report, folder)

        monkeypatch.setattr("densekit.run.session.write_tables", interrupted)
        run = train(settings=settings, out=tmp_path / "run", progress=False)
        assert (run.metrics["stopped"], run.metrics["epochs_done"]) == (None, 6)
        lost = {"training.patience": 1, "training.learning_rate": 1e-9}
        run = train(settings=settings | lost, out=tmp_path / "lost", progress=False)
        assert run.metrics["stopped"] == "patience"
        assert run.metrics["epochs_done"] < 6
        assert not (run.folder / CHECKPOINT).exists()

    def test_a_full_disk_at_the_end_says_where_and_how_to_go_on(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(report: Report, folder: Path) -> None:
            with write_atomically(folder / "table.csv"):
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("densekit.run.session.write_tables", full)
            with pytest.raises(OSError, match=r"No space left on device: .*table\.csv") as caught:
                train(settings=settings, out=tmp_path / "run", progress=False)
        assert caught.value.__notes__ == [f"continue with `densekit train --resume {tmp_path / 'run'}`"]
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 6

    def test_afterwards_it_means_what_it_meant(self, settings: Settings, tmp_path: Path) -> None:
        before = signal.getsignal(signal.SIGINT)
        train(settings=settings, out=tmp_path / "run", progress=False, on_event=interrupting_at(3))
        assert signal.getsignal(signal.SIGINT) is before

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
    @pytest.mark.slow
    def test_on_the_command_line_the_status_is_130(self, settings: Settings, tmp_path: Path) -> None:
        many = {**settings, "training.epochs": 100_000}
        arguments = [part for key, value in many.items() for part in ("--set", f"{key}={value}")]
        process = subprocess.Popen(
            [sys.executable, "-m", "densekit", "train", *arguments, "--out", str(tmp_path / "run")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not (tmp_path / "run" / "checkpoint.safetensors").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
        assert process.returncode == 130, told
        assert "continue with `densekit train --resume" in told
        assert "Traceback" not in told
        assert "validation images" in out
        assert load_run(tmp_path / "run").metrics["stopped"] == "asked"


class TestStopObject:
    def test_any_thread_can_stop_a_run(self, settings: Settings, tmp_path: Path) -> None:
        stop = Stop()

        def press(event: Event) -> None:
            if isinstance(event, BatchDone) and event.step == 5:
                button = threading.Thread(target=stop.stop)
                button.start()
                button.join()

        run = train(settings=settings, out=tmp_path / "run", progress=False, on_event=press, stop=stop)
        assert run.metrics["stopped"] == "asked"
        assert run.metrics["epochs_done"] == 1

    def test_a_training_in_another_thread_leaves_signals_alone(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        runs = []
        thread = threading.Thread(
            target=lambda: runs.append(train(settings=settings, out=tmp_path / "run", progress=False))
        )
        thread.start()
        thread.join()
        assert runs[0].metrics["stopped"] is None

    def test_lost_patience_is_an_end_and_nothing_to_go_on_from(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        impatient = {"training.patience": 1, "training.learning_rate": 3.0, "training.epochs": 50}
        run = train(settings={**settings, **impatient}, out=tmp_path / "run", progress=False)
        assert run.metrics["stopped"] == "patience"
        before = (run.folder / "metrics.json").read_bytes()
        resume(run.folder, progress=False)
        assert (run.folder / "metrics.json").read_bytes() == before


class TestOneFolderOneRun:
    @pytest.mark.parametrize("mine", ["history.csv", "head.safetensors", "evaluation/notes/confusion.csv"])
    def test_what_somebody_has_there_is_not_replaced(
        self, settings: Settings, tmp_path: Path, mine: str
    ) -> None:
        path = tmp_path / "mine" / mine
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        with pytest.raises(RunError, match="which a run would replace: name a folder of its own"):
            train(settings=settings, out=tmp_path / "mine", progress=False)
        assert path.read_text() == "mine"

    @pytest.mark.parametrize("named", [True, False])
    def test_not_among_the_pictures(
        self, settings: Settings, pictures: Path, monkeypatch: pytest.MonkeyPatch, named: bool
    ) -> None:
        monkeypatch.chdir(pictures)
        before = sorted(pictures.rglob("*"))
        with pytest.raises(ConfigError, match="among the pictures of"):
            train(settings=settings, out=pictures / "run" if named else None, progress=False)
        assert sorted(pictures.rglob("*")) == before

    def test_a_folder_with_other_files_is_taken_and_they_stay(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        others = [tmp_path / "mine" / name for name in ("notes.txt", ".download.zip.partial")]
        others[0].parent.mkdir()
        for other in others:
            other.write_text("mine")
        train(settings=settings, out=tmp_path / "mine", progress=False)
        assert [other.read_text() for other in others] == ["mine", "mine"]

    def test_after_a_failed_start_beside_other_files_the_same_folder_is_taken_again(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        notes = tmp_path / "mine" / "notes.txt"
        notes.parent.mkdir()
        notes.write_text("mine")
        unreadable = shutil.copytree(str(settings["data.folder"]), tmp_path / "unreadable")
        for path in (unreadable / "red").iterdir():
            path.write_bytes(b"no picture")
        with pytest.raises(DataError, match="no training image of 'red' can be read"):
            train(settings=settings | {"data.folder": str(unreadable)}, out=notes.parent, progress=False)
        assert [path.name for path in notes.parent.iterdir()] == ["notes.txt"]
        train(settings=settings, out=notes.parent, progress=False)
        assert notes.read_text() == "mine"

    def test_two_that_look_for_a_folder_at_once_get_two(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folders: list[Path] = []
        begin = threading.Barrier(8)

        def claim() -> None:
            begin.wait()
            with claimed(None, "pictures") as folder:
                folders.append(folder)

        threads = [threading.Thread(target=claim) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(folders) == [Path(f"runs/pictures-{number}") for number in range(1, 9)]

    def test_the_second_in_one_folder_is_refused(self, settings: Settings, tmp_path: Path) -> None:
        out = tmp_path / "run"
        out.mkdir()
        with locked(out):
            with pytest.raises(RunError, match="another process is training in"):
                train(settings=settings, out=out, progress=False)
            (out / "config.yaml").write_text(load_config(overrides=settings).to_yaml())
            with pytest.raises(RunError, match="another process is training in"):
                resume(out, progress=False)
        assert resume(out, progress=False).metrics["epochs_done"] == 6

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows can't fork")
    def test_a_killed_process_leaves_no_lock(self, tmp_path: Path) -> None:
        def locks_and_is_killed() -> None:
            with locked(tmp_path):
                os.kill(os.getpid(), signal.SIGKILL)

        assert in_child(locks_and_is_killed) == signal.SIGKILL
        with locked(tmp_path):
            pass


class TestCheckpoints:
    def stopped(self, settings: Settings, folder: Path) -> Path:
        train(settings=settings, out=folder, progress=False, on_event=interrupting_at(16))
        return folder / "checkpoint.safetensors"

    @pytest.mark.slow
    def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(
        self, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        train(settings=settings, out=tmp_path / "whole", progress=False)
        checkpoint = self.stopped(settings, tmp_path / "run")
        content = bytearray(checkpoint.read_bytes())
        content[-1] ^= 1
        checkpoint.write_bytes(content)
        capsys.readouterr()
        resume(tmp_path / "run", progress=False)
        told = capsys.readouterr().err
        assert "checkpoint.safetensors is of no use: its checksum does not fit" in told
        assert "The training goes on from the one before" in told
        for name in ("head.safetensors", "history.csv"):
            assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()

    def test_a_damaged_one_is_not_laid_over_the_good_one_by_the_next_that_is_saved(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checkpoint = self.stopped(settings, tmp_path / "run")
        good = checkpoint.with_name("checkpoint-before.safetensors")
        shutil.copy(checkpoint, good)
        checkpoint.write_bytes(b"x")

        def full(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("densekit.training.checkpoint.write_tensors", full)
            with pytest.raises(OSError, match="No space left"):
                resume(tmp_path / "run", progress=False, on_event=interrupting_at(17))
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 6
        assert not good.exists()  # it was complete, and not begun anew

    def test_where_the_very_first_one_is_damaged_the_training_begins_anew_and_says_so(
        self, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        checkpoint = self.stopped(settings, tmp_path / "run")
        checkpoint.with_name("checkpoint-before.safetensors").unlink(missing_ok=True)
        checkpoint.write_bytes(b"x")
        capsys.readouterr()
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 6
        assert "It was the first one: the training begins anew" in capsys.readouterr().err

    def test_where_none_can_be_read_the_message_has_a_remedy_that_works(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        checkpoint = self.stopped(settings, tmp_path / "run")
        before = checkpoint.with_name("checkpoint-before.safetensors")
        for path in (checkpoint, before):
            path.write_bytes(b"x")
        with pytest.raises(RunError, match=r"Delete .*checkpoint.safetensors and .*before.* and continue"):
            resume(tmp_path / "run", progress=False)
        checkpoint.unlink()
        before.unlink()
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 6

    def test_killed_while_a_continued_run_is_completed_it_does_not_pass_for_complete(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.stopped(settings, tmp_path / "run")

        def killed(*arguments: object) -> None:
            raise OSError("as if the power had failed")

        with monkeypatch.context() as patch:
            patch.setattr("densekit.run.session.write_tables", killed)
            with pytest.raises(OSError, match="power"):
                resume(tmp_path / "run", progress=False)
        with pytest.raises(RunError, match="not complete"):
            load_run(tmp_path / "run")
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 6

    @pytest.mark.slow
    def test_seconds_and_rates_count_all_sessions(self, settings: Settings, tmp_path: Path) -> None:
        press = interrupting_at(16)

        def slowly(event: Event) -> None:
            if isinstance(event, BatchDone) and event.step <= 16:
                time.sleep(0.05)
            press(event)

        first = train(settings=settings, out=tmp_path / "run", progress=False, on_event=slowly).metrics
        assert first["seconds"] >= 16 * 0.05
        second = resume(tmp_path / "run", progress=False).metrics
        assert second["seconds"] > 16 * 0.05
        assert second["images_per_second"] == pytest.approx(
            6 * second["n_train"] / second["seconds"], rel=0.01
        )

    def test_a_complete_run_keeps_none(self, settings: Settings, tmp_path: Path) -> None:
        run = train(settings=settings, out=tmp_path / "run", progress=False)
        assert list(run.folder.glob("checkpoint*")) == []


class TestGoingOn:
    """What a run that was stopped, evaluated and continued tells."""

    @pytest.mark.slow
    def test_reports_on_weights_that_were_trained_on_since_are_gone(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        stop = Stop()

        def press(event: Event) -> None:
            if isinstance(event, PhaseBegins):
                stop.stop()

        run = train(settings=settings, out=tmp_path / "run", progress=False, on_event=press, stop=stop)
        other = shutil.copytree(run.config.data.folder, tmp_path / "epoch-photos")
        stale = [run.evaluate()[1], run.evaluate(other)[1]]
        assert all(report.is_dir() for report in stale)
        resume(run.folder, progress=False)
        assert not any(report.exists() for report in stale)
        assert {path.name for path in (run.folder / "evaluation").glob("*") if path.is_file()} >= {
            "heatmap.png"
        }

    def test_the_rate_counts_what_was_seen_also_of_half_an_epoch(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        stop = Stop()

        def press(event: Event) -> None:
            if isinstance(event, BatchDone) and event.step == 1:
                stop.stop()

        run = train(settings=settings, out=tmp_path / "run", progress=False, on_event=press, stop=stop)
        batch = load_config(overrides=settings).training.batch_size
        assert run.metrics["images_per_second"] == pytest.approx(batch / run.metrics["seconds"], rel=0.01)

    def test_reports_that_were_tidied_away_are_not_missed(self, settings: Settings, tmp_path: Path) -> None:
        stop = Stop()

        def press(event: Event) -> None:
            if isinstance(event, EpochDone) and event.epoch == 3:
                stop.stop()

        run = train(settings=settings, out=tmp_path / "run", progress=False, on_event=press, stop=stop)
        for folder in (run.folder / "evaluation").glob("epoch-*"):
            shutil.rmtree(folder)
        assert resume(run.folder, progress=False).metrics["epochs_done"] == 6

    def test_a_complete_run_says_that_it_is(
        self, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = train(settings=settings, out=tmp_path / "run", progress=False)
        resume(run.folder, progress=False)
        assert "is complete: nothing is left to be trained" in capsys.readouterr().err

    def test_what_a_kill_left_half_written_is_swept_away(self, settings: Settings, tmp_path: Path) -> None:
        run = train(settings=settings, out=tmp_path / "run", progress=False)
        (run.folder / "evaluation" / ".metrics.json.ab12_xyz.partial").write_bytes(b"half")
        resume(run.folder, progress=False)
        assert not list(run.folder.rglob("*.partial"))


class TestHistoryHeldOpen:
    """A spreadsheet on Windows lets nobody replace the file that it shows."""

    def test_it_is_written_beside_and_told(
        self,
        settings: Settings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def refuse(path: Path, text: str) -> None:
            if path.name == "history.csv":
                raise PermissionError(13, "Permission denied", str(path))
            write_text(path, text)

        monkeypatch.setattr(history, "write_text", refuse)
        run = train(settings=settings, out=tmp_path / "run", progress=False)
        assert "another program holds" in capsys.readouterr().err
        rows = (run.folder / "history-new.csv").read_text().splitlines()
        assert len(rows) > settings["training.epochs"]  # type: ignore[operator]


LIKE_WINDOWS = """
import sys
def hook(event, arguments):
    if event == "os.rename" and any(str(arguments[1]) in line for line in open("/proc/self/maps")):
        raise PermissionError(5, "Access is denied: the file is mapped", str(arguments[1]))
sys.addaudithook(hook)
from densekit.run import load_run, resume, train
from densekit.training.stop import Stop
from densekit.training.events import EpochDone
settings = eval(sys.argv[1])
for cut in ("classifier", "denseblock4"):
    stop, out = Stop(), f"{sys.argv[2]}-{cut}"
    def after_two(event):
        if isinstance(event, EpochDone) and event.epoch == 2:
            stop.stop()
    settings["model.train_from"] = cut
    train(settings=settings, out=out, progress=False, on_event=after_two, stop=stop)
    resume(out, progress=False)
    run = load_run(out)
    run.network
    run.evaluate()
train(settings=settings, out=out + "-again", progress=False)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells there what is mapped")
@pytest.mark.slow
def test_no_file_is_replaced_while_it_is_mapped_which_windows_refuses(
    settings: Settings, tmp_path: Path
) -> None:
    arguments = [
        sys.executable,
        "-c",
        LIKE_WINDOWS,
        repr({**settings, "training.epochs": 3}),
        str(tmp_path / "run"),
    ]
    done = subprocess.run(
        arguments, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
