import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from killing import PlugPulled, pull_when

from densekit.config import load_config
from densekit.data.folder import open_folder
from densekit.data.loading import open_image
from densekit.errors import ConfigError, DataError, RunError, TrainingError, WeightsError
from densekit.features import extract_features
from densekit.run.classifier import load_run
from densekit.run.trainer import resolve, resume, train
from densekit.training.events import BatchDone, EpochDone, Event, Saved, Validated
from densekit.training.validation import predict_logits


@pytest.fixture
def settings(tiny_architecture: Path) -> dict[str, object]:
    return {
        "model.architecture": str(tiny_architecture),
        "model.weights": "none",
        "training.epochs": 4,
        "training.learning_rate": 0.01,
        "data.image_size": 32,
    }


class TestRunFolder:
    def test_it_holds_everything_that_is_promised(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        run = train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        names = {path.name for path in run.folder.iterdir()}
        assert names == {
            "config.yaml",
            "history.csv",
            "metrics.json",
            "head.safetensors",
            "split.json",
            "evaluation",
        }
        evaluation = {path.name for path in (run.folder / "evaluation").iterdir() if path.is_file()}
        assert evaluation == {"statistics.csv", "confusion.csv", "heatmap.png", "metrics.json"}

    def test_metrics_say_what_came_out(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        run = train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        metrics = json.loads((run.folder / "metrics.json").read_text())
        assert metrics["classes"] == ["blue", "green", "red"]
        assert (metrics["n_train"], metrics["n_val"]) == (30, 6)
        assert 0.6 <= metrics["val_accuracy"] <= 1
        assert 1 <= metrics["best_epoch"] <= 4
        assert {"seconds", "images_per_second", "device", "precision", "weights", "train_from"} <= set(
            metrics
        )
        assert metrics["val_accuracy"] == run.report.accuracy

    def test_every_validation_that_was_saved_has_its_report_named_by_epoch_and_step(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        saved: list[str] = []

        def remember(event: Event) -> None:
            if isinstance(event, Saved):
                saved.append(f"epoch-{event.epoch}-step-{event.step}")

        every = {**settings, "training.save_step": 2}
        run = train(data=pictures, settings=every, out=tmp_path / "run", progress=False, on_event=remember)
        folders = {path.name for path in (run.folder / "evaluation").iterdir() if path.is_dir()}
        assert folders == set(saved)
        assert (run.folder / "evaluation" / saved[-1] / "heatmap.png").is_file()
        assert (run.history["saved"] == 1).sum() == len(saved)

    def test_the_configuration_is_resolved_and_can_be_trained_again(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(pictures.parent)
        first = train(data="pictures", settings=settings, out="one", progress=False)
        monkeypatch.chdir(tmp_path.parent)  # the paths in it hold from everywhere
        second = train(pictures.parent / "one" / "config.yaml", out=tmp_path / "two", progress=False)
        assert load_run(pictures.parent / "one").config == second.config
        assert first.metrics["val_accuracy"] == second.metrics["val_accuracy"]

    def test_a_configuration_may_come_as_an_object(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        config = load_config(overrides={**settings, "data.folder": str(pictures)})
        assert train(config, epochs=1, out=tmp_path / "run", progress=False).metrics["epochs"] == 1

    def test_without_a_name_each_run_gets_a_new_folder(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folders = [train(data=pictures, settings=settings, progress=False).folder for _ in range(2)]
        assert folders == [tmp_path / "runs/pictures-1", tmp_path / "runs/pictures-2"]

    def test_the_present_folder_may_change_meanwhile(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)

        def go_elsewhere(event: Event) -> None:
            if isinstance(event, EpochDone):
                monkeypatch.chdir(pictures)

        run = train(data=pictures, settings=settings, out="run", progress=False, on_event=go_elsewhere)
        assert run.folder == tmp_path / "run"
        assert run.report.total == 6
        assert not (pictures / "run").exists()

    def test_a_run_is_never_overwritten(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        before = (tmp_path / "run" / "head.safetensors").read_bytes()
        with pytest.raises(RunError, match="holds a run already"):
            train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        assert (tmp_path / "run" / "head.safetensors").read_bytes() == before

    def test_a_folder_of_something_else_stays_as_it_is(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        (project := tmp_path / "project").mkdir()
        for name in ("config.yaml", ".film.mov.partial", ".film.abcdefgh.partial"):
            (project / name).write_text("name: my app")
        before = sorted(project.iterdir())
        with pytest.raises(
            RunError, match=r"holds a config\.yaml already, which is not, or no longer, that of a run"
        ):
            train(data=pictures, settings=settings, out=project, progress=False)
        assert sorted(project.iterdir()) == before

    def test_a_link_that_leads_nowhere_is_no_folder_for_a_run(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        with pytest.raises(RunError, match="loop is a link that leads to no folder"):
            train(data=pictures, settings=settings, out=tmp_path / "loop", progress=False)

    def test_a_preset_beside_a_whole_configuration_is_refused(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        run = train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        with pytest.raises(
            ConfigError, match=r"preset is 'full', but .*config\.yaml names every setting itself"
        ):
            train(run.folder / "config.yaml", preset="full", out=tmp_path / "again", progress=False)


class TestFrozen:
    @pytest.mark.slow
    def test_cached_and_uncached_training_give_equal_logits(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        cold = train(data=pictures, settings=settings, out=tmp_path / "cold", progress=False)
        warm = train(data=pictures, settings=settings, out=tmp_path / "warm", progress=False)
        never = {**settings, "data.cache_features": False}
        uncached = train(data=pictures, settings=never, out=tmp_path / "uncached", progress=False)
        samples = open_folder(pictures).val
        logits = [
            predict_logits(run.network.classifier, extract_features(run.network, samples).inputs)
            for run in (cold, warm, uncached)
        ]
        assert torch.equal(logits[0], logits[1])
        assert torch.equal(logits[0], logits[2])

    def test_the_head_on_cached_features_is_the_whole_network_on_pictures(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        run = train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        samples = open_folder(pictures).val
        features = extract_features(run.network, samples)
        images = torch.stack([run.network.preprocessing(open_image(sample.path)) for sample in samples])
        with torch.no_grad():
            whole = run.network(images)
        torch.testing.assert_close(
            predict_logits(run.network.classifier, features.inputs), whole, rtol=1e-5, atol=1e-5
        )


class TestResuming:
    def interrupted(self, pictures: Path, settings: dict[str, object], out: Path, epoch: int) -> None:
        pull = pull_when(lambda event: isinstance(event, EpochDone) and event.epoch == epoch)
        with pytest.raises(PlugPulled):
            train(data=pictures, settings=settings, out=out, progress=False, on_event=pull)

    def test_it_ends_as_if_it_had_not_been_interrupted(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        train(data=pictures, settings=settings, out=tmp_path / "whole", progress=False)
        self.interrupted(pictures, settings, tmp_path / "part", epoch=2)
        resume(tmp_path / "part", progress=False)
        for name in ("history.csv", "evaluation/confusion.csv", "evaluation/heatmap.png"):
            assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
        for name in ("head.safetensors", "split.json"):
            assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name

    def test_where_its_device_is_missing_it_says_which_setting_to_change_and_then_goes_on(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        train(data=pictures, settings=settings, out=tmp_path / "whole", progress=False)
        self.interrupted(pictures, settings, tmp_path / "part", epoch=2)
        config = tmp_path / "part" / "config.yaml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("device: auto", "device: cuda"), encoding="utf-8")
        with pytest.raises(
            ConfigError,
            match=r"'cuda', but this machine has none: set compute.device in .*config\.yaml to auto",
        ):
            resume(tmp_path / "part", progress=False)
        config.write_text(text.replace("device: auto", "device: cpu"), encoding="utf-8")
        assert resume(tmp_path / "part", progress=False).metrics["epochs_done"] == 4
        for name in ("history.csv", "head.safetensors"):
            assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name

    def test_a_run_without_a_first_checkpoint_starts_over(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        pull = pull_when(lambda event: True)
        with pytest.raises(PlugPulled):
            train(data=pictures, settings=settings, out=tmp_path / "run", progress=False, on_event=pull)
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 4
        train(data=pictures, settings=settings, out=tmp_path / "whole", progress=False)
        for name in ("history.csv", "head.safetensors"):
            assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name

    def test_a_complete_run_is_left_as_it_is(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        before = (tmp_path / "run" / "metrics.json").read_bytes()
        resume(tmp_path / "run", progress=False)
        assert (tmp_path / "run" / "metrics.json").read_bytes() == before

    def test_of_a_run_that_has_lost_its_classifier_the_loss_is_told(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        run = train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        (run.folder / "head.safetensors").unlink()
        with pytest.raises(
            WeightsError, match=r"no classifier .*head\.safetensors: put it back, or train again"
        ):
            resume(run.folder, progress=False)

    def test_changed_images_are_noticed(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        self.interrupted(pictures, settings, tmp_path / "run", epoch=2)
        next((pictures / "red").iterdir()).unlink()
        with pytest.raises(RunError, match="other images or settings"):
            resume(tmp_path / "run", progress=False)

    def test_a_run_that_is_not_complete_is_not_taken_for_one(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        self.interrupted(pictures, settings, tmp_path / "run", epoch=1)
        with pytest.raises(RunError, match=r"is not complete: continue it with `densekit train --resume"):
            load_run(tmp_path / "run")


class TestMistakes:
    @pytest.mark.parametrize("key", ["model.weights", "model.architecture"])
    def test_a_text_that_is_too_long_for_the_name_of_a_file_is_not_looked_for(
        self, pictures: Path, key: str
    ) -> None:
        section, name = key.split(".")
        resolved = resolve(data=pictures, settings={key: "x" * 5000})
        assert getattr(getattr(resolved, section), name) == "x" * 5000

    def test_nothing_is_written_for_a_request_that_can_not_be_carried_out(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        with pytest.raises(WeightsError):
            train(data=pictures, weights="embeded", out=out, progress=False)
        with pytest.raises(ConfigError):
            train(data=pictures, settings=["training.epochs=0"], out=out, progress=False)
        with pytest.raises(DataError):
            train(data=tmp_path / "nowhere", settings=settings, out=out, progress=False)
        assert not out.exists()

    def test_a_damaged_picture_is_left_out_and_named_in_the_metrics(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        broken = open_folder(pictures).train[0].path
        broken.write_bytes(b"")
        run = train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        assert [problem["path"] for problem in run.metrics["skipped"]] == [str(broken)]
        assert run.metrics["n_train"] == 29

    def test_a_class_of_which_nothing_can_be_read_is_an_error_that_names_it(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        for picture in (pictures / "red").iterdir():
            picture.write_bytes(b"\x89PNG and then nothing")
        with pytest.raises(DataError, match=r"no training image of 'red' can be read.*densekit doctor"):
            train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)

    @pytest.mark.parametrize("was_there", [False, True])
    def test_a_name_is_free_again_when_nothing_was_learned(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path, was_there: bool
    ) -> None:
        if was_there:
            (tmp_path / "run").mkdir()
        good = {path: path.read_bytes() for path in (pictures / "red").iterdir()}
        for picture in good:
            picture.write_bytes(b"\x89PNG and then nothing")
        with pytest.raises(DataError):
            train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        assert (tmp_path / "run").exists() == was_there
        for picture, content in good.items():
            picture.write_bytes(content)
        train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)

    def test_what_was_written_before_a_failure_stays(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        def fail(event: Event) -> None:
            if isinstance(event, Saved):
                raise TrainingError("the loss is no number")

        with pytest.raises(TrainingError):
            train(data=pictures, settings=settings, out=tmp_path / "run", progress=False, on_event=fail)
        assert resume(tmp_path / "run", progress=False).metrics["epochs_done"] == 4

    def test_below_a_file_there_is_no_place_for_a_run(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match=r"below .*file: which is no folder\. Name another place"):
            train(data=pictures, settings=settings, out=tmp_path / "file" / "run", progress=False)

    @pytest.mark.parametrize("cut", ["classifier", "denseblock4"])
    def test_where_no_validation_image_can_be_read_it_says_so(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path, cut: str
    ) -> None:
        for sample in open_folder(pictures).val:
            sample.path.write_bytes(b"\x89PNG and then nothing")
        with pytest.raises(DataError, match=r"none of the 6 validation images can be read, so .* judge by: "):
            train(data=pictures, settings=settings, train_from=cut, out=tmp_path / "run", progress=False)

    def test_the_images_are_never_changed(
        self, pictures: Path, settings: dict[str, object], tmp_path: Path
    ) -> None:
        before = {path: path.read_bytes() for path in pictures.rglob("*") if path.is_file()}
        train(data=pictures, settings=settings, out=tmp_path / "run", progress=False)
        assert {path: path.read_bytes() for path in pictures.rglob("*") if path.is_file()} == before


def test_the_settings_of_the_schedule_reach_the_training(
    pictures: Path, settings: dict[str, object], tmp_path: Path
) -> None:
    changed = {**settings, "training.reduce_lr_every": 2, "training.reduce_lr_factor": 0.5}
    validations: list[Event] = []

    def count(event: Event) -> None:
        if isinstance(event, Validated):
            validations.append(event)

    changed["training.min_epoch_to_save"] = 2
    run = train(data=pictures, settings=changed, out=tmp_path / "run", progress=False, on_event=count)
    history = pd.read_csv(run.folder / "history.csv")
    assert history["learning_rate"].tolist() == pytest.approx([0.01, 0.01, 0.005, 0.005])
    assert [event.epoch for event in validations] == [2, 3, 4]


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (
            {"epochs": 4, "reduce_lr_every": 3, "reduce_lr_factor": 0.1},
            [0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.002, 0.002],
        ),
        (
            {"epochs": 2, "schedule": "cosine", "warm_up": 0.5},
            [0.0008, 0.0104, 0.02, 0.01],  # a 25th, half the way up, the top, half the way down
        ),
    ],
    ids=["steps", "cosine"],
)
def test_the_schedule_of_a_phase_begins_with_the_phase(
    pictures: Path,
    settings: dict[str, object],
    tmp_path: Path,
    schedule: dict[str, object],
    rates: list[float],
) -> None:
    first = {"epochs": 3, "reduce_lr_every": 2, "reduce_lr_factor": 0.5, "learning_rate": 0.01}
    phases = [
        {"train_from": "classifier", "training": first},
        {"train_from": "classifier", "training": {"learning_rate": 0.02, **schedule}},
    ]
    told: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, BatchDone):
            told.append(event.learning_rate)

    each = {key: value for key, value in settings.items() if not key.startswith("training.")}
    plan = {**each, "training.batch_size": 15, "phases": phases}  # two batches in an epoch
    train(data=pictures, settings=plan, out=tmp_path / "run", progress=False, on_event=listen)
    assert told == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.005, 0.005, *rates])
