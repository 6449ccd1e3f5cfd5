"""The ledger: every line of it is what the real network has and does."""

import pytest
import torch
from torch import nn

from densekit.errors import ConfigError
from densekit.model.architectures import ARCHITECTURES, DenseNetConfig, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.proof.ledger import Stage, make_ledger

UNUSUAL = DenseNetConfig(growth_rate=5, block_config=(1, 3, 2), num_init_features=13, bn_size=3)


class Measured:
    """What hooks see in a real network that runs without computing anything."""

    def __init__(self, config: DenseNetConfig, image_size: int, num_classes: int) -> None:
        with torch.device("meta"):
            self.network = DenseNet(config, num_classes).eval()
            images = torch.empty(1, 3, image_size, image_size)
        self.inputs: dict[str, torch.Size] = {}
        self.outputs: dict[str, torch.Size] = {}
        self.multiply_adds: dict[str, int] = {}
        for name, module in self.network.named_modules():
            module.register_forward_hook(self._recorder(name))
        self.network(images)

    def _recorder(self, name: str):
        def record(module, inputs, output):
            self.inputs[name], self.outputs[name] = inputs[0][0].shape, output[0].shape
            if isinstance(module, nn.Conv2d | nn.Linear):
                self.multiply_adds[name] = output[0].numel() * module.weight[0].numel()

        return record

    def stage(self, stage: Stage) -> tuple[int, ...]:
        inside = [self.network.get_submodule(name) for name in stage.modules]
        parameters = sum(parameter.numel() for module in inside for parameter in module.parameters())
        costs = sum(
            cost
            for name, cost in self.multiply_adds.items()
            if any(name == module or name.startswith(f"{module}.") for module in stage.modules)
        )
        first, last = self.inputs[stage.modules[0]], self.outputs[stage.modules[-1]]
        side = last[1] if len(last) == 3 else 1
        return first[0], last[0], side, parameters, costs


def lines(stage: Stage) -> tuple[int, ...]:
    return stage.channels_in, stage.channels_out, stage.side, stage.parameters, stage.multiply_adds


@pytest.mark.parametrize(
    ("architecture", "image_size", "num_classes"),
    [*((architecture, 224, 1000) for architecture in ARCHITECTURES), ("densenet121", 29, 0)],
)
def test_every_line_is_what_hooks_see_in_the_real_network(architecture, image_size, num_classes):
    config = read_architecture(architecture)
    measured = Measured(config, image_size, num_classes)
    for stage in make_ledger(config, image_size, num_classes).stages:
        assert lines(stage) == measured.stage(stage), stage.name


@pytest.mark.parametrize("image_size", [13, 14, 32, 33, 100])
def test_an_unusual_network_has_its_lines_as_well(image_size):
    measured = Measured(UNUSUAL, image_size, 3)
    for stage in make_ledger(UNUSUAL, image_size, 3).stages:
        assert lines(stage) == measured.stage(stage), stage.name


def test_the_stages_are_the_whole_network_and_nothing_twice():
    with torch.device("meta"):
        network = DenseNet(UNUSUAL, 3)
    named = [name for stage in make_ledger(UNUSUAL, 64, 3).stages for name in stage.modules]
    assert named == [*(f"features.{name}" for name, _ in network.features.named_children()), "classifier"]


@pytest.mark.parametrize(
    ("architecture", "parameters", "multiply_adds"),
    [  # torchvision's model cards: parameters, and GFLOPS (their word for 10⁹ multiply-adds) to two digits
        ("densenet121", 7_978_856, 2.83),
        ("densenet161", 28_681_000, 7.73),
        ("densenet169", 14_149_480, 3.36),
        ("densenet201", 20_013_928, 4.29),
    ],
)
def test_sums_are_the_published_ones(architecture, parameters, multiply_adds):
    ledger = make_ledger(read_architecture(architecture))
    assert ledger.parameters == parameters
    assert ledger.multiply_adds / 1e9 == pytest.approx(multiply_adds, abs=0.01)


def test_it_reads_as_a_table():
    text = str(make_ledger(UNUSUAL, 32, 3))
    assert text.splitlines()[0].split() == [
        "stage",
        "channels",
        "maps",
        "parameters",
        "million",
        "multiply-adds",
    ]
    assert len({len(line) for line in text.splitlines()}) == 1, "the columns are not aligned"
    assert "denseblock1" in text and "13 → 18" in text and "8×8" in text


def test_a_stage_is_found_by_its_name():
    assert make_ledger()["denseblock3"].channels_out == 1024


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("denseblok1", r"did you mean 'denseblock1'\?"),
        ("head", "known are 'conv0'"),
        (3, "known are 'conv0'"),
    ],
)
def test_a_stage_that_is_not_there_is_refused_with_the_nearest(name, hint):
    with pytest.raises(ConfigError, match=f"the ledger has no stage '{name}': {hint}"):
        make_ledger()[name]


@pytest.mark.parametrize("blocks", [(1,), (1, 1), (1, 1, 1, 1), (1, 1, 1, 1, 1)])
def test_the_smallest_image_runs_and_one_pixel_less_is_refused(blocks):
    config = DenseNetConfig(4, blocks, 8)
    smallest = 2 ** (len(blocks) + 1) - 3
    assert make_ledger(config, smallest, 0).stages[-1].side == 1
    with torch.device("meta"):
        network, images = DenseNet(config, 0).eval(), torch.empty(1, 3, smallest, smallest)
    assert network(images).shape == (1, config.num_features)
    with pytest.raises(ConfigError, match=f"image_size is {smallest - 1}: .* {smallest} pixels or more"):
        make_ledger(config, smallest - 1)
