"""The parts of a DenseNet as a reader might write them: right, in other words, with knobs to make them wrong."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from densekit.exercises.layer_by_layer import stem


class Stem(nn.Module):
    """A right stem in other words, with knobs to make it wrong."""

    def __init__(self, features, bias=False, pool_padding=1, order="norm relu pool", pool=F.max_pool2d):
        super().__init__()
        self.conv0 = nn.Conv2d(3, features, (7, 7), 2, 3, bias=bias)
        self.norm0 = nn.BatchNorm2d(features)
        self.steps = {
            "norm": self.norm0.forward,
            "relu": torch.relu,
            "pool": partial(pool, kernel_size=3, stride=2, padding=pool_padding),
        }
        self.order = order.split()

    def forward(self, images):
        x = self.conv0(images)
        for step in self.order:
            x = self.steps[step](x)
        return x


class Layer(nn.Module):
    """A right dense layer in other words, with knobs to make it wrong."""

    def __init__(self, channels, growth_rate, bn_size, bias=False, kernel=3, padding=1, squeezed=None):
        super().__init__()
        width = squeezed or bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=bias)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel, padding=padding, bias=bias)

    def forward(self, features):
        x = torch.cat(features, 1)
        return self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class Block(nn.Module):
    """A right dense block in other words, with knobs to make it wrong."""

    def __init__(self, num_layers, in_channels, growth_rate, bn_size, step=1, first=1):
        super().__init__()
        for index in range(num_layers):
            layer = Layer(in_channels + step * index * growth_rate, growth_rate, bn_size)
            self.add_module(f"denselayer{index + first}", layer)

    def forward(self, x):
        for layer in self.children():
            x = torch.cat([x, layer([x])], 1)
        return x


class Transition(nn.Module):
    """A right transition in other words, with knobs to make it wrong."""

    def __init__(self, in_channels, out_channels, order="norm relu conv pool", pool=F.avg_pool2d, **conv):
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False, **conv)
        self.steps = {"norm": self.norm, "conv": self.conv, "relu": F.relu, "pool": lambda x: pool(x, 2)}
        self.order = order.split()

    def forward(self, x):
        for step in self.order:
            x = self.steps[step](x)
        return x


class Net(nn.Module):
    """A right DenseNet in other words, with knobs to make it wrong."""

    def __init__(self, config, num_classes, transition_behind_last=False, halve=True):
        super().__init__()
        self.features = stem(config.num_init_features)
        channels = config.num_init_features
        for number, num_layers in enumerate(config.block_config, start=1):
            block = Block(num_layers, channels, config.growth_rate, config.bn_size)
            self.features.add_module(f"denseblock{number}", block)
            channels = channels + num_layers * config.growth_rate
            if transition_behind_last or number != len(config.block_config):
                out = channels // 2 if halve else channels
                self.features.add_module(f"transition{number}", Transition(channels, out))
                channels = out
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes) if num_classes else nn.Identity()

    def forward(self, images):
        return self.classifier(self.features(images).clamp(min=0).mean(dim=(-2, -1)))
