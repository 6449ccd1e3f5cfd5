"""Weights of runs that began together are averaged, and what comes after still tells where it comes from."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_distillation import plan, recipe, work_folder

from densekit.errors import RunError
from densekit.training.team import ALONE
from workshop.distillation.ancestry import Average, ancestors, is_whole
from workshop.distillation.average import main
from workshop.distillation.export import export
from workshop.distillation.session import AVERAGE, BEFORE, train

COUNTER = "features.norm0.num_batches_tracked"


def trained(work: Path, first_weights: Path | None = None, images: int = 8, **values: object) -> Path:
    """Train a run in a new work folder; return its weights."""
    sha256 = hashlib.sha256(first_weights.read_bytes()).hexdigest() if first_weights else ""
    work_folder(work)
    train(ALONE, plan(work, recipe(images, first_weights=sha256, **values), first_weights=first_weights))
    return export(work)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the weights of a run, and of three that began with them: for reading alone."""
    folder = tmp_path_factory.mktemp("runs")
    first = trained(folder / "first")
    return [first, *(trained(folder / str(seed), first, 8 * seed, seed=seed) for seed in (1, 2, 3))]


@pytest.fixture
def runs(made: list[Path], tmp_path: Path) -> list[Path]:
    """Return copies of these, which may be spoiled."""
    return [
        Path(shutil.copytree(path.parent, tmp_path / f"run {number}")) / path.name
        for number, path in enumerate(made)
    ]


def average(out: Path, *weights: Path) -> int:
    return main(["--weights", *map(str, weights), "--out", str(out)])


def record_of(path: Path) -> Path:
    return path.parent / "run"


def test_each_weight_is_the_mean_of_the_runs_own(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "mean"
    counted = {name: one + 1 if name == COUNTER else one for name, one in load_file(runs[3]).items()}
    save_file(counted, runs[3])
    assert average(out, *runs[1:]) == 0
    mean = load_file(out / "tiny.safetensors")
    of_runs = [load_file(path) for path in runs[1:]]
    assert mean.keys() == of_runs[0].keys()
    assert not torch.equal(of_runs[0]["classifier.weight"], of_runs[1]["classifier.weight"])
    for name, tensor in mean.items():
        expected = sum(one[name].double() for one in of_runs) / 3
        if name.endswith(".num_batches_tracked"):
            expected = of_runs[0][name].double()
        assert tensor.dtype == of_runs[0][name].dtype
        torch.testing.assert_close(tensor.double(), expected, rtol=1e-3, atol=1e-6)
    told = json.loads((out / "run" / AVERAGE).read_text())
    assert told["first_weights"] == hashlib.sha256(runs[0].read_bytes()).hexdigest()
    assert told["averaged"] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in runs[1:]]
    assert told["result"] == hashlib.sha256((out / "tiny.safetensors").read_bytes()).hexdigest()
    assert [path.name for path in out.parent.iterdir()] == ["mean"]  # and nothing half done beside it


def test_a_run_that_begins_with_an_average_tells_of_all_runs_behind_it(
    made: list[Path], tmp_path: Path
) -> None:
    assert average(tmp_path / "mean", *made[1:]) == 0
    weights = trained(tmp_path / "after", tmp_path / "mean" / "tiny.safetensors")
    record = record_of(weights)
    found = ancestors(record)
    assert [one.name for one in found] == [
        "1 before",
        "2 before, 3",
        "2 before, 2",
        "2 before, 1",
        "3 before",
    ]
    assert found[0].made == Average(3)
    assert [one.images for one in found] == [0, 24, 16, 8, 8]  # what came before all of them counts once
    assert is_whole(record)
    card = weights.with_name("README.md").read_text()
    assert "first weights were the average of those of 3 earlier runs" in card
    assert "made from random ones with 56 views" in card
    assert "| 1 before: average of 3 runs |" in card
    assert "**Average**: each weight is the arithmetic mean" in card
    again = trained(tmp_path / "again", weights)
    assert "first weights were those of an earlier run" in again.with_name("README.md").read_text()
    assert [one.name for one in ancestors(record_of(again))][1:3] == ["2 before", "3 before, 3"]


@pytest.mark.parametrize("lost", ["3", f"1/{BEFORE}"])
def test_an_average_is_known_back_to_random_weights_only_with_all_of_its_records(
    made: list[Path], tmp_path: Path, lost: str
) -> None:
    assert average(tmp_path / "mean", *made[1:]) == 0
    record = tmp_path / "mean" / "run"
    assert is_whole(record)
    shutil.rmtree(record / lost)
    assert not is_whole(record)


