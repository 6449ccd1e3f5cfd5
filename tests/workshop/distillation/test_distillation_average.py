"""Weights of runs that began together are averaged, and what comes after still tells where it comes from."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_distillation import plan, recipe, work_folder

from densekit.training.team import ALONE
from workshop.distillation.ancestry import Average, ancestors, is_whole
from workshop.distillation.average import main
from workshop.distillation.export import export
from workshop.distillation.session import AVERAGE, BEFORE, train


def trained(work: Path, first_weights: Path | None = None, **values: object) -> Path:
    """Train a run in a new work folder; return its weights."""
    sha256 = hashlib.sha256(first_weights.read_bytes()).hexdigest() if first_weights else ""
    work_folder(work)
    train(ALONE, plan(work, recipe(8, first_weights=sha256, **values), first_weights=first_weights))
    return export(work)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the weights of a run, and of three that began with them: for reading alone."""
    folder = tmp_path_factory.mktemp("runs")
    first = trained(folder / "first")
    return [first, *(trained(folder / str(seed), first, seed=seed) for seed in (1, 2, 3))]


def average(out: Path, *weights: Path) -> int:
    return main(["--weights", *map(str, weights), "--out", str(out)])


def test_each_weight_is_the_mean_of_the_runs_own(runs: list[Path], tmp_path: Path) -> None:
    assert average(tmp_path / "mean", *runs[1:]) == 0
    mean = load_file(tmp_path / "mean" / "tiny.safetensors")
    of_runs = [load_file(path) for path in runs[1:]]
    assert mean.keys() == of_runs[0].keys()
    assert not torch.equal(of_runs[0]["classifier.weight"], of_runs[1]["classifier.weight"])
    for name, tensor in mean.items():
        expected = sum(one[name].double() for one in of_runs) / 3
        assert tensor.dtype == of_runs[0][name].dtype
        torch.testing.assert_close(tensor.double(), expected, rtol=1e-3, atol=1e-6)
    told = json.loads((tmp_path / "mean" / "run" / AVERAGE).read_text())
    assert told["first_weights"] == hashlib.sha256(runs[0].read_bytes()).hexdigest()
    assert told["averaged"] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in runs[1:]]
    weights = (tmp_path / "mean" / "tiny.safetensors").read_bytes()
    assert told["result"] == hashlib.sha256(weights).hexdigest()


def test_a_run_that_begins_with_an_average_tells_of_all_runs_behind_it(
    runs: list[Path], tmp_path: Path
) -> None:
    assert average(tmp_path / "mean", *runs[1:]) == 0
    weights = trained(tmp_path / "after", tmp_path / "mean" / "tiny.safetensors")
    record = weights.parent / "run"
    found = ancestors(record)
    assert [one.name for one in found] == [
        "1 before",
        "2 before, 3",
        "2 before, 2",
        "2 before, 1",
        "3 before",
    ]
    assert found[0].made == Average(3)
    assert [one.images for one in found] == [0, 8, 8, 8, 8]  # what came before all of them counts once
    assert is_whole(record)
    card = weights.with_name("README.md").read_text()
    assert "first weights were the average of those of 3 earlier runs" in card
    assert "made from random ones with 32 views" in card
    assert "| 1 before: average of 3 runs |" in card
    assert "**Averages** are of the weights of runs that began with the same weights" in card
    again = trained(tmp_path / "again", weights)
    assert "first weights were those of an earlier run" in again.with_name("README.md").read_text()
    assert [one.name for one in ancestors(again.parent / "run")][1:3] == ["2 before", "3 before, 3"]
    for lost in ("3", f"1/{BEFORE}"):
        (record / BEFORE / lost / "recipe.json").unlink()
        assert not is_whole(record)


def refused(capsys: pytest.CaptureFixture[str], out: Path, *weights: Path) -> str:
    assert average(out, *weights) == 2
    assert not (out / "run").exists()
    return capsys.readouterr().err


def test_runs_that_did_not_begin_together_are_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"
    assert "began with random weights" in refused(capsys, out, runs[0], runs[1])
    apart = trained(tmp_path / "apart", runs[1])
    assert "a mean of such weights sees nothing" in refused(capsys, out, runs[1], apart)
    alone = tmp_path / "tiny.safetensors"
    alone.write_bytes(runs[1].read_bytes())
    assert "nobody knows what the run of" in refused(capsys, out, alone, runs[1])


def test_what_can_not_be_averaged_is_refused_with_what_to_do(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"
    assert "give two files or more" in refused(capsys, out, runs[1])
    assert "give each once" in refused(capsys, out, runs[1], runs[1])
    (tmp_path / "taken").mkdir()
    assert "exists already" in refused(capsys, tmp_path / "taken", *runs[1:])
    assert "lies in the record of" in refused(capsys, runs[1].parent / "run" / "mean", *runs[1:])
    assert "nobody.safetensors" in refused(capsys, out, runs[1].with_name("nobody.safetensors"), runs[1])
    other = tmp_path / "other" / "tiny.safetensors"
    (other.parent / "run").mkdir(parents=True)
    (other.parent / "run" / "recipe.json").write_text((runs[1].parent / "run" / "recipe.json").read_text())
    save_file({"features.conv0.weight": torch.zeros(4, 3, 7, 7)}, other)
    assert "are of different networks" in refused(capsys, out, runs[1], other)
