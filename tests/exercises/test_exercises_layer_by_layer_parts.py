"""The checkers of the parts accept every right way to write them and say what is wrong with others."""

from collections import OrderedDict
from functools import partial

import torch
from in_other_words import Layer, Stem, Transition
from torch import nn
from torch.nn import functional as F

from densekit.exercises.layer_by_layer import parts as check
from densekit.exercises.testing import assert_checker
from densekit.model import densenet


def test_exercise_2_knows_the_stem():
    unnamed = lambda features: nn.Sequential(*check.stem(features))  # noqa: E731
    assert_checker(
        check.exercise_2,
        right=[check.stem, Stem, partial(Stem, order="norm pool relu")],  # a maximum and a ReLU may swap
        wrong=[
            (
                partial(Stem, bias=True),
                "your stem has 900 parameters, expected 894: conv0.bias should not be there",
            ),
            (partial(Stem, pool_padding=0), "returns the shape (2, 6, 7, 7), expected (2, 6, 8, 8)"),
            (partial(Stem, order="norm pool"), "They are what comes out without the ReLU"),
            (partial(Stem, order="pool norm relu"), "when the pool stands before the norm"),
            (partial(Stem, order="relu norm pool"), "when the ReLU stands before the norm"),
            (partial(Stem, pool=F.avg_pool2d), "with an average in the place of the largest value"),
            (partial(Stem, order="norm relu"), "returns the shape (2, 6, 16, 16), expected (2, 6, 8, 8)"),
            (unnamed, "is called 0.weight, 1.weight, 1.bias and 3 more, expected conv0.weight"),
            (lambda features: None, "your stem is a NoneType, expected a torch.nn.Module"),
        ],
    )


class TestExercise4:
    def test_other_ways_to_write_it_are_right(self):
        class InSteps(Layer):
            def forward(self, features):
                x = features[0]
                for more in features[1:]:
                    x = torch.cat((x, more), dim=1)
                for norm, conv in ((self.norm1, self.conv1), (self.norm2, self.conv2)):
                    x = conv(norm(x).clamp(min=0))
                return x

        class InPlace(Layer):
            def forward(self, features):
                x = self.conv1(self.norm1(torch.cat(features, 1)).relu_())
                return self.conv2(self.norm2(x).relu_())

        assert_checker(
            check.exercise_4,
            part=True,
            right=[Layer, InSteps, InPlace, densenet.DenseLayer],
            wrong=[(nn.Linear, "is called weight, bias, expected norm1")],
        )

    def test_a_wrong_order_or_a_missing_part_is_named(self):
        def forward(*steps):
            class Wrong(Layer):
                def forward(self, features):
                    x = torch.cat(features, 1)
                    for step in steps:
                        x = F.relu(x) if step == "relu" else getattr(self, step)(x)
                    return x

            return Wrong

        class Backwards(Layer):
            def forward(self, features):
                return super().forward(features[::-1])

        assert_checker(
            check.exercise_4,
            part=True,
            right=[forward("norm1", "relu", "conv1", "norm2", "relu", "conv2")],
            wrong=[
                (forward("norm1", "conv1", "norm2", "relu", "conv2"), "without the first ReLU"),
                (forward("norm1", "relu", "conv1", "norm2", "conv2"), "without the second ReLU"),
                (forward("norm1", "conv1", "norm2", "conv2"), "without the two ReLUs"),
                (
                    forward("relu", "norm1", "conv1", "relu", "norm2", "conv2"),
                    "the ReLUs stand before the norms",
                ),
                (
                    forward("relu", "norm1", "conv1", "norm2", "relu", "conv2"),
                    "when the first ReLU stands before its norm",
                ),
                (
                    forward("norm1", "relu", "conv1", "relu", "norm2", "conv2"),
                    "when the second ReLU stands before its norm",
                ),
                (
                    forward("norm1", "relu", "conv1", "norm2", "relu", "conv2", "relu"),
                    "with one more ReLU at the end",
                ),
                (forward("norm1", "relu", "conv1", "relu", "conv2"), "are not: max|Δ|"),
                (forward("conv1", "norm1", "relu", "norm2", "conv2"), "RuntimeError"),  # norm after conv
                (Backwards, "when the features are joined in the opposite order"),
            ],
        )

    def test_wrong_shapes_and_counts_are_quoted(self):
        class Keeps(Layer):
            def forward(self, features):
                return torch.cat([*features, super().forward(features)], 1)

        class LastOnly(Layer):
            def forward(self, features):
                return super().forward(features[-1:])

        assert_checker(
            check.exercise_4,
            part=True,
            right=[Layer],
            wrong=[
                (
                    partial(Layer, bias=True),
                    "has 376 parameters, expected 364: conv1.bias, conv2.bias should not be there",
                ),
                (partial(Layer, padding=0), "returns the shape (2, 4, 4, 3), expected (2, 4, 6, 5)"),
                (
                    partial(Layer, kernel=1, padding=0),
                    "conv2.weight in your DenseLayer has the shape (4, 8, 1, 1), expected (4, 8, 3, 3)",
                ),
                (partial(Layer, squeezed=4), "conv1.weight in your DenseLayer has the shape (4, 6, 1, 1)"),
                (
                    lambda c, k, b: Layer(c, 2 * k, b),
                    "conv1.weight in your DenseLayer has the shape (16, 6, 1, 1), expected (8, 6, 1, 1)",
                ),
                (Keeps, "returns the shape (2, 10, 6, 5), expected (2, 4, 6, 5)"),
                (LastOnly, "RuntimeError: running_mean should contain 4 elements not 14"),
                (lambda c, k, b: Layer(c, b, k), "has the shape (2, 8, 3, 3), expected (4, 8, 3, 3)"),
            ],
        )

    def test_what_only_shows_in_training_is_found(self):
        class Detached(Layer):
            def forward(self, features):
                return super().forward([feature.detach() for feature in features])

        class NotLearning(Layer):
            def forward(self, features):
                with torch.no_grad():
                    squeezed = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
                return self.conv2(F.relu(self.norm2(squeezed)))

        class Frozen(Layer):
            def train(self, mode=True):
                return super().train(False)

        class Forgetful(Layer):
            def __init__(self, *numbers):
                super().__init__(*numbers)
                self.norm2.momentum = 0.01

        class Dropping(Layer):
            def forward(self, features):
                return F.dropout(super().forward(features), 0.5, self.training)

        assert_checker(
            check.exercise_4,
            part=True,
            right=[Layer],
            wrong=[
                (
                    Detached,
                    "are right, but the gradient of its input is missing",
                ),
                (NotLearning, "the gradient of"),
                (Frozen, "in training mode they are not: max|Δ|"),
                (Forgetful, "after a training step, norm2.running_mean of your DenseLayer is off by"),
                (Dropping, "in training mode they are not"),
            ],
        )

    def test_what_others_still_need_is_not_overwritten(self):
        class Appending(Layer):
            def forward(self, features):
                new = super().forward(features)
                features.append(new)
                return new

        class Overwriting(Layer):
            def forward(self, features):
                new = super().forward(features)
                features[0].relu_()
                return new

        assert_checker(
            check.exercise_4,
            part=True,
            right=[Layer],
            wrong=[
                (Appending, "changes the list that it is given: it had 1 tensors and has 2 now"),
                (Overwriting, "overwrites its own input"),
            ],
        )


