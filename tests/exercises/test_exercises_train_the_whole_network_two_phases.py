"""The checkers about the two phases accept every right answer and tell the usual mistakes apart."""

import copy
from collections import OrderedDict

import torch
from torch.nn import functional as F

from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_whole_network import two_phases as check


def phase(
    mode=True,
    gradients=True,
    forget=True,
    judged_mode=False,
    step_anyway=False,
    percent=False,
    sum_loss=False,
):
    """Return a right way to write it, with knobs to make it wrong."""

    def one_phase(network, images, labels, optimizer):
        learning = optimizer is not None
        network.train((learning if mode else False) or (judged_mode and not learning))
        with torch.set_grad_enabled(learning or not gradients):
            logits = network(images)
            loss = F.cross_entropy(logits, labels, reduction="sum" if sum_loss else "mean")
        if learning:
            if forget:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        elif step_anyway:
            with torch.no_grad():
                network.classifier.weight.add_(0.1)
        right = (logits.argmax(dim=1) == labels).float().mean().item()
        return 100 * right if percent else right

    return one_phase


def in_two_branches(network, images, labels, optimizer):
    if optimizer is None:
        network.eval()
        with torch.no_grad():
            return float((network(images).argmax(1) == labels).sum() / len(labels))
    network.train()
    network.zero_grad()
    logits = network(images)
    F.cross_entropy(logits, labels).backward()
    optimizer.step()
    return (logits.argmax(1) == labels).double().mean()


def test_exercise_1_wants_learning_and_judging_apart():
    assert_checker(
        check.exercise_1,
        right=[phase(), in_two_branches],
        wrong=[
            (phase(judged_mode=True), "was in training mode while it was judged"),
            (phase(gradients=False), "expected torch.no_grad()"),
            (phase(step_anyway=True), "the weights have changed"),
            (phase(forget=False), "gradients of an earlier step"),
            (phase(mode=False), "it learns in training mode"),
            (phase(sum_loss=True), "not those of one step on the mean cross-entropy"),
            (phase(percent=True), "your accuracy"),
            (lambda network, images, labels, optimizer: 0.5, "was not asked"),
        ],
    )


def test_exercise_2_wants_copies_of_all_tensors():
    assert_checker(
        check.exercise_2,
        right=[
            lambda network: copy.deepcopy(network.state_dict()),
            lambda network: {name: tensor.clone() for name, tensor in network.state_dict().items()},
            lambda network: OrderedDict(copy.deepcopy(network).state_dict()),
        ],
        wrong=[
            (lambda network: network.state_dict(), "the same tensor, not a copy"),
            (lambda network: dict(network.state_dict()), "the same tensor, not a copy"),
            (lambda network: {n: t.detach() for n, t in network.state_dict().items()}, "not a copy"),
            (lambda network: {n: p.clone() for n, p in network.named_parameters()}, "is missing"),
            (lambda network: copy.deepcopy(network), "expected a dictionary"),
            (lambda network: {n: t.numpy().copy() for n, t in network.state_dict().items()}, "is no tensor"),
            (lambda network: list(network.state_dict().values()), "expected a dictionary"),
        ],
    )


def checks(window=False, above_or_equal=False, all_of_them=False, rest=False, forgets_best=False):
    """Return a right way to write it, with knobs to make it wrong."""

    def way(right, batch_size, every, floor):
        step, best, found = batch_size * every, floor, []
        ends = list(range(step, len(right) + 1, step))
        if rest and len(right) % step:
            ends.append(len(right))
        for end in ends:
            part = right[end - step : end] if window else right[:end]
            accuracy = sum(part) / len(part)
            if all_of_them or accuracy > best or (above_or_equal and accuracy == best):
                found.append(accuracy)
                best = floor if forgets_best else accuracy
        return found

    return way


def by_counting(right, batch_size, every, floor):
    correct, found = 0, []
    for seen, one in enumerate(right, start=1):
        correct += one
        if seen % (batch_size * every) == 0 and correct / seen > max([floor, *found]):
            found.append(correct / seen)
    return found


def test_exercise_4_wants_new_best_accuracies_of_all_pictures_so_far():
    assert_checker(
        check.exercise_4,
        right=[checks(), by_counting, lambda *given: tuple(by_counting(*given))],
        wrong=[
            (checks(window=True), "your"),
            (checks(all_of_them=True), "only a new best one above the floor counts"),
            (checks(above_or_equal=True), "the length of your list"),
            (checks(forgets_best=True), "the accuracies at the checks are 1, 0.75, 0.833, 0.875, and only"),
            (checks(rest=True), "the length of your list"),
            (checks(forgets_best=True), "the length of your list"),
            (lambda *given: 0.75, "expected a list of accuracies"),
        ],
    )
