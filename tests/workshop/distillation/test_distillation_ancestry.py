"""The runs before a run are told from their records, back to random weights."""

import json
from pathlib import Path

import pytest
from tiny_distillation import recipe

from densekit.errors import RunError
from workshop.distillation.ancestry import Graft, ancestors
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
DESCRIPTION = {
    "file": "densenet121.safetensors",
    "architecture": "densenet121",
    "preprocessing": {"resize": 146, "crop": 128, "interpolation": "bicubic"},
    "classes": None,
    "bytes": 1,
    "sha256": "0",
    "licence": "Apache-2.0",
}


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
    run = write_run(tmp_path / "run", 100)
    write_run(run / "before", 200)
    graft = run / "before" / "before"
    graft.mkdir()
    (graft / "graft.json").write_text(json.dumps(GRAFT))
    write_run(graft / "front", 400, crops="old")
    write_run(graft / "rest", 500, crops="old", optimizer="adamw")
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
    assert ancestors(write_run(tmp_path / "run", 100)) == []


def test_the_card_has_a_line_for_each_and_says_which_saw_other_crops(run: Path) -> None:
    configuration = json.loads((run / "recipe.json").read_text())
    log = "step,images,seconds,learning_rate,held_out_cosine\n"
    record = Record(configuration, log, ancestors(run))
    card = write_card(DESCRIPTION, record, {"crops": 1, "size": 144, "packages": []})
    assert "made from random ones with 2,000 views, in 4.0 hours" in card
    assert "| 1 before | 200 | 32 px: 50%, 64 px: 50% | Muon 0.02, AdamW 0.0012 | 8 | 1.0 |" in card
    assert "| 2 before: put together | 300 * | | | | 0.0 |" in card
    assert "| 3 before, rest | 500 * | 32 px: 50%, 64 px: 50% | AdamW 0.0012 | 8 | 1.0 |" in card
    assert "on other crops than those listed below" in card
    assert "93.7% of the variance" in card
    alone = write_card(DESCRIPTION, Record(configuration, log), {"crops": 1, "size": 144, "packages": []})
    assert "What came before" not in alone


@pytest.mark.parametrize(
    ("file", "text"),
    [("log.csv", ""), ("log.csv", "images\n"), ("recipe.json", "{}"), ("recipe.json", "[")],
)
def test_a_damaged_record_is_named(run: Path, file: str, text: str) -> None:
    (run / "before" / file).write_text(text)
    with pytest.raises(RunError, match=r"before can't be read as the record of a run"):
        ancestors(run)