def test_exercise_7_knows_the_transition():
    def norm_last(in_channels, out_channels):
        parts = OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, 1, bias=False), norm=nn.BatchNorm2d(out_channels)
        )
        return nn.Sequential(parts)

    assert_checker(
        check.exercise_7,
        # to average before a 1×1 convolution is the same, and cheaper
        right=[densenet.Transition, Transition, partial(Transition, order="norm relu pool conv")],
        wrong=[
            (partial(Transition, order="norm conv pool"), "without the ReLU"),
            (partial(Transition, order="norm pool relu conv"), "when the pool stands before the ReLU"),
            (partial(Transition, order="relu norm conv pool"), "when the ReLU stands before the norm"),
            (partial(Transition, pool=F.max_pool2d), "with the largest value in the place of the average"),
            (partial(Transition, order="norm relu conv"), "the shape (2, 4, 6, 5), expected (2, 4, 3, 2)"),
            (partial(Transition, stride=2), "the shape (2, 4, 1, 1), expected (2, 4, 3, 2)"),
            (norm_last, "norm.weight in your Transition has the shape (4,), expected (8,)"),
            (
                lambda c, out: Transition(c, out // 2),
                "conv.weight in your Transition has the shape (2, 8, 1, 1)",
            ),
            (lambda c, out: densenet.Transition(c, c // 2 + c % 2), "(5, 9, 1, 1), expected (4, 9, 1, 1)"),
            (lambda c, out: densenet.Transition(c, c // 2), "(4, 8, 1, 1), expected (3, 8, 1, 1)"),
        ],
    )


class TestExercise9:
    def test_it_drops_while_training_and_only_then(self):
        def by_hand(new, drop_rate, training):
            if not training:
                return new
            return new * (torch.rand_like(new) >= drop_rate) / (1 - drop_rate)

        assert_checker(
            check.exercise_9,
            right=[F.dropout, by_hand],
            wrong=[
                (lambda new, p, training: new, "while training 0% are dropped, expected about 30 %"),
                (lambda new, p, training: F.dropout(new, 1 - p, training), "while training 70% are dropped"),
                (
                    lambda new, p, training: F.dropout2d(new, p, training),
                    "of the channels are dropped as a whole",
                ),
                (
                    lambda new, p, training: new * (torch.rand_like(new) >= p) if training else new,
                    "is multiplied by 1, expected 1 / 0.7 = 1.43",
                ),
                (
                    lambda new, p, training: F.dropout(new, p, not training),
                    "in evaluation mode 30% are dropped",
                ),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        verdict = check.exercise_9.judge(lambda new, drop_rate, training: F.dropout(new, drop_rate))
        assert verdict.state == "todo"


class TestGoingOn:
    def test_a_part_that_passes_is_used(self, capsys):
        assert check.yours_or_ours(check.exercise_7, Transition, densenet.Transition) is Transition
        assert capsys.readouterr().out == "the next cells use your Transition\n"

    def test_densekits_own_stands_in_for_one_that_does_not(self, capsys):
        class Mine(Layer):
            def forward(self, features): ...

        assert check.yours_or_ours(check.exercise_4, Mine, densenet.DenseLayer) is densenet.DenseLayer
        assert capsys.readouterr().out == "the next cells use densekit’s Mine\n"
