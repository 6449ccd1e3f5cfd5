"""The checkers about hunted bugs accept every right answer and tell the usual mistakes apart."""

import torch
from torch import nn

from densekit.exercises.proven import hunted_bugs as check
from densekit.exercises.testing import assert_checker
from densekit.model.proof.planted import PLANTED


class TestExercise4:
    @staticmethod
    def fill(weight, bias, mean, variance):
        def randomise_norms(network):
            with torch.no_grad():
                for module in network.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.weight.uniform_(*weight)
                        module.bias.uniform_(*bias)
                        module.running_mean.uniform_(*mean)
                        module.running_var.uniform_(*variance)

        return randomise_norms

    def test_any_random_values_that_show_everything_are_right(self):
        def by_init(network):
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.normal_(module.weight)
                    nn.init.normal_(module.bias, std=0.3)
                    nn.init.normal_(module.running_mean)
                    nn.init.uniform_(module.running_var, 0.5, 2)
            return network

        def with_new_tensors(network):
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    channels = module.num_features
                    module.weight = nn.Parameter(torch.randn(channels))  # float32, in a network of float64
                    module.bias = nn.Parameter(torch.randn(channels))
                    module.running_mean = torch.randn(channels)
                    module.running_var = torch.rand(channels) + 0.5

        assert_checker(
            check.exercise_4,
            right=[self.fill((-1.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2)), by_init, with_new_tensors],
            wrong=[
                (lambda network: None, "features.norm0.weight is still 1 in every channel"),
                (self.fill((0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2)), "the lowest gain of all is 0.5"),
                (self.fill((-1.5, 1.5), (0, 0), (-0.5, 0.5), (0.5, 2)), "features.norm0.bias is still 0"),
                (self.fill((-1.5, 1.5), (-1, 1), (0, 0), (0.5, 2)), "running_mean is still 0"),
                (self.fill((-1.5, 1.5), (-1, 1), (-1, 1), (1, 1)), "running_var is still 1"),
                (self.fill((-1.5, 1.5), (-1, 1), (-1, 1), (-1, 1)), "has the variance -"),
                (self.fill((-2, -2), (-1, 1), (-1, 1), (0.5, 2)), "is -2 in every channel"),
            ],
        )

    def test_forgetting_that_weights_want_gradients_is_told(self):
        def in_the_graph(network):
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.weight.uniform_(-1, 1)

        assert "leaf Variable" in check.exercise_4.judge(in_the_graph).reason


class TestExercise5:
    right = {name: PLANTED[name].shows_at for name in check.HUNTED}  # noqa: RUF012

    def test_each_bug_has_its_rung(self):
        assert_checker(
            check.exercise_5,
            right=[self.right, {name: at.removeprefix("features.") for name, at in self.right.items()}],
            wrong=[
                (self.right | {"wrong eps": "conv0"}, "'wrong eps' is 'conv0', expected 'norm0'"),
                (
                    self.right | {"newest first": "denseblock1.denselayer1.norm1"},
                    "denselayer2.norm1', because",
                ),
                (
                    self.right | {"border repeated": "features.conv0"},
                    "'border repeated' is 'conv0', expected",
                ),
                (self.right | {"last ReLU forgotten": "norm5"}, "is 'norm5', expected 'classifier'"),
                ({"wrong eps": "norm0"}, "no prediction for 'border repeated'"),
                (list(self.right.values()), "expected a dictionary, got list"),
            ],
        )

    def test_an_unfinished_dictionary_is_still_to_do(self):
        assert check.exercise_5.judge(self.right | {"wrong eps": ...}).state == "todo"


class TestExercise6:
    def test_any_repaired_layer_is_right(self):
        def repaired(features, layer):
            squeezed = layer.conv1(layer.norm1(torch.cat(features, dim=1)).relu())
            return layer.conv2(layer.norm2(squeezed).relu())

        def with_its_own_modules(features, layer):
            x = layer.relu1(layer.norm1(torch.cat(features, 1)))
            return layer.conv2(layer.relu2(layer.norm2(layer.conv1(x))))

        def newest_first(features, layer):
            return repaired(features[::-1], layer)

        def relu_first(features, layer):
            squeezed = layer.conv1(layer.norm1(torch.cat(features, dim=1).relu()))
            return layer.conv2(layer.norm2(squeezed).relu())

        def no_second_relu(features, layer):
            squeezed = layer.conv1(layer.norm1(torch.cat(features, dim=1)).relu())
            return layer.conv2(layer.norm2(squeezed))

        def with_the_old_ones(features, layer):
            return torch.cat([*features, repaired(features, layer)], dim=1)

        assert_checker(
            check.exercise_6,
            right=[repaired, with_its_own_modules],
            wrong=[
                (newest_first, "with 2 tensors of features, max|Δ| of the input of norm1"),
                (relu_first, "with 1 tensor of features, max|Δ| of the input of norm1"),
                (no_second_relu, "of the input of conv2"),
                (with_the_old_ones, "the shape of the new features is another one than it should be"),
                (lambda features, layer: layer(features[:1]), "stopped"),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        def given(features, layer):
            everything = torch.cat(features[::-1], dim=1)
            squeezed = layer.conv1(layer.norm1(everything.relu()))
            return layer.conv2(layer.norm2(squeezed).relu())

        assert check.exercise_6.judge(given).state == "todo"
