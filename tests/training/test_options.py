"""What may be asked of a training besides: each option does what it says, and goes on where it was."""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.config import TrainingConfig, load_config
from densekit.errors import ConfigError, RunError
from densekit.features import Features
from densekit.training.averaging import begin_average, move_average
from densekit.training.checkpoint import load_checkpoint, save_checkpoint
from densekit.training.events import BatchDone, Event, Saved, Validated
from densekit.training.history import History
from densekit.training.loop import fit
from densekit.training.objective import Objective, balancing_weights
from densekit.training.randomness import balanced, shuffled
from densekit.training.source import Batch
from densekit.training.state import start
from densekit.training.validation import predict_logits


def points(count: int, rare: int, seed: int = 0) -> Features:
    """Two overlapping clouds; so many of the second class."""
    labels = (torch.arange(count) >= count - rare).long()
    generator = torch.Generator().manual_seed(seed)
    return Features(1.5 * torch.eye(2)[labels] + torch.randn(count, 2, generator=generator), labels)


def settings_of(**values: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"learning_rate": 0.05, "epochs": 3, "batch_size": 8, **values})


def network(norm: bool = True) -> nn.Module:
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(6)] if norm else []
    return nn.Sequential(nn.Linear(2, 6), *middle, nn.ReLU(), nn.Linear(6, 2))


def trained(data: Features, norm: bool = True, **values: object) -> nn.Module:
    module = network(norm)
    list(fit(module, data, data, settings_of(**values)))
    return module


def weights_of(module: nn.Module) -> Tensor:
    return torch.cat([one.detach().flatten() for one in module.parameters()])


def batch(count: int = 8) -> Batch:
    data = points(count, count // 2)
    return Batch(torch.arange(count), data.inputs, data.labels)


OPTIONS = (
    {"class_balance": "weights"},
    {"class_balance": "sampling"},
    {"label_smoothing": 0.1},
    {"mixup": 0.4},
    {"accumulate": 3},
    {"clip_gradients": 0.1},
    {"ema_decay": 0.9},
    {"norm_statistics": "kept"},
)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda one: next(iter(one)))
class TestEachOption:
    def test_it_changes_what_is_learned(self, option: dict[str, object]) -> None:
        data = points(43, rare=7)
        assert not torch.equal(weights_of(trained(data)), weights_of(trained(data, **option)))

    def test_from_any_moment_it_ends_with_the_same_bits(
        self, tmp_path: Path, option: dict[str, object]
    ) -> None:
        data, settings = points(43, rare=7), settings_of(save_step=4, epochs=2, **option)
        whole = network()
        told = list(fit(whole, data, data, settings))
        for moment in range(0, len(told) - 1, 3):
            module = network()
            state = start(module, settings)
            list(islice(fit(module, data, data, settings, state), moment + 1))
            save_checkpoint(state, tmp_path / "c.safetensors", "mine")
            torch.rand(moment)  # somebody else draws random numbers meanwhile

            module = network()
            state = start(module, settings)
            load_checkpoint(state, tmp_path / "c.safetensors", "mine")
            rest = list(fit(module, data, data, settings, state))
            assert torch.equal(weights_of(whole), weights_of(module))
            assert rest[-1] == told[-1]


