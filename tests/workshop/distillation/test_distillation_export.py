import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_distillation import plan, recipe, work_folder

from densekit.errors import RunError
from densekit.model.weights import load_weights
from densekit.training.team import ALONE
from workshop.distillation.export import _why_no_classes, export
from workshop.distillation.session import CHECKPOINT, train


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = work_folder(tmp_path_factory.mktemp("export") / "work", own_crops=True)
    train(ALONE, plan(work, recipe(images=16)))
    return work


@contextmanager
def last_row(work: Path, **cells: str) -> Iterator[None]:
    """Let the last row of a run's log say something else for a while."""
    log = work / "run" / "log.csv"
    before = log.read_text()
    rows = list(csv.DictReader(before.splitlines()))
    rows[-1] |= cells
    with log.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    try:
        yield
    finally:
        log.write_text(before)


def test_the_averaged_network_is_written_in_float16_with_the_networks_own_names(work: Path) -> None:
    path = export(work)
    written, kept = load_file(path), load_file(work / "run" / CHECKPOINT)
    assert {f"averaged.network.{name}" for name in written} < set(kept)
    for name, tensor in written.items():
        if tensor.is_floating_point():
            assert tensor.dtype == torch.float16
            assert torch.allclose(tensor.float(), kept[f"averaged.network.{name}"], rtol=1e-3, atol=1e-7), (
                name
            )


def test_the_written_file_loads_with_the_description_beside_it(work: Path) -> None:
    with last_row(work, held_out_top1="0.39"):
        path = export(work)
    weights = load_weights(path, str(work / "tiny.json"))
    description = json.loads(path.with_suffix(".json").read_text())
    assert weights.info.sha256 == description["sha256"]
    assert weights.info.preprocessing.crop == description["preprocessing"]["crop"] == 128
    assert description["bytes"] == path.stat().st_size
    assert description["classes"] is None
    assert "too few to be taken for a classifier" in description["why_no_classes"]


def test_a_good_classifier_has_no_class_names_where_imagenet_has_none_for_its_architecture(
    work: Path,
) -> None:
    with last_row(work, held_out_top1="0.9"):
        path = export(work)
    description = json.loads(path.with_suffix(".json").read_text())
    assert description["classes"] is None
    assert "'densenet201', not for 'tiny'" in description["why_no_classes"]


def test_only_a_useful_classifier_is_given_class_names() -> None:
    assert _why_no_classes("densenet121", agreement=0.4) == ""
    assert "the teacher's for 39% of them: too few" in _why_no_classes("densenet121", agreement=0.39)


def test_the_card_names_every_package_with_its_licences_and_what_was_measured(work: Path) -> None:
    row = {"task": "photographs", "model": "embedded", "accuracy": 0.8765, "half_interval": 0.0123}
    (work / "transfer.json").write_text(json.dumps({"size": 128, "seeds": 5, "rows": [row]}))
    card = export(work).with_name("README.md").read_text()
    (work / "transfer.json").unlink()
    assert "| some-pictures | 1.2-3 | pictures | 70 | 140 | CC0, GPL-2+ |" in card
    assert "| photographs | 87.6% ± 1.2 |" in card.replace("87.7%", "87.6%")
    assert "the ones to quote" not in card
    assert "16 images" in card
    assert "not measured yet" in export(work).with_name("README.md").read_text()


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        (["some-pictures"], "packages of Debian,"),
        (["npm:pictures"], "packages of npm,"),
        (["some-pictures", "npm:pictures"], "packages of Debian and npm,"),
    ],
)
def test_the_card_says_where_the_pictures_come_from(work: Path, packages: list[str], told: str) -> None:
    path = work / "crops" / "manifest.json"
    before = path.read_text()
    (row,) = json.loads(before)["packages"]
    rows = [row | {"package": name} for name in packages] + [row | {"package": "unused", "crops": 0}]
    try:
        path.write_text(json.dumps(json.loads(before) | {"packages": rows}))
        card = (export(work).parent / "README.md").read_text()
    finally:
        path.write_text(before)
    assert told in card
    assert "unused" not in card  # of which no crop was cut


