"""The cost bars draw shares of the ledger's sums, and name the sums."""

import pytest
from figures import SMALL

from densekit.errors import ConfigError
from densekit.model.architectures import read_architecture
from densekit.model.proof.ledger import make_ledger
from densekit.plots import cost_bars


class TestCosts:
    def test_bars_are_shares_that_add_up(self):
        axes = cost_bars(read_architecture("densenet169"), 96).axes[0]
        ledger = make_ledger(read_architecture("densenet169"), 96, num_classes=0)
        parameters, multiply_adds = ([bar.get_width() for bar in group] for group in axes.containers)
        norm5 = 100 * ledger["norm5"].parameters / ledger.parameters  # has parameters, but no convolution
        assert sum(parameters) + norm5 == pytest.approx(100)
        assert sum(multiply_adds) == pytest.approx(100)

    def test_the_title_has_the_sums(self):
        title = "6.95 million parameters, 2.83 billion multiply-adds at 224×224"
        assert cost_bars().get_suptitle() == title
        assert cost_bars(SMALL, 32).get_suptitle().startswith(f"{make_ledger(SMALL, 32, 0).parameters:,} par")


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match="image_size is 8"):
        cost_bars(None, 8)
