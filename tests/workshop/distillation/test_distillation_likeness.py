import pytest
import torch
from torch import Tensor

from workshop.distillation.likeness import alike, disagreement


def views(n: int = 24, channels: int = 10, seed: int = 0) -> Tensor:
    return torch.randn(n, channels, generator=torch.Generator().manual_seed(seed))


def rotation(channels: int, seed: int = 5) -> Tensor:
    return torch.linalg.qr(views(channels, channels, seed)).Q


def test_a_view_is_most_like_itself() -> None:
    found = alike(views())
    assert torch.allclose(found.diagonal(), torch.ones(24), atol=1e-6)
    assert torch.allclose(found, found.T, atol=1e-6)
    assert found.abs().max() < 1 + 1e-6


def test_networks_that_say_the_same_agree() -> None:
    assert disagreement(views(), views()).item() == pytest.approx(0, abs=1e-6)


def test_where_a_channel_stands_and_how_loud_it_is_does_not_matter() -> None:
    loud = views() * torch.linspace(0.1, 40, 10) + torch.arange(10.0)
    assert disagreement(loud, views()).item() == pytest.approx(0, abs=1e-3)


def test_the_order_of_the_channels_does_not_matter() -> None:
    assert disagreement(views().flip(1), views()).item() == pytest.approx(0, abs=1e-6)


def test_networks_that_see_other_things_do_not_agree() -> None:
    assert 0.8 < disagreement(views(seed=1), views(seed=2)).item() < 1.2


def test_what_an_adapter_would_find_in_a_weak_direction_is_not_agreement() -> None:
    """A linear map gets the teacher's values from many views exactly; whoever has few pictures does not."""
    theirs = views(400)
    hidden = torch.cat([theirs * 0.02, views(400, 40, seed=3)], dim=1) @ rotation(50)
    adapter = torch.linalg.lstsq(hidden.double(), theirs.double()).solution
    assert torch.allclose(hidden.double() @ adapter, theirs.double(), atol=1e-4)
    assert disagreement(hidden, theirs).item() > 0.7


def test_networks_that_find_opposite_views_alike_disagree_most() -> None:
    pairs = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0], [-1.0, 0.1]])
    assert 1 < disagreement(pairs[:, :1], pairs[:, 1:]).item() <= 2


def test_two_views_are_one_pair_of_which_nothing_can_be_told() -> None:
    mine = views(2).requires_grad_()
    found = disagreement(mine, views(2, seed=1))
    found.backward()
    assert found.item() == pytest.approx(1)
    assert mine.grad is not None
    assert mine.grad.abs().max() < 1e-5


def test_a_channel_that_never_varies_tells_nothing() -> None:
    still = torch.cat([views(), torch.full((24, 3), 7.0)], dim=1)
    assert disagreement(still, views()).item() == pytest.approx(0, abs=1e-3)


def test_embeddings_that_learn_come_to_agree() -> None:
    theirs = views()
    mine = views(channels=16, seed=1).requires_grad_()
    optimizer = torch.optim.Adam([mine], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        disagreement(mine, theirs).backward()
        optimizer.step()
    assert disagreement(mine, theirs).item() < 0.05


def test_views_that_are_all_the_same_give_numbers() -> None:
    same = torch.ones(6, 4, requires_grad=True)
    found = disagreement(same, views(6, 4))
    found.backward()
    assert torch.isfinite(found)
    assert same.grad is not None and bool(torch.isfinite(same.grad).all())