class TestClassBalance:
    def test_weights_let_all_classes_count_alike(self) -> None:
        labels = torch.tensor([0] * 6 + [1] * 2 + [3] * 4)
        weights = balancing_weights(labels)
        assert [float((weights[labels] * (labels == one)).sum()) for one in (0, 1, 2, 3)] == [4, 4, 0, 4]

    def test_sampling_draws_each_class_as_often(self) -> None:
        labels = points(2000, rare=100).labels
        drawn = torch.cat(balanced(labels, 8, epoch=1, seed=0))
        assert len(drawn) == 2000
        assert 0.45 < labels[drawn].float().mean() < 0.55

    def test_sampling_draws_anew_in_each_epoch_and_the_same_for_the_same_one(self) -> None:
        labels = points(50, rare=5).labels
        one, again, other = (torch.cat(balanced(labels, 8, epoch, seed=0)) for epoch in (1, 1, 2))
        assert torch.equal(one, again) and not torch.equal(one, other)

    @pytest.mark.parametrize("way", ["weights", "sampling"])
    def test_more_of_the_rare_class_is_found(self, way: str) -> None:
        data, unseen = points(400, rare=20), points(400, rare=200, seed=1)

        def found(**option: object) -> float:
            logits = predict_logits(trained(data, norm=False, epochs=6, **option), unseen.inputs)
            return (logits.argmax(1) == 1)[unseen.labels == 1].float().mean().item()

        assert found(class_balance=way) > found() + 0.2


class TestLoss:
    def test_smoothing_asks_for_less_than_certainty(self) -> None:
        data = points(60, rare=30)
        data = Features(4 * data.inputs, data.labels)

        def surest(**option: object) -> float:
            return predict_logits(trained(data, epochs=20, **option), data.inputs).softmax(1).max().item()

        assert surest(label_smoothing=0.2) < surest()

    def test_mixup_lays_pairs_over_each_other_with_both_labels(self) -> None:
        objective, plain = Objective.of(settings_of(mixup=1.0), batch().labels), batch()
        (part,) = objective.parts(plain, step=5, at_most=1)
        assert part.others is not None and 0 < part.kept < 1
        logits = torch.randn(8, 2)
        expected = part.kept * F.cross_entropy(logits, plain.labels)
        expected += (1 - part.kept) * F.cross_entropy(logits, part.others)
        torch.testing.assert_close(objective.loss(logits, part), expected)
        low, high = plain.inputs.amin(0), plain.inputs.amax(0)
        assert ((part.inputs >= low - 1e-6) & (part.inputs <= high + 1e-6)).all()

    def test_under_mixup_an_answer_is_right_that_names_the_larger_share(self) -> None:
        whole = points(60, rare=30)
        history, mixed = (History(), History())
        for table, strength in ((history, 0.0), (mixed, 0.01)):  # so little that hardly anything is mixed
            for event in fit(network(), whole, whole, settings_of(epochs=12, mixup=strength)):
                table.read(event)
        assert mixed.rows[-1]["train_accuracy"] == pytest.approx(history.rows[-1]["train_accuracy"], abs=0.1)
        assert history.rows[-1]["train_accuracy"] > 0.85

    def test_mixup_draws_from_seed_and_step_alone(self) -> None:
        objective = Objective.of(settings_of(mixup=1.0), batch().labels)
        one, again, other = (next(objective.parts(batch(), step, 1)) for step in (1, 1, 2))
        assert torch.equal(one.inputs, again.inputs) and not torch.equal(one.inputs, other.inputs)


class TestAccumulation:
    @pytest.mark.parametrize("option", [{}, {"class_balance": "weights"}, {"mixup": 0.5}])
    def test_without_batch_norm_the_parts_add_up_to_the_whole_batch(self, option: dict[str, object]) -> None:
        data = points(43, rare=9)
        whole, parts = (trained(data, norm=False, accumulate=number, **option) for number in (1, 4))
        torch.testing.assert_close(weights_of(parts), weights_of(whole), rtol=1e-4, atol=1e-5)

    def test_every_part_has_enough_pictures_for_batch_norm(self) -> None:
        seen: list[int] = []
        module = network()
        module.register_forward_pre_hook(
            lambda one, inputs: seen.append(len(inputs[0])) if one.training else None
        )
        list(fit(module, points(19, 9), points(19, 9), settings_of(epochs=1, accumulate=4)))
        assert seen == [2, 2, 2, 2, 2, 2, 2, 2, 3]

    def test_with_kept_statistics_the_parts_add_up_to_the_whole_batch_with_norms_too(self) -> None:
        data = points(43, rare=9)  # so that the last batch is a single picture
        kept = {"norm_statistics": "kept", "batch_size": 2, "epochs": 1}
        whole, parts = (trained(data, accumulate=number, **kept) for number in (1, 2))
        torch.testing.assert_close(weights_of(parts), weights_of(whole), rtol=1e-4, atol=1e-5)
        assert not torch.equal(weights_of(whole), weights_of(network()))

    def test_with_kept_statistics_a_part_may_be_one_picture(self) -> None:
        seen: list[int] = []
        module = network()
        module.register_forward_pre_hook(
            lambda one, inputs: seen.append(len(inputs[0])) if one.training else None
        )
        settings = settings_of(epochs=1, accumulate=2, batch_size=2, norm_statistics="kept")
        list(fit(module, points(5, 2), points(5, 2), settings))
        assert seen == [1, 1, 1, 1, 1]


