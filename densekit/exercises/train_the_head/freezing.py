"""What is frozen in earnest: to see what moves, to keep it from moving, and to guard it."""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.exercises.apart import max_difference
from densekit.exercises.expectations import NotYet, expect, quoted
from densekit.exercises.framework import Hint, exercise
from densekit.exercises.networks import small_densenet, some_images
from densekit.model.densenet import DenseNet
from densekit.words import counted

State = Mapping[str, Tensor]


@exercise(
    number=1,
    title="What has moved?",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint(
            "the list is always empty",
            "A state dict holds the tensors themselves, and they change along: keep a clone of each.",
        ),
        Hint(
            "weights are found, statistics are not",
            "parameters() has no buffers. state_dict() has both, with their names.",
        ),
        Hint("the truth value of a tensor is ambiguous", "torch.equal compares two whole tensors."),
    ),
)
def exercise_1(moved: Callable[[nn.Module, Callable[[], Any]], Iterable[str]]) -> str:
    """Check that the names of all tensors which an action changes are found, and no others."""
    for what, act in _ACTIONS.items():
        network, calls = small_densenet(), Counter[str]()
        before = _copied(network)
        found = moved(network, partial(_counted, act, network, calls))
        is_list = isinstance(found, Iterable) and not isinstance(found, str)
        names = list(found) if is_list else []  # a generator has done nothing before
        expect(
            calls["made"] == 1,
            f"action was called {counted(calls['made'], 'time')}, expected once, between two looks",
        )
        expect(is_list, f"moved returns {quoted(found)}, expected a list of names")
        _expect_names(names, _changed(before, network.state_dict()), network, what)
    return "parameters move with the optimiser, buffers with every forward pass in train mode"


def _counted(act: Callable[[nn.Module], Any], network: nn.Module, calls: Counter[str]) -> None:
    calls["made"] += 1
    act(network)


def _expect_names(found: list[Any], expected: list[str], network: nn.Module, what: str) -> None:
    parameters = [name for name, _ in network.named_parameters()]
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    when = f"after {what}, moved returns {len(found)} names, expected {len(expected)}"
    if missing and not found:
        raise NotYet(f"{when}: if the look before the action holds the tensors themselves, they change along")
    if missing and all(name not in parameters for name in missing):
        raise NotYet(f"{when}: buffers such as {missing[0]} are missing")
    if missing and all(name in parameters for name in missing):
        raise NotYet(f"{when}: parameters such as {missing[0]} are missing")
    if missing:
        raise NotYet(f"{when}: {missing[0]} is missing")
    if extra:
        raise NotYet(f"{when}: {quoted(extra[0])} has not moved")


def _look_in_train_mode(network: nn.Module) -> None:
    with torch.no_grad():
        network.train()(some_images())


def _step(network: nn.Module) -> None:
    network.train()
    F.cross_entropy(network(some_images()), torch.arange(6) % 3).backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()


def _head_alone(network: nn.Module) -> None:
    network.eval()
    F.cross_entropy(network(some_images()), torch.arange(6) % 3).backward()
    torch.optim.SGD(network.get_submodule("classifier").parameters(), lr=0.1).step()


_ACTIONS: dict[str, Callable[[nn.Module], Any]] = {
    "a forward pass in train mode": _look_in_train_mode,
    "a step of the whole network": _step,
    "a step of the head in eval mode": _head_alone,
    "nothing": lambda network: None,
}


