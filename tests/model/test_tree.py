"""The tree of modules: each class opened once, dense layers in a row on one line."""

from torch import nn

from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.proof.tree import module_tree

TREE = """\
DenseNet, 6,847 parameters
├─ features: Sequential
│  ├─ conv0: Conv2d, 7×7, 3 → 8
│  ├─ norm0: BatchNorm2d, 8
│  ├─ relu0: ReLU
│  ├─ pool0: MaxPool2d
│  ├─ denseblock1: DenseBlock, 3 layers, 8 → 20 channels
│  │  ├─ denselayer1: DenseLayer, 8 → 4 channels
│  │  │  ├─ norm1: BatchNorm2d, 8
│  │  │  ├─ relu1: ReLU
│  │  │  ├─ conv1: Conv2d, 1×1, 8 → 16
│  │  │  ├─ norm2: BatchNorm2d, 16
│  │  │  ├─ relu2: ReLU
│  │  │  └─ conv2: Conv2d, 3×3, 16 → 4
│  │  └─ denselayer2 … denselayer3: 2 more of the kind
│  ├─ transition1: Transition, 20 → 10 channels
│  │  ├─ norm: BatchNorm2d, 20
│  │  ├─ relu: ReLU
│  │  ├─ conv: Conv2d, 1×1, 20 → 10
│  │  └─ pool: AvgPool2d
│  ├─ denseblock2: DenseBlock, 1 layer, 10 → 14 channels
│  └─ norm5: BatchNorm2d, 14
└─ classifier: Linear, 14 → 5"""


def test_the_tree_of_a_densenet():
    network = DenseNet(DenseNetConfig(growth_rate=4, block_config=(3, 1), num_init_features=8), num_classes=5)
    parameters = sum(parameter.numel() for parameter in network.parameters())

    assert module_tree(network) == TREE.replace("6,847", f"{parameters:,}")


def test_any_network_has_a_tree():
    network = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 2)))

    assert module_tree(network).splitlines() == [
        "Sequential",
        "├─ 0: Flatten",
        "└─ 1: Sequential",
    ]
