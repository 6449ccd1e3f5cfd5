"""Every planted bug is found by a comparison, where it says that it shows."""

import copy
from functools import cache

import pytest
import torch
from torch import nn

from densekit.errors import DensekitError
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.proof.parity import compare_networks, randomise
from densekit.model.proof.planted import PLANTED, specimen

IMAGES = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SHAPES = {
    "two blocks": DenseNetConfig(growth_rate=4, block_config=(2, 2), num_init_features=8),
    "three blocks": DenseNetConfig(growth_rate=6, block_config=(2, 1, 1), num_init_features=12),
}


@cache
def randomised(shape: str = "two blocks") -> DenseNet:
    network = DenseNet(SHAPES[shape], num_classes=3).double().eval()
    randomise(network, torch.Generator().manual_seed(0))
    return network


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PLANTED)
def test_the_module_that_it_names_is_the_first_to_differ(name, shape):
    bug, network = PLANTED[name], randomised(shape)

    found = compare_networks(bug(network), network, IMAGES).first_difference

    assert found is not None
    assert (found.seen_at, found.module, found.mode) == (bug.shows_at, bug.look_at, "eval")


@pytest.mark.parametrize("name", PLANTED)
def test_it_says_what_fresh_networks_hide(name):
    bug, network = PLANTED[name], specimen("freshly made")

    with torch.no_grad():
        hidden = torch.allclose(bug(network)(IMAGES), network(IMAGES), rtol=0, atol=1e-9)

    assert hidden == (bug.hidden or bug.harmless)


@pytest.mark.parametrize("name", PLANTED)
def test_it_says_whether_it_does_any_harm(name):
    bug, network = PLANTED[name], randomised()

    with torch.no_grad():
        same = torch.allclose(bug(network)(IMAGES), network(IMAGES), rtol=0, atol=1e-9)

    assert same == bug.harmless


@pytest.mark.parametrize("name", PLANTED)
def test_the_good_network_stays_good(name):
    network = copy.deepcopy(randomised())
    before = copy.deepcopy(network)

    PLANTED[name](network)

    assert [type(module) for module in network.modules()] == [type(module) for module in before.modules()]
    assert all(torch.equal(value, before.state_dict()[key]) for key, value in network.state_dict().items())
    assert repr(network) == repr(before)


def test_there_are_bugs_of_every_kind():
    assert len(PLANTED) >= 10
    assert sum(bug.hidden for bug in PLANTED.values()) >= 3
    assert len({bug.shows_at for bug in PLANTED.values()}) >= 7
    assert all(bug.written != bug.meant and bug.reason for bug in PLANTED.values())


def test_the_specimen_is_the_same_each_time_and_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    one, other = specimen().state_dict(), specimen().state_dict()

    assert all(torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", [name for name, bug in PLANTED.items() if bug.hidden])
def test_what_hides_a_bug_is_what_it_names(name):
    bug, fresh, randomised = PLANTED[name], specimen("freshly made"), specimen("randomised")
    kinds = {"BatchNorms": nn.BatchNorm2d, "classifier": nn.Linear}
    for changed, kind in kinds.items():
        network = copy.deepcopy(fresh)
        for one, other in zip(network.modules(), randomised.modules(), strict=True):
            if isinstance(one, kind):
                one.load_state_dict(other.state_dict())

        apart = (bug(network)(IMAGES) - network(IMAGES)).abs().max().item()

        assert (apart > 1e-9) == (changed == bug.hidden_by)


def test_unknown_norms_are_refused():
    with pytest.raises(DensekitError, match="no BatchNorms are called 'nope': known are"):
        specimen("nope")