def test_the_card_tells_what_each_step_of_the_recipe_gains(work: Path) -> None:
    reached = {"letters": {"accuracy": 0.5, "half_interval": 0.011}}
    runs = [
        {"run": "whole", "cosine": 0.3, "transfer": reached},
        {"run": "less", "cosine": None, "transfer": reached},
    ]
    (work / "steps.json").write_text(json.dumps({"images": 24_000, "seeds": 5, "runs": runs}))
    card = export(work).with_name("README.md").read_text()
    (work / "steps.json").unlink()
    assert "Short runs of 24,000 images" in card
    assert "| whole | 0.300 | 50.0% ± 1.1 |" in card
    assert "| less |  | 50.0% ± 1.1 |" in card
    assert "Short runs" not in export(work).with_name("README.md").read_text()


def test_a_run_that_was_stopped_early_is_called_so(work: Path) -> None:
    recipe_file = work / "run" / "recipe.json"
    before = recipe_file.read_text()
    values = json.loads(before)
    values["recipe"]["images"] = 64
    recipe_file.write_text(json.dumps(values))
    card = export(work).with_name("README.md").read_text()
    recipe_file.write_text(before)
    assert "stopped at 25% of its plan" in card
    assert "stopped at" not in export(work).with_name("README.md").read_text()


def test_a_run_whose_learning_rates_are_not_those_of_its_plan_is_called_so(work: Path) -> None:
    with last_row(work, learning_rate="0.5"):
        card = export(work).with_name("README.md").read_text()
    assert "did not fall as planned" in card
    assert "did not fall as planned" not in export(work).with_name("README.md").read_text()


def test_recipe_and_log_are_kept_beside_the_weights(work: Path) -> None:
    folder = export(work).parent
    assert (folder / "run" / "log.csv").read_text() == (work / "run" / "log.csv").read_text()
    assert json.loads((folder / "run" / "recipe.json").read_text())["teacher"]


def test_a_classifier_that_could_not_be_measured_gets_no_class_names() -> None:
    assert "too few" in _why_no_classes("densenet121", agreement=float("nan"))


def test_a_card_with_the_pictures_of_other_crops_is_refused_before_anything_is_written(work: Path) -> None:
    card = export(work).with_name("README.md")
    manifest = work / "crops" / "manifest.json"
    before, written = manifest.read_text(), card.read_bytes()
    manifest.write_text(json.dumps(json.loads(before) | {"sha256": "0" * 64}))
    try:
        with pytest.raises(RunError, match="holds other crops than those that the run learned from"):
            export(work)
    finally:
        manifest.write_text(before)
    assert card.read_bytes() == written


def test_a_run_without_its_log_is_named(work: Path) -> None:
    log = work / "run" / "log.csv"
    log.rename(log.with_suffix(".away"))
    try:
        with pytest.raises(RunError, match="the log of the run can't be read"):
            export(work)
    finally:
        log.with_suffix(".away").rename(log)


def test_without_a_run_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"recipe\.json can't be read, so there is nothing to export"):
        export(tmp_path)


@pytest.mark.slow
def test_the_card_names_first_filters_and_optimisers(tmp_path: Path) -> None:
    work = work_folder(tmp_path / "work")
    train(ALONE, plan(work, recipe(images=8)))
    card = export(work).with_name("README.md").read_text()
    assert "independent components of patches of the pictures" in card
    told = "Muon for the hidden convolutions, learning rate 0.01, their norms kept"
    assert told in card  # half of what the recipe says, at the end of a run of one step of two of warm-up
    train(
        ALONE,
        plan(work_folder(tmp_path / "old"), recipe(images=8, first_filters="random", optimizer="adamw")),
    )
    card = export(tmp_path / "old").with_name("README.md").read_text()
    assert "**First filters**: random." in card
    assert "Muon" not in card


def test_the_card_says_which_numbers_are_the_ones_to_quote(work: Path) -> None:
    row = {"task": "tabletop, fresh", "model": "embedded", "accuracy": 0.8, "half_interval": 0.01}
    remark = "Two runs were compared by these numbers."
    measured = {"size": 128, "seeds": 5, "rows": [row], "remark": remark}
    (work / "transfer.json").write_text(json.dumps(measured))
    card = export(work).with_name("README.md").read_text()
    (work / "transfer.json").unlink()
    assert "| tabletop, fresh | 80.0% ± 1.0 |" in card
    assert "Nothing was chosen by them" in card
    assert remark in card
