import numpy as np
import torch
from tiny_distillation import recipe

from workshop.distillation.views import batch_at, generator_for, make_views

CROPS = torch.randint(0, 256, (6, 3, 72, 72), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def views(step: int = 0, rank: int = 0, **values: object) -> torch.Tensor:
    return make_views(CROPS, 64, recipe(**values), generator_for(0, step, rank))  # type: ignore[arg-type]


def test_views_follow_from_seed_step_and_process() -> None:
    assert torch.equal(views(), views())
    assert not torch.equal(views(), views(step=1))
    assert not torch.equal(views(), views(rank=1))


def test_views_have_the_size_and_are_in_0_to_1() -> None:
    for step in range(8):
        made = views(step, mixed=0.5)
        assert made.shape == (6, 3, 64, 64)
        assert made.min() >= 0 and made.max() <= 1


def test_turning_and_cropping_bring_nothing_from_outside_the_crop() -> None:
    grey = torch.full((6, 3, 72, 72), 102, dtype=torch.uint8)
    made = make_views(grey, 64, recipe(colour=0.0, largest_angle=0.8), generator_for(0, 0, 0))
    channels = made.flatten(2)  # the tint alone differs, from channel to channel
    assert torch.allclose(channels.amax(dim=2), channels.amin(dim=2), atol=1e-5)
    assert torch.all((made > 0.9 * 0.4 - 1e-5) & (made < 1.1 * 0.4 + 1e-5))


def test_blurring_and_mixing_can_be_told_from_views_without_them() -> None:
    def detail(made: torch.Tensor) -> float:
        return (made[..., 1:] - made[..., :-1]).abs().mean().item()

    plain = {"blurred": 0.0, "mixed": 0.0}
    assert detail(views(blurred=1.0, mixed=0.0)) < 0.7 * detail(views(**plain))
    assert any(
        not torch.equal(views(step, blurred=0.0, mixed=1.0), views(step, **plain)) for step in range(3)
    )


def test_each_round_shows_every_crop_once_in_another_order() -> None:
    numbers = np.arange(100, 110)
    seen = np.concatenate([batch_at(numbers, start, 4, seed=5) for start in range(0, 40, 4)])
    rounds = seen.reshape(4, 10)
    assert all(sorted(one) == list(numbers) for one in rounds)
    assert len({tuple(one) for one in rounds}) == 4
    assert np.array_equal(batch_at(numbers, 7, 20, seed=5), seen[7:27])
