"""What a run tells to whoever listens: events besides those of the loop, and remarks."""

from itertools import pairwise

import pytest
from killing import PlugPulled, contents, pull_at

from densekit.errors import StoppedError
from densekit.run.folder import CHECKPOINT
from densekit.run.keeper import Keeper
from densekit.run.trainer import resume, train
from densekit.training.checkpoint import before
from densekit.training.events import BatchDone, PhaseBegins, Reading
from densekit.training.stop import Stop


def test_reading_pictures_is_told_until_all_are_read(tiny, tmp_path):
    told = []
    train(settings={**tiny, "training.epochs": 1}, out=tmp_path / "run", progress=False, on_event=told.append)
    reading = [event for event in told if isinstance(event, Reading)]
    assert reading == told[: len(reading)]
    assert all(before.read < after.read for before, after in pairwise(reading))
    assert (reading[-1].read, reading[-1].pictures) == (36, 36)


class TestStoppedWhileReading:
    @staticmethod
    def stopping_at(read):
        stop = Stop()

        def press(event):
            if isinstance(event, Reading) and event.read >= read:
                stop.stop()

        return {"stop": stop, "on_event": press, "progress": False}

    @pytest.mark.parametrize(
        "more",
        [{}, {"data.augmentation.flip": True, "data.stored_views": 2}, {"data.augmentation.flip": True}],
    )
    def test_what_is_in_a_store_is_said_to_be_kept(self, tiny, tmp_path, more):
        told = r"after \d+ of \d+, before anything was learned from them: what was read is kept for the next"
        with pytest.raises(StoppedError, match=told):
            train(settings={**tiny, **more}, out=tmp_path / "run", **self.stopping_at(32))

    @pytest.mark.parametrize(
        "more",
        [
            {"data.cache_features": False},
            {"data.augmentation.flip": True, "model.train_from": "denseblock4"},
        ],
    )
    def test_what_is_not_is_not(self, tiny, tmp_path, more):
        with pytest.raises(StoppedError, match=r"before anything was learned from them$"):
            train(settings={**tiny, **more}, out=tmp_path / "run", **self.stopping_at(1))

    @pytest.mark.usefixtures("checkpoint_behind_every_batch")
    def test_a_run_that_was_to_go_on_is_as_it_was(self, tiny, tmp_path):
        with pytest.raises(PlugPulled):
            train(settings=tiny, out=tmp_path / "run", progress=False, on_event=pull_at(6))
        before = contents(tmp_path / "run")
        with pytest.raises(StoppedError, match="before the training went on, so that the run is as it was"):
            resume(tmp_path / "run", **self.stopping_at(1))
        assert contents(tmp_path / "run") == before
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 10


def test_pictures_that_are_read_twice_are_counted_twice(tiny, tmp_path):
    """Once as they are, for the scale of a head's features, and once changed."""
    told = []
    settings = {**tiny, "training.epochs": 1, "data.augmentation.flip": True, "data.stored_views": 2}
    train(settings=settings, out=tmp_path / "run", progress=False, on_event=told.append)
    reading = [event for event in told if isinstance(event, Reading)]
    assert reading[-1].read == reading[-1].pictures == 66


def test_after_a_phase_lost_patience_fewer_epochs_are_left(tiny, tmp_path):
    told = []
    phases = [
        {"train_from": "classifier", "training": {"epochs": 40, "patience": 1, "learning_rate": 1e-9}},
        {"train_from": "classifier", "training": {"epochs": 2}},
    ]
    run = train(
        settings={**tiny, "phases": phases}, out=tmp_path / "run", progress=False, on_event=told.append
    )
    first, second = (event for event in told if isinstance(event, PhaseBegins))
    assert first.epochs == 42
    assert second.epochs == second.last_epoch == run.metrics["epochs_done"] < 42


def test_that_nothing_is_left_to_be_trained_goes_to_whoever_asks(tiny, tmp_path, capsys):
    run = train(settings={**tiny, "training.epochs": 1}, out=tmp_path / "run", progress=False)
    told = []
    resume(run.folder, progress=False, tell=told.append)
    assert len(told) == 1 and "nothing is left to be trained" in told[0]
    assert "nothing is left" not in capsys.readouterr().err


