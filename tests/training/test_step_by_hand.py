"""One step of a training against numbers by hand: what the settings ask for is what becomes of the weights."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.config import TrainingConfig
from densekit.features import Features
from densekit.model.architectures import DenseNetConfig
from densekit.model.cut import behind
from densekit.model.densenet import DenseNet
from densekit.training.events import BatchDone
from densekit.training.loop import fit
from densekit.training.objective import Objective, Part

RATE = 0.1
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 0, 0, 2])  # six, two and two
CLASS_WEIGHTS = torch.tensor(
    [10 / 18, 10 / 6, 10 / 6], dtype=torch.float64
)  # so that each class counts 10 / 3


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pictures(count: int = 10) -> Features:
    """As many inputs of three numbers, (N, 3), of three classes."""
    return Features(normal(count, 3), LABELS[:count])


def head() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 3).double()


def layers() -> nn.Sequential:
    """Two layers with a norm in front, whose gain and offset are not those of a fresh one."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    nn.init.normal_(module[0].weight)
    nn.init.normal_(module[0].bias)
    return module


def take_one_step(module: nn.Module, data: Features, **values: object) -> BatchDone:
    """Train with all pictures in one batch, by plain SGD if nothing else is asked for."""
    plain = {"optimizer": "sgd", "momentum": 0.0 if "optimizer" not in values else None}
    fixed = {"learning_rate": RATE, "epochs": 1, "batch_size": len(data)}
    settings = TrainingConfig.model_validate({**plain, **fixed, **values})
    (step,) = (event for event in fit(module, data, data, settings) if isinstance(event, BatchDone))
    assert (step.step, step.learning_rate) == (1, RATE)
    return step


def gradients(module: nn.Module, data: Features) -> dict[str, Tensor]:
    """Return the gradient of the mean cross-entropy of all pictures, from a copy in training mode."""
    copy = deepcopy(module).train()
    F.cross_entropy(copy(data.inputs), data.labels).backward()
    return {name: one.grad for name, one in copy.named_parameters() if one.grad is not None}


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: one.detach().clone() for name, one in module.named_parameters()}


