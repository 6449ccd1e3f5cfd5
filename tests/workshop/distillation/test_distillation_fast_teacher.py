from importlib.util import find_spec
from typing import Literal

import pytest
import torch
from tiny_distillation import TinyTeacher
from torch import Tensor

from densekit.devices import Compute, choose_compute
from workshop.distillation import fast_teacher
from workshop.distillation.fast_teacher import FastTeacher, efficientnet_lite0
from workshop.distillation.teacher import EfficientNetLite0, Lesson

FP32 = choose_compute("cpu", "fp32")

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
needs_both = pytest.mark.skipif(
    find_spec("openvino") is None or find_spec("efficientnet_lite_pytorch") is None,
    reason="the group 'distillation' is not installed",
)


def random_views(number: int, size: int) -> Tensor:
    return torch.rand(number, 3, size, size, generator=torch.Generator().manual_seed(size))


def assert_equal_to_rounding(lesson: Lesson, expected: Lesson) -> None:
    assert len(lesson.maps) == len(expected.maps)
    for found, wanted in zip(lesson.maps, expected.maps, strict=True):
        assert torch.allclose(found, wanted, atol=1e-4)
    assert torch.allclose(lesson.features, expected.features, atol=1e-4)
    assert torch.allclose(lesson.logits, expected.logits, atol=1e-3)


@needs_openvino
def test_it_says_what_the_teacher_says_for_every_number_and_size_of_views() -> None:
    teacher = TinyTeacher(FP32)
    fast = FastTeacher(teacher)
    assert (fast.name, fast.map_channels, fast.num_classes) == ("tiny", teacher.map_channels, 7)
    for number, size in ((1, 64), (5, 96), (2, 64)):
        views = random_views(number, size)
        assert_equal_to_rounding(fast(views), teacher(views))


@needs_openvino
def test_a_later_lesson_does_not_change_an_earlier_one() -> None:
    fast = FastTeacher(TinyTeacher(FP32))
    first = fast(random_views(2, 64))
    kept = first.features.clone()
    fast(torch.zeros(2, 3, 64, 64))
    assert torch.equal(first.features, kept)


@needs_openvino
def test_views_in_channels_last_memory_are_read_as_they_are_meant() -> None:
    fast = FastTeacher(TinyTeacher(FP32))
    views = random_views(3, 64)
    same = views.contiguous(memory_format=torch.channels_last)
    assert torch.equal(fast(views).logits, fast(same).logits)


@needs_both
def test_the_real_teacher_says_the_same_in_both_ways() -> None:
    views = random_views(2, 160)
    fast = efficientnet_lite0(FP32)
    assert isinstance(fast, FastTeacher)
    assert_equal_to_rounding(fast(views), EfficientNetLite0(FP32)(views))


class _Known:
    """Stands for a teacher whose way of computing is chosen."""

    def __init__(self, compute: object) -> None:
        pass


@pytest.mark.parametrize(
    ("device", "precision", "is_installed", "expected"),
    [
        ("cpu", "fp32", True, FastTeacher),
        ("cpu", "fp32", False, _Known),
        ("cpu", "bf16", True, _Known),
        ("cuda", "fp32", True, _Known),
    ],
)
def test_openvino_is_taken_for_fp32_on_a_processor_where_it_is_installed(
    device: str,
    precision: Literal["fp32", "bf16"],
    is_installed: bool,
    expected: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fast_teacher, "EfficientNetLite0", _Known)
    monkeypatch.setattr(FastTeacher, "__init__", lambda self, teacher: None)
    monkeypatch.setattr(fast_teacher, "find_spec", lambda name: object() if is_installed else None)
    assert type(efficientnet_lite0(Compute(torch.device(device), precision))) is expected
