from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.errors import ConfigError, DataError, TrainingError
from densekit.features import Features
from densekit.training.checkpoint import load_checkpoint, save_checkpoint
from densekit.training.events import BatchDone, EpochDone, Event, Finished, Saved, Stopping, Validated
from densekit.training.loop import fit
from densekit.training.lr_finder import find_learning_rate
from densekit.training.randomness import drawn_for, shuffled
from densekit.training.source import TensorSource, as_source
from densekit.training.state import Best, start
from densekit.training.stop import Stop
from densekit.training.validation import predict_logits


def blobs(count: int, seed: int) -> Features:
    """Points around three centres, one for each class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = torch.tensor([[3.0, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0]])
    return Features(centres[labels] + torch.randn(count, 4, generator=generator), labels)


def head(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(4, 3)


TRAIN, VAL = blobs(50, seed=1), blobs(30, seed=2)


def events_of(settings: TrainingConfig, module: nn.Module | None = None) -> list[Event]:
    return list(fit(module or head(), TRAIN, VAL, settings))


def test_it_learns() -> None:
    events = events_of(TrainingConfig(epochs=10, learning_rate=0.05))
    accuracies = [event.accuracy for event in events if isinstance(event, Validated)]
    assert accuracies[-1] > 0.85
    losses = [event.loss for event in events if isinstance(event, EpochDone)]
    assert losses[-1] < losses[0] / 2


def test_it_learns_where_gradients_are_switched_off() -> None:
    learned, expected = head(), head()
    settings = TrainingConfig(epochs=1, learning_rate=0.05)
    events_of(settings, expected)
    with torch.no_grad():
        events_of(settings, learned)
    assert torch.equal(learned.weight, expected.weight)


def test_every_event_comes_in_its_order() -> None:
    events = events_of(TrainingConfig(epochs=1, batch_size=25))
    kinds = [type(event) for event in events]
    assert kinds == [BatchDone, BatchDone, Validated, Saved, EpochDone, Finished]
    assert [event.step for event in events] == [1, 2, 2, 2, 2, 2]


def test_every_sample_is_seen_once_an_epoch_and_the_last_partial_batch_is_kept() -> None:
    seen: list[torch.Tensor] = []

    class Watching(nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if self.training:
                seen.append(inputs)
            return super().forward(inputs)

    events_of(TrainingConfig(epochs=2, batch_size=8), Watching(4, 3))
    assert [len(inputs) for inputs in seen] == 2 * [8, 8, 8, 8, 8, 8, 2]
    first, second = torch.cat(seen[:7]).tolist(), torch.cat(seen[7:]).tolist()
    assert sorted(first) == sorted(second) == sorted(TRAIN.inputs.tolist())
    assert first != second


class TestOrder:
    def order(self, epoch: int = 1, seed: int = 0) -> list[int]:
        return torch.cat(shuffled(50, 8, epoch, seed)).tolist()

    def test_every_number_comes_once_in_batches_of_the_size(self) -> None:
        assert [len(batch) for batch in shuffled(50, 8, epoch=1, seed=0)] == [8, 8, 8, 8, 8, 8, 2]
        assert self.order() != list(range(50))
        assert sorted(self.order()) == list(range(50))

    def test_it_is_the_same_for_the_same_epoch_and_seed_whoever_else_draws(self) -> None:
        first = self.order(epoch=2, seed=1)
        torch.rand(3)
        assert self.order(epoch=2, seed=1) == first

    def test_no_two_epochs_and_no_two_seeds_share_one(self) -> None:
        orders = {tuple(self.order(epoch, seed)) for epoch in range(1, 21) for seed in (0, 1, 2)}
        assert len(orders) == 60


def test_the_best_weights_are_in_the_module_at_the_end() -> None:
    module = head()
    # A rate this high wanders about, so that the last validation is not the best one.
    events = events_of(TrainingConfig(epochs=20, learning_rate=3.0), module)
    validations = [event for event in events if isinstance(event, Validated)]
    best = max(validations, key=lambda event: (event.accuracy, -event.loss))
    assert best is not validations[-1]
    accuracy = (predict_logits(module, VAL.inputs).argmax(1) == VAL.labels).float().mean().item()
    assert accuracy == best.accuracy
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.best_step, finished.best_accuracy) == (best.step, best.accuracy)


def test_what_is_saved_does_not_change_as_training_goes_on() -> None:
    module = head()
    saved = [
        (event.weights, {name: one.clone() for name, one in event.weights.items()})
        for event in fit(module, TRAIN, VAL, TrainingConfig(epochs=3))
        if isinstance(event, Saved)
    ]
    assert len(saved) > 1
    for weights, copy in saved:
        assert all(torch.equal(weights[name], copy[name]) for name in copy)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def trained(seed: int) -> torch.Tensor:
        module = head()
        events_of(TrainingConfig(epochs=2, seed=seed), module)
        return module.weight.detach()

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_a_training_goes_on_from_a_state_as_if_it_had_not_stopped() -> None:
    whole = head()
    events_of(TrainingConfig(epochs=4), whole)

    interrupted = head()
    settings = TrainingConfig(epochs=4)
    state = start(interrupted, settings)
    for event in fit(interrupted, TRAIN, VAL, settings, state):
        if isinstance(event, EpochDone) and event.epoch == 2:
            break
    assert state.epoch == 2
    list(fit(interrupted, TRAIN, VAL, settings, state))
    assert torch.equal(whole.weight, interrupted.weight)


class Dropping(nn.Module):
    """A small network with everything that has a state or draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layers(inputs)


