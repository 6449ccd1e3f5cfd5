"""The checkers about published weights accept every right answer and tell the usual mistakes apart."""

import re

import torch

from densekit.exercises.proven import published_weights as check
from densekit.exercises.testing import assert_checker


def test_exercise_1_tells_which_of_the_numbers_is_off():
    assert_checker(
        check.exercise_1,
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
        check.exercise_2,
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
        words = {"squeeze_norm": "norm1", "squeeze": "conv1", "grow_norm": "norm2", "grow": "conv2"}
        first, *rest = key.split(".")
        if first == "head":
            return ".".join(["classifier", *rest])
        if first == "stem":
            return ".".join(["features", f"{rest[0]}0", *rest[1:]])
        if first == "last_norm":
            return ".".join(["features", "norm5", *rest])
        if first == "shrinks":
            return ".".join(["features", f"transition{int(rest[0]) + 1}", *rest[1:]])
        block, layer, part, kind = rest
        return f"features.denseblock{int(block) + 1}.denselayer{int(layer) + 1}.{words[part]}.{kind}"

    @staticmethod
    def by_patterns(key):
        key = re.sub(
            r"^blocks\.(\d+)\.(\d+)", lambda m: f"denseblock{int(m[1]) + 1}.denselayer{int(m[2]) + 1}", key
        )
        key = re.sub(r"^shrinks\.(\d+)", lambda m: f"transition{int(m[1]) + 1}", key)
        for old, new in (
            ("squeeze_norm", "norm1"),
            ("squeeze", "conv1"),
            ("grow_norm", "norm2"),
            ("grow", "conv2"),
            ("stem.conv", "conv0"),
            ("stem.norm", "norm0"),
            ("last_norm", "norm5"),
        ):
            key = key.replace(old, new)
        return key.replace("head", "classifier") if key.startswith("head") else f"features.{key}"

    def test_any_way_to_translate_is_right(self):
        def from_zero(key):
            lower = {str(number): str(number - 1) for number in range(1, 13)}
            return re.sub(
                r"(denseblock|transition)(\d+)", lambda m: m[1] + lower[m[2]], self.piece_by_piece(key)
            )

        def one_digit(key):
            return re.sub(r"denselayer(\d)\d", r"denselayer\1", self.piece_by_piece(key))

        assert_checker(
            check.exercise_3,
            right=[self.piece_by_piece, self.by_patterns],
            wrong=[
                (lambda key: key, "'stem.conv.weight' made is 'stem.conv.weight', expected 'features.conv0."),
                (from_zero, "denseblock0.denselayer1.norm1.weight', expected 'features.denseblock1"),
                (one_digit, "denselayer10"),
                (lambda key: self.piece_by_piece(key).replace("classifier", "head"), "expected 'classifier"),
                (lambda key: self.piece_by_piece(key).replace("conv2", "conv1"), "denselayer1.conv2.weight'"),
                (lambda key: self.piece_by_piece(key).removeprefix("features."), "expected 'features.conv0"),
            ],
        )

    def test_modules_have_names_too(self):
        assert check.foreign_name("features.denseblock1.denselayer2.norm1") == "blocks.0.1.squeeze_norm"
        assert check.foreign_name("features.norm5") == "last_norm"
        assert check.foreign_name("features.transition1.conv") == "shrinks.0.conv"
        assert check.foreign_name("classifier") == "head"


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

    def with_an_error_of_ones_own(network, state):
        state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        if len(network.load_state_dict(state, strict=False).missing_keys) > 2:
            raise Exception("something is missing")

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
        check.exercise_7,
        right=[with_own_classifier, features_alone, checked_by_hand, with_an_error_of_ones_own],
        wrong=[
            (everything, "size mismatch for classifier.weight"),
            (their_classifier, "out_features is 10, expected 4"),
            (forgiving, "was accepted without a word"),
            (another_fresh_one, "classifier.weight changed"),
            (lambda network, state: None, "tensors of the features are not those of the file"),
        ],
    )
