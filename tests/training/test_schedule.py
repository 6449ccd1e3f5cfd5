from itertools import islice

import pytest
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.features import Features
from densekit.training.events import BatchDone
from densekit.training.loop import fit
from densekit.training.schedule import learning_rate_at, validates_at
from densekit.training.state import TrainingState, start


def due(settings: TrainingConfig, steps_per_epoch: int) -> list[tuple[int, int]]:
    """List the (epoch, step in it) at which a validation is due."""
    return [
        (epoch, step)
        for epoch in range(1, settings.epochs + 1)
        for step in range(1, steps_per_epoch + 1)
        if validates_at(step, steps_per_epoch, epoch, settings)
    ]


class TestLearningRate:
    def test_it_falls_by_fifteen_percent_every_so_many_epochs(self) -> None:
        settings = TrainingConfig(learning_rate=1.0, reduce_lr_every=2, reduce_lr_factor=0.85)
        rates = [learning_rate_at(epoch, settings) for epoch in (1, 2, 3, 4, 5)]
        assert rates == pytest.approx([1, 1, 0.85, 0.85, 0.7225])

    def test_it_may_stay_as_it_is(self) -> None:
        settings = TrainingConfig(learning_rate=0.1, reduce_lr_every=None)
        assert learning_rate_at(100, settings) == 0.1


class TestCosine:
    def rates(self, **more: object) -> list[float]:
        settings = TrainingConfig.model_validate({"learning_rate": 1.0, "schedule": "cosine", **more})
        return [learning_rate_at(1, settings, done / 8) for done in range(8)]

    def test_it_falls_along_half_a_cosine(self) -> None:
        rates = self.rates()
        assert rates[0] == 1
        assert rates[4] == pytest.approx(0.5)
        assert rates == sorted(rates, reverse=True)
        assert 0 < rates[7] < 0.05

    def test_it_rises_before_it_falls(self) -> None:
        rates = self.rates(warm_up=0.25)
        assert rates[:3] == pytest.approx([0.04, 0.52, 1.0])
        assert rates[2:] == sorted(rates[2:], reverse=True)

    def test_steps_may_rise_first_too(self) -> None:
        settings = TrainingConfig(learning_rate=1.0, warm_up=0.5)
        assert learning_rate_at(1, settings, 0.25) == pytest.approx(0.52)
        assert learning_rate_at(4, settings, 0.5) == 0.85

    def test_the_loop_asks_for_it_at_every_step_and_goes_on_where_it_was(self) -> None:
        features = Features(torch.randn(20, 3), torch.arange(20) % 2)
        settings = TrainingConfig(epochs=2, batch_size=5, learning_rate=0.1, schedule="cosine")

        def told(state: TrainingState, steps: int) -> list[float]:
            events = fit(state.module, features, features, settings, state)
            batches = (event for event in events if isinstance(event, BatchDone))
            return [event.learning_rate for event in islice(batches, steps)]

        whole = told(start(nn.Linear(3, 2), settings), 8)
        state = start(nn.Linear(3, 2), settings)
        assert told(state, 3) + told(state, 5) == whole
        assert whole == [learning_rate_at(1, settings, done / 8) for done in range(8)]


class TestValidation:
    def test_it_is_due_at_the_end_of_each_epoch(self) -> None:
        assert due(TrainingConfig(epochs=3), 4) == [(1, 4), (2, 4), (3, 4)]

    def test_it_is_due_every_save_step_batches_counted_over_epochs_and_once_more_at_the_end(self) -> None:
        assert due(TrainingConfig(epochs=2, save_step=3), 4) == [(1, 3), (2, 2), (2, 4)]

    def test_none_is_due_before_enough_epochs_are_done(self) -> None:
        assert due(TrainingConfig(epochs=3, save_step=2, min_epoch_to_save=2), 4) == [
            (2, 4),
            (3, 2),
            (3, 4),
        ]

    def test_the_last_batch_is_validated_even_if_no_epoch_counts_as_enough(self) -> None:
        assert due(TrainingConfig(epochs=2, min_epoch_to_save=9), 4) == [(2, 4)]

    def test_a_save_step_beyond_the_whole_training_still_validates_once(self) -> None:
        assert due(TrainingConfig(epochs=2, save_step=100), 4) == [(2, 4)]