class TestGoingOn:
    @pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
    def test_from_any_moment_it_ends_with_the_same_bits(self, tmp_path: Path, optimizer: str) -> None:
        settings = TrainingConfig.model_validate(
            {"epochs": 2, "optimizer": optimizer, "save_step": 2, "weight_decay": 0.01, "batch_size": 16}
        )
        whole = Dropping()
        told = list(fit(whole, TRAIN, VAL, settings))
        for moment in range(len(told) - 1):
            module = Dropping()
            state = start(module, settings)
            events = fit(module, TRAIN, VAL, settings, state)
            list(islice(events, moment + 1))
            save_checkpoint(state, tmp_path / "c.safetensors", "mine")
            torch.rand(moment)  # somebody else draws random numbers meanwhile

            module = Dropping()
            state = start(module, settings)
            load_checkpoint(state, tmp_path / "c.safetensors", "mine")
            rest = list(fit(module, TRAIN, VAL, settings, state))
            assert all(
                torch.equal(a, b) for a, b in zip(whole.parameters(), module.parameters(), strict=True)
            )
            assert rest[-1] == told[-1]
            steps = [
                (event.step, event.loss) for event in told[: moment + 1] + rest if type(event) is BatchDone
            ]
            assert steps == [(event.step, event.loss) for event in told if type(event) is BatchDone]

    def test_the_loss_of_an_epoch_is_that_of_all_its_batches(self, tmp_path: Path) -> None:
        settings = TrainingConfig(epochs=1)
        *_, whole, _ = fit(head(), TRAIN, VAL, settings)
        module = head()
        state = start(module, settings)
        list(islice(fit(module, TRAIN, VAL, settings, state), 3))
        *_, continued, _ = fit(module, TRAIN, VAL, settings, state)
        assert isinstance(whole, EpochDone) and isinstance(continued, EpochDone)
        assert (continued.loss, continued.accuracy) == (whole.loss, whole.accuracy)


