"""Hold a module that a reader wrote to the reference: by what it does, not by how it is written.

Freshly made modules hide mistakes: a BatchNorm that starts as the identity looks the same wherever it stands. So
both get the same random weights, gains and statistics, and run in float64, where rounding can't be taken for a
mistake. Compared are the names and shapes of what is learned, the values in evaluation mode and in training mode,
whether the inputs are left as they were, and the gradients.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from densekit.exercises.expectations import NotYet, expect
from densekit.model.proof.parity import randomise

TOLERANCE = 1e-9
"""Largest difference that counts as rounding, as a share of the largest value or of 1, whichever is larger."""

Inputs = Tensor | list[Tensor]
Suspects = Mapping[str, Callable[[Any, Any], Tensor]]
"""Mistakes by what they are, each a function of the reference and its inputs that makes it."""


def random_inputs(*shape: int, seed: int = 0) -> Tensor:
    """Return random numbers of a shape in float64, the same ones for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def expect_same_module(
    yours: Any, reference: nn.Module, inputs: Inputs, what: str, suspects: Suspects | None = None
) -> None:
    """Stop the check unless a reader's module does what the reference does.

    Args:
        yours: the reader's module; its weights are replaced.
        reference: the module that is right; its weights are randomised.
        inputs: a tensor, or a list of them, as both take it.
        what: the reader's module is called, such as 'DenseLayer'.
        suspects: plausible mistakes; if the reader's values are those of one of them, the message says so.
    """
    expect(isinstance(yours, nn.Module), f"{what} is a {type(yours).__name__}, expected a torch.nn.Module")
    _expect_same_parameters(yours, reference, what)
    randomise(reference.double(), torch.Generator().manual_seed(0))
    yours.double().load_state_dict(reference.state_dict())
    _expect_same_evaluation(yours.eval(), reference.eval(), inputs, what, suspects or {})
    _expect_same_training(yours.train(), reference.train(), inputs, what)


def _expect_same_parameters(yours: nn.Module, reference: nn.Module, what: str) -> None:
    found, expected = (
        {name: tuple(t.shape) for name, t in m.state_dict().items()} for m in (yours, reference)
    )
    extra = [name for name in found if name not in expected]
    missing = [name for name in expected if name not in found]
    if extra and missing:
        raise NotYet(
            f"what is learned in {what} is called {_some(extra)}, expected {_some(missing)}: weights are found "
            "by their names, so the parts need the given ones"
        )
    if extra or missing:
        wrong = f"{_some(extra)} should not be there" if extra else f"{_some(missing)} is missing"
        raise NotYet(f"{what} has {_count(yours):,} parameters, expected {_count(reference):,}: {wrong}")
    for name, shape in expected.items():
        expect(found[name] == shape, f"{name} in {what} has the shape {found[name]}, expected {shape}")


def _expect_same_evaluation(
    yours: nn.Module, reference: nn.Module, inputs: Inputs, what: str, suspects: Suspects
) -> None:
    given = _copy(inputs)
    with torch.no_grad():
        found, expected = yours(given), reference(_copy(inputs))
    _expect_tensor(found, expected, what)
    if not _close(found, expected):
        suspicion = _suspicion(found, inputs, reference, suspects)
        raise NotYet(
            f"the shape {tuple(found.shape)} is right, the values of {what} are not: max|Δ| "
            f"{_difference(found, expected):.2g}, expected below {TOLERANCE:g}{suspicion}"
        )
    _expect_untouched(given, inputs, what)
    _expect_same_alone(yours, reference, inputs, what)


def _expect_same_alone(yours: nn.Module, reference: nn.Module, inputs: Inputs, what: str) -> None:
    """Stop unless a batch of one picture comes out right, too: `squeeze` takes its dimension away."""
    with torch.no_grad():
        found, expected = yours(_first(inputs)), reference(_first(inputs))
    seen = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    expect(
        isinstance(found, Tensor) and found.shape == expected.shape,
        f"{what} is right for several pictures, but makes {seen} of a single one, expected "
        f"{tuple(expected.shape)}: look for a squeeze or a reshape",
    )
    expect(
        _close(found, expected),
        f"{what} is right for several pictures and not for a single one: max|Δ| "
        f"{_difference(found, expected):.2g}",
    )


