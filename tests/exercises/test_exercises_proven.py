"""The checkers of notebook 04 accept every right answer and tell the usual mistakes apart."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from densekit.exercises import proven
from densekit.exercises.testing import assert_checker
from densekit.model.planted import PLANTED


def test_exercise_1_tells_which_of_the_numbers_is_off():
    assert_checker(
        proven.exercise_1,
        right=[(640, 1664, 169), (torch.tensor(640), 640 + 32 * 32, 2 * 82 + 5)],
        wrong=[
            ((1280, 1664, 169), "channels_into_block_4 is 1280, expected 640"),
            ((640, 1024, 169), "num_features is 1024, expected 1664"),
            ((640, 832, 169), "num_features is 832, expected 1664"),
            ((640, 1664, 82), "depth is 82, expected 169"),
            ((640, 1664, 164), "depth is 164, expected 169"),
        ],
    )


def test_exercise_2_takes_old_names_to_new_ones():
    def by_pattern(key):
        return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])", r"\1\2", key)

    def by_replacing(key):
        for name in ("norm", "conv"):
            for number in "12":
                key = key.replace(f".{name}.{number}.", f".{name}{number}.")
        return key

    assert_checker(
        proven.exercise_2,
        right=[by_pattern, by_replacing],
        wrong=[
            (lambda key: key, "'features.denseblock1.denselayer1.norm.1.weight' made is"),
            (lambda key: key.replace("norm.", "norm"), "conv.1.weight' made"),
            (lambda key: key.replace("norm.", "norm").replace("conv.", "conv"), "transition1.norm.weight"),
            (lambda key: key.replace(".", ""), "'featuresconv0weight', expected 'features.conv0.weight'"),
            (lambda key: re.sub(r"(denselayer\d\.(?:norm|conv))\.([12])", r"\1\2", key), "denselayer10"),
        ],
    )


class TestExercise3:
    @staticmethod
    def piece_by_piece(key):
        key = key.removeprefix("features.")
        for old, new in (
            ("norm1", "squeeze_norm"),
            ("conv1", "squeeze"),
            ("norm2", "grow_norm"),
            ("conv2", "grow"),
            ("conv0", "stem.conv"),
            ("norm0", "stem.norm"),
            ("norm5", "last_norm"),
            ("classifier", "head"),
        ):
            key = key.replace(old, new)
        key = re.sub(r"denseblock(\d+)", lambda m: f"blocks.{int(m[1]) - 1}", key)
        key = re.sub(r"transition(\d+)", lambda m: f"shrinks.{int(m[1]) - 1}", key)
        return re.sub(r"denselayer(\d+)", lambda m: f"{int(m[1]) - 1}", key)

    def test_any_way_to_translate_is_right(self):
        def from_one(key):
            return re.sub(
                r"(blocks|shrinks)\.(\d+)", lambda m: f"{m[1]}.{int(m[2]) + 1}", self.piece_by_piece(key)
            )

        def one_digit(key):
            return re.sub(r"\.\d\d\.", ".9.", self.piece_by_piece(key))

        assert_checker(
            proven.exercise_3,
            right=[self.piece_by_piece, proven.own_name],
            wrong=[
                (lambda key: key, "'features.conv0.weight' made is 'features.conv0.weight', expected 'stem."),
                (from_one, "is 'blocks.1.0.squeeze_norm.weight', expected 'blocks.0.0.squeeze_norm.weight'"),
                (one_digit, "denselayer11"),
                (lambda key: proven.own_name(key).replace("head", "classifier"), "expected 'head.weight'"),
                (lambda key: proven.own_name(key).replace("grow", "squeeze"), "expected 'blocks.0.0.grow_"),
            ],
        )

    def test_modules_have_names_too(self):
        assert proven.own_name("features.denseblock1.denselayer2.norm1") == "blocks.0.1.squeeze_norm"
        assert proven.own_name("features.norm5") == "last_norm"
        assert proven.own_name("features.transition1.conv") == "shrinks.0.conv"
        assert proven.own_name("classifier") == "head"


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

        assert_checker(
            proven.exercise_4,
            right=[self.fill((-1.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2)), by_init],
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

        assert "leaf Variable" in proven.exercise_4.judge(in_the_graph).reason


class TestExercise5:
    right = {name: PLANTED[name].shows_at for name in proven.HUNTED}  # noqa: RUF012

    def test_each_bug_has_its_rung(self):
        assert_checker(
            proven.exercise_5,
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
        assert proven.exercise_5.judge(self.right | {"wrong eps": ...}).state == "todo"


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
            proven.exercise_6,
            right=[repaired, with_its_own_modules],
            wrong=[
                (newest_first, "with 2 tensors of features, max|Δ| of the input of norm1"),
                (relu_first, "with 1 tensor of features, max|Δ| of the input of norm1"),
                (no_second_relu, "of the input of conv2"),
                (with_the_old_ones, "max|Δ| of the new features is inf"),
                (lambda features, layer: layer(features[:1]), "stopped"),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        def given(features, layer):
            everything = torch.cat(features[::-1], dim=1)
            squeezed = layer.conv1(layer.norm1(everything.relu()))
            return layer.conv2(layer.norm2(squeezed).relu())

        assert proven.exercise_6.judge(given).state == "todo"


def test_exercise_7_wants_all_but_the_classifier_and_strictly():
    def with_own_classifier(network, state):
        own = network.classifier.state_dict(prefix="classifier.")
        network.load_state_dict({key: state[key] for key in state if "classifier" not in key} | own)

    def features_alone(network, state):
        features = {key[9:]: value for key, value in state.items() if key.startswith("features.")}
        network.features.load_state_dict(features)
        return network

    def checked_by_hand(network, state):
        state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        missing, unexpected = network.load_state_dict(state, strict=False)
        assert set(missing) == {"classifier.weight", "classifier.bias"} and not unexpected

    def everything(network, state):
        network.load_state_dict(state)

    def their_classifier(network, state):
        network.reset_classifier(len(state["classifier.bias"]))
        network.load_state_dict(state)

    def forgiving(network, state):
        network.load_state_dict({k: v for k, v in state.items() if "classifier" not in k}, strict=False)

    def another_fresh_one(network, state):
        features_alone(network, state)
        network.reset_classifier(4)

    assert_checker(
        proven.exercise_7,
        right=[with_own_classifier, features_alone, checked_by_hand],
        wrong=[
            (everything, "size mismatch for classifier.weight"),
            (their_classifier, "out_features is 10, expected 4"),
            (forgiving, "was accepted without a word"),
            (another_fresh_one, "classifier.weight changed"),
            (lambda network, state: None, "tensors of the features are not those of the file"),
        ],
    )


def test_exercise_8_pools_first():
    def by_function(x, conv):
        return conv(F.avg_pool2d(x, 2))

    def by_module(x, conv):
        return conv(nn.AvgPool2d(kernel_size=2, stride=2)(x))

    def by_reshaping(x, conv):
        n, c, h, w = x.shape
        return conv(x.reshape(n, c, h // 2, 2, w // 2, 2).mean(dim=(3, 5)))

    assert_checker(
        proven.exercise_8,
        right=[
            (by_function, 4, False, False),
            (by_module, 4.0, False, False),
            (by_reshaping, 4, False, False),
        ],
        wrong=[
            (
                (lambda x, conv: F.avg_pool2d(conv(x), 2), 4, False, False),
                "(2, 6, 8, 8), expected (2, 6, 4, 4)",
            ),
            ((lambda x, conv: conv(F.max_pool2d(x, 2)), 4, False, False), "off (max|Δ| in float64)"),
            ((lambda x, conv: conv(x), 4, False, False), "(2, 4, 8, 8), expected (2, 4, 4, 4)"),
            ((lambda x, conv: conv(x[..., ::2, ::2]), 4, False, False), "off (max|Δ| in float64)"),
            ((by_function, 2, False, False), "saving is 2, expected 4"),
            ((by_function, 4, True, False), "with_max is True, expected False"),
            ((by_function, 4, False, True), "with_3x3 is True, expected False"),
        ],
    )


def test_exercise_9_clamps_from_below_and_from_above():
    def three_cases(s, b):
        if s == 0:
            return -math.inf, math.inf, 0.0, max(b, 0.0)
        return (-b / s, math.inf, s, b) if s > 0 else (-math.inf, -b / s, s, b)

    def constant_by_clamping(s, b):
        if s == 0:
            return max(b, 0.0), max(b, 0.0), 1.0, 0.0
        return three_cases(s, b)

    def always_from_below(s, b):
        return three_cases(abs(s), b) if s == 0 else (-b / s, math.inf, s, b)

    def no_shift(s, b):
        return (*three_cases(s, b)[:3], 0.0)

    def bend_at_b(s, b):
        return three_cases(s, b) if s == 0 else ((b, math.inf, s, b) if s > 0 else (-math.inf, b, s, b))

    def divides_by_zero(s, b):
        return (-b / s, math.inf, s, b) if s >= 0 else (-math.inf, -b / s, s, b)

    def forgets_the_sign_of_b(s, b):
        return (-math.inf, math.inf, 0.0, b) if s == 0 else three_cases(s, b)

    assert_checker(
        proven.exercise_9,
        right=[three_cases, constant_by_clamping],
        wrong=[
            (always_from_below, "with s = -2, b = 3 and x = -100"),
            (no_shift, "with s = 2, b = 1 and x = -100, your value is -1, expected 0"),
            (bend_at_b, "with s = 2, b = 1"),
            (divides_by_zero, "ZeroDivisionError"),
            (forgets_the_sign_of_b, "with s = 0, b = -2 and x = -100, your value is -2, expected 0"),
            (lambda s, b: max(s, b), "expected lower, upper, scale, shift"),
        ],
    )


def test_exercise_10_takes_scale_and_shift_in():
    assert_checker(
        proven.exercise_10,
        right=[
            lambda weight, scale, shift: (weight * scale, weight @ shift),
            lambda weight, scale, shift: (weight @ torch.diag(scale), (weight * shift).sum(dim=1)),
            lambda weight, scale, shift: [weight * scale[None, :], F.linear(shift, weight)],
        ],
        wrong=[
            (lambda weight, scale, shift: (weight, weight @ shift), "off (max|Δ| in float64)"),
            (lambda weight, scale, shift: (weight * scale, torch.zeros(len(weight))), "off (max|Δ|"),
            (lambda weight, scale, shift: (weight * scale, (weight * scale) @ shift), "off (max|Δ|"),
            (lambda weight, scale, shift: (weight * scale[:, None], weight @ shift), "size"),
            (lambda weight, scale, shift: ((weight * scale).T, weight @ shift), "(5, 3), expected (3, 5)"),
            (lambda weight, scale, shift: weight * scale, "you returned Tensor, expected two tensors"),
        ],
    )


@pytest.mark.parametrize("number", range(1, 11))
def test_help_rises_in_at_least_two_steps(number):
    hints = getattr(proven, f"exercise_{number}").hints

    assert len(hints) >= 2
    assert len({hint.symptom for hint in hints}) == len(hints)