class TestStopping:
    def stopped_at(self, step: int, settings: TrainingConfig, module: nn.Module) -> list[Event]:
        stop, told = Stop(), []
        for event in fit(module, TRAIN, VAL, settings, stop=stop):
            told.append(event)
            if isinstance(event, BatchDone) and event.step == step:
                stop.stop()
        return told

    def test_it_ends_with_the_best_weights(self) -> None:
        module = head()
        told = self.stopped_at(17, TrainingConfig(epochs=5, learning_rate=0.3), module)
        assert [type(event) for event in told[-2:]] == [Stopping, Finished]
        finished = told[-1]
        assert isinstance(finished, Finished)
        assert finished.stopped
        assert (finished.epoch, finished.step) == (2, 17)
        saved = [event for event in told if isinstance(event, Saved)][-1]
        assert finished.best_step == saved.step
        assert all(torch.equal(saved.weights[name], one) for name, one in module.state_dict().items())

    def test_before_the_first_validation_it_validates_once(self) -> None:
        told = self.stopped_at(1, TrainingConfig(epochs=5, min_epoch_to_save=3), head())
        assert [type(event) for event in told] == [BatchDone, Stopping, Validated, Saved, Finished]

    def test_behind_the_last_step_there_is_nothing_left_to_stop(self) -> None:
        told = self.stopped_at(7, TrainingConfig(epochs=1), head())
        assert [type(event) for event in told[-2:]] == [EpochDone, Finished]
        assert told[-1].stopped is False  # type: ignore[attr-defined]

    def test_before_it_begins_nothing_is_trained(self) -> None:
        stop, module = Stop(), head()
        stop.stop()
        before = module.weight.detach().clone()
        told = list(fit(module, TRAIN, VAL, stop=stop))
        assert [type(event) for event in told] == [Stopping, Validated, Saved, Finished]
        assert torch.equal(module.weight, before)

    def test_patience_is_lost_after_so_many_validations_without_a_better_one(self) -> None:
        settings = TrainingConfig(epochs=50, learning_rate=3.0, patience=3)
        told = events_of(settings)
        improved = [event.improved for event in told if isinstance(event, Validated)]
        assert improved[-4:] == [True, False, False, False]
        assert told[-1].stopped  # type: ignore[attr-defined]


def test_a_single_picture_at_the_end_joins_the_batch_before_where_batch_norm_is_trained() -> None:
    def sizes(module: nn.Module, **how: object) -> list[int]:
        seen: list[int] = []
        module.register_forward_hook(
            lambda one, inputs, _: seen.append(len(inputs[0])) if one.training else None
        )
        settings = TrainingConfig.model_validate({"epochs": 1, "batch_size": 8, **how})
        list(fit(module, blobs(17, 1), VAL, settings))
        return seen

    assert sizes(head()) == [8, 8, 1]
    assert sizes(Dropping()) == [8, 9]
    assert sizes(Dropping(), norm_statistics="kept") == [8, 8, 1]  # which asks nothing of the batch