def _expect_same_training(yours: nn.Module, reference: nn.Module, inputs: Inputs, what: str) -> None:
    found, our_inputs = _run_backward(yours, inputs)
    expected, reference_inputs = _run_backward(reference, inputs)
    _expect_tensor(found, expected, what)
    if not _close(found, expected):
        raise NotYet(
            f"in evaluation mode the values of {what} are right, in training mode they are not: max|Δ| "
            f"{_difference(found, expected):.2g}, expected below {TOLERANCE:g}"
        )
    for name, buffer in reference.named_buffers():
        difference = _difference(yours.get_buffer(name), buffer)
        expect(
            difference <= TOLERANCE,
            f"after a training step, {name} of {what} is off by {difference:.2g}: look at that BatchNorm",
        )
    gradients = {"its input": (our_inputs, reference_inputs)}
    for name, parameter in reference.named_parameters():
        gradients[name] = ([yours.get_parameter(name)], [parameter])
    for name, (ours, references) in gradients.items():
        for our, their in zip(ours, references, strict=True):
            _expect_same_gradient(our.grad, their.grad, name, what)


def _expect_same_gradient(found: Tensor | None, expected: Tensor | None, name: str, what: str) -> None:
    if expected is None or (found is not None and _close(found, expected)):
        return
    seen = "is missing" if found is None else f"is off by max|Δ| {_difference(found, expected):.2g}"
    raise NotYet(
        f"the values of {what} are right, but the gradient of {name} {seen}: look for a detach, a no_grad "
        "or .data"
    )


def _expect_tensor(found: Any, expected: Tensor, what: str) -> None:
    expect(isinstance(found, Tensor), f"{what} returns a {type(found).__name__}, expected a tensor")
    expect(
        found.shape == expected.shape,
        f"{what} returns the shape {tuple(found.shape)}, expected {tuple(expected.shape)}",
    )


def _expect_untouched(given: Inputs, inputs: Inputs, what: str) -> None:
    now, before = _listed(given), _listed(inputs)
    expect(
        len(now) == len(before),
        f"{what} changes the list that it is given: it had {len(before)} tensors and has {len(now)} now",
    )
    changed = any(not torch.equal(one, other) for one, other in zip(now, before, strict=True))
    expect(
        not changed, f"{what} overwrites its own input, which others still need: look for inplace=True or +="
    )


def _run_backward(module: nn.Module, inputs: Inputs) -> tuple[Any, list[Tensor]]:
    given = _copy(inputs)
    leaves = [tensor.requires_grad_() for tensor in _listed(given)]
    # Handed over as views, since a leaf can't be changed in place, which may well be right further inside.
    handed = [leaf.view_as(leaf) for leaf in leaves]
    output = module(handed if isinstance(given, list) else handed[0])
    if isinstance(output, Tensor) and output.requires_grad:
        generator = torch.Generator().manual_seed(1)
        output.backward(torch.randn(output.shape, generator=generator, dtype=output.dtype))
    return output, leaves


def _suspicion(found: Tensor, inputs: Inputs, reference: nn.Module, suspects: Suspects) -> str:
    with torch.no_grad():
        for mistake, make in suspects.items():
            made = make(reference, _copy(inputs))
            if made.shape == found.shape and _close(found, made):
                return f". They are what comes out {mistake}"
    return ""


def _listed(inputs: Inputs) -> list[Tensor]:
    return inputs if isinstance(inputs, list) else [inputs]


def _first(inputs: Inputs) -> Inputs:
    """Return a batch of the first picture alone."""
    return [one[:1].clone() for one in inputs] if isinstance(inputs, list) else inputs[:1].clone()


def _copy(inputs: Inputs) -> Inputs:
    return [one.clone() for one in inputs] if isinstance(inputs, list) else inputs.clone()


def _close(found: Tensor, expected: Tensor) -> bool:
    scale = max(1.0, expected.abs().max().item())
    return found.shape == expected.shape and _difference(found, expected) <= TOLERANCE * scale


def _difference(found: Tensor, expected: Tensor) -> float:
    return (found.detach().double() - expected.detach().double()).abs().max().item()


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