def test_gradients_are_never_longer_than_allowed() -> None:
    data = points(40, rare=20)
    data = Features(100 * data.inputs, data.labels)
    module = network(norm=False)
    before = weights_of(module)
    settings = settings_of(optimizer="sgd", momentum=0, learning_rate=1.0, clip_gradients=0.01, epochs=1)
    list(fit(module, data, data, settings))
    assert (weights_of(module) - before).norm() <= 5 * 0.01 + 1e-6  # five steps


class TestKeptStatistics:
    def test_no_statistic_moves_and_gains_and_biases_learn(self) -> None:
        before, data = network()[1], points(43, rare=7)
        norm = trained(data, norm_statistics="kept")[1]
        assert torch.equal(norm.running_mean, before.running_mean)
        assert torch.equal(norm.running_var, before.running_var)
        assert norm.num_batches_tracked == 0
        assert not torch.equal(norm.weight, before.weight)
        assert not torch.equal(norm.bias, before.bias)
        assert trained(data)[1].num_batches_tracked > 0

    def test_it_learns_as_with_a_norm_in_evaluation_mode(self) -> None:
        data, module = points(40, rare=8), network()
        list(fit(module, data, data, settings_of(norm_statistics="kept", epochs=1, optimizer="sgd")))
        by_hand = network()
        optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.05, momentum=0.9)
        for chosen in shuffled(40, 8, 1, 0, least=2):
            by_hand.train()
            by_hand[1].eval()
            optimizer.zero_grad()
            F.cross_entropy(by_hand(data.inputs[chosen]), data.labels[chosen]).backward()
            optimizer.step()
        assert torch.allclose(weights_of(module), weights_of(by_hand), atol=1e-6)

    def test_one_picture_at_a_time_is_enough(self) -> None:
        settings = settings_of(norm_statistics="kept", batch_size=1, epochs=1)
        module = network()
        list(fit(module, points(9, 4), points(9, 4), settings))
        assert not torch.equal(weights_of(module), weights_of(network()))

    def test_dropout_still_drops(self) -> None:
        data, seen = points(16, rare=4), []
        module = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5), nn.Linear(2, 2))
        module[1].register_forward_hook(lambda one, inputs, out: seen.append(one.training))
        list(fit(module, data, data, settings_of(norm_statistics="kept", epochs=1)))
        assert seen[0]

    def test_memory_may_be_saved_as_well(self) -> None:
        both = ["data.folder=x", "compute.save_memory=true"]
        assert load_config(preset="head-then-full", overrides=both).compute.save_memory


