"""The checkers of notebook 00 accept every right answer and tell the usual mistakes apart."""

import torch
from torch import nn

from densekit.exercises import start_here
from densekit.exercises.testing import assert_checker


def test_exercise_1_knows_chance():
    assert_checker(
        start_here.exercise_1,
        right=[0.1, 1 / 10],
        wrong=[
            (10, "10, expected 0.1"),
            (0.5, "0.5, expected 0.1"),
            (0, "0, expected 0.1"),
            ("a tenth", "a tenth"),
        ],
    )


def test_exercise_2_takes_name_probability_and_verdict_apart():
    assert_checker(
        start_here.exercise_2,
        right=[("mug", 0.62, False), (" Mug", 0.62, False)],
        wrong=[
            (("teapot", 0.62, False), "named is 'teapot', expected 'mug'"),
            (("mug", 0.30, False), "sure is 0.3, expected 0.62"),
            (("mug", 62, False), "sure is 62, expected 0.62"),
            (("mug", 0.62, True), "right is True, expected False"),
        ],
    )


class TestExercise3:
    def test_every_way_to_make_the_head_is_right(self):
        def by_keyword(num_features, classes):
            return nn.Linear(in_features=num_features, out_features=len(classes))

        def with_steps(num_features, classes):
            count = sum(1 for _ in classes)
            layer = nn.Linear(num_features, count)
            return layer

        assert_checker(
            start_here.exercise_3,
            right=[
                lambda num_features, classes: nn.Linear(num_features, len(classes)),
                by_keyword,
                with_steps,
            ],
            wrong=[
                (lambda num_features, classes: nn.Linear(num_features, 10), "out_features is 10, expected 2"),
                (lambda num_features, classes: nn.Linear(num_features, 2), "out_features is 2, expected 5"),
                (
                    lambda num_features, classes: nn.Linear(1024, len(classes)),
                    "in_features is 1024, expected 64",
                ),
                (lambda num_features, classes: nn.Linear(len(classes), num_features), "out_features is 1024"),
                (lambda num_features, classes: None, "NoneType"),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        verdict = start_here.exercise_3.judge(lambda num_features, classes: nn.Linear(num_features, 1000))
        assert verdict.state == "todo"


class TestExercise4:
    def test_every_way_to_follow_the_network_is_right(self):
        def by_first_parameter(network, images):
            device = next(network.parameters()).device
            return network(images.to(device)).argmax(dim=1)

        def by_any_weight(network, images):
            weight = next(iter(network.state_dict().values()))
            return network(images.to(weight.device)).max(dim=1).indices

        def by_moving_to_a_tensor(network, images):
            return torch.argmax(network(images.to(next(iter(network.parameters())).device)), 1)

        def cpu(network, images):
            return network.to("cpu")(images.to("cpu")).argmax(dim=1)

        def scores(network, images):
            return network(images.to(next(network.parameters()).device))

        def smallest(network, images):
            return network(images.to(next(network.parameters()).device)).argmin(dim=1)

        def one_number(network, images):
            return int(network(images.to(next(network.parameters()).device)).argmax())

        assert_checker(
            start_here.exercise_4,
            right=[by_first_parameter, by_any_weight, by_moving_to_a_tensor],
            wrong=[
                (cpu, "meta"),
                (scores, "classes is"),
                (smallest, "classes is"),
                (one_number, "expected a tensor of class numbers, got int"),
                (lambda network, images: network(images).argmax(dim=1), "meta"),
            ],
        )

    def test_the_given_function_is_still_to_do(self):
        def given(network, images):
            device = torch.device("meta")
            return network(images.to(device)).argmax(dim=1)

        assert start_here.exercise_4.judge(given).state == "todo"
