"""The checkers about pitfalls accept every right answer and tell the usual mistakes apart."""

import torch

from densekit.exercises.testing import assert_checker
from densekit.exercises.what_transfers import pitfalls as check


def test_exercise_5_wants_the_mean_colour_and_nothing_else():
    def by_einsum(weight, colour):
        return torch.einsum("chw,c->", weight, colour)

    def of_each_colour(weight, colour):
        return sum(float(weight[index].sum()) * float(colour[index]) for index in range(3))

    assert_checker(
        check.exercise_5,
        right=[
            lambda weight, colour: (weight.sum(dim=(1, 2)) * colour).sum(),
            by_einsum,
            of_each_colour,
            lambda weight, colour: (weight.sum(dim=(1, 2)) @ colour).numpy(),
        ],
        wrong=[
            (lambda weight, colour: (weight.mean(dim=(1, 2)) * colour).sum(), "with 7×7 weights, your value"),
            (lambda weight, colour: weight.sum() * colour.mean(), "that is the mean of the map"),
            (lambda weight, colour: weight.sum(dim=(1, 2)) * colour, "expected a number near"),
            (lambda weight, colour: 49 * (weight.mean(dim=(1, 2)) * colour).sum(), "with 3×3 weights"),
            (lambda weight, colour: None, "a function needs a `return`"),
            (lambda weight, colour: "edges", "is 'edges', expected a number near"),
        ],
    )


def test_exercise_8_wants_the_pipeline_that_forgets_to_scale():
    assert_checker(
        check.exercise_8,
        right=["b", "B", " (b) "],
        wrong=[
            ("a", "the steps are only written out"),
            ("c", "255·std"),
            ("d", "expected 'a', 'b' or 'c'"),
            (2, "2"),
        ],
    )


def test_exercise_9_wants_eval_mode_and_no_gradient():
    def right(network, images):
        network.eval()
        with torch.no_grad():
            return network(images)

    def restores(network, images):
        was_training = network.training
        with torch.inference_mode():
            found = network.eval()(images)
        network.train(was_training)
        return found

    def keeps_the_gradient(network, images):
        return network.eval()(images)

    def keeps_gradient_and_mode(network, images):
        found = network.eval()(images)
        network.train()
        return found

    def stays_in_train_mode(network, images):
        with torch.no_grad():
            return network(images)

    def one_by_one_in_train_mode(network, images):
        with torch.no_grad():
            return torch.cat([network(image[None]) for image in images])

    def eval_too_late(network, images):
        with torch.no_grad():
            found = network(images)
        network.eval()
        return found

    assert_checker(
        check.exercise_9,
        right=[right, restores, keeps_the_gradient, keeps_gradient_and_mode],
        wrong=[
            (stays_in_train_mode, "of the network's tensors changed, expected 0"),
            (one_by_one_in_train_mode, "of the network's tensors changed, expected 0"),
            (eval_too_late, "of the network's tensors changed, expected 0"),
            (lambda network, images: None, "expected a tensor"),
            (lambda network, images: right(network, images) * 2, "from those in eval mode, expected 0"),
        ],
    )
    assert check.exercise_9.judge(lambda network, images: network(images)).state == "todo"
