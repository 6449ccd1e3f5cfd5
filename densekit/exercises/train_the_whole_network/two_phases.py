"""Each epoch has two phases: one that learns, and one that judges and must change nothing."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.exercises.expectations import expect, expect_close, expect_equal, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.exercises.networks import small_densenet, some_images
from densekit.model.densenet import DenseNet

OnePhase = Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer | None], Any]

_ROUNDING = 1e-5  # of float32, after one step


@exercise(
    number=1,
    title="One phase",
    minutes=12,
    difficulty="medium",
    hints=(
        Hint(
            "the running statistics change while I judge",
            "BatchNorm notes them in training mode. network.train(learning) sets either mode.",
        ),
        Hint(
            "gradients are computed while I judge",
            "torch.set_grad_enabled(learning) is torch.no_grad() where `learning` is False.",
        ),
        Hint(
            "the weights after the step are others",
            "backward() adds to the gradients that are there already: optimizer.zero_grad() comes before it.",
        ),
    ),
)
def exercise_1(one_phase: OnePhase) -> str:
    """Check that judging changes nothing, and that learning takes the step that it should."""
    network, images, labels = small_densenet(), some_images(), torch.arange(6) % 3
    _check_judging(one_phase, network, images, labels)
    _check_learning(one_phase, network, images, labels)
    return "to learn: training mode, gradients, a step; to judge: evaluation mode, and nothing changes"


@exercise(
    number=2,
    title="The best weights, not the last",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "what I kept changes with the network",
            "state_dict() hands out the network's own tensors. Which method of a tensor makes a copy?",
        ),
        Hint(
            "keys are missing when I load it",
            "BatchNorm's running statistics belong to it: state_dict() has them, parameters() does not.",
        ),
    ),
)
def exercise_2(remember: Callable[[nn.Module], Mapping[str, Tensor]]) -> str:
    """Check that what was remembered stays as it was when the network learns on."""
    network = small_densenet()
    expected = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    kept = remember(network)
    expect(
        isinstance(kept, Mapping),
        f"you returned {quoted(kept)}, expected a dictionary from names to tensors, as state_dict() gives it",
    )
    missing = [name for name in expected if name not in kept]
    expect(
        not missing,
        f"'{missing[0] if missing else ''}' is missing in what you kept, so it can't be loaded strictly",
    )
    others = [name for name in expected if not isinstance(kept[name], Tensor)]
    expect(
        not others,
        f"'{others[0] if others else ''}' in what you kept is no tensor, so it can't be loaded: tensor.clone() "
        "copies a tensor",
    )
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.add_(1)  # as learning on would: in place
    changed = [name for name, tensor in expected.items() if not torch.equal(kept[name], tensor)]
    expect(
        not changed,
        f"the network learned on, and '{changed[0] if changed else ''}' in what you kept has changed with it: "
        "it is the same tensor, not a copy",
    )
    network.load_state_dict(dict(kept))
    return "a copy of every tensor, statistics too: it stays as it was, whatever is learned later"


@exercise(
    number=4,
    title="A check on the way",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "my accuracies jump too much",
            "Each is over all pictures so far, not over the last batches alone.",
        ),
        Hint(
            "my list is too long",
            "Only an accuracy above the floor and higher than each one written down before counts.",
        ),
        Hint(
            "my list is one too long",
            "A check comes after every so many whole batches. What is left over at the end gets none.",
        ),
    ),
)
def exercise_4(checks: Callable[[Sequence[bool], int, int, float], Sequence[float]]) -> str:
    """Check which accuracies of a validation are written down on its way."""
    for right, batch_size, every, floor in _VALIDATIONS:
        expected = _checks(right, batch_size, every, floor)
        found = checks(list(right), batch_size, every, floor)
        where = f"with batches of {batch_size}, a check every {every}, a floor of {floor:g}"
        expect(
            isinstance(found, Sequence) and not isinstance(found, str),
            f"{where} you returned {quoted(found)}, expected a list of accuracies",
        )
        expect_equal(
            len(found),
            len(expected),
            because=f"the accuracies at the checks are {_listed(right, batch_size, every)}, and only a new best "
            "one above the floor counts",
            name=f"{where}, the length of your list",
        )
        for number, (mine, one) in enumerate(zip(found, expected, strict=True)):
            expect_close(
                mine,
                one,
                1e-6,
                because="it is the share of all pictures so far",
                name=f"{where}, your [{number}]",
            )
    return "the accuracy of all pictures so far, where it is a new best one above the floor"


_VALIDATIONS: tuple[tuple[tuple[bool, ...], int, int, float], ...] = (
    ((True,) * 6 + (False,) * 2 + (True,) * 8, 2, 2, 0.7),
    ((True, False) * 4 + (True,) * 12, 4, 1, 0.5),
    ((False,) * 9, 3, 1, 0.7),
    ((False, *(True,) * 6), 2, 1, 0.4),
    ((True, True, True, False) * 3, 2, 2, 0.75),
)


def _checks(right: Sequence[bool], batch_size: int, every: int, floor: float) -> list[float]:
    found, best = [], floor
    for accuracy in _accuracies(right, batch_size, every):
        if accuracy > best:
            found.append(accuracy)
            best = accuracy
    return found


def _accuracies(right: Sequence[bool], batch_size: int, every: int) -> list[float]:
    """Return the accuracy so far at each check, whether it is written down or not."""
    ends = range(every * batch_size, len(right) + 1, every * batch_size)
    return [sum(right[:seen]) / seen for seen in ends]


def _listed(right: Sequence[bool], batch_size: int, every: int) -> str:
    return ", ".join(f"{one:.3g}" for one in _accuracies(right, batch_size, every))


def _check_judging(one_phase: OnePhase, network: DenseNet, images: Tensor, labels: Tensor) -> None:
    own = copy.deepcopy(network).train()  # as the phase before has left it
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    with _watched(own) as seen:
        found = one_phase(own, images, labels, None)
    expect(bool(seen), "with optimizer=None the network was not asked: expected network(images)")
    parameters = {name for name, _ in own.named_parameters()}
    changed = [name for name, tensor in own.state_dict().items() if not torch.equal(tensor, before[name])]
    for name in changed:
        expect(
            name in parameters,
            f"with optimizer=None, '{name}' has changed: the network was in training mode while it was judged",
        )
    expect(
        not changed, f"with optimizer=None, the weights have changed, first '{changed[0] if changed else ''}'"
    )
    expect(
        not any(gradients for gradients, _ in seen),
        "with optimizer=None, gradients were prepared for: expected torch.no_grad(), which saves their memory",
    )
    with torch.no_grad():
        right = (network.eval()(images).argmax(dim=1) == labels).float().mean().item()
    expect_close(
        found,
        right,
        1e-6,
        because="that share of the pictures is right",
        name="with optimizer=None, your accuracy",
    )


def _check_learning(one_phase: OnePhase, network: DenseNet, images: Tensor, labels: Tensor) -> None:
    own, reference = copy.deepcopy(network).eval(), copy.deepcopy(network).train()
    for parameter in own.parameters():
        parameter.grad = torch.ones_like(parameter)  # of an earlier step
    right = _learn(reference, images, labels)
    with _watched(own) as seen:
        found = one_phase(own, images, labels, torch.optim.SGD(own.parameters(), lr=0.1))
    expect(bool(seen), "with an optimizer the network was not asked: expected network(images)")
    expect(
        all(training for _, training in seen),
        "with an optimizer, the network was in evaluation mode: it learns in training mode",
    )
    stale = copy.deepcopy(network).train()
    for parameter in stale.parameters():
        parameter.grad = torch.ones_like(parameter)
    _learn(stale, images, labels, forget=False)
    expect(
        not _same(own, network),
        "with an optimizer, the weights are as before: expected backward() and a step",
    )
    expect(
        not _same(own, stale),
        "with an optimizer, the gradients of an earlier step were added to the new ones: they have to be set to "
        "zero first",
    )
    expect(
        _same(own, reference),
        "with an optimizer, the weights after the step are not those of one step on the mean cross-entropy",
    )
    expect_close(
        found,
        right,
        1e-6,
        because="that share was right before the step",
        name="with an optimizer, your accuracy",
    )


def _learn(network: DenseNet, images: Tensor, labels: Tensor, forget: bool = True) -> float:
    """Take one step; return the share of pictures that were right before it."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    if forget:
        optimizer.zero_grad()
    logits = network(images)
    F.cross_entropy(logits, labels).backward()
    optimizer.step()
    return (logits.argmax(dim=1) == labels).float().mean().item()


def _same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(mine, right, atol=_ROUNDING) for mine, right in pairs)


@contextmanager
def _watched(network: nn.Module) -> Iterator[list[tuple[bool, bool]]]:
    """Note at each forward pass whether gradients are prepared for, and whether it is in training mode."""
    seen: list[tuple[bool, bool]] = []
    hook = network.register_forward_hook(
        lambda module, _, __: seen.append((torch.is_grad_enabled(), module.training))
    )
    try:
        yield seen
    finally:
        hook.remove()
