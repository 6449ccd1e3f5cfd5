"""The panel without a front end: its buttons are pressed, its controls moved, and it really trains."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from densekit.config import TrainingConfig
from densekit.errors import ConfigError, DataError, RunError, StoppedError, TrainingError
from densekit.run import load_run
from densekit.training.events import PhaseBegins
from densekit.widgets.panel import TrainingPanel, training_panel
from densekit.widgets.panel_progress import Progress

LONG = 100_000
"""Epochs of a training that is stopped long before its end."""


@pytest.fixture
def small(tiny_architecture):
    return {"architecture": str(tiny_architecture), "weights": "none", "image_size": 32, "epochs": 2}


@pytest.fixture
def panel(pictures, small, tmp_path):
    panel = training_panel(pictures, out=tmp_path / "runs", **small)
    yield panel
    panel.close()
    if panel.works:
        panel.works[-1].end()


def press(panel: TrainingPanel, label: str) -> None:
    (button,) = (one for one in (panel._button, panel._stop_button) if one.description == label)
    assert not button.disabled
    button.click()


def wait_until(panel: TrainingPanel, points: int) -> None:
    """Wait until the training has told something."""
    while panel.is_training and panel.works[-1].progress.points < points:
        panel.wait(0.01)


class WatchedLock:
    """A lock that says when somebody begins to wait for it."""

    def __init__(self, lock: threading.RLock, somebody_waits: threading.Event) -> None:
        self._lock, self._somebody_waits = lock, somebody_waits

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._somebody_waits.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class TestTraining:
    def test_train_is_pressed_and_a_whole_run_comes_out(self, panel, pictures):
        press(panel, "Train")
        run = panel.wait()

        assert panel.runs == [run]
        assert run.config == panel.settings()
        assert run.folder.parent.name == "runs" and run.folder.name == "pictures-1"
        assert load_run(run.folder).predict(pictures / "red" / "00.png").made
        assert panel.shown.status.value.startswith('<div role="status">Run 1 complete: ')
        assert panel.shown.bar.value == 1.0
        assert not panel._button.disabled and panel._stop_button.disabled

    @pytest.mark.slow
    def test_a_second_run_with_another_rate_stands_beside_the_first(self, panel):
        panel.start(), panel.wait()
        panel.controls.fields["learning_rate"].value = 0.03
        press(panel, "Train")
        panel.wait()

        table = panel.table()
        assert list(table["learning_rate"]) == ["0.001", "0.03"]
        assert list(table["run"]) == ["1", "2"]
        accuracies = [run.metrics["val_accuracy"] for run in panel.runs]
        for told, accuracy in zip(table["val accuracy"], accuracies, strict=True):
            assert told.endswith(f"({round(6 * accuracy)} of 6)")
            assert told in panel.shown.table.value
        assert "Run 2: head, rate 0.03: training loss from" in panel.shown.curves.value
        assert "2 runs against epochs" in panel.shown.curves.value
        assert "One validation picture more or less is 17 points" in panel.shown.table.value

    @pytest.mark.slow
    def test_the_table_has_a_column_for_each_setting_that_differs(self, panel):
        panel.start(), panel.wait()
        panel.set(seed=1, batch_size=4)
        panel.start(), panel.wait()
        table = panel.table()
        assert list(table["seed"]) == ["0", "1"]
        assert list(table["batch_size"]) == ["8", "4"]
        assert "optimizer" not in table

    @pytest.mark.slow
    def test_the_best_of_runs_is_marked_where_the_same_pictures_judged_them(self, panel):
        panel.set(epochs=1)
        panel.start(), panel.wait()
        assert "★" not in panel.shown.table.value
        panel.start(), panel.wait()
        assert panel.shown.table.value.count("★") == 2  # the same training again: equally good

    @pytest.mark.slow
    def test_no_run_is_called_the_best_if_other_pictures_judged_it(self, panel):
        panel.set(epochs=1)
        panel.start(), panel.wait()
        panel.set(**{"data.split_seed": 1})
        panel.start(), panel.wait()
        assert panel.works[0].judged_by != panel.works[1].judged_by
        assert "★" not in panel.shown.table.value
        assert "Careful: the runs were judged by other pictures" in panel.shown.table.value

    def test_the_curves_are_those_of_the_history(self, panel):
        panel.start()
        history = panel.wait().history
        progress = panel.works[0].progress
        assert [time for time, _ in progress.val_loss] == [1, 2]
        assert [loss for _, loss in progress.val_loss] == pytest.approx(history["val_loss"], rel=1e-5)
        assert [time for time, _ in progress.train_accuracy] == [1, 2]
        times = [time for time, _ in progress.train_loss]
        assert times == sorted(times) and 0 < times[0] < times[-1] < 2

    def test_phases_follow_one_another_in_the_curves(self, panel):
        panel.set(preset="head-then-full", **{f"phases.{n}.training.epochs": 1 for n in (0, 1)})
        panel.start()
        assert panel.wait().metrics["epochs_done"] == 2
        assert [time for time, _ in panel.works[0].progress.val_loss] == [1, 2]
        assert list(panel.table()["train_from"]) == ["classifier → all"]
        assert list(panel.table()["epochs"]) == ["1 → 1"]

    def test_nothing_is_printed(self, panel, capfd):
        panel.set(epochs=LONG)
        panel.start()
        wait_until(panel, 1)
        panel.stop()
        panel.wait()
        captured = capfd.readouterr()
        assert (captured.out, captured.err) == ("", "")
        assert "stopped after" in panel.shown.remarks.value
        assert "<code>densekit train --resume " in panel.shown.remarks.value

    def test_the_command_that_is_shown_names_the_folder_of_the_next_run(self, panel):
        panel._form.value = "command"
        assert "pictures-1" in panel._text.value
        panel.start(), panel.wait()
        assert "pictures-2" in panel._text.value and "pictures-1" not in panel._text.value

    @pytest.mark.parametrize(
        "change",
        [
            lambda panel: setattr(panel.controls.fields["epochs"], "value", 7),
            lambda panel: panel.set(epochs=7),
        ],
    )
    def test_what_is_changed_while_the_end_of_a_training_is_told_is_shown(self, panel, monkeypatch, change):
        panel._form.value = "command"
        has_changed_or_waits = threading.Event()
        tell = panel.as_command

        def read() -> None:
            change(panel)
            has_changed_or_waits.set()

        reader = threading.Thread(target=read)

        def tell_slowly() -> str:
            text = tell()
            if reader.ident is None:
                reader.start()
                has_changed_or_waits.wait()
            return text

        monkeypatch.setattr(panel, "_lock", WatchedLock(panel._lock, has_changed_or_waits))
        monkeypatch.setattr(panel, "as_command", tell_slowly)
        panel._follow()  # as the thread of the training does at its end
        reader.join()
        assert "--epochs 7" in panel._text.value

    def test_the_present_folder_may_change_meanwhile(self, pictures, small, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        panel = training_panel("pictures", **small)
        panel.start()
        monkeypatch.chdir("/")
        assert panel.wait().folder == tmp_path / "runs" / "pictures-1"


class TestTheKernel:
    """While a training goes on, everything else can be done."""

    def test_start_returns_while_the_training_goes_on(self, panel):
        panel.set(epochs=LONG)
        panel.start()
        wait_until(panel, 1)
        assert panel.is_training
        assert panel.wait(0.01) is None
        panel.set(learning_rate=0.5)
        assert "learning_rate=0.5" in panel.as_command()
        assert panel.runs == []

    def test_stop_makes_a_complete_run(self, panel):
        panel.set(epochs=LONG)
        press(panel, "Train")
        while panel.is_training and not panel.works[-1].progress.val_accuracy:
            panel.wait(0.01)
        press(panel, "Stop")
        assert panel._stop_button.disabled
        run = panel.wait()
        assert run.metrics["stopped"] == "asked"
        assert 0 < run.metrics["epochs_done"] < LONG
        assert run.report.confusion.sum() == 6
        assert re.search(r"Run 1 stopped after \d+ of 100000 epochs", panel.shown.status.value)

    def test_stopped_before_its_first_step_it_is_complete_too(self, panel, monkeypatch):
        begins = Progress.read

        def press_at_the_beginning(progress, event):
            begins(progress, event)
            if isinstance(event, PhaseBegins):
                panel.stop()

        monkeypatch.setattr(Progress, "read", press_at_the_beginning)
        panel.start()
        run = panel.wait()
        assert (run.metrics["stopped"], run.metrics["epochs_done"]) == ("asked", 0)
        assert run.metrics["n_val"] == 6
        assert load_run(run.folder).report.accuracy == run.metrics["val_accuracy"]

    def test_stopped_while_pictures_are_read_it_ends_at_once_and_leaves_nothing(self, panel, tmp_path):
        panel.start()
        panel.stop()
        with pytest.raises(StoppedError, match=r"after \d+ of 36, before anything was learned"):
            panel.wait()
        assert "Run 1 was stopped." in panel.shown.status.value
        assert "what was read is kept" in panel.shown.message.value
        assert list((tmp_path / "runs").iterdir()) == []
        panel.start()
        assert panel.wait().metrics["stopped"] is None

    @pytest.mark.slow
    def test_after_a_stop_the_next_one_trains(self, panel):
        panel.set(epochs=LONG)
        panel.start(), wait_until(panel, 1), panel.stop(), panel.wait()
        panel.set(epochs=1)
        panel.start()
        assert panel.wait().metrics["stopped"] is None
        assert [run.folder.name for run in panel.runs] == ["pictures-1", "pictures-2"]

    def test_one_at_a_time(self, panel):
        panel.set(epochs=LONG)
        panel.start()
        assert panel._button.disabled
        with pytest.raises(RunError, match=r"run 1 is under way: stop\(\) it, or wait\(\) for its end"):
            panel.start()
        assert len(panel.works) == 1

    @pytest.mark.slow
    def test_two_panels_train_at_once(self, panel, pictures, small, tmp_path):
        other = training_panel(pictures, out=tmp_path / "runs", **small)
        panel.start(), other.start()
        names = {panel.wait().folder.name, other.wait().folder.name}
        assert names == {"pictures-1", "pictures-2"}

    def test_ctrl_c_while_waiting_ends_the_training_properly(self, panel):
        panel.set(epochs=LONG)
        panel.start()

        def interrupt() -> None:
            wait_until(panel, 3)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        assert panel.wait().metrics["stopped"] == "asked"

    @pytest.mark.parametrize("points", [0, 3])
    @pytest.mark.slow
    def test_the_end_of_the_program_ends_the_training_properly(self, points, pictures, small, tmp_path):
        settings = {"out": str(tmp_path / "runs"), **small, "epochs": LONG}
        program = (
            "from densekit.widgets.panel import training_panel\n"
            f"panel = training_panel({str(pictures)!r}, **{settings!r})\n"
            f"panel.start()\nwhile panel.works[0].progress.points < {points}: panel.wait(0.01)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        if points:
            assert load_run(tmp_path / "runs" / "pictures-1").metrics["stopped"] == "asked"
        else:
            assert list((tmp_path / "runs").iterdir()) == []

    def test_a_closed_panel_stops_and_trains_no_more(self, panel):
        panel.set(epochs=LONG)
        panel.start(), wait_until(panel, 1)
        panel.close()
        assert panel.wait().metrics["stopped"] == "asked"
        assert panel._button.disabled
        with pytest.raises(RunError, match="this panel was closed"):
            panel.start()


class TestMistakes:
    def test_a_folder_that_is_not_there_is_told_in_the_panel(self, panel, tmp_path):
        panel.controls.folder.value = str(tmp_path / "<b>nowhere")
        press(panel, "Train")
        with pytest.raises(DataError, match="nowhere"):
            panel.wait()
        assert "&lt;b&gt;nowhere" in panel.shown.message.value
        assert "<b>nowhere" not in panel.shown.message.value
        assert isinstance(panel.error, DataError)
        assert "Run 1 has failed" in panel.shown.status.value
        assert panel.table()["state"][0].startswith("failed: ")
        assert panel.runs == [] and not list((tmp_path / "runs").iterdir())

    def test_after_a_failure_the_next_one_trains(self, panel, pictures):
        panel.set(data="/nowhere")
        panel.start()
        with pytest.raises(DataError):
            panel.wait()
        panel.set(data=pictures)
        assert panel.shown.message.value == ""
        panel.start()
        assert panel.wait().folder.name == "pictures-1"
        assert panel.error is None

    def test_a_loss_that_is_no_number_is_told_with_its_reason(self, panel):
        panel.set(train_from="all", optimizer="sgd", learning_rate=1e5)
        panel.start()
        with pytest.raises(TrainingError):
            panel.wait()
        assert "learning_rate" in panel.shown.message.value

    def test_an_impossible_setting_is_told_at_once_and_train_does_nothing(self, panel):
        panel.controls.fields["epochs"].value = 0
        assert "training.epochs is 0" in panel.shown.message.value
        press(panel, "Train")
        assert "training.epochs is 0" in panel.shown.message.value
        assert panel.works == []
        with pytest.raises(ConfigError, match=r"training\.epochs is 0"):
            panel.start()
        panel.controls.fields["epochs"].value = 1
        assert panel.shown.message.value == ""

    def test_runs_among_the_pictures_are_refused_and_nothing_is_made(self, pictures, small):
        panel = training_panel(pictures, out=pictures / "runs", **small)
        panel.start()
        with pytest.raises(ConfigError, match="among the pictures"):
            panel.wait()
        assert not (pictures / "runs").exists()

    def test_the_home_folder_may_be_written_as_in_a_shell(self, pictures, small, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert training_panel(pictures, out="~/runs", **small).out == tmp_path / "home" / "runs"

    def test_runs_that_can_be_kept_nowhere_are_refused(self, pictures, small, tmp_path):
        (tmp_path / "file").write_text("x")
        panel = training_panel(pictures, out=tmp_path / "file", **small)
        panel.start()
        with pytest.raises(RunError, match="file is a file: name a folder for the runs"):
            panel.wait()
        with pytest.raises(ConfigError, match="out is empty"):
            training_panel(pictures, out=" ", **small)
        (tmp_path / "loop").symlink_to("loop")
        panel = training_panel(pictures, out=tmp_path / "loop", **small)
        press(panel, "Train")
        with pytest.raises(RunError, match="loop"):
            panel.wait()
        panel = training_panel(pictures, out=tmp_path / ("x" * 300), **small)
        panel.start()
        with pytest.raises(RunError, match="no folder for a run can be made"):
            panel.wait()

    def test_a_view_that_fails_does_the_training_no_harm_but_is_not_hidden(self, panel, monkeypatch):
        def fail(works: object) -> None:
            raise ZeroDivisionError("of the view")

        panel.start()
        with monkeypatch.context() as patch:
            patch.setattr(panel.shown, "follow", fail)
            patch.setattr(panel.shown, "show", fail)
            with pytest.raises(ZeroDivisionError, match="of the view"):
                panel.wait()
        assert panel.runs[0].metrics["epochs_done"] == 2

    def test_waiting_for_nothing_is_refused(self, panel):
        with pytest.raises(RunError, match="nothing has been started"):
            panel.wait()
        panel.stop()  # which is harmless

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"preset": "heda"}, "did you mean 'head'"),
            ({"epoch": 3}, "did you mean 'epochs'"),
            ({"epochs": 0}, "training.epochs is 0"),
            ({"train_from": "middle"}, "no such cut"),
        ],
    )
    def test_a_panel_that_can_train_nothing_is_not_made(self, pictures, settings, told):
        with pytest.raises(ConfigError, match=told):
            training_panel(pictures, **settings)

    def test_a_panel_may_begin_with_a_model_of_settings(self, pictures):
        panel = training_panel(pictures, training=TrainingConfig(epochs=7, patience=2))
        assert panel.controls.fields["epochs"].value == 7
        panel.set(preset="full")
        assert panel.settings().training.patience == 2

    def test_remarks_on_the_pictures_are_shown_and_escaped(self, panel, pictures):
        (pictures / "red" / "same.png").write_bytes((pictures / "blue" / "00.png").read_bytes())
        moved = pictures.with_name("<i>pictures")
        pictures.rename(moved)
        panel.set(data=moved)
        panel.start(), panel.wait()
        assert "1 image is in several classes" in panel.shown.remarks.value
        assert "&lt;i&gt;pictures" in panel.shown.remarks.value
        assert "<i>" not in panel.shown.remarks.value + panel.shown.status.value


class TestForms:
    def test_each_is_shown_when_it_is_asked_for_and_follows_the_controls(self, panel):
        panel._form.value = "command"
        panel.controls.fields["epochs"].value = 7
        assert "--epochs 7" in panel._text.value
        panel._form.value = "YAML"
        assert "preset: head" in panel._text.value
        panel._form.value = "Python"
        assert "run = train(" in panel._text.value
        panel._form.value = "nothing"
        assert panel._text.value == ""

    def test_they_name_the_folder_of_the_next_run(self, panel):
        assert panel.as_command().endswith("runs/pictures-1")
        panel.start(), panel.wait()
        assert panel.as_command().endswith("runs/pictures-2")
        assert "pictures-2" in panel.as_python() and "pictures-2" in panel.as_yaml()