def changes(before: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    return {name: after - before[name] for name, after in weights(module).items()}


def assert_near(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """The loss is taken in float32, so its gradients are right to that."""
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


class TestLayerDecay:
    DEPTHS = (
        ("classifier", 0),
        ("features.norm5", 1),
        ("features.denseblock2", 1),
        ("features.transition1", 2),
        ("features.denseblock1", 2),
        ("features.norm0", 3),
        ("features.conv0", 3),
    )

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        shape = DenseNetConfig(growth_rate=4, block_config=(1, 1), num_init_features=8, bn_size=2)
        network = DenseNet(shape, num_classes=3).double()
        for one in network.modules():  # without offsets, each norm would undo a change of the gain before it
            if isinstance(one, nn.BatchNorm2d):
                nn.init.normal_(one.weight)
                nn.init.normal_(one.bias)
        return behind(network, "all")

    @pytest.mark.parametrize("layer_decay", [1.0, 0.5])
    def test_each_block_moves_by_its_own_multiple_of_the_rate(self, layer_decay: float) -> None:
        module, images = self.network(), Features(normal(10, 3, 32, 32), LABELS)
        before, gradient = weights(module), gradients(module, images)
        take_one_step(module, images, layer_decay=layer_decay)
        depth = {
            name: next(depth for start, depth in self.DEPTHS if name.startswith(f"{start}."))
            for name in before
        }
        expected = {name: -RATE * layer_decay ** depth[name] * gradient[name] for name in before}
        assert all(one.abs().max() > 1e-5 for one in expected.values())
        assert_near(changes(before, module), expected)


def sgd(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """The decay is a part of the gradient, that of decay/2 · weight²."""
    return weight - RATE * (gradient + decay * weight)


def adam(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """In the first step both averages are the gradient's own, so it is divided by its size."""
    gradient = gradient + decay * weight
    return weight - RATE * gradient / (gradient.abs() + 1e-8)


def adamw(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """The weight itself gets smaller by rate · decay, whatever its gradient is."""
    return weight * (1 - RATE * decay) - RATE * gradient / (gradient.abs() + 1e-8)


class TestWeightDecay:
    @pytest.mark.parametrize("decay", [0.0, 0.3])
    @pytest.mark.parametrize("by_hand", [sgd, adam, adamw], ids=lambda one: one.__name__)
    def test_it_makes_matrices_smaller_and_leaves_biases_and_norms_alone(
        self, by_hand: Callable[[Tensor, Tensor, float], Tensor], decay: float
    ) -> None:
        torch.manual_seed(0)
        module = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3)).double()
        for one in module.parameters():
            nn.init.normal_(one)
        before, gradient = weights(module), gradients(module, pictures())
        take_one_step(module, pictures(), optimizer=by_hand.__name__, weight_decay=decay)
        decays = {"0.weight": 0.0, "0.bias": 0.0, "1.weight": decay, "1.bias": 0.0}
        expected = {name: by_hand(before[name], gradient[name], decays[name]) for name in before}
        assert_near(weights(module), expected)


class TestClipping:
    def test_a_longer_gradient_is_cut_to_the_length_and_keeps_its_direction(self) -> None:
        module = layers()
        before, gradient = weights(module), gradients(module, pictures())
        length = sum(float((one**2).sum()) for one in gradient.values()) ** 0.5
        assert length > 0.1
        take_one_step(module, pictures(), clip_gradients=0.01)
        change = changes(before, module)
        moved = sum(float((one**2).sum()) for one in change.values()) ** 0.5
        assert moved == pytest.approx(RATE * 0.01, rel=1e-4)
        expected = {name: -RATE * 0.01 / length * one for name, one in gradient.items()}
        # torch adds 1e-6 to the length before it divides by it: less than a hundred-thousandth here
        torch.testing.assert_close(change, expected, rtol=1e-4, atol=1e-7)

    def test_a_shorter_gradient_is_left_as_it_is(self) -> None:
        module = layers()
        before, gradient = weights(module), gradients(module, pictures())
        take_one_step(module, pictures(), clip_gradients=100.0)
        assert_near(changes(before, module), {name: -RATE * one for name, one in gradient.items()})


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("balance", [None, "weights"])
class TestSmoothingAndClassWeights:
    """With smoothing s an answer should be s / 3 for each class, and 1 − s more for the right one."""

    def targets(self, labels: Tensor, smoothing: float) -> Tensor:
        targets = torch.full((len(labels), 3), smoothing / 3, dtype=torch.float64)
        targets[torch.arange(len(labels)), labels] += 1 - smoothing
        return targets

    def counts(self, labels: Tensor, balance: str | None) -> Tensor:
        """What each picture counts for, (N, 1)."""
        return CLASS_WEIGHTS[labels, None] if balance else torch.ones(len(labels), 1, dtype=torch.float64)

    def test_the_loss_of_a_batch_is_the_sum_over_its_pictures_and_classes(
        self, smoothing: float, balance: str | None
    ) -> None:
        settings = TrainingConfig.model_validate({"label_smoothing": smoothing, "class_balance": balance})
        labels, logits = torch.tensor([0, 1, 2, 2]), 3 * normal(4, 3)
        logs = logits - logits.exp().sum(dim=1, keepdim=True).log()
        expected = -(self.counts(labels, balance) * self.targets(labels, smoothing) * logs).sum() / 4
        found = Objective.of(settings, LABELS).loss(logits.float(), Part(logits, labels))
        assert found.item() == pytest.approx(expected.item(), rel=1e-6)

    def test_a_step_goes_down_that_sum(self, smoothing: float, balance: str | None) -> None:
        module, data = head(), pictures()
        before = weights(module)
        answers = module(data.inputs).detach().softmax(dim=1)
        take_one_step(module, data, label_smoothing=smoothing, class_balance=balance)
        pull = self.counts(LABELS, balance) * (answers - self.targets(LABELS, smoothing)) / 10  # (10, 3)
        expected = {"weight": -RATE * pull.T @ data.inputs, "bias": -RATE * pull.sum(dim=0)}
        assert_near(changes(before, module), expected)


def test_parts_of_a_batch_weigh_as_many_pictures_as_they_have() -> None:
    module, data, seen = head(), pictures(8), []
    before, answers = weights(module), module(data.inputs).detach().softmax(dim=1)
    module.register_forward_pre_hook(
        lambda one, inputs: seen.append(len(inputs[0])) if one.training else None
    )
    step = take_one_step(module, data, accumulate=3)
    assert seen == [3, 3, 2]
    pull = (answers - torch.eye(3, dtype=torch.float64)[data.labels]) / 8  # (8, 3)
    expected = {"weight": -RATE * pull.T @ data.inputs, "bias": -RATE * pull.sum(dim=0)}
    assert_near(changes(before, module), expected)
    right = answers[torch.arange(8), data.labels]
    assert step.loss == pytest.approx(-right.log().mean().item(), rel=1e-6)


def test_a_norm_that_is_trained_takes_in_a_tenth_of_the_statistics_of_the_batch() -> None:
    module, data = layers(), pictures()
    take_one_step(module, data)
    mean = data.inputs.sum(dim=0) / 10
    variance = ((data.inputs - mean) ** 2).sum(dim=0) / 9
    norm = dict(module[0].named_buffers())
    torch.testing.assert_close(norm["running_mean"], 0.9 * 0 + 0.1 * mean)
    torch.testing.assert_close(norm["running_var"], 0.9 * 1 + 0.1 * variance)
    assert norm["num_batches_tracked"] == 1
