"""The runs before a run are told from their records, back to random weights."""

import json
import shutil
from pathlib import Path

import pytest
from tiny_distillation import recipe

from densekit.errors import RunError
from workshop.distillation.ancestry import Graft, ancestors, is_whole
from workshop.distillation.card import Record, write_card
from workshop.distillation.settings import Recipe

GRAFT = {
    "front": "f" * 64,
    "rest": "e" * 64,
    "behind": "denseblock2",
    "recipe": {"images": 300},
    "crops": "old",
    "explained": 0.937,
    "seconds": 60,
}
LOG = (
    "step,images,seconds,learning_rate,held_out_cosine,held_out_top1,held_out_top5\n"
    "1,100,60,0.0012,0.5,0.2,0.4\n"
)
MANIFEST = {"crops": 1, "size": 144, "packages": []}
DESCRIPTION = {
    "file": "densenet121.safetensors",
    "architecture": "densenet121",
    "preprocessing": {"resize": 146, "crop": 128, "interpolation": "bicubic"},
    "classes": None,
    "bytes": 1,
    "sha256": "0",
    "licence": "Apache-2.0",
}


FIRST = "a" * 64  # some weights that a run began with


def write_run(folder: Path, images: int, crops: str = "new", **changed: object) -> Path:
    folder.mkdir(parents=True)
    configuration = {
        "recipe": recipe(images, **changed).model_dump(mode="json"),
        "teacher": "a teacher",
        "crops": crops,
        "processes": 1,
        "device": "cpu",
        "precision": "fp32",
    }
    (folder / "recipe.json").write_text(json.dumps(configuration))
    (folder / "log.csv").write_text(f"images,seconds\n1,2\n{images},3600\n")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the records of a run after a run after a graft of two networks, one of which took two runs."""
    run = write_run(tmp_path / "run", 100, first_weights=FIRST)
    write_run(run / "before", 200, first_weights=FIRST)
    graft = run / "before" / "before"
    graft.mkdir()
    (graft / "graft.json").write_text(json.dumps(GRAFT))
    write_run(graft / "front", 400, crops="old")
    write_run(graft / "rest", 500, crops="old", optimizer="adamw", first_weights=FIRST)
    write_run(graft / "rest" / "before", 600, crops="old")
    return run


def test_they_are_told_the_latest_first_and_of_two_networks_the_front_first(run: Path) -> None:
    found = ancestors(run)
    assert [(one.name, one.images) for one in found] == [
        ("1 before", 200),
        ("2 before", 300),
        ("3 before, front", 400),
        ("3 before, rest", 500),
        ("4 before, rest", 600),
    ]
    assert [one.made.optimizer for one in found if isinstance(one.made, Recipe)] == [
        "muon",
        "muon",
        "adamw",
        "muon",
    ]
    assert found[1].made == Graft("f" * 64, "e" * 64, "denseblock2", 0.937)


def test_a_run_from_random_weights_has_none(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", 100)
    assert ancestors(run) == []
    assert is_whole(run)


@pytest.mark.parametrize(
    "lost", ["before", "before/before", "before/before/rest", "before/before/rest/before"]
)
def test_records_that_do_not_lead_back_to_random_weights_are_not_whole(run: Path, lost: str) -> None:
    assert is_whole(run)
    shutil.rmtree(run / lost)
    assert not is_whole(run)


def test_the_card_claims_nothing_of_weights_without_a_record(run: Path) -> None:
    configuration = json.loads((run / "recipe.json").read_text())
    card = write_card(DESCRIPTION, Record(configuration, LOG, ancestors(run)), MANIFEST)
    assert "It never saw a label" in card
    assert "made from random ones" in card
    shutil.rmtree(run / "before" / "before" / "rest" / "before")
    card = write_card(DESCRIPTION, Record(configuration, LOG, ancestors(run), is_whole(run)), MANIFEST)
    assert "never saw a label" not in card
    assert "made from others, of which there is no record, with 1,400 views" in card
    shutil.rmtree(run / "before")
    card = write_card(DESCRIPTION, Record(configuration, LOG, ancestors(run), is_whole(run)), MANIFEST)
    assert f"first weights were others (SHA-256 `{FIRST[:16]}…`)" in card
    assert "never saw a label" not in card


def test_the_card_tells_the_sizes_that_a_stopped_run_has_seen(run: Path) -> None:
    stopped = run / "before" / "log.csv"
    stopped.write_text("images,seconds\n150,1800\n")
    configuration = json.loads((run / "recipe.json").read_text())
    card = write_card(DESCRIPTION, Record(configuration, LOG, ancestors(run)), MANIFEST)
    assert "| 1 before | 150 | 32 px: 67%, 64 px: 33% (stopped at 75%) |" in card


def test_the_card_says_which_layers_learned_and_by_what(tmp_path: Path) -> None:
    last = {"first_weights": FIRST, "train_from": "denseblock4", "weight_likeness": 16.0}
    run = write_run(tmp_path / "run", 100, **last)
    write_run(run / "before", 200, **last)
    write_run(run / "before" / "before", 300)
    configuration = json.loads((run / "recipe.json").read_text())
    card = write_card(DESCRIPTION, Record(configuration, LOG, ancestors(run)), MANIFEST)
    assert "**Layers**: those from `denseblock4` on; the others are those of the first weights." in card
    assert "which views of a batch look alike (correlation over its pairs, weight 16)" in card
    assert "the feature maps after the last dense block against" in card
    assert "| 1 before | 200 | 32 px: 50%, 64 px: 50%, from `denseblock4` on |" in card
    whole = json.loads((run / "before" / "before" / "recipe.json").read_text())
    card = write_card(DESCRIPTION, Record(whole, LOG), MANIFEST)
    assert "the feature maps after each dense block against" in card
    assert "**Layers**" not in card
    assert "look alike" not in card


def test_the_card_has_a_line_for_each_and_says_which_saw_other_crops(run: Path) -> None:
    configuration = json.loads((run / "recipe.json").read_text())
    record = Record(configuration, LOG, ancestors(run))
    card = write_card(DESCRIPTION, record, MANIFEST)
    assert "made from random ones with 2,000 views, in 4.0 hours" in card
    assert "| 1 before | 200 | 32 px: 50%, 64 px: 50% | Muon 0.02, AdamW 0.0012 | 8 | 1.0 |" in card
    assert "| 2 before: put together | 300 * | | | | 0.0 |" in card
    assert "| 3 before, rest | 500 * | 32 px: 50%, 64 px: 50% | AdamW 0.0012 | 8 | 1.0 |" in card
    assert "on other crops than those listed below" in card
    assert "93.7% of the variance" in card
    assert "(Earlier runs, on other crops, may have learned from some of them.)" in card
    alone = write_card(DESCRIPTION, Record(configuration, LOG), MANIFEST)
    assert "What came before" not in alone
    assert "may have learned" not in alone


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("log.csv", ""),
        ("log.csv", "images\n"),
        ("log.csv", "\0" * 200_000),
        ("recipe.json", "{}"),
        ("recipe.json", "["),
    ],
)
def test_a_damaged_record_is_named(run: Path, file: str, text: str) -> None:
    (run / "before" / file).write_text(text)
    with pytest.raises(RunError, match=r"before can't be read as the record of a run"):
        ancestors(run)
