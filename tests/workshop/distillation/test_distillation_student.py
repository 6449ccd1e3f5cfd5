import copy

import pytest
import torch
from tiny_distillation import TinyTeacher, recipe
from torch.nn import functional as F

from densekit.devices import choose_compute
from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig
from workshop.distillation.student import Answer, Standards, Student, _tamed, compare
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
    return Answer(maps, rule(of.features, 3), of.logits, of.maps[-2].mean(dim=(2, 3)))


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
    wrong = Answer(right.maps, -right.features, right.logits.flip(1), right.embeddings)
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


def test_embeddings_that_find_other_views_alike_cost_as_much_as_the_recipe_says() -> None:
    answer = perfect(lesson())
    wrong = Answer(answer.maps, answer.features, answer.logits, answer.embeddings.flip(0))
    losses = compare(wrong, lesson(), standards(), recipe())
    assert losses.likeness.item() > 0.1
    assert losses.total(recipe()).item() == pytest.approx(0, abs=1e-5)
    costs = losses.total(recipe(weight_likeness=3.0)).item()
    assert costs == pytest.approx(3 * losses.likeness.item(), abs=1e-4)


class TestAStudentThatLearnsFromABlockOn:
    def student(self, train_from: str) -> Student:
        return Student(TINY, TEACHER.map_channels, TEACHER.num_classes, train_from)

    def test_nothing_before_the_block_learns(self) -> None:
        learning = {
            name.split(".")[1]
            for name, one in self.student("denseblock4").network.named_parameters()
            if one.requires_grad and name.startswith("features")
        }
        assert learning == {"denseblock4", "norm5"}

    def test_the_statistics_before_it_stay_what_they_are(self) -> None:
        student = self.student("denseblock3").train()
        before = {name: one.clone() for name, one in student.network.named_buffers()}
        student(torch.rand(4, 3, 64, 64))
        moved = {
            name.split(".")[1]
            for name, one in student.network.named_buffers()
            if not torch.equal(one, before[name])
        }
        assert moved == {"denseblock3", "transition3", "denseblock4", "norm5"}

    def test_what_is_frozen_is_frozen_in_a_copy_too(self) -> None:
        copied = copy.deepcopy(self.student("denseblock4")).train()
        assert not copied.network.features.denseblock1.training  # type: ignore[union-attr]
        assert copied.network.features.denseblock4.training  # type: ignore[union-attr]
        assert copied.frozen[0] is copied.network.features.conv0

    def test_in_evaluation_it_says_what_the_network_itself_would_say(self) -> None:
        student = self.student("denseblock4").eval()
        student.frozen[-1].conv.register_forward_hook(self.shout)  # type: ignore[union-attr]
        images = torch.rand(8, 3, 64, 64)
        assert torch.allclose(student(images).logits, student.network(images), atol=1e-6)

    def test_a_classifier_alone_is_no_student(self) -> None:
        with pytest.raises(ConfigError, match="can't train its classifier alone"):
            self.student("classifier")

    def test_views_that_are_all_zeros_leave_the_others_as_they_are(self) -> None:
        maps = torch.zeros(5, 4, 2, 2)
        maps[0] = 3.0
        assert torch.equal(_tamed(maps), maps)

    def test_it_answers_for_the_maps_that_it_learns_from(self) -> None:
        student = self.student("denseblock3")
        answer = student(torch.rand(5, 3, 32, 32))
        assert [one.shape[1] for one in answer.maps] == [8, 10]
        right = perfect(lesson())
        part = Answer(right.maps[2:], right.features, right.logits, right.embeddings)
        assert compare(part, lesson(), standards(), recipe()).maps.item() == pytest.approx(0, abs=1e-5)
        part.maps[0][0, 0, 0, 0] += 5
        assert compare(part, lesson(), standards(), recipe()).maps.item() > 1e-3

    def test_its_muon_moves_no_convolution_before_it(self) -> None:
        learning = self.student("denseblock4").hidden_convolutions()
        assert len(learning) == 2  # 1 x 1 and 3 x 3 of one layer
        assert len(self.student("all").hidden_convolutions()) == 11

    def test_a_block_that_the_network_does_not_have_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"denseblock7.*denseblock4"):
            self.student("denseblock7")

    def test_a_view_of_which_the_frozen_blocks_say_far_too_much_is_brought_nearer(self) -> None:
        maps = torch.randn(9, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        largest = maps.abs().amax(dim=(1, 2, 3)).median().item()
        loud = maps.clone()
        loud[3] *= 1000
        tamed = _tamed(loud)
        assert torch.equal(tamed[:3], maps[:3])
        assert tamed[3].abs().max().item() == pytest.approx(2 * largest, rel=0.1)
        assert torch.equal(tamed[3].sign(), loud[3].sign())

    def test_such_a_view_does_not_make_the_statistics_its_own(self) -> None:
        student = self.student("denseblock4")
        student.frozen[-1].conv.register_forward_hook(self.shout)  # type: ignore[union-attr]
        student.train()
        for _ in range(40):
            student(torch.rand(8, 3, 64, 64))
        statistics = student.network.features.denseblock4.denselayer1.norm1  # type: ignore[union-attr]
        assert statistics.running_var.max() < 10

    @staticmethod
    def shout(module: object, given: object, maps: torch.Tensor) -> torch.Tensor:
        return maps * torch.tensor([1000.0] + [1.0] * 7).view(8, 1, 1, 1)
