"""The learning rate finder: it suggests what learns, says why, and leaves the module as it was."""

from typing import Any

import pytest
import torch
from torch import nn

from densekit.config import TrainingConfig
from densekit.errors import ConfigError, DataError
from densekit.features import Features
from densekit.plots import alt_text, learning_rate_sweep
from densekit.training.events import EpochDone
from densekit.training.loop import fit
from densekit.training.lr_finder import find_learning_rate, suggest

SGD = TrainingConfig(optimizer="sgd", batch_size=16, epochs=2, reduce_lr_every=None)


def blobs() -> Features:
    generator, labels = torch.Generator().manual_seed(1), torch.arange(120) % 3
    return Features(3 * torch.eye(3)[labels] + torch.randn(120, 3, generator=generator), labels)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def test_the_module_is_left_as_it_was() -> None:
    module = network()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    find_learning_rate(module, blobs(), SGD, highest=100)
    assert all(torch.equal(before[name], one) for name, one in module.state_dict().items())


def test_rates_grow_by_the_same_factor_between_the_two() -> None:
    sweep = find_learning_rate(network(), blobs(), SGD, lowest=1e-4, highest=1e-2, steps=21)
    assert len(sweep.rates) == len(sweep.losses) == len(sweep.smoothed) == 21
    assert (sweep.rates[0], sweep.rates[10], sweep.rates[20]) == pytest.approx((1e-4, 1e-3, 1e-2))


def test_the_suggestion_learns_where_a_thousandth_of_it_does_not() -> None:
    found = find_learning_rate(network(), blobs(), SGD, lowest=1e-6, highest=100)
    assert found.suggestion is not None

    def loss_at(rate: float) -> float:
        settings = SGD.model_copy(update={"learning_rate": rate})
        return [one.loss for one in fit(network(), blobs(), blobs(), settings) if isinstance(one, EpochDone)][
            -1
        ]

    assert loss_at(found.suggestion) < 0.7 * loss_at(found.suggestion / 1000)


def test_twice_it_finds_the_same() -> None:
    one, again = (find_learning_rate(network(), blobs(), SGD) for _ in range(2))
    assert one == again


def test_it_ends_where_the_loss_explodes() -> None:
    sweep = find_learning_rate(network(), blobs(), SGD, lowest=1e-3, highest=1e6, steps=200)
    assert len(sweep.rates) < 200
    assert sweep.suggestion is not None and sweep.suggestion < sweep.rates[-1]


def test_noise_at_the_beginning_is_not_taken_for_learning() -> None:
    rates = [10.0 ** (number / 20 - 6) for number in range(100)]
    losses = [3.0, 2.0, 2.4, 2.5] + [2.4] * 66 + [2.4 - number / 15 for number in range(30)]
    suggestion, _ = suggest(rates, losses)
    assert suggestion is not None and suggestion > rates[70]


class TestSuggestion:
    rates = tuple(10.0 ** (number / 4 - 5) for number in range(21))

    def test_it_is_where_the_loss_falls_fastest(self) -> None:
        losses = [2.0] * 8 + [1.9, 1.6, 1.2, 1.1, 1.05, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 3.0, 9.0]
        suggestion, reason = suggest(list(self.rates), losses)
        assert suggestion is not None
        assert self.rates[8] < suggestion < self.rates[11]
        assert "falls fastest" in reason and "behind which it rises" in reason

    def test_so_close_to_the_rise_it_is_a_third_of_the_lowest(self) -> None:
        losses = [2.0] * 18 + [1.0, 5.0, 9.0]
        suggestion, reason = suggest(list(self.rates), losses)
        assert suggestion == pytest.approx(self.rates[18] / 3)
        assert "safer" in reason

    def test_where_the_highest_rate_is_the_best_it_says_so(self) -> None:
        _, reason = suggest(list(self.rates), [2.0 - number / 20 for number in range(21)])
        assert "the highest that was tried" in reason

    def test_where_the_loss_rises_at_once_lower_rates_are_advised(self) -> None:
        suggestion, reason = suggest(list(self.rates), [2.0 + number / 4 for number in range(21)])
        assert suggestion is None
        assert "begin with a lower rate" in reason

    def test_a_loss_that_never_falls_suggests_none(self) -> None:
        suggestion, reason = suggest(list(self.rates), [2.0] * 21)
        assert suggestion is None
        assert "never fell" in reason


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(DataError, match="no training images"):
        find_learning_rate(network(), Features(torch.empty(0, 3), torch.empty(0, dtype=torch.int64)), SGD)


def test_the_figure_marks_the_suggestion_and_says_it_in_words() -> None:
    sweep = find_learning_rate(network(), blobs(), SGD, highest=100)
    figure = learning_rate_sweep(sweep.rates, sweep.losses, sweep.smoothed, sweep.suggestion)
    assert f"The loss falls fastest near {sweep.suggestion:.2g}" in alt_text(figure)
    none = learning_rate_sweep([0.1, 1.0], [2.0, 2.0], [2.0, 2.0], None)
    assert "No learning rate to suggest" in alt_text(none)
    with pytest.raises(DataError, match="as many of each"):
        learning_rate_sweep([], [], [], None)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"lowest": 1.0, "highest": 0.1}, "rates from 1 to 0.1: expected 0 < lowest"),
        ({"lowest": 0.0}, "expected 0 < lowest"),
        ({"lowest": -1.0}, "expected 0 < lowest"),
        ({"lowest": 1e-310}, "lowest is 1e-310, which moves hardly a weight: expected 1e-12 or more"),
        ({"lowest": 0.1, "highest": 0.5}, "10 times lowest or more"),
        ({"lowest": 1e30, "highest": 1e308}, r"1e\+06 at most"),
        ({"highest": 1e38}, r"1e\+06 at most"),
        ({"lowest": float("nan")}, "expected 0 < lowest"),
        ({"highest": float("nan")}, "expected 0 < lowest"),
        ({"lowest": "1e-3"}, "lowest is '1e-3': expected a number"),
        ({"lowest": True}, "lowest is True: expected a number"),
        ({"steps": 9}, "steps is 9: expected 10 or more"),
        ({"steps": 10.5}, "steps is 10.5: expected a whole number"),
    ],
)
def test_a_range_that_can_not_be_swept_is_refused(how: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        find_learning_rate(network(), blobs(), SGD, **how)


def test_a_suggestion_is_among_the_rates_that_were_tried() -> None:
    rates = [0.1 * 1.3**step for step in range(10)]
    losses = [2.0, 1.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    chosen, _ = suggest(rates, losses)
    assert chosen == rates[0]