@exercise(
    number=2,
    title="Freeze in earnest",
    minutes=6,
    difficulty="medium",
    hints=(
        Hint(
            "the buffers still move",
            "no_grad and requires_grad speak of gradients. What makes a BatchNorm take notes is its mode.",
        ),
        Hint("it was in eval mode, and moves all the same", "Which line comes later, yours or .train()?"),
        Hint(
            "no buffer moves, but the head takes another step than expected",
            "Then the norms still divide by what they find in the batch. In eval mode they use their notes.",
        ),
        Hint(
            "element 0 of tensors does not require grad",
            "The head is frozen, too, or the loss is under no_grad. It must learn; modes alone don't stop that.",
        ),
    ),
)
def exercise_2(train_step: Callable[[DenseNet, Tensor, Tensor, torch.optim.Optimizer], Any]) -> str:
    """Check that a step trains the head on the features of the frozen network, and moves nothing else."""
    network, images, labels = small_densenet(), some_images(), torch.arange(6) % 3
    right = _frozen_steps(copy.deepcopy(network), images, labels)
    before = _copied(network)
    optimizer = torch.optim.SGD(network.classifier.parameters(), lr=0.1)
    for _ in range(2):
        train_step(network, images.clone(), labels.clone(), optimizer)
    moved = _changed(before, network.state_dict())
    thawed = [name for name in moved if not name.startswith("classifier.")]
    expect(
        not thawed,
        f"{len(thawed)} tensors of the frozen part moved in two steps, expected 0: {', '.join(thawed[:2])}…",
    )
    expect(bool(moved), "nothing moved in two steps, expected the head to learn")
    apart = max_difference(_head_weight(network), _head_weight(right))
    expect(
        apart < 1e-9,
        f"nothing frozen moved, but after two steps the head's weights are off by {apart:.2g}, expected 0: it "
        "should learn from the features in eval mode, one step for each call",
    )
    return "train() comes first, then eval() for the frozen part: the last word counts"


def _head_weight(network: DenseNet) -> Tensor:
    return network.state_dict()["classifier.weight"]


def _frozen_steps(network: DenseNet, images: Tensor, labels: Tensor) -> DenseNet:
    """Return the network after two steps of the head alone, on features in eval mode."""
    network.eval()
    optimizer = torch.optim.SGD(network.classifier.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return network


@exercise(
    number=3,
    title="A guard",
    minutes=8,
    difficulty="medium",
    hints=(
        Hint("a small change gets past it", "Frozen means equal to the last bit: torch.equal, not allclose."),
        Hint("it stops for a network that is frozen", "Two tensors with equal numbers are not one object."),
        Hint("it returns, and nobody notices", "raise AssertionError(…) stops whoever does not look."),
        Hint("a tensor that is gone gets past it", "Compare the two lists of names as well."),
    ),
)
def exercise_3(assert_frozen: Callable[[State, State], Any]) -> str:
    """Check that a guard raises for every change, however small, names it, and lets equal states pass."""
    state = _copied(small_densenet())
    try:
        assert_frozen(state, {name: tensor.clone() for name, tensor in state.items()})
    except AssertionError as error:
        raise NotYet(f"it raises for two equal states, expected nothing: {quoted(str(error))}") from error
    for what, name, changed in _changes(state):
        _expect_raised(assert_frozen, state, changed, what, name)
    return "a rule that nobody checks is a wish; this one can stand in every training loop"


def _changes(state: State) -> list[tuple[str, str, State]]:
    gain, mean = "features.norm0.weight", "features.norm0.running_mean"
    counter, last = "features.norm5.num_batches_tracked", "features.norm5.running_var"
    return [
        ("a gain that changed by 1e-9", gain, {**state, gain: state[gain] + 1e-9}),
        ("a running mean that changed", mean, {**state, mean: state[mean] + 0.5}),
        ("a running mean of which two channels changed places", mean, {**state, mean: state[mean].flip(0)}),
        ("a counter of batches that went up by one", counter, {**state, counter: state[counter] + 1}),
        ("a tensor that is missing after", last, {k: v for k, v in state.items() if k != last}),
        ("a tensor of another shape", mean, {**state, mean: state[mean][:1]}),
    ]


def _expect_raised(
    assert_frozen: Callable[[State, State], Any], state: State, changed: State, what: str, name: str
) -> None:
    try:
        returned = assert_frozen(state, changed)
    except AssertionError as error:
        expect(
            name in str(error),
            f"for {what} it raises {quoted(str(error))}, expected a message that names {name}",
        )
        return
    except Exception as error:
        raise NotYet(
            f"for {what} it raises {type(error).__name__}: {quoted(str(error))}, expected an AssertionError that "
            f"names {name}"
        ) from error
    told = "" if returned is None else f" and returns {quoted(returned)}"
    raise NotYet(f"{what} gets past it{told}, expected an AssertionError that names {name}")


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _changed(before: State, after: State) -> list[str]:
    return [name for name, tensor in after.items() if not torch.equal(tensor, before[name])]