def test_each_phase_tells_where_it_begins_and_ends(tiny, tmp_path):
    told = []
    phases = [
        {"train_from": "classifier", "training": {"epochs": 2}},
        {"train_from": "denseblock4", "training": {"epochs": 1, "batch_size": 10}},
    ]
    train(settings={**tiny, "phases": phases}, out=tmp_path / "run", progress=False, on_event=told.append)
    first, second = (event for event in told if isinstance(event, PhaseBegins))
    assert first == PhaseBegins(epoch=0, step=0, last_epoch=2, last_step=8, epochs=3)
    assert second == PhaseBegins(epoch=2, step=8, last_epoch=3, last_step=11, epochs=3)
    assert [event.step for event in told if isinstance(event, BatchDone)][-1] == 11


def test_where_norms_keep_their_statistics_a_last_picture_makes_a_step_of_its_own(tiny, tmp_path):
    told = []
    settings = {**tiny, "model.train_from": "denseblock4", "training.norm_statistics": "kept"}
    settings |= {"training.batch_size": 29, "training.epochs": 2}  # of 30 pictures
    train(settings=settings, out=tmp_path / "run", progress=False, on_event=told.append)
    (begins,) = (event for event in told if isinstance(event, PhaseBegins))
    assert begins.last_step == [event.step for event in told if isinstance(event, BatchDone)][-1] == 4


@pytest.mark.usefixtures("checkpoint_behind_every_batch")
def test_a_run_that_goes_on_tells_how_far_it_is_from_its_first_event_on(tiny, tmp_path):
    with pytest.raises(PlugPulled):
        train(settings=tiny, out=tmp_path / "run", progress=False, on_event=pull_at(6))
    told = []
    resume(tmp_path / "run", progress=False, on_event=told.append)
    reading = [event for event in told if isinstance(event, Reading)]
    assert reading and all((event.epoch, event.step) == (1, 6) for event in reading)


def test_a_run_without_a_checkpoint_says_that_it_begins_anew(tiny, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_is_time", lambda keeper: False)
        with pytest.raises(PlugPulled):
            train(settings=tiny, out=tmp_path / "run", progress=False, on_event=pull_at(2))
    told = []
    resume(tmp_path / "run", progress=False, tell=told.append)
    assert told == [f"{tmp_path / 'run'} has no checkpoint yet, so the training begins anew"]
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("checkpoint_behind_every_batch")
def test_killed_while_it_wrote_its_checkpoint_it_goes_on_from_the_one_before(tiny, tmp_path):
    with pytest.raises(PlugPulled):
        train(settings=tiny, out=tmp_path / "run", progress=False, on_event=pull_at(6))
    checkpoint = tmp_path / "run" / CHECKPOINT
    checkpoint.replace(before(checkpoint))  # what such a kill leaves
    told, events = [], []
    resume(tmp_path / "run", progress=False, tell=told.append, on_event=events.append)
    assert told == []
    assert next(event.step for event in events if isinstance(event, BatchDone)) == 7


class TestRemarks:
    @pytest.fixture
    def stopped_at_once(self, tiny, tmp_path):
        def run(**more):
            stop = Stop()

            def press(event):
                if isinstance(event, PhaseBegins):
                    stop.stop()

            return train(
                settings=tiny, out=tmp_path / "run", progress=False, stop=stop, on_event=press, **more
            )

        return run

    def test_they_go_to_whoever_asks_for_them(self, stopped_at_once, capsys):
        told = []
        run = stopped_at_once(tell=told.append)
        assert len(told) == 1
        assert told[0].startswith("stopped after 0 of 10 epochs") and str(run.folder) in told[0]
        assert capsys.readouterr().err == ""

    def test_nobody_asked_so_they_are_printed(self, stopped_at_once, capsys):
        stopped_at_once()
        assert capsys.readouterr().err.startswith("densekit: stopped after 0 of 10 epochs")
