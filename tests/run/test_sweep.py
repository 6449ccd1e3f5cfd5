"""A learning rate for what would be trained, from the command line's settings."""

from pathlib import Path

import pytest

from densekit.errors import ConfigError
from densekit.run.sweep import sweep_learning_rate


@pytest.mark.parametrize("cut", ["classifier", "all"])
def test_it_sweeps_what_would_be_trained_and_writes_no_run(
    tiny: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {**tiny, "data.image_size": 64, "model.train_from": cut}
    sweep = sweep_learning_rate(settings=settings, steps=30, progress=False)
    assert len(sweep.rates) > 9
    assert not (tmp_path / "runs").exists()


def test_a_mistake_in_the_settings_is_told() -> None:
    with pytest.raises(ConfigError, match=r"training\.epohcs"):
        sweep_learning_rate(data="x", settings=["training.epohcs=3"], progress=False)
