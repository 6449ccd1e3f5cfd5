"""Phases made ready by several processes: one computes, the others find it in the store."""

import threading
from pathlib import Path

import pytest
import torch

from densekit.config import load_config
from densekit.data.folder import open_folder
from densekit.devices import choose_compute
from densekit.model.frozen.rewrite import FrozenDenseNet
from densekit.run.classifier import backbone
from densekit.run.phase import Material, Phase, make_ready
from densekit.training.team import Team

BARRIER = threading.Barrier(2, timeout=60)


class TeamOfThreads(Team):
    """A team whose members are threads."""

    def wait(self) -> None:
        BARRIER.wait()


@pytest.mark.parametrize("cut", ["classifier", "denseblock4"])
def test_what_one_has_computed_the_others_find(
    tiny: dict[str, object], pictures: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    config, data = load_config(overrides={**tiny, "model.train_from": cut}), open_folder(pictures)
    computed: list[int] = []
    forward = FrozenDenseNet.forward

    def count(model: FrozenDenseNet, images: torch.Tensor) -> torch.Tensor:
        computed.append(len(images))
        return forward(model, images)

    monkeypatch.setattr(FrozenDenseNet, "forward", count)
    ready: dict[int, Phase] = {}
    networks = [backbone(config, 3) for _ in range(2)]

    def member(rank: int) -> None:
        compute, team = choose_compute("cpu"), TeamOfThreads(rank, 2)
        material = Material(config, networks[rank], compute, team, data.train, data.val, lambda done: None)
        ready[rank] = make_ready(config.plan[0], material)

    threads = [threading.Thread(target=member, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(computed) == len(data.train) + len(data.val)  # each picture once, in all processes together
    assert ready[0].learned_from == ready[1].learned_from
