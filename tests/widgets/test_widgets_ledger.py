"""The live ledger: every slider is moved, and what is then shown is what the plain function gives."""

from dataclasses import replace

import pytest

from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig, read_architecture
from densekit.model.proof.ledger import make_ledger
from densekit.plots import alt_text
from densekit.plots.described import img
from densekit.widgets.ledger import LedgerExplorer, ledger_view


@pytest.fixture(scope="module")
def explorer() -> LedgerExplorer:
    return LedgerExplorer()


def test_it_starts_with_densenet_121(explorer):
    figure, text = ledger_view()
    assert explorer.facts == f"{alt_text(figure)}\n{text}"
    assert explorer.view.children[-1].value.startswith(img(figure))


@pytest.mark.slow
def test_each_slider_changes_the_number_that_it_names(explorer):
    config = DenseNetConfig()
    for name, value, changed in (
        ("growth_rate", 16, {"growth_rate": 16}),
        ("block_1", 1, {"block_config": (1, 12, 24, 16)}),
        ("block_2", 2, {"block_config": (1, 2, 24, 16)}),
        ("block_3", 3, {"block_config": (1, 2, 3, 16)}),
        ("block_4", 4, {"block_config": (1, 2, 3, 4)}),
        ("num_init_features", 8, {"num_init_features": 8}),
        ("bn_size", 1, {"bn_size": 1}),
    ):
        explorer.controls[name].value = value  # as a reader does who lets go of it
        config = replace(config, **changed)
        assert str(make_ledger(config, 224, num_classes=0)) in explorer.facts, name
    assert "a network of your own: growth_rate 16, block_config (1, 2, 3, 4)" in explorer.facts


def test_the_image_size_changes_costs_and_no_parameters(explorer):
    before = explorer.values
    explorer.controls["image_size"].value = 64
    config = explorer_config(before)
    ledger = make_ledger(config, 64, num_classes=0)
    assert ledger.parameters == make_ledger(config, 224, num_classes=0).parameters
    assert str(ledger) in explorer.facts


def test_dropout_changes_a_sentence_and_nothing_else(explorer):
    before = explorer.facts
    explorer.controls["drop_rate"].value = 0.3
    assert explorer.facts.startswith(before.rpartition("\n")[0])
    assert "30 % of the new values of each layer are set to zero" in explorer.facts


def test_a_variant_moves_all_sliders_that_it_has_a_number_for(explorer):
    explorer.variant.value = "densenet161"
    config = read_architecture("densenet161")
    assert explorer_config(explorer.values) == config
    assert f"densenet161: growth_rate {config.growth_rate}" in explorer.facts


@pytest.mark.parametrize("end", ["min", "max"])
@pytest.mark.slow
def test_both_ends_of_all_sliders_can_be_drawn(explorer, end):
    explorer.set(**{name: getattr(control, end) for name, control in explorer.controls.items()})
    assert explorer.error is None


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match="image_size is 20"):
        ledger_view(image_size=20)


def explorer_config(values: dict[str, int]) -> DenseNetConfig:
    blocks = tuple(values[f"block_{number}"] for number in (1, 2, 3, 4))
    return DenseNetConfig(values["growth_rate"], blocks, values["num_init_features"], values["bn_size"])


@pytest.mark.parametrize("size", [30, 100, 128, 900])
def test_it_starts_with_the_image_size_that_is_asked_for_and_can_come_back_to_it(size):
    control = LedgerExplorer(image_size=size).controls["image_size"]
    assert control.value == size
    assert control.min <= size <= control.max
    assert (size - control.min) % control.step == 0


def test_it_can_not_start_with_too_small_images():
    with pytest.raises(ConfigError, match="image_size is 16"):
        LedgerExplorer(image_size=16)


@pytest.mark.slow
def test_the_list_says_which_network_the_sliders_stand_at():
    explorer = LedgerExplorer()
    calls, draw = [], explorer.draw
    explorer.draw = lambda **values: calls.append(values) or draw(**values)
    explorer.controls["growth_rate"].value = 12
    assert explorer.variant.label == "a network of your own"

    explorer.variant.value = "densenet121"
    assert explorer.values["growth_rate"] == 32
    explorer.controls["growth_rate"].value = 16
    explorer.controls["growth_rate"].value = 32
    assert explorer.variant.value == "densenet121"
    assert len(calls) == 4  # once for each time that somebody moved something


@pytest.mark.slow
def test_a_variant_can_be_set_from_a_cell():
    explorer = LedgerExplorer()
    explorer.set(variant="densenet169", drop_rate=0.2)
    assert explorer_config(explorer.values) == read_architecture("densenet169")
    assert explorer.variant.value == "densenet169"
    with pytest.raises(ConfigError, match=r"'densenet160': did you mean"):
        explorer.set(variant="densenet160")


@pytest.mark.parametrize("drop_rate", [-0.1, 1.0, 1.5])
def test_a_probability_is_one(drop_rate):
    with pytest.raises(ConfigError, match="expected 0 ≤ drop_rate < 1"):
        ledger_view(drop_rate=drop_rate)
