"""The checkers about freezing accept every right answer and tell the usual mistakes apart."""

from densekit.exercises.testing import assert_checker
from densekit.exercises.what_transfers import freezing as check

RULE = {
    ("small", "similar"): "head",
    ("large", "similar"): "whole",
    ("small", "different"): "earlier",
    ("large", "different"): "whole",
}


def _in_order(network):
    return [*network.features.named_children(), ("classifier", network.classifier)]


def test_exercise_6_wants_one_cut_through_the_network():
    def by_flag(network, stage):
        trained = stage == "all"
        for name, part in _in_order(network):
            trained = trained or name == stage
            part.requires_grad_(trained)

    def by_position(network, stage):
        names = [name for name, _ in _in_order(network)]
        first = 0 if stage == "all" else names.index(stage)
        for position, (_, part) in enumerate(_in_order(network)):
            for parameter in part.parameters():
                parameter.requires_grad = position >= first

    def only_freezes(network, stage):
        for name, part in _in_order(network):
            if name == stage or stage == "all":
                break
            part.requires_grad_(False)

    def freezes_the_stage_too(network, stage):
        trained = stage == "all"
        for name, part in _in_order(network):
            part.requires_grad_(trained or name == "classifier")
            trained = trained or name == stage

    def trains_the_stage_alone(network, stage):
        for name, part in _in_order(network):
            part.requires_grad_(name == stage or stage == "all")

    def sets_an_attribute(network, stage):
        on = stage == "all"
        for name, part in _in_order(network):
            on = on or name == stage
            part.requires_grad = on

    def freezes_one_tensor_of_each(network, stage):
        trained = stage == "all"
        for name, part in _in_order(network):
            trained = trained or name == stage
            next(part.parameters()).requires_grad = trained

    def freezes_all_for_all(network, stage):
        trained = False
        for name, part in _in_order(network):
            trained = trained or name == stage
            part.requires_grad_(trained)

    assert_checker(
        check.exercise_6,
        right=[by_flag, by_position],
        wrong=[
            (only_freezes, "for 'denseblock4', the list of trained parts is ['classifier']"),
            (freezes_the_stage_too, "expected ['denseblock4', 'norm5', 'classifier']"),
            (trains_the_stage_alone, "is ['denseblock4'], expected ['denseblock4', 'norm5', 'classifier']"),
            (sets_an_attribute, "Expected the method `part.requires_grad_(…)`, with the underscore"),
            (freezes_all_for_all, "because 'all' trains all parts"),
        ],
    )
    assert check.exercise_6.judge(lambda network, stage: None).state == "todo"


def test_exercise_7_wants_the_rule_of_thumb():
    assert_checker(
        check.exercise_7,
        right=[
            RULE,
            dict(reversed(RULE.items())),
            {k: v.upper() for k, v in RULE.items()},
            RULE | {("medium", "similar"): "whole"},
        ],
        wrong=[
            (dict.fromkeys(RULE, "head"), "plan[('large', 'similar')] is 'head', expected 'whole'"),
            (RULE | {("small", "different"): "head"}, "is 'head', expected 'earlier', because few pictures"),
            (RULE | {("large", "different"): "scratch"}, "is 'scratch', expected 'whole'"),
            (RULE | {("small", "similar"): "freeze"}, "expected one of head, earlier, whole, scratch"),
            ({("small", "similar"): "head"}, "('large', 'similar') is missing"),
            (list(RULE.values()), "expected a dictionary"),
        ],
    )
