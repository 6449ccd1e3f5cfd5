"""The arrows of plain, residual and dense layers: how many there are, and that all of them are drawn."""

import pytest
from matplotlib.patches import FancyArrowPatch

from densekit.errors import ConfigError
from densekit.plots import alt_text
from densekit.plots.connections import Connection, connection_diagram, connection_kinds, connections


class TestConnections:
    @pytest.mark.parametrize("layers", [1, 2, 5, 12])
    def test_a_dense_block_has_one_for_each_pair(self, layers):
        arrows = connections(layers, "dense")
        assert len(arrows) == len(set(arrows)) == layers * (layers + 1) // 2
        assert all(0 <= arrow.source < arrow.target <= layers for arrow in arrows)

    def test_plain_layers_are_a_chain(self):
        assert connections(3, "plain") == [Connection(0, 1), Connection(1, 2), Connection(2, 3)]

    def test_residual_layers_are_a_chain_with_a_shortcut_around_each(self):
        arrows = connections(3, "residual")
        assert [arrow for arrow in arrows if not arrow.passes_by] == connections(3, "plain")
        assert [arrow[:2] for arrow in arrows if arrow.passes_by] == [(0, 1), (1, 2), (2, 3)]

    def test_an_unknown_kind_and_no_layers_are_refused(self):
        with pytest.raises(
            ConfigError, match="the kind is 'sparse': known are 'plain', 'residual' and 'dense'"
        ):
            connections(3, "sparse")
        with pytest.raises(ConfigError, match="there are 0 layers"):
            connections(0, "dense")


@pytest.mark.parametrize("kind", ["plain", "residual", "dense"])
@pytest.mark.parametrize("layers", [1, 4, 12])
def test_every_connection_is_drawn(kind, layers):
    (axes,) = connection_diagram(layers, kind).axes
    drawn = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(drawn) == len(connections(layers, kind)) + 1  # and the way out


def test_the_words_count_the_connections():
    assert "Dense, 4 layers: 10 connections" in alt_text(connection_diagram(4))
    assert "1 layer: 1 connection." in alt_text(connection_diagram(1))
    words = alt_text(connection_kinds(5))
    assert "Plain, 5 layers: 5 connections." in words
    assert "Residual, 5 layers: 5 connections and 5 shortcuts." in words
    assert "Dense, 5 layers: 15 connections." in words
