from pathlib import Path

import pytest
import torch
from tiny_distillation import TINY, classroom

from densekit.model.architectures import DenseNetConfig
from workshop.distillation.adapters import LeastSquares, fit_adapters
from workshop.distillation.distil import Classroom, as_seen, measure_standards
from workshop.distillation.settings import Recipe
from workshop.distillation.state import State, new_state
from workshop.distillation.student import compare
from workshop.distillation.views import generator_for, make_views


def test_a_linear_map_and_its_constant_are_found_from_maps() -> None:
    generator = torch.Generator().manual_seed(3)
    weight, bias = torch.randn(2, 5, generator=generator), torch.tensor([4.0, -7.0])
    fit = LeastSquares(5, 2)
    for _ in range(3):
        given = torch.randn(4, 5, 3, 3, generator=generator)
        wanted = torch.einsum("nchw,dc->ndhw", given, weight) + bias.view(1, 2, 1, 1)
        fit.read(given, wanted)
    found, constant = fit.solve(ridge=0)
    assert torch.allclose(found, weight, atol=1e-5)
    assert torch.allclose(constant, bias, atol=1e-5)


def test_a_value_that_never_changes_is_no_obstacle_and_large_weights_are_avoided() -> None:
    given = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    given[:, 1] = 0
    fit = LeastSquares(3, 1)
    fit.read(given, 100 + given[:, :1])
    weight, constant = fit.solve(ridge=1e-3)
    assert weight[0].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    assert constant.item() == pytest.approx(100, rel=1e-4)  # the constant is not pulled towards zero


def test_values_that_are_all_zero_tell_the_mean_and_nothing_else() -> None:
    fit = LeastSquares(3, 1)
    fit.read(torch.zeros(4, 3, 2, 2), torch.full((4, 1, 2, 2), 5.0))
    weight, constant = fit.solve(ridge=1e-3)
    assert weight.abs().max() == 0
    assert constant.item() == pytest.approx(5)


def test_without_a_constant_the_best_map_is_another_one() -> None:
    given = torch.rand(8, 2, 4, 4, generator=torch.Generator().manual_seed(3)) + 1
    wanted = 2 * given[:, :1] + 3
    fit = LeastSquares(2, 1, constant=False)
    fit.read(given, wanted)
    weight, constant = fit.solve(ridge=0)
    rows = given.movedim(1, -1).reshape(-1, 2)
    expected = torch.linalg.lstsq(rows, wanted.reshape(-1, 1)).solution
    assert torch.allclose(weight[0], expected[:, 0], atol=1e-4)
    assert constant.item() == 0


@pytest.fixture
def room(tmp_path: Path) -> Classroom:
    return classroom(tmp_path / "work")


def begun(room: Classroom) -> State:
    state = new_state(DenseNetConfig(**TINY), room.teacher, room.recipe, room.compute)
    measure_standards(state, room)
    return state


def loss_of(state: State, room: Classroom, the_recipe: Recipe) -> tuple[float, float]:
    learn, _ = room.cache.split()
    views = make_views(room.crops(learn[:32]), 64, the_recipe, generator_for(0, 77, 0))
    with torch.no_grad():
        losses = compare(state.student(as_seen(views, 32)), room.teacher(views), state.standards, the_recipe)
    return losses.maps.item(), losses.features.item()


def test_fitted_adapters_are_closer_to_the_teacher_at_once_and_the_network_stays_as_it_is(
    room: Classroom,
) -> None:
    state = begun(room)
    network = {name: one.clone() for name, one in state.student.network.named_parameters()}
    maps, features = loss_of(state, room, room.recipe)
    fit_adapters(state, room)
    fitted_maps, fitted_features = loss_of(state, room, room.recipe)
    assert fitted_maps < 0.8 * maps
    assert fitted_features < 0.8 * features
    assert all(torch.equal(one, network[name]) for name, one in state.student.network.named_parameters())


def test_the_averaged_student_begins_with_the_fitted_adapters_too(room: Classroom) -> None:
    state = begun(room)
    fit_adapters(state, room)
    for name, one in state.student.state_dict().items():
        assert torch.equal(one, state.averaged.state_dict()[name]), name
