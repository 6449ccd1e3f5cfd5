"""The checkers about freezing accept every right answer and tell the usual mistakes apart."""

import torch
from torch.nn import functional as F

from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_head import freezing as check


def _moved(tensors, copied=torch.clone):
    def moved(network, action):
        before = {name: copied(tensor) for name, tensor in tensors(network).items()}
        action()
        return [name for name, tensor in tensors(network).items() if not torch.equal(tensor, before[name])]

    return moved


def test_exercise_1_wants_parameters_and_buffers_from_a_snapshot_that_stays():
    def one_by_one(network, action):
        yield from _moved(lambda one: one.state_dict())(network, action)

    def in_a_set(network, action):
        before = [(name, tensor.numpy().copy()) for name, tensor in network.state_dict().items()]
        action()
        after = network.state_dict()
        return {name for name, old in before if (after[name].numpy() != old).any()}

    def says_all(network, action):
        action()
        return list(network.state_dict())

    def twice(network, action):
        action()
        return _moved(lambda one: one.state_dict())(network, action)

    assert_checker(
        check.exercise_1,
        right=[_moved(lambda network: network.state_dict()), in_a_set, one_by_one],
        wrong=[
            (_moved(lambda network: network.state_dict(), lambda tensor: tensor), "they change along"),
            (_moved(lambda network: dict(network.named_parameters())), "if the look before the action"),
            (_moved(lambda network: dict(network.named_buffers())), "parameters such as"),
            (says_all, "has not moved"),
            (twice, "called 2 times, expected once"),
            (lambda network, action: [], "called 0 times, expected once"),
            (lambda network, action: action(), "expected a list of names"),
            (lambda network, action: action() or "features", "expected a list of names"),
        ],
    )


def test_exercise_1_says_which_kind_is_missing():
    def without_the_counters(network, action):
        names = _moved(lambda one: one.state_dict())(network, action)
        return [name for name in names if "num_batches" not in name]

    assert_checker(
        check.exercise_1, right=[_moved(lambda one: one.state_dict())], part=True,
        wrong=[(without_the_counters, "buffers such as features.norm0.num_batches_tracked are missing")],
    )  # fmt: skip


def _step_with(prepare, features=lambda network, images: network(images)):
    def train_step(network, images, labels, optimizer):
        prepare(network)
        loss = F.cross_entropy(features(network, images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return train_step


def _all_in_eval(network):
    network.train()
    network.eval()


def _norms_in_eval(network):
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def _features_in_eval(network):
    network.train()
    network.features.eval()


def _too_early(network):
    network.features.eval()
    network.train()


def _without_gradient(network, images):
    with torch.no_grad():
        embeddings = network.forward_head(network.forward_features(images), pre_logits=True)
    return network.classifier(embeddings)


def _momentum_zero(network):
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0


def _nothing_learns(network, images, labels, optimizer):
    network.eval()
    return F.cross_entropy(network(images), labels).item()


def test_exercise_2_wants_the_frozen_part_in_eval_mode_behind_train():
    assert_checker(
        check.exercise_2,
        right=[
            _step_with(_features_in_eval),
            _step_with(_all_in_eval),
            _step_with(_norms_in_eval),
            _step_with(_features_in_eval, _without_gradient),
        ],
        wrong=[
            (
                _step_with(lambda network: network.train()),
                "of the frozen part moved in two steps, expected 0",
            ),
            (_step_with(_too_early), "of the frozen part moved"),
            (_step_with(lambda network: network.train(), _without_gradient), "of the frozen part moved"),
            (_step_with(_momentum_zero), "num_batches_tracked"),
            (_step_with(lambda network: network.requires_grad_(False).train()), "does not require grad"),
            (_nothing_learns, "expected the head to learn"),
        ],
    )


def test_exercise_2_tells_a_head_that_learned_from_the_statistics_of_the_batch():
    def by_the_batch(network, images, labels, optimizer):
        buffers = {name: one.clone() for name, one in network.named_buffers()}
        _step_with(lambda one: one.train())(network, images, labels, optimizer)
        network.load_state_dict(buffers, strict=False)

    assert_checker(
        check.exercise_2, right=[_step_with(_features_in_eval)], part=True,
        wrong=[(by_the_batch, "the head's weights are off by")],
    )  # fmt: skip


def _guard(same, listed=True):
    def assert_frozen(before, after):
        names = set(before) | set(after) if listed else set(after)
        moved = [name for name in names if name not in after or not same(before[name], after[name])]
        if moved:
            raise AssertionError(f"not frozen: {moved}")

    return assert_frozen


def _plain_assert(before, after):
    assert list(before) == list(after), set(before) ^ set(after)
    for name in before:
        assert before[name].shape == after[name].shape, name
        assert (before[name] == after[name]).all(), f"{name} moved"


def test_exercise_3_wants_a_guard_that_lets_nothing_past():
    def shaped(one, other):
        return one.shape == other.shape and torch.allclose(one, other)

    def same_sum(one, other):
        return one.shape == other.shape and bool(
            torch.isclose(one.double().sum(), other.double().sum(), 0, 1e-12)
        )

    def only_floats(one, other):
        return not one.is_floating_point() or torch.equal(one, other)

    def says_so(before, after):
        return all(torch.equal(before[name], after[name]) for name in after)

    def nameless(before, after):
        assert all(torch.equal(before[name], after.get(name, torch.empty(0))) for name in before)

    def a_value_error(before, after):
        for name in before:
            if not torch.equal(before[name], after[name]):
                raise ValueError(name)

    assert_checker(
        check.exercise_3,
        right=[_guard(torch.equal), _plain_assert],
        wrong=[
            (_guard(shaped), "a gain that changed by 1e-9 gets past it"),
            (_guard(only_floats), "a counter of batches that went up by one gets past it"),
            (_guard(torch.equal, listed=False), "a tensor that is missing after gets past it"),
            (_guard(lambda one, other: one is other), "it raises for two equal states"),
            (_guard(same_sum), "a running mean of which two channels changed places gets past it"),
            (says_so, "and returns False, expected an AssertionError that names features.norm0.weight"),
            (nameless, "expected a message that names features.norm0.weight"),
            (a_value_error, "it raises ValueError"),
        ],
    )