def test_dropout_takes_nothing_from_the_generator_of_others() -> None:
    module = Dropping()
    before = torch.random.get_rng_state()
    list(fit(module, TRAIN, VAL, TrainingConfig(epochs=1)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_a_step_draws_follows_from_seed_step_and_process_to_the_bit() -> None:
    with drawn_for(step=3, seed=2, rank=1, device=torch.device("cpu")):
        drawn = torch.rand(5)
    mixed = (2 * 1_000_003 + 3) * 1_009 + 1
    assert torch.equal(drawn, torch.rand(5, generator=torch.Generator().manual_seed(mixed)))


def test_a_step_on_the_cpu_leaves_the_generators_of_all_other_devices_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    monkeypatch.setattr(torch.mps, "manual_seed", seeded.append)
    with drawn_for(step=3, seed=2, rank=1, device=torch.device("cpu")):
        torch.rand(1)
    assert seeded == []


def test_a_step_that_fails_leaves_the_generator_as_it_was() -> None:
    before = torch.random.get_rng_state()
    with pytest.raises(MemoryError), drawn_for(step=3, seed=2, rank=1, device=torch.device("cpu")):
        raise MemoryError
    assert torch.equal(torch.random.get_rng_state(), before)


def test_closing_the_stream_stops_training() -> None:
    module = head()
    stream = fit(module, TRAIN, VAL, TrainingConfig(epochs=1000))
    assert len(list(islice(stream, 5))) == 5
    stream.close()  # type: ignore[attr-defined]
    before = module.weight.detach().clone()
    assert list(stream) == []
    assert torch.equal(module.weight, before)


def test_validation_runs_in_evaluation_mode_and_changes_nothing() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    first, second = predict_logits(module, VAL.inputs), predict_logits(module, VAL.inputs)
    assert torch.equal(first, second)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_likely_cause() -> None:
    module = nn.Linear(4, 3)
    settings = TrainingConfig(epochs=3, optimizer="sgd", learning_rate=1e6)
    huge = replace(TRAIN, inputs=1e30 * TRAIN.inputs)
    with pytest.raises(
        TrainingError,
        match=r"at step \d+ \(epoch 1\).*too high: it is 1e\+06, try training\.learning_rate=100000$",
    ):
        list(fit(module, huge, VAL, settings))


def test_a_rate_that_a_schedule_has_changed_is_not_taken_for_the_setting() -> None:
    settings = TrainingConfig(epochs=3, optimizer="sgd", learning_rate=1e6, warm_up=0.9)
    huge = replace(TRAIN, inputs=1e30 * TRAIN.inputs)
    with pytest.raises(
        TrainingError,
        match=r"it is 1e\+06 \(the schedule had it at \S+ by then\), try training\.learning_rate=100000$",
    ):
        list(fit(nn.Linear(4, 3), huge, VAL, settings))


class TestAdviceForAPhase:
    """Of several phases each says its own settings, and advice names those that change something."""

    section = "phases.1.training"

    def test_on_a_rate_that_is_too_high(self) -> None:
        settings = TrainingConfig(epochs=3, optimizer="sgd", learning_rate=1e6)
        huge = replace(TRAIN, inputs=1e30 * TRAIN.inputs)
        with pytest.raises(TrainingError, match=r"try phases\.1\.training\.learning_rate=100000"):
            list(fit(nn.Linear(4, 3), huge, VAL, settings, section=self.section))

    def test_on_a_weight_decay_that_is_too_high(self) -> None:
        settings = TrainingConfig(epochs=8, optimizer="adamw", weight_decay=1e6)
        with pytest.raises(TrainingError, match=r"try phases\.1\.training\.weight_decay=0\.05"):
            list(fit(nn.Linear(4, 3), TRAIN, VAL, settings, section=self.section))

    def test_on_a_full_memory(self) -> None:
        told = r"try phases\.1\.training\.batch_size=4, .* phases\.1\.training\.accumulate=2"
        for work in (
            fit(Greedy(MemoryError()), TRAIN, VAL, section=self.section),
            find_in_steps(Greedy(MemoryError()), section=self.section),
        ):
            with pytest.raises(TrainingError, match=told):
                list(work)

    @pytest.mark.parametrize(
        ("batch_size", "accumulate", "told"),
        [
            (16, 2, r"try phases\.1\.training\.batch_size=8, .* phases\.1\.training\.accumulate=4, which"),
            (8, 2, r"try phases\.1\.training\.batch_size=4, .* phases\.1\.training\.accumulate=4, which"),
            (8, 4, r"try a smaller data\.image_size, or, .* is trained, compute\.save_memory=true"),
        ],
    )
    def test_on_a_full_memory_where_a_batch_is_cut_already(
        self, batch_size: int, accumulate: int, told: str
    ) -> None:
        settings = TrainingConfig(batch_size=batch_size, accumulate=accumulate)
        with pytest.raises(TrainingError, match=told):
            list(fit(Greedy(MemoryError()), TRAIN, VAL, settings, section=self.section))

    def test_on_a_batch_that_is_too_small(self) -> None:
        settings = TrainingConfig(epochs=1, batch_size=1)
        with pytest.raises(ConfigError, match=r"^phases\.1\.training\.batch_size is 1"):
            list(fit(Dropping(), TRAIN, VAL, settings, section=self.section))


def test_a_weight_decay_that_is_too_high_is_named_as_the_cause() -> None:
    settings = TrainingConfig(epochs=8, optimizer="adamw", weight_decay=1e6)
    with pytest.raises(TrainingError, match=r"weight_decay is 1e\+06, which takes 1000 times"):
        list(fit(nn.Linear(4, 3), TRAIN, VAL, settings))


@pytest.mark.parametrize(
    ("train", "val", "told"),
    [(blobs(0, 0), VAL, "no training images"), (TRAIN, blobs(0, 0), "no validation images")],
)
def test_an_empty_split_is_an_error_and_no_division_by_zero(
    train: Features, val: Features, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        list(fit(head(), train, val))


def test_of_two_equally_right_validations_the_surer_one_is_better() -> None:
    best = Best(accuracy=0.9, loss=0.3)
    assert best.is_beaten_by(0.9, 0.2)
    assert not best.is_beaten_by(0.9, 0.3)
    assert not best.is_beaten_by(0.8, 0.1)


def find_in_steps(module: nn.Module, section: str) -> Iterator[float]:
    yield from find_learning_rate(module, TRAIN, section=section).rates


class Greedy(nn.Module):
    """A module that asks for more memory than there is."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.linear, self.error = nn.Linear(4, 3), error

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes."
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB, other allocations: 99 MB)."),
        MemoryError(),
    ],
)
def test_a_full_memory_names_a_smaller_batch(error: Exception) -> None:
    settings = TrainingConfig(epochs=1, batch_size=8)
    with pytest.raises(TrainingError, match=r"8 pictures in a batch: try training\.batch_size=4, ") as caught:
        list(fit(Greedy(error), blobs(16, 0), blobs(6, 1), settings))
    assert "training.accumulate=2, which keeps the steps" in str(caught.value)
    with pytest.raises(TrainingError, match="8 pictures in a batch"):
        find_learning_rate(Greedy(error), blobs(16, 0), settings)


@pytest.mark.parametrize(
    ("batch_size", "advice"), [(1, "a smaller data"), (3, "training.batch_size=1, a smaller")]
)
def test_with_a_small_batch_nothing_impossible_is_advised(batch_size: int, advice: str) -> None:
    settings = TrainingConfig(epochs=1, batch_size=batch_size)
    with pytest.raises(TrainingError, match=f"in a batch: try {advice}") as caught:
        list(fit(Greedy(MemoryError()), blobs(16, 0), blobs(6, 1), settings))
    assert "accumulate" not in str(caught.value)


def test_another_error_of_a_module_is_its_own() -> None:
    with pytest.raises(RuntimeError, match=r"^mine$"):
        list(fit(Greedy(RuntimeError("mine")), blobs(16, 0), blobs(6, 1), TrainingConfig(epochs=1)))


def test_a_batch_of_one_is_refused_where_batch_norm_learns() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(ConfigError, match=r"batch_size is 1, but BatchNorm needs 2 pictures or more"):
        list(fit(module, blobs(16, 0), blobs(6, 1), TrainingConfig(epochs=1, batch_size=1)))
    list(fit(nn.Linear(4, 3), blobs(16, 0), blobs(6, 1), TrainingConfig(epochs=1, batch_size=1)))


def test_features_come_to_where_the_module_is() -> None:
    module = nn.Linear(4, 3, device="meta")
    source = as_source(blobs(16, 0), next(module.parameters()).device)
    assert isinstance(source, TensorSource)
    assert source.inputs.device.type == source.labels.device.type == "meta"
