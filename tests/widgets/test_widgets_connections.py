"""The explorer of connections, driven over all that its controls allow."""

import pytest

from densekit.plots import alt_text
from densekit.widgets.connections import connection_explorer, connections_and_channels


def test_without_a_front_end_the_function_says_the_same():
    figure, text = connections_and_channels()
    explorer = connection_explorer()
    assert explorer.facts == f"{alt_text(figure)}\n{text}"


def test_more_layers_mean_more_arrows_and_more_channels():
    explorer = connection_explorer()
    explorer.controls["layers"].value = 6
    assert "connections             21 = 6 · 7 / 2" in explorer.facts
    assert "64, 96, 128, 160, 192, 224" in explorer.facts
    assert "channels out            256" in explorer.facts


@pytest.mark.parametrize(("kind", "counted"), [("plain", "5\n"), ("residual", "5, and 5 shortcuts\n")])
def test_plain_and_residual_layers_keep_their_channels(kind, counted):
    explorer = connection_explorer()
    explorer.set(kind=kind)
    assert f"connections             {counted}" in explorer.facts
    assert "channels out            64" in explorer.facts


@pytest.mark.parametrize("kind", ["plain", "residual", "dense"])
@pytest.mark.parametrize("layers", [1, 12])
@pytest.mark.parametrize("growth_rate", [4, 48])
def test_it_draws_at_every_end_of_its_controls(kind, layers, growth_rate):
    explorer = connection_explorer()
    explorer.set(kind=kind, layers=layers, growth_rate=growth_rate, in_channels=256)
    assert explorer.error is None
    assert explorer.figure is not None


def test_one_shortcut_is_one():
    assert "connections             1, and 1 shortcut\n" in connections_and_channels(1, "residual")[1]
