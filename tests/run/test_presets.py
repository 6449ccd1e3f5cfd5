"""The presets, and a training with each of them."""

from pathlib import Path

import pytest

from densekit.config import PRESETS, load_config
from densekit.errors import ConfigError
from densekit.features.extraction import Views
from densekit.run.trainer import train
from densekit.training.events import Event, Saved, Validated
from densekit.training.schedule import learning_rate_at

PHASED = ("head-then-block4", "head-then-full")
TRAINED_FROM = {
    "full": "all",
    "head": "classifier",
    "head-original": "classifier",
    "head-then-block4": "denseblock4",
    "head-then-full": "all",
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_training_with_it_ends_in_a_report(tiny: dict[str, object], tmp_path: Path, preset: str) -> None:
    quick: dict[str, object] = {"data.image_size": 64}
    if preset in PHASED:
        quick |= {"phases.0.training.epochs": 1, "phases.1.training.epochs": 1}
    else:
        quick["training.epochs"] = 2
    run = train(preset=preset, settings={**tiny, **quick}, out=tmp_path / "run", progress=False)
    assert run.metrics["epochs_done"] == 2
    assert (run.folder / "evaluation" / "heatmap.png").is_file()
    assert run.metrics["train_from"] == TRAINED_FROM[preset]


def test_the_whole_network_is_trained_by_momentum_and_a_rate_that_falls_in_steps() -> None:
    config = load_config(preset="full", overrides=["data.folder=x"])
    training = config.training
    assert config.model.train_from == "all"
    assert (training.optimizer, training.momentum) == ("sgd", 0.9)
    assert (training.user_step, training.accuracy_floor) == (10, 0.7)
    rates = [learning_rate_at(epoch, training) for epoch in (1, 4, 5)]
    assert rates == pytest.approx(
        [training.learning_rate, training.learning_rate, 0.3 * training.learning_rate]
    )


def test_the_original_head_has_the_values_of_its_trainer() -> None:
    training = load_config(preset="head-original", overrides=["data.folder=x"]).training
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adam", 5e-5, 10)
    assert (training.batch_size, training.reduce_lr_factor) == (8, 0.85)


def test_head_then_full_goes_on_with_a_lower_rate_that_differs_by_layer() -> None:
    first, second = load_config(preset="head-then-full", overrides=["data.folder=x"]).plan
    assert (first.train_from, second.train_from) == ("classifier", "all")
    assert second.training.learning_rate < first.training.learning_rate
    assert second.training.layer_decay < 1


def test_the_last_phase_of_head_then_block4_sees_each_version_of_a_picture_once() -> None:
    config = load_config(preset="head-then-block4", overrides=["data.folder=x"])
    first, second = config.plan
    assert (first.train_from, second.train_from) == ("classifier", "denseblock4")
    assert (first.training.mixup, second.training.mixup) == (0.0, 0.2)
    views = Views(config.data.augmentation, kept=config.data.stored_views)
    seen = [views.number(first.training.epochs + epoch) for epoch in range(1, second.training.epochs + 1)]
    assert sorted(seen) == list(range(16))


def test_the_weights_of_the_best_validation_are_the_ones_that_are_saved(
    tiny: dict[str, object], tmp_path: Path
) -> None:
    told: list[Event] = []
    # Far too fast: what was good is lost again.
    settings = {**tiny, "data.image_size": 64, "training.epochs": 4, "training.learning_rate": 0.3}
    run = train(preset="full", settings=settings, out=tmp_path / "run", progress=False, on_event=told.append)
    best = [event for event in told if isinstance(event, Saved)][-1]
    losses = {event.step: event.loss for event in told if isinstance(event, Validated)}
    assert abs(losses[max(losses)] - losses[best.step]) > 0.01
    assert run.evaluate()[0].loss == pytest.approx(losses[best.step], abs=1e-4)


class TestOneSettingOfAPhase:
    def test_it_is_named_by_the_number_of_the_phase(self) -> None:
        settings = ["data.folder=x", "phases.1.training.epochs=3"]
        plan = load_config(preset="head-then-full", overrides=settings).plan
        assert [phase.training.epochs for phase in plan] == [10, 3]

    @pytest.mark.parametrize(
        ("preset", "key", "told"),
        [
            ("head-then-full", "phases.2.training.epochs", r"no phase '2'; the last one is phases.1"),
            ("head-then-full", "phases.one.training.epochs", "no phase 'one'"),
            ("head", "phases.0.training.epochs", "no phase '0'; the configuration lists none"),
            ("head-then-full", "phases.train_from", "the phases have numbers, from 0"),
        ],
    )
    def test_one_that_is_not_there_is_refused(self, preset: str, key: str, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            load_config(preset=preset, overrides={"data.folder": "x", key: 3})
