import threading
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from densekit.training.team import ALONE, Team
from workshop.distillation.muon import Muon, orthogonal, shared_out


def reference_step(weight: np.ndarray, gradients: list[np.ndarray], lr: float, momentum: float) -> np.ndarray:
    """Do Muon's steps in plain float64, one matrix at a time."""
    mean = np.zeros_like(weight)
    for gradient in gradients:
        mean = momentum * mean + (1 - momentum) * gradient
        ahead = momentum * mean + (1 - momentum) * gradient
        x = ahead / np.linalg.norm(ahead)
        for _ in range(5):
            square = x @ x.T
            x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
        norm = np.linalg.norm(weight)
        rows, columns = weight.shape
        weight = weight - lr * x * np.sqrt(max(1, rows / columns))
        weight = weight * norm / np.linalg.norm(weight)
    return weight


@pytest.mark.parametrize("shape", [(8, 20, 1, 1), (20, 8, 1, 1), (6, 4, 3, 3)])
def test_three_steps_are_those_of_a_plain_reference_in_float64(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    weight, *gradients = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(4))
    parameter = nn.Parameter(weight.clone().contiguous(memory_format=torch.channels_last))
    optimizer = Muon([parameter], lr=0.1, dtype=torch.float64)
    for gradient in gradients:
        parameter.grad = gradient.contiguous(memory_format=torch.channels_last)
        optimizer.step()
    wanted = reference_step(
        weight.flatten(1).numpy(), [one.flatten(1).numpy() for one in gradients], 0.1, 0.95
    )
    assert np.allclose(parameter.detach().flatten(1).numpy(), wanted, rtol=1e-11, atol=1e-12)
    assert not np.allclose(weight.flatten(1).numpy(), wanted, atol=0.01)


def test_a_weight_keeps_its_norm_and_turns() -> None:
    parameter = nn.Parameter(torch.randn(16, 24, 3, 3, generator=torch.Generator().manual_seed(0)))
    before = parameter.detach().clone()
    parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    Muon([parameter], lr=0.5).step()
    assert parameter.norm().item() == pytest.approx(before.norm().item(), rel=1e-5)
    assert (parameter - before).norm() > 0.1


def test_matrices_of_one_shape_do_not_influence_each_other() -> None:
    generator = torch.Generator().manual_seed(3)
    start, gradient = torch.randn(2, 5, 7, generator=generator), torch.randn(2, 5, 7, generator=generator)

    def stepped(*chosen: int) -> list[Tensor]:
        parameters = [nn.Parameter(start[number].clone()) for number in chosen]
        for number, parameter in zip(chosen, parameters, strict=True):
            parameter.grad = gradient[number].clone()
        Muon(parameters).step()
        return parameters

    together, alone = stepped(0, 1), [*stepped(0), *stepped(1)]
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(together, alone, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_singular_values_become_about_one(dtype: torch.dtype) -> None:
    matrices = torch.randn(3, 12, 40, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonal(matrices, dtype))
    assert 0.6 < values.min() < values.max() < 1.3


@pytest.mark.parametrize("shape", [(2, 12, 40), (2, 40, 12), (1, 30, 30)])
def test_float32_agrees_with_float64_where_singular_values_differ_a_hundred_thousandfold(
    shape: tuple[int, ...],
) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(4))
    matrices *= torch.logspace(0, -5, shape[1])[:, None]
    exact = orthogonal(matrices.double(), torch.float64)
    assert torch.allclose(orthogonal(matrices).double(), exact, atol=1e-4)
    assert exact.abs().max() > 0.1


def test_weights_and_gradients_of_zeros_give_no_nan() -> None:
    parameter = nn.Parameter(torch.zeros(4, 6, 1, 1))
    parameter.grad = torch.zeros_like(parameter)
    optimizer = Muon([parameter])
    optimizer.step()
    assert torch.equal(parameter, torch.zeros_like(parameter))
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert torch.isfinite(parameter).all()


def test_a_parameter_without_a_gradient_stays_and_a_closure_is_refused() -> None:
    parameter = nn.Parameter(torch.ones(4, 6))
    Muon([parameter]).step()
    assert torch.equal(parameter, torch.ones(4, 6))
    with pytest.raises(TypeError, match="Muon takes no closure"):
        Muon([parameter]).step(lambda: 0.0)


class TeamOfThreads(Team):
    """A team whose members are threads, and what was computed by each."""

    barrier = threading.Barrier(2, timeout=60)
    parts: ClassVar[dict[int, Tensor]] = {}

    def sum(self, tensor: Tensor) -> Tensor:
        self.parts[self.rank] = tensor
        self.barrier.wait()
        total = self.parts[0] + self.parts[1]
        self.barrier.wait()
        return total


def test_a_team_shares_the_products_and_steps_as_one_does() -> None:
    generator = torch.Generator().manual_seed(4)
    shapes = [(8, 20, 1, 1), (20, 8, 1, 1), (6, 4, 3, 3), (6, 4, 3, 3), (5, 5)]
    begin = [(torch.randn(one, generator=generator), torch.randn(one, generator=generator)) for one in shapes]

    def stepped(team: Team) -> list[Tensor]:
        parameters = [nn.Parameter(weight.clone()) for weight, _ in begin]
        optimizer = Muon(parameters, lr=0.1, team=team)
        for _ in range(3):
            for parameter, (_, gradient) in zip(parameters, begin, strict=True):
                parameter.grad = gradient.clone()
            optimizer.step()
        return parameters

    found: dict[int, list[Tensor]] = {}
    threads = [
        threading.Thread(target=lambda rank=rank: found.update({rank: stepped(TeamOfThreads(rank, 2))}))
        for rank in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = stepped(ALONE)
    assert all(torch.equal(one, other) for one, other in zip(found[0], found[1], strict=True))
    for one, other in zip(found[0], expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    computed = [TeamOfThreads.parts[rank] != 0 for rank in range(2)]
    assert all(one.any() for one in computed)  # each has done something
    assert not (computed[0] & computed[1]).any()  # and nothing twice


def test_work_is_shared_out_evenly() -> None:
    work = [float(number) for number in range(1, 41)]
    for members in (1, 2, 3, 7):
        owners = shared_out(work, members)
        done = [
            sum(one for one, owner in zip(work, owners, strict=True) if owner == m) for m in range(members)
        ]
        assert max(done) < 1.1 * sum(work) / members
