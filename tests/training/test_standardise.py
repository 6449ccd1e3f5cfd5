import torch
from torch import nn

from densekit.features import Features
from densekit.training.standardise import Standardiser


def features(seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([0.001, 1.0, 100.0, 5.0])
    inputs = torch.randn(40, 4, generator=generator) * scale + 3 * scale
    return Features(inputs, torch.arange(40) % 2)


def test_features_get_mean_zero_and_spread_one() -> None:
    applied = Standardiser.of(features()).apply(features()).inputs
    torch.testing.assert_close(applied.mean(dim=0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(applied.std(dim=0, correction=0)[1:], torch.ones(3))


def test_other_features_are_scaled_by_the_numbers_of_the_first() -> None:
    standardiser, other = Standardiser.of(features()), features(seed=1)
    expected = (other.inputs - standardiser.mean) / standardiser.scale
    assert torch.equal(standardiser.apply(other).inputs, expected)


def test_a_head_with_the_scale_folded_in_gives_the_same_logits() -> None:
    standardiser, head = Standardiser.of(features()), nn.Linear(4, 3)
    expected = head(standardiser.apply(features(seed=1)).inputs)
    torch.testing.assert_close(
        standardiser.fold_into(head)(features(seed=1).inputs), expected, atol=1e-4, rtol=1e-4
    )


def test_a_head_with_the_scale_taken_out_gives_the_same_logits() -> None:
    standardiser, head = Standardiser.of(features()), nn.Linear(4, 3)
    expected = head(features(seed=1).inputs)
    torch.testing.assert_close(
        standardiser.unfold(head)(standardiser.apply(features(seed=1)).inputs), expected, atol=1e-3, rtol=1e-4
    )


def test_the_scale_taken_out_of_a_head_and_folded_in_again_leaves_it_as_it_was() -> None:
    standardiser, head = Standardiser.of(features()), nn.Linear(4, 3)
    unfolded = standardiser.unfold(head)
    assert not torch.allclose(unfolded.weight, head.weight)
    again = standardiser.fold_into(unfolded)
    torch.testing.assert_close(again.weight, head.weight, atol=0, rtol=1e-6)
    torch.testing.assert_close(again.bias, head.bias, atol=1e-4, rtol=0)  # its offset in between is about 100


def test_the_head_itself_is_left_as_it_is() -> None:
    head = nn.Linear(4, 3)
    before = head.weight.detach().clone()
    Standardiser.of(features()).fold_into(head)
    assert torch.equal(head.weight, before)


def test_a_feature_that_never_varies_is_not_divided_by_zero() -> None:
    constant = Features(torch.tensor([[1.0, 2.0], [1.0, 4.0]]), torch.tensor([0, 1]))
    applied = Standardiser.of(constant).apply(constant).inputs
    assert applied[:, 0].tolist() == [0, 0]
    assert bool(applied.isfinite().all())


def test_one_picture_alone_gives_numbers_too() -> None:
    one = Features(torch.tensor([[1.0, 2.0]]), torch.tensor([0]))
    assert bool(Standardiser.of(one).apply(one).inputs.isfinite().all())