@pytest.mark.parametrize(
    "text", ["[", "[]", "{}", '{"averaged": "abc"}', '{"averaged": ["a"]}', "[" * 100_000]
)
def test_a_damaged_record_of_an_average_is_named(made: list[Path], tmp_path: Path, text: str) -> None:
    assert average(tmp_path / "mean", *made[1:]) == 0
    (tmp_path / "mean" / "run" / AVERAGE).write_text(text)
    (tmp_path / "mean" / "run").rename(tmp_path / BEFORE)
    for read in (lambda: ancestors(tmp_path), lambda: is_whole(tmp_path / BEFORE)):
        with pytest.raises(RunError, match="can't be read as the record of a run"):
            read()


def test_what_came_before_is_told_by_the_run_that_knows_it(runs: list[Path], tmp_path: Path) -> None:
    shutil.rmtree(record_of(runs[1]) / BEFORE)
    assert average(tmp_path / "mean", *runs[1:]) == 0
    assert is_whole(tmp_path / "mean" / "run")


def test_old_files_without_counters_and_links_will_do(runs: list[Path], tmp_path: Path) -> None:
    tensors = load_file(runs[1])
    save_file(
        {name: one for name, one in tensors.items() if not name.endswith("num_batches_tracked")}, runs[1]
    )
    link = tmp_path / "link.safetensors"
    link.symlink_to(runs[2])
    assert average(tmp_path / "mean", runs[1], link) == 0
    assert (tmp_path / "mean" / "tiny.safetensors").is_file()


def refused(capsys: pytest.CaptureFixture[str], out: Path, *weights: Path) -> str:
    there = set(out.parent.iterdir()) if out.parent.is_dir() else None
    assert average(out, *weights) == 2
    assert there is None or set(out.parent.iterdir()) == there
    return capsys.readouterr().err


def test_runs_that_did_not_begin_together_are_refused(
    made: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"
    assert "began with random weights" in refused(capsys, out, made[0], made[1])
    apart = trained(tmp_path / "apart", made[1])
    assert "a mean of such weights may see nothing" in refused(capsys, out, made[1], apart)
    alone = tmp_path / "tiny.safetensors"
    alone.write_bytes(made[1].read_bytes())
    assert "nobody knows what the run of" in refused(capsys, out, alone, made[1])
    assert average(tmp_path / "first", *made[1:3]) == 0
    put_together = tmp_path / "first" / "tiny.safetensors"
    assert "is put together itself, says average.json" in refused(capsys, out, put_together, made[1])


def test_one_run_counts_once(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mean"
    assert "give two files or more" in refused(capsys, out, runs[1])
    assert "two files lie beside one record" in refused(capsys, out, runs[1], runs[1])
    runs[2].write_bytes(runs[1].read_bytes())
    assert "hold the same weights: give each once" in refused(capsys, out, runs[1], runs[2])


def test_places_where_no_average_can_lie_are_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    assert "exists already" in refused(capsys, tmp_path / "taken", *runs[1:])
    assert "no folder can be made in" in refused(capsys, tmp_path / "taken" / "mean", *runs[1:])
    assert "lies in the record of a run" in refused(capsys, record_of(runs[0]) / "new" / "mean", *runs[1:])


def test_damaged_files_and_those_of_other_networks_are_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"
    tensors = load_file(runs[1])
    save_file({**tensors, "classifier.bias": torch.zeros(9)}, runs[3])
    assert "classifier.bias is 9 and 7" in refused(capsys, out, runs[1], runs[3])
    save_file({name: one for name, one in tensors.items() if name != "classifier.bias"}, runs[3])
    assert "classifier.bias is missing and 7" in refused(capsys, out, runs[1], runs[3])
    runs[3].unlink()
    assert str(runs[3]) in refused(capsys, out, runs[1], runs[3])
    configuration = json.loads((record_of(runs[2]) / "recipe.json").read_text())
    (record_of(runs[2]) / "recipe.json").write_text(json.dumps({**configuration, "teacher": "another"}))
    assert "taught by another" in refused(capsys, out, runs[1], runs[2])
    for file, text in (("log.csv", b"\xff"), ("log.csv", b""), ("recipe.json", b"[" * 100_000)):
        (record_of(runs[1]) / file).write_bytes(text)
        assert "can't be read" in refused(capsys, out, runs[1], runs[2])
