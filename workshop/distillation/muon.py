"""Muon: steps that move a matrix of weights equally far in all directions.

A gradient of a convolution, seen as a matrix (outputs, inputs), is often nearly of low rank: a plain step would
learn a few directions fast and the others hardly. Muon replaces its running mean by the nearest matrix whose
singular values are all about one, found with five Newton-Schulz steps, which are products of matrices alone.

Source: Keller Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024. As there, the
coefficients of the Newton-Schulz steps are chosen for speed, so the singular values end between about 0.7 and
1.2, and those that were less than a hundredth of the largest are still on their way there. One thing is ours:
each weight keeps its norm. A BatchNorm follows or precedes every such convolution, so the norm only decides how
far a step turns the weight, and without decay it would grow and slow the learning down.

Several processes that train together have the same gradients, so each does the products for its share of the
matrices, and the results are handed round: none is computed twice.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from densekit.training.team import ALONE, Team

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


class Muon(torch.optim.Optimizer):
    """Muon for weights of convolutions, each taken as a matrix (outputs, everything else).

    Args:
        parameters: with two dimensions or more each.
        lr: how far a step goes: times a matrix whose singular values are about one.
        momentum: how much of the running mean of gradients is kept in a step (Nesterov's form).
        dtype: of the Newton-Schulz steps; bfloat16 is enough where it is fast.
        team: processes with the same parameters and gradients, which share the work.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.float32,
        team: Team = ALONE,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self.dtype, self.team = dtype, team

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Do one step; parameters without a gradient stay as they are."""
        if closure is not None:
            raise TypeError("Muon takes no closure: compute the gradients before the step")
        for group in self.param_groups:
            parameters = [one for one in group["params"] if one.grad is not None]
            if not parameters:
                continue
            ahead = [self._ahead(one, group["momentum"]) for one in parameters]  # (outputs, inputs) each
            for parameter, turn in zip(parameters, self._turns(ahead), strict=True):
                _turn(parameter, group["lr"] * turn)

    def _turns(self, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Return the direction of each step: computed here or by another process of the team."""
        owners = shared_out([_work(one, self.dtype) for one in matrices], self.team.size)
        own = [number for number, owner in enumerate(owners) if owner == self.team.rank]
        turns = [torch.zeros_like(one) for one in matrices]
        for alike in _by_shape(own, matrices):  # all matrices of one shape in one product
            outputs, inputs = matrices[alike[0]].shape
            found = orthogonal(torch.stack([matrices[number] for number in alike]), self.dtype)
            for number, one in zip(alike, found, strict=True):
                turns[number] = one * max(1.0, outputs / inputs) ** 0.5
        if self.team.size == 1:
            return turns
        whole = self.team.sum(torch.cat([one.flatten() for one in turns]))  # all others added zeros
        parts = whole.split([one.numel() for one in matrices])
        return [part.view(one.shape) for part, one in zip(parts, matrices, strict=True)]

    def _ahead(self, parameter: Tensor, kept: float) -> Tensor:
        """Take a gradient into the running mean; return the mean as it will be if the next one is the same."""
        assert parameter.grad is not None
        gradient = parameter.grad
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        mean: Tensor = state["momentum"].lerp_(gradient, 1 - kept)
        return gradient.lerp(mean, kept).flatten(1)


def orthogonal(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the nearest matrices whose singular values are about one, from about 0.7 to 1.2.

    Those that began far below the others are not there yet: five steps multiply a small one by 500 at most.

    Args:
        matrices: (K, M, N). A matrix of zeros stays one.
        dtype: of the computation; the result is as the given ones.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(dtype)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-30)
    x = _through_squares(x) if _is_exact(dtype) else _step_by_step(x)
    return (x.mT if tall else x).to(matrices.dtype)


def _step_by_step(x: Tensor) -> Tensor:
    """Do the Newton-Schulz steps as they are defined, which stands the rounding of bfloat16."""
    first, second, third = _COEFFICIENTS
    for _ in range(_STEPS):
        square = x @ x.mT  # (K, the shorter side, the shorter side)
        x = first * x + (second * square + third * square @ square) @ x
    return x


def _through_squares(x: Tensor) -> Tensor:
    """Do the same steps on the small squares alone, and touch the long side twice instead of ten times.

    Each step multiplies from the left by a polynomial of X Xᵀ, so all of them are one square matrix Q times X;
    and the next X Xᵀ follows from the present one. The squares hold the singular values squared, which float32
    has the digits for and bfloat16 has not.
    """
    first, second, third = _COEFFICIENTS
    square = x @ x.mT  # (K, the shorter side, the shorter side)
    whole = polynomial = square
    for number in range(_STEPS):
        if number > 0:
            square = polynomial @ square @ polynomial
        polynomial = torch.baddbmm(square, square, square, beta=second, alpha=third)
        polynomial.diagonal(dim1=1, dim2=2).add_(first)
        whole = polynomial @ whole if number > 0 else polynomial
    return whole @ x


def shared_out(work: Sequence[float], members: int) -> list[int]:
    """Say which member of a team does each piece of work, so that all are done at about the same time.

    >>> shared_out([1, 5, 2, 3], members=2)
    [0, 0, 1, 1]
    """
    owners, done = [0] * len(work), [0.0] * members
    for number in sorted(range(len(work)), key=lambda number: -work[number]):
        least = done.index(min(done))
        owners[number] = least
        done[least] += work[number]
    return owners


def _work(matrix: Tensor, dtype: torch.dtype) -> float:
    """Return about how many multiply-adds `orthogonal` needs."""
    shorter, longer = sorted(matrix.shape)
    if _is_exact(dtype):
        return float(shorter**2 * (2 * longer + 17 * shorter))
    return float(_STEPS * shorter**2 * (2 * longer + shorter))


def _is_exact(dtype: torch.dtype) -> bool:
    """Say whether a type has the digits for squared singular values."""
    return torch.finfo(dtype).eps < 1e-6


def _turn(parameter: Tensor, turn: Tensor) -> None:
    """Take a step against a matrix, (outputs, inputs), and keep the norm."""
    old = parameter.flatten(1)
    new = old - turn
    # A weight of zeros has no direction to keep; it takes its first norm from the step.
    norm = old.norm()
    scale = torch.where(norm > 0, norm / new.norm().clamp_min(1e-12), 1.0)
    parameter.copy_((new * scale).view(parameter.shape))


def _by_shape(numbers: Iterable[int], matrices: Sequence[Tensor]) -> Iterable[list[int]]:
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number in numbers:
        found[tuple(matrices[number].shape)].append(number)
    return found.values()
