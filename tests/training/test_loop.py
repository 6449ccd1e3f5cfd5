from itertools import islice

import pytest
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.errors import DataError, TrainingError
from densekit.features import Features
from densekit.training.events import BatchDone, EpochDone, Event, Finished, Saved, Validated
from densekit.training.loop import fit, predict_logits
from densekit.training.state import Best, start


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


def test_every_event_comes_in_its_order() -> None:
    events = events_of(TrainingConfig(epochs=1, batch_size=25))
    kinds = [type(event) for event in events]
    assert kinds == [BatchDone, BatchDone, Validated, Saved, EpochDone, Finished]
    assert [event.step for event in events] == [1, 2, 2, 2, 2, 2]


def test_every_sample_is_seen_once_an_epoch_and_the_last_partial_batch_is_kept() -> None:
    seen: list[int] = []

    class Watching(nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if self.training:
                seen.append(len(inputs))
            return super().forward(inputs)

    events_of(TrainingConfig(epochs=1, batch_size=8), Watching(4, 3))
    assert seen == [8, 8, 8, 8, 8, 8, 2]


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
    settings = TrainingConfig(epochs=3, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(TrainingError, match=r"at step \d+ \(epoch 1\).*learning rate that is too high"):
        list(fit(module, TRAIN, VAL, settings))


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
