"""The figure of drifting statistics: how far each norm moved, and in which unit."""

import pytest
import torch
from torch import nn

from densekit.errors import DataError
from densekit.model.densenet import DenseNet
from densekit.plots import alt_text, buffer_drift
from densekit.plots.drift import drift_between, norms_of
from tests.plots.figures import SMALL, assert_nothing_is_cut_off


def _moved(state, mean=0.0, variance=1.0):
    """Shift every running mean by so many standard deviations, and multiply every running variance."""
    moved = {name: tensor.clone() for name, tensor in state.items()}
    for norm in norms_of(state):
        moved[f"{norm}.running_mean"] += mean * (state[f"{norm}.running_var"] + 1e-5).sqrt()
        moved[f"{norm}.running_var"] = variance * (state[f"{norm}.running_var"] + 1e-5) - 1e-5
    return moved


@pytest.fixture
def state():
    torch.manual_seed(0)
    network = DenseNet(SMALL, 3).double()
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 9.0)
    return network.state_dict()


def test_a_state_that_did_not_move_has_not_drifted(state):
    drift = drift_between(state, state)
    assert (drift.means == 0).all() and (drift.spreads == 1).all()
    assert len(drift.means) == len(norms_of(state)) > 10


def test_means_are_told_in_standard_deviations_and_spreads_as_a_factor_whichever_way(state):
    assert drift_between(state, _moved(state, mean=-0.3)).means == pytest.approx(0.3)
    assert drift_between(state, _moved(state, variance=4.0)).spreads == pytest.approx(2.0)
    assert drift_between(state, _moved(state, variance=0.25)).spreads == pytest.approx(2.0)


def test_one_forward_pass_in_train_mode_moves_every_norm():
    network = DenseNet(SMALL, 3).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert (drift_between(before, network.state_dict()).spreads > 1).all()


def test_each_state_of_later_has_its_dots_and_each_block_its_name(state):
    later = {"a step": _moved(state, 0.1), "an epoch": _moved(state, 0.5)}
    figure = buffer_drift(state, later, "Drift")
    above, below = figure.axes
    assert [line.get_label() for line in above.lines] == ["a step", "an epoch"]
    assert above.lines[1].get_ydata() == pytest.approx(0.5)
    assert len(below.lines[0].get_xdata()) == len(norms_of(state))
    assert [text.get_text() for text in above.texts] == ["block 1", "block 2"]
    assert_nothing_is_cut_off(figure)


def test_the_words_tell_how_far(state):
    words = alt_text(buffer_drift(state, {"a step": _moved(state, 0.25)}, "Drift"))
    assert "a step, the mean by 0.25 standard deviations in the median norm" in words
    assert f"Dots for {len(norms_of(state))} norms" in words


def test_states_that_can_not_be_compared_are_refused(state):
    norm = norms_of(state)[0]
    fewer = {name: tensor for name, tensor in state.items() if not name.startswith(norm)}
    with pytest.raises(DataError, match=r"expected the same ones in both"):
        buffer_drift(state, {"later": fewer}, "Drift")
    with pytest.raises(DataError, match=r"0 and 0 norms"):
        buffer_drift({"weight": torch.ones(2)}, {"later": {"weight": torch.ones(2)}}, "Drift")
    narrow = {name: tensor[:1] if tensor.dim() else tensor for name, tensor in state.items()}
    with pytest.raises(DataError, match=r"channels before and 1 after"):
        buffer_drift(state, {"later": narrow}, "Drift")
    with pytest.raises(DataError, match=r"0 states of later: expected 1 to 4"):
        buffer_drift(state, {}, "Drift")
