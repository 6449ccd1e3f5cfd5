import pytest
import torch
from tiny_distillation import TinyTeacher, recipe
from torch.nn import functional as F

from densekit.devices import choose_compute
from densekit.model.architectures import DenseNetConfig
from workshop.distillation.student import Answer, Standards, Student, compare
from workshop.distillation.teacher import Lesson

TINY = DenseNetConfig(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8)
TEACHER = TinyTeacher(choose_compute("cpu"))


def lesson(seed: int = 0) -> Lesson:
    coarse = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return TEACHER(F.interpolate(coarse, size=64, mode="nearest"))


def standards() -> Standards:
    made = Standards(TEACHER.map_channels)
    made.measure([lesson(0), lesson(1)])
    return made


def perfect(of: Lesson) -> Answer:
    rule = standards()
    maps = [rule(one, number) for number, one in enumerate(of.maps)]
    return Answer(maps, rule(of.features, 3), of.logits)


def test_the_answer_is_what_the_network_itself_would_say() -> None:
    student = Student(TINY, TEACHER.map_channels, TEACHER.num_classes).eval()
    images = torch.rand(2, 3, 32, 32)
    answer = student(images)
    assert torch.allclose(answer.logits, student.network(images), atol=1e-6)
    assert [tuple(one.shape) for one in answer.maps] == [
        (2, 4, 8, 8),
        (2, 6, 4, 4),
        (2, 8, 2, 2),
        (2, 10, 1, 1),
    ]


def test_standardised_channels_have_mean_zero_and_deviation_one() -> None:
    rule = standards()
    for number in range(4):
        values = torch.cat([rule(lesson(seed).maps[number], number) for seed in (0, 1)])
        assert values.mean(dim=(0, 2, 3)).abs().max() < 1e-4
        deviations = values.transpose(0, 1).flatten(1).std(dim=1)
        assert torch.all((deviations > 0.9) & (deviations < 1.001))  # less where there is next to none


def test_a_perfect_answer_costs_nothing() -> None:
    losses = compare(perfect(lesson()), lesson(), standards(), recipe())
    assert losses.total(recipe()).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("number", range(4))
def test_a_wrong_value_in_any_map_is_noticed(number: int) -> None:
    answer = perfect(lesson())
    answer.maps[number][0, 0, 0, 0] += 5
    assert compare(answer, lesson(), standards(), recipe()).maps.item() > 1e-3


def test_maps_are_compared_position_by_position() -> None:
    answer = perfect(lesson())
    answer.maps[0] = answer.maps[0].flip(3)  # the same values, elsewhere
    assert compare(answer, lesson(), standards(), recipe()).maps.item() > 0.05


def test_coarser_and_finer_maps_of_the_student_are_compared_too() -> None:
    for size in (2, 4, 16):
        answer = perfect(lesson())
        answer.maps[0] = F.adaptive_avg_pool2d(answer.maps[0], size)
        other = perfect(lesson(seed=3))
        other.maps[0] = F.adaptive_avg_pool2d(other.maps[0], size)
        right, wrong = (compare(one, lesson(), standards(), recipe()).maps for one in (answer, other))
        assert right < 0.25 * wrong


def test_wrong_features_and_wrong_logits_are_noticed() -> None:
    right = perfect(lesson())
    wrong = Answer(right.maps, -right.features, right.logits.flip(1))
    losses = compare(wrong, lesson(), standards(), recipe())
    assert losses.features.item() == pytest.approx(2, abs=1e-4)
    assert losses.logits.item() > 0.01
    assert losses.maps.item() == pytest.approx(0, abs=1e-5)


def test_maps_that_are_not_to_be_compared_cost_nothing() -> None:
    answer = perfect(lesson())
    for one in answer.maps[:3]:
        one += 5
    only_last = recipe(compared_maps=1)
    assert compare(answer, lesson(), standards(), only_last).maps.item() == pytest.approx(0, abs=1e-5)
    answer.maps[3] += 5
    assert compare(answer, lesson(), standards(), only_last).maps.item() > 1
