"""Training from every cut: what is frozen stays what it is to the bit, what is trained is trained."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from killing import PlugPulled, pull_at
from torch import Tensor, nn

from densekit.config import load_config
from densekit.data.folder import open_folder
from densekit.data.loading import open_image
from densekit.devices import choose_compute
from densekit.errors import ConfigError, RunError, TrainingError
from densekit.features.extractor import frozen_fingerprint
from densekit.model.cut import frozen_modules
from densekit.model.densenet import DenseNet
from densekit.model.weights import load_weights
from densekit.run.artefact import load_artefact, whole_network
from densekit.run.classifier import Run, backbone
from densekit.run.phase import Material, make_ready
from densekit.run.trainer import resume, train
from densekit.training.events import BatchDone, Event, Finished, Validated
from densekit.training.team import ALONE

CUTS = ("classifier", "denseblock4", "denseblock3", "denseblock2", "denseblock1", "all")
PARTIAL = CUTS[1:]
Settings = dict[str, object]


@pytest.fixture
def settings(tiny: Settings) -> Settings:
    return {**tiny, "data.image_size": 64, "training.epochs": 2, "training.learning_rate": 0.003}


def trained(settings: Settings, out: Path, **more: object) -> Run:
    return train(settings={**settings, **more}, out=out, progress=False)


def validation_logits(settings: Settings, out: Path, **more: object) -> Tensor:
    seen: list[Tensor] = []

    def listen(event: Event) -> None:
        if isinstance(event, Validated):
            seen.append(event.logits)

    train(settings={**settings, **more}, out=out, progress=False, on_event=listen)
    return torch.stack(seen)


def first_network(settings: Settings) -> DenseNet:
    """The network as a run begins with it."""
    return backbone(load_config(overrides=settings), 3)


def test_the_network_of_a_run_is_a_file_of_weights_with_its_classes_and_preprocessing(
    settings: Settings, tmp_path: Path
) -> None:
    run = trained(settings, tmp_path / "run", **{"model.train_from": "denseblock4", "training.epochs": 1})
    loaded = load_weights(run.folder / "model.safetensors", str(settings["model.architecture"]))
    assert loaded.info.classes == run.classes
    assert loaded.info.preprocessing == run.network.preprocessing


class TestEveryCut:
    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.slow
    def test_it_ends_in_a_report_and_predicts_what_it_reported(
        self, settings: Settings, tmp_path: Path, cut: str
    ) -> None:
        run = trained(settings, tmp_path / "run", **{"model.train_from": cut})
        assert run.metrics["train_from"] == cut
        assert (run.folder / "evaluation" / "heatmap.png").is_file()
        assert (run.folder / "head.safetensors").exists() == (cut == "classifier")
        assert (run.folder / "model.safetensors").exists() == (cut != "classifier")
        report, _ = run.evaluate()
        assert report.confusion.tolist() == run.report.confusion.tolist()

    @pytest.mark.parametrize("cut", PARTIAL)
    @pytest.mark.slow
    def test_what_it_leaves_is_the_plain_network(self, settings: Settings, tmp_path: Path, cut: str) -> None:
        run = trained(settings, tmp_path / "run", **{"model.train_from": cut})
        network = whole_network(load_artefact(run.folder / "model.safetensors")).eval()
        samples = open_folder(settings["data.folder"]).val  # type: ignore[arg-type]
        images = torch.stack([network.preprocessing(open_image(sample.path)) for sample in samples])
        with torch.no_grad():
            expected = network(images)
        torch.testing.assert_close(run.outcome_of(samples).logits, expected, rtol=1e-4, atol=1e-4)


def changed(before: DenseNet, after: DenseNet, cut: str) -> tuple[list[str], list[str]]:
    """Return the names of tensors before the cut that changed, and of those behind it that did not."""
    frozen = frozen_modules(before, cut)
    old, new = before.state_dict(), after.state_dict()
    is_frozen = {name: name.removeprefix("features.").partition(".")[0] in frozen for name in old}
    equal = {name: torch.equal(old[name], new[name]) for name in old}
    return (
        [name for name in old if is_frozen[name] and not equal[name]],
        [name for name in old if not is_frozen[name] and equal[name]],
    )


class TestFrozenPart:
    @pytest.mark.parametrize("cut", PARTIAL)
    @pytest.mark.parametrize("stored", [True, False])
    @pytest.mark.slow
    def test_no_bit_of_it_changes_and_all_behind_it_does(
        self, settings: Settings, tmp_path: Path, cut: str, stored: bool
    ) -> None:
        more = {"model.train_from": cut, "data.cache_features": stored}
        run = trained(settings, tmp_path / "run", **more)
        in_front, behind = changed(first_network(settings), run.network, cut)
        assert in_front == []
        assert behind == []  # also BatchNorm's statistics: the trained part was in training mode

    def test_of_a_head_nothing_but_the_classifier_is_trained(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        networks: list[DenseNet] = []
        build = backbone

        def remember(*arguments: object) -> DenseNet:
            networks.append(build(*arguments))  # type: ignore[arg-type]
            return networks[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("densekit.run.session.backbone", remember)
            trained(settings, tmp_path / "run")
        (network,) = networks  # the very one that went through the training
        in_front, behind = changed(first_network(settings), network, "classifier")
        assert (in_front, behind) == ([], [])

    @pytest.mark.parametrize("cut", PARTIAL[:-1])
    def test_the_comparison_sees_a_part_that_was_not_frozen(self, settings: Settings, cut: str) -> None:
        before, after = first_network(settings), first_network(settings)
        for name, module in frozen_modules(after, cut).items():
            if name == "norm0":
                assert isinstance(module, nn.BatchNorm2d)
                module.running_mean.add_(1e-6)  # type: ignore[union-attr]
        in_front, behind = changed(before, after, cut)
        assert in_front == ["features.norm0.running_mean"]
        assert behind != []  # nothing was trained

    @pytest.mark.parametrize("cut", PARTIAL)
    def test_its_fingerprint_is_in_the_file(self, settings: Settings, tmp_path: Path, cut: str) -> None:
        run = trained(settings, tmp_path / "run", **{"model.train_from": cut})
        told = load_artefact(run.folder / "model.safetensors").backbone_fingerprint
        assert told == frozen_fingerprint(first_network(settings), cut)
        assert bool(told) == (cut != "all")


class TestStore:
    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.slow
    def test_stored_and_unstored_trainings_give_equal_results(
        self, settings: Settings, tmp_path: Path, cut: str
    ) -> None:
        more = {"model.train_from": cut}
        cold = validation_logits(settings, tmp_path / "cold", **more)
        warm = validation_logits(settings, tmp_path / "warm", **more)
        without = validation_logits(settings, tmp_path / "none", **more, **{"data.cache_features": False})
        assert torch.equal(cold, warm)
        torch.testing.assert_close(without, cold, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("cut", ["classifier", "denseblock4", "all"])
    @pytest.mark.slow
    def test_stored_views_are_those_that_are_made_each_time(
        self, settings: Settings, tmp_path: Path, cut: str
    ) -> None:
        more = {
            "model.train_from": cut,
            "data.augmentation": {"flip": True, "resized_crop": 0.5, "colour": 0.2},
            "data.stored_views": 2,
        }
        stored = validation_logits(settings, tmp_path / "stored", **more)
        without = validation_logits(settings, tmp_path / "none", **more, **{"data.cache_features": False})
        torch.testing.assert_close(without, stored, rtol=1e-5, atol=1e-5)


class TestPhases:
    def plan(self, settings: Settings, *phases: dict[str, object]) -> Settings:
        """Return settings with phases, without those that each of the phases says itself."""
        named = [{f"training.{name}" for name in phase.get("training", {})} for phase in phases]  # type: ignore[attr-defined]
        void = set.intersection(*named)
        return {**{key: value for key, value in settings.items() if key not in void}, "phases": list(phases)}

    @pytest.mark.slow
    def test_head_then_full_counts_on_and_begins_with_the_trained_head(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        told: list[Event] = []
        plan = self.plan(
            settings,
            {"train_from": "classifier", "training": {"epochs": 3, "learning_rate": 0.03}},
            {"train_from": "all", "training": {"epochs": 2, "learning_rate": 1e-6}},
        )
        run = train(settings=plan, out=tmp_path / "run", progress=False, on_event=told.append)
        steps = [event.step for event in told if isinstance(event, BatchDone)]
        assert steps == list(range(1, len(steps) + 1))
        assert [event.epoch for event in told if isinstance(event, Finished)] == [3, 5]
        assert run.history["epoch"].tolist() == [1, 2, 3, 4, 5]
        accuracy = {event.epoch: event.accuracy for event in told if isinstance(event, Validated)}
        assert abs(accuracy[4] - accuracy[3]) < 0.2  # the head came along
        assert run.metrics["train_from"] == "all"
        assert run.metrics["val_accuracy"] == max(accuracy.values())

    @pytest.mark.slow
    def test_an_earlier_phase_may_keep_the_best_weights(self, settings: Settings, tmp_path: Path) -> None:
        plan = self.plan(
            settings,
            {"train_from": "classifier", "training": {"epochs": 5, "learning_rate": 0.03}},
            {
                "train_from": "denseblock4",
                "training": {"epochs": 1, "optimizer": "sgd", "learning_rate": 1e-9},
            },
        )
        run = train(settings=plan, out=tmp_path / "run", progress=False)
        report, _ = run.evaluate()
        assert report.accuracy == run.metrics["val_accuracy"] == run.history["val_accuracy"].max()

    @pytest.mark.slow
    @pytest.mark.usefixtures("checkpoint_behind_every_batch")
    def test_interrupted_in_the_second_phase_it_ends_the_same(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        plan = self.plan(settings, {"train_from": "classifier"}, {"train_from": "denseblock4"})
        plan["model.drop_rate"] = 0.2
        train(settings=plan, out=tmp_path / "whole", progress=False)

        with pytest.raises(PlugPulled):
            train(settings=plan, out=tmp_path / "part", progress=False, on_event=pull_at(13))
        resume(tmp_path / "part", progress=False)
        for name in ("model.safetensors", "history.csv", "evaluation/confusion.csv"):
            assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    @pytest.mark.slow
    @pytest.mark.usefixtures("checkpoint_behind_every_batch")
    @pytest.mark.parametrize("statistics", ["batch", "kept"])
    def test_with_memory_saved_it_learns_the_same_and_goes_on_exactly_where_it_was(
        self, settings: Settings, tmp_path: Path, statistics: str
    ) -> None:
        plan = self.plan(settings, {"train_from": "classifier"}, {"train_from": "all"})
        plan["model.drop_rate"] = 0.2
        plan["phases.1.training.norm_statistics"] = statistics
        plain = train(settings=plan, out=tmp_path / "plain", progress=False)
        plan["compute.save_memory"] = True
        whole = train(settings=plan, out=tmp_path / "whole", progress=False)
        found, expected = (run.history["train_loss"].dropna() for run in (whole, plain))
        # It rounds in another order, which Adam makes more of from step to step.
        assert list(found) == pytest.approx(list(expected), rel=1e-2)

        part = tmp_path / "part"
        with pytest.raises(PlugPulled):
            train(settings=plan, out=part, progress=False, on_event=pull_at(13))
        resume(part, progress=False)
        for name in ("model.safetensors", "history.csv", "evaluation/confusion.csv"):
            assert (part / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    @pytest.mark.slow
    @pytest.mark.usefixtures("checkpoint_behind_every_batch")
    def test_a_phase_that_was_taken_out_of_the_configuration_is_missed(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        plan = self.plan(settings, {"train_from": "classifier"}, {"train_from": "denseblock4"})
        with pytest.raises(PlugPulled):
            train(settings=plan, out=tmp_path / "run", progress=False, on_event=pull_at(13))
        config = tmp_path / "run" / "config.yaml"
        values = yaml.safe_load(config.read_text())
        values["phases"] = values["phases"][:1]
        config.write_text(yaml.safe_dump(values))
        with pytest.raises(RunError, match=r"was in phase 2, and its config.yaml lists 1 now: put back"):
            resume(tmp_path / "run", progress=False)

    def test_a_phase_may_not_freeze_what_was_trained(self, settings: Settings, tmp_path: Path) -> None:
        plan = self.plan(settings, {"train_from": "all"}, {"train_from": "classifier"})
        with pytest.raises(ConfigError, match=r"phases.1.train_from is 'classifier', which would freeze"):
            train(settings=plan, out=tmp_path / "run", progress=False)
        assert not (tmp_path / "run").exists()


class TestWhatCanNotBeComputed:
    def test_a_network_that_makes_less_than_one_number_of_a_picture(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        deep = tmp_path / "deep.json"
        blocks = {"growth_rate": 4, "block_config": [1, 1, 1, 1, 1], "num_init_features": 8}
        deep.write_text(json.dumps(blocks))
        small = {**settings, "model.architecture": str(deep), "data.image_size": 32}
        with pytest.raises(ConfigError, match=r"data\.image_size is 32, but .* expected 64 or more"):
            trained(small, tmp_path / "run")
        assert not (tmp_path / "run").exists()
        assert trained({**small, "data.image_size": 64}, tmp_path / "run").metrics["epochs_done"] == 2

    def test_a_validation_that_is_no_number_ends_in_the_reason(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        wild = {"training.optimizer": "sgd", "training.learning_rate": 1e5, "model.train_from": "all"}
        with pytest.raises(TrainingError, match="learning_rate"):
            trained({**settings, **wild}, tmp_path / "run")

    def test_pictures_that_are_all_the_same_make_no_enormous_head(
        self, settings: Settings, pictures: Path, tmp_path: Path
    ) -> None:
        one = (pictures / "red" / "00.png").read_bytes()
        for path in pictures.rglob("*.png"):
            path.write_bytes(one)
        run = trained(settings, tmp_path / "run")
        assert max(tensor.abs().max() for tensor in run.artefact.tensors.values()) < 10
        assert run.metrics["val_loss"] < 10


class TestWhatHasNoEffect:
    """A setting that the phases make void is refused, not passed over."""

    @pytest.mark.parametrize(
        ("named", "message"),
        [
            (
                {"train_from": "denseblock4"},
                "train_from is 'denseblock4', but each of the phases says itself",
            ),
            ({"train_from": "classifier"}, "train_from is 'classifier', but each of the phases says itself"),
            ({"epochs": 7}, "epochs is 7, but each of the phases says itself how many"),
        ],
    )
    def test_beside_phases(
        self, settings: Settings, tmp_path: Path, named: dict[str, object], message: str
    ) -> None:
        each = {"epochs": 1}
        phases = [{"train_from": "classifier", "training": each}, {"train_from": "all", "training": each}]
        with pytest.raises(ConfigError, match=message):
            others = {key: value for key, value in settings.items() if key != "training.epochs"}
            train(settings={**others, "phases": phases}, out=tmp_path / "run", **named)  # type: ignore[arg-type]
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            (
                {"training.standardise": True},
                r"training.standardise is True, but a head learns from features",
            ),
            ({"phases.0.training.layer_decay": 0.5}, r"layer_decay is 0.5, but it has no effect where the"),
            ({"phases.0.training.accumulate": 4}, r"accumulate is 4, but it has no effect where the"),
            ({"phases.0.training.norm_statistics": "kept"}, r"norm_statistics is kept, but it has no effect"),
            (
                {"phases.1.training.standardise": True},
                r"standardise is True, but a head learns from features",
            ),
        ],
    )
    def test_in_a_phase_that_has_no_use_for_it(
        self, settings: Settings, tmp_path: Path, setting: dict[str, object], message: str
    ) -> None:
        preset = "full" if "training.standardise" in setting else "head-then-full"
        others = {key: value for key, value in settings.items() if key != "training.epochs"}
        with pytest.raises(ConfigError, match=message):
            train(preset=preset, settings=others | setting, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_a_cut_in_the_settings_beside_phases(self, settings: Settings, tmp_path: Path) -> None:
        phases = [{"train_from": "classifier"}]
        with pytest.raises(ConfigError, match=r"model\.train_from is 'all', but each of the phases"):
            trained({**settings, "model.train_from": "all"}, tmp_path / "run", phases=phases)


@pytest.mark.parametrize(("second", "standardised"), [("classifier", True), ("denseblock4", False)])
def test_a_head_takes_no_scale_in_where_a_later_phase_trains_the_features(
    tiny: Settings, pictures: Path, second: str, standardised: bool
) -> None:
    phases = [{"train_from": "classifier"}, {"train_from": second}]
    config, data = load_config(overrides={**tiny, "phases": phases}), open_folder(pictures)
    network, compute = backbone(config, len(data.classes)), choose_compute("cpu", "fp32")
    material = Material(config, network, compute, ALONE, data.train, data.val, lambda count: None)
    assert (make_ready(config.plan[0], material).standardiser is not None) == standardised


@pytest.mark.slow
def test_lost_patience_ends_a_phase_and_the_next_one_begins(settings: Settings, tmp_path: Path) -> None:
    impatient = {"epochs": 40, "patience": 1, "learning_rate": 1e-9}
    phases = [
        {"train_from": "classifier", "training": impatient},
        {"train_from": "denseblock4", "training": {"epochs": 2}},
    ]
    run = trained(settings, tmp_path / "run", phases=phases)
    assert (run.metrics["train_from"], run.metrics["stopped"]) == ("denseblock4", None)
    assert 3 <= run.metrics["epochs_done"] < 42


def test_a_phase_that_did_not_help_is_told(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    useless = {"epochs": 1, "learning_rate": 1e-12}
    phases = [{"train_from": "classifier"}, {"train_from": "classifier", "training": useless}]
    run = trained(settings, tmp_path / "run", phases=phases)
    assert run.metrics["best_epoch"] <= 2
    assert "no validation of the last phase (classifier) was better" in capsys.readouterr().err


def without_training(settings: Settings) -> Settings:
    return {key: value for key, value in settings.items() if not key.startswith("training.")}


def test_a_phase_that_helped_after_one_that_lost_patience_is_not_told_to_be_useless(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    impatient = {"epochs": 40, "patience": 1, "learning_rate": 1e-9}
    phases = [
        {"train_from": "classifier", "training": impatient},
        {"train_from": "classifier", "training": {"epochs": 6, "learning_rate": 0.05}},
    ]
    run = trained(without_training(settings), tmp_path / "run", phases=phases)
    ended_at = run.metrics["epochs_done"] - 6  # long before its 40 epochs
    assert ended_at < run.metrics["best_epoch"] < 40
    assert "no validation of the last phase" not in capsys.readouterr().err


def test_a_phase_that_did_not_help_after_one_that_lost_patience_is_told(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phases = [
        {"train_from": "classifier", "training": {"epochs": 40, "patience": 1, "learning_rate": 0.05}},
        {"train_from": "classifier", "training": {"epochs": 1, "learning_rate": 1e-12}},
    ]
    trained(without_training(settings), tmp_path / "run", phases=phases)
    assert "no validation of the last phase (classifier) was better" in capsys.readouterr().err


def test_a_second_head_phase_begins_with_the_best_head_of_the_first(
    settings: Settings, tmp_path: Path
) -> None:
    told: list[Validated] = []

    def listen(event: Event) -> None:
        if isinstance(event, Validated):
            told.append(event)

    hardly = {"epochs": 1, "learning_rate": 1e-12}
    phases = [{"train_from": "classifier"}, {"train_from": "classifier", "training": hardly}]
    train(settings={**settings, "phases": phases}, out=tmp_path / "run", progress=False, on_event=listen)
    *first, second = told
    best = [event for event in first if event.improved][-1]
    assert [event.epoch for event in told] == [1, 2, 3]
    assert second.accuracy == best.accuracy
    assert second.loss == pytest.approx(best.loss, rel=1e-5)
    torch.testing.assert_close(second.logits, best.logits, rtol=1e-4, atol=1e-5)


class TestMistakes:
    def test_a_block_that_the_network_lacks_is_refused_before_anything_is_written(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError, match=r"model.train_from is 'denseblock9', but .* has 4 blocks"):
            trained(settings, tmp_path / "run", **{"model.train_from": "denseblock9"})
        assert not (tmp_path / "run").exists()

    def test_batches_of_one_are_refused_where_batch_norm_is_trained(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        one = {"training.batch_size": 1}
        with pytest.raises(ConfigError, match=r"batch_size is 1, with .* BatchNorm needs two"):
            trained(settings, tmp_path / "run", **one, **{"model.train_from": "all"})
        assert trained(settings, tmp_path / "head", **one).metrics["epochs"] == 2

    def test_batches_of_one_will_do_where_batch_norm_keeps_its_statistics(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        one = {"model.train_from": "all", "training.batch_size": 1, "training.norm_statistics": "kept"}
        assert trained(settings, tmp_path / "run", **one).metrics["epochs_done"] == 2

    def test_advice_for_a_second_phase_names_the_settings_of_that_phase(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        far_off = {"optimizer": "sgd", "learning_rate": 1e6}
        phases = [{"train_from": "classifier"}, {"train_from": "all", "training": far_off}]
        with pytest.raises(TrainingError, match=r"try phases\.1\.training\.learning_rate=100000"):
            trained(settings, tmp_path / "run", phases=phases)