class TestAveragedWeights:
    def test_they_are_the_mean_that_the_decay_says(self) -> None:
        module = nn.Linear(1, 1, bias=False)
        nn.init.constant_(module.weight, 0.0)
        average = begin_average(module)
        nn.init.constant_(module.weight, 1.0)
        move_average(average, module, decay=0.9, step=10_000)
        assert average["weight"].item() == pytest.approx(0.1)
        move_average(average, module, decay=0.9, step=1)  # at first, less is kept
        assert average["weight"].item() == pytest.approx(1 - 0.9 * 2 / 11)

    def test_each_step_of_a_training_moves_them_as_its_number_says(self) -> None:
        data, module, settings = points(40, 20), network(), settings_of(ema_decay=0.9)
        state, beside = start(module, settings), begin_average(module)
        steps = 0
        for event in fit(module, data, data, settings, state):
            if isinstance(event, BatchDone):
                steps += 1
                move_average(beside, module, decay=0.9, step=steps)
                assert all(torch.equal(beside[name], state.average[name]) for name in beside)
        assert steps == 15 and beside.keys() == dict(module.named_parameters()).keys()

    def test_they_are_judged_and_kept_while_the_training_goes_on_with_its_own(self) -> None:
        data, settings = points(40, 20), settings_of(ema_decay=0.9)
        module = network()
        state = start(module, settings)
        told: list[Event] = []
        for event in fit(module, data, data, settings, state):
            told.append(event)
            if isinstance(event, Saved):
                average = {name: event.weights[name] for name in state.average}
                assert all(torch.equal(average[name], state.average[name]) for name in average)
                assert not torch.equal(average["0.weight"], dict(module.named_parameters())["0.weight"])
        best = [event for event in told if isinstance(event, Validated) and event.improved][-1]
        torch.testing.assert_close(predict_logits(module, data.inputs), best.logits)

    def test_a_checkpoint_without_them_is_refused_where_they_are_asked_for(self, tmp_path: Path) -> None:
        save_checkpoint(start(network(), settings_of()), tmp_path / "c", "mine")
        with pytest.raises(RunError, match="averaged weights"):
            load_checkpoint(start(network(), settings_of(ema_decay=0.9)), tmp_path / "c", "mine")


class TestRefusals:
    @pytest.mark.parametrize(
        ("setting", "reason"),
        [
            ("model.drop_rate=0.2", "dropout is in the dense layers"),
            ("training.layer_decay=0.5", "a head is one layer"),
            ("training.norm_statistics=kept", "which keeps theirs anyhow"),
            ("training.accumulate=2", "memory that a head's features don't take"),
            ("compute.save_memory=true", "what dense layers keep while they learn"),
        ],
    )
    def test_what_has_no_effect_on_a_head_alone_is_refused_with_the_reason(
        self, setting: str, reason: str
    ) -> None:
        key = setting.partition("=")[0]
        with pytest.raises(ConfigError, match=rf"{key} has no effect where the classifier alone.*{reason}"):
            load_config(overrides=["data.folder=x", setting])
        load_config(overrides=["data.folder=x", setting, "model.train_from=denseblock4"])
        phases = json.dumps([{"train_from": "classifier"}, {"train_from": "all"}])
        load_config(overrides=["data.folder=x", setting, f"phases={phases}"])

    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            (
                ["training.mixup=0.2", "training.batch_size=1"],
                "mixup lays the pictures of a batch over each other",
            ),
            (["training.accumulate=5"], "BatchNorm needs two .* expected a batch_size of 10 or more"),
            (
                ["training.accumulate=9", "training.norm_statistics=kept"],
                "into 9 parts, but batch_size is 8: expected a batch_size of 9 or more",
            ),
            (["training.label_smoothing=1"], "training.label_smoothing is 1"),
            (["training.ema_decay=1"], "training.ema_decay is 1"),
            (["training.clip_gradients=0"], "training.clip_gradients is 0"),
            (["training.class_balance=both"], "training.class_balance is 'both'"),
        ],
    )
    def test_what_can_not_be_is_refused_with_the_reason(self, settings: list[str], reason: str) -> None:
        with pytest.raises(ConfigError, match=reason):
            load_config(overrides=["data.folder=x", "model.train_from=all", *settings])

    def test_where_norms_keep_their_statistics_a_batch_may_have_as_many_parts_as_pictures(self) -> None:
        each = ["training.accumulate=2", "training.batch_size=2", "training.norm_statistics=kept"]
        load_config(overrides=["data.folder=x", "model.train_from=all", *each])
