import hashlib

import pytest
from tiny_distillation import recipe

from densekit.errors import ConfigError
from workshop.distillation.settings import (
    Recipe,
    Stage,
    learning_rate_at,
    make_recipe,
    read_stages,
    stage_at,
)


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    one = Recipe(images=1000, learning_rate=2.0, warm_up=10, decay=0.4)
    rates = [learning_rate_at(step, 10 * step, one) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9:61] == pytest.approx([2.0] * 52)
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert rates[80] == pytest.approx(1.0)
    assert rates[100] == 0


def test_a_longer_plan_does_not_change_what_was_before_the_decay() -> None:
    short, long = Recipe(images=1000, warm_up=3, decay=0.5), Recipe(images=5000, warm_up=3, decay=0.5)
    assert all(learning_rate_at(n, 10 * n, short) == learning_rate_at(n, 10 * n, long) for n in range(50))
    assert short.identity() == long.identity()


def test_other_recipes_have_other_identities() -> None:
    assert recipe().identity() != recipe(seed=1).identity()
    assert recipe().identity() != recipe(weight_maps=1.0).identity()


def test_stages_follow_each_other_by_their_shares() -> None:
    one = recipe(images=100)
    assert [stage_at(images, one).size for images in (0, 49, 50, 99, 100, 200)] == [32, 32, 64, 64, 64, 64]


def test_stages_are_read_from_text() -> None:
    assert read_stages("64@128:0.75,96@192:0.25") == (
        Stage(size=64, teacher_size=128, share=0.75),
        Stage(size=96, teacher_size=192, share=0.25),
    )


@pytest.mark.parametrize("text", ["", "64", "64:0.5", "64@128:lots", "60@128:1", "64@128:2", "64@128:1,"])
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"can't be read: expected SIZE@TEACHER_SIZE:SHARE.*such as 64@128"):
        read_stages(text)


def test_every_problem_of_a_recipe_is_told() -> None:
    with pytest.raises(ConfigError, match=r"images: .*learning_rate: .*speed: ") as caught:
        make_recipe(images=0, learning_rate=-1.0, speed=9)
    assert "pydantic" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"shares of the stages add up to 0\.5: expected 1"):
        make_recipe(stages=(Stage(size=64, teacher_size=64, share=0.5),))


def test_what_stands_before_the_first_block_that_learns_must_not_be_random() -> None:
    with pytest.raises(ConfigError, match="before denseblock4 would stay random: give first weights"):
        make_recipe(train_from="denseblock4")
    assert make_recipe(train_from="denseblock4", first_weights="0" * 64).train_from == "denseblock4"


def test_runs_that_were_begun_before_there_were_such_recipes_can_go_on() -> None:
    identity = Recipe(seed=3).identity()
    assert hashlib.sha256(identity.encode()).hexdigest()[:16] == "e3e3526baeb23e0a"
    assert "likeness" in recipe(weight_likeness=1.0).identity()
    assert "denseblock3" in recipe(train_from="denseblock3", first_weights="0" * 64).identity()


@pytest.mark.parametrize("name", ["classifier", "conv0", "denseblock", "denseblock5", ""])
def test_only_blocks_are_learned_from(name: str) -> None:
    with pytest.raises(ConfigError, match="train_from"):
        make_recipe(train_from=name, first_weights="0" * 64)
