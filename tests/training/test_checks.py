"""What is told in the middle of a validation."""

from itertools import islice

import pytest
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.features import Features
from densekit.training.events import Checked, Judging, Validated
from densekit.training.loop import fit
from densekit.training.source import TensorSource
from densekit.training.state import start
from densekit.training.validation import _checks


def points(count: int) -> Features:
    labels = torch.arange(count) // (count // 2)  # class by class, as folders come
    generator = torch.Generator().manual_seed(0)
    return Features(3.0 * torch.eye(2)[labels] + torch.randn(count, 2, generator=generator), labels)


def checks_of(**settings: object) -> list[Checked]:
    torch.manual_seed(0)
    whole = TrainingConfig.model_validate({"epochs": 3, "batch_size": 4, "learning_rate": 0.1, **settings})
    return [
        event for event in fit(nn.Linear(2, 2), points(40), points(40), whole) if isinstance(event, Checked)
    ]


class TestChecks:
    def test_without_user_step_there_are_none(self) -> None:
        assert checks_of() == []

    def test_they_come_every_so_many_batches_of_each_validation(self) -> None:
        told = [(one.epoch, one.batches, len(one.labels)) for one in checks_of(user_step=4)]
        assert told == [(epoch, *part) for epoch in (1, 2, 3) for part in ((4, 16), (8, 32))]

    def test_the_first_batches_hold_pictures_of_all_classes(self) -> None:
        assert all(0 < one.labels.float().mean() < 1 for one in checks_of(user_step=2))

    def test_the_accuracy_is_that_of_the_logits(self) -> None:
        for one in checks_of(user_step=3):
            right = (one.logits.argmax(dim=1) == one.labels).float().mean().item()
            assert one.accuracy == pytest.approx(right)

    def test_one_is_better_only_above_the_floor_and_above_those_before_it(self) -> None:
        told = checks_of(user_step=1, accuracy_floor=0.6)
        assert {one.improved for one in told} == {True, False}
        for epoch in (1, 2, 3):
            best = 0.6
            for one in (one for one in told if one.epoch == epoch):
                assert one.improved == (one.accuracy > best)
                best = max(best, one.accuracy)
        assert not any(
            one.improved for one in checks_of(user_step=1, accuracy_floor=0.999) if one.accuracy < 0.999
        )

    @pytest.mark.parametrize("tenths", range(1, 10))
    def test_an_accuracy_at_the_floor_is_not_above_it(self, tenths: int) -> None:
        labels = torch.zeros(10, dtype=torch.int64)
        logits = torch.tensor([[1.0, 0.0]] * tenths + [[0.0, 1.0]] * (10 - tenths))
        settings = TrainingConfig(user_step=1, batch_size=10, accuracy_floor=tenths / 10)
        (one,) = _checks(logits, labels, settings, epoch=1, step=1)
        assert one.accuracy == tenths / 10
        assert not one.improved

    def test_they_change_nothing_in_the_training(self) -> None:
        def accuracies(**more: object) -> list[tuple[float, float]]:
            torch.manual_seed(0)
            settings = TrainingConfig.model_validate({"epochs": 2, **more})
            events = fit(nn.Linear(2, 2), points(40), points(40), settings)
            return [(event.loss, event.accuracy) for event in events if isinstance(event, Validated)]

        assert accuracies(user_step=1) == accuracies()


def test_a_long_validation_tells_how_far_it_is_and_leaves_gradients_on() -> None:
    val = TensorSource(points(40).inputs, points(40).labels, at_once=16)
    told = []
    for event in fit(nn.Linear(2, 2), points(40), val, TrainingConfig(epochs=1)):
        assert torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        if isinstance(event, Judging):
            told.append((event.judged, event.pictures))
    assert told == [(16, 40), (32, 40)]


def test_a_training_goes_on_from_the_middle_of_a_validation() -> None:
    settings = TrainingConfig(epochs=2, user_step=1)

    def module() -> nn.Linear:
        torch.manual_seed(0)
        return nn.Linear(2, 2)

    whole, halves = module(), module()
    told = list(fit(whole, points(40), points(40), settings))
    (first, *_) = (number for number, event in enumerate(told) if isinstance(event, Checked))
    state = start(halves, settings)
    list(islice(fit(halves, points(40), points(40), settings, state), first + 1))
    rest = list(fit(halves, points(40), points(40), settings, state))
    assert rest[-1] == told[-1]
    assert torch.equal(whole.weight, halves.weight)
