import csv
import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_distillation import (
    BrokenTeacher,
    LaterBrokenTeacher,
    TinyTeacher,
    plan,
    recipe,
    work_folder,
)
from torch import Tensor

from densekit.devices import choose_compute
from densekit.errors import DataError, RunError, TrainingError, WeightsError
from densekit.model.architectures import read_architecture
from densekit.model.weights import seeded
from densekit.training.checkpoint import below
from densekit.training.team import ALONE
from workshop.distillation.cache import open_cache
from workshop.distillation.distil import Classroom, Examination, as_seen, views_to_measure_by
from workshop.distillation.export import export
from workshop.distillation.session import BEFORE, CHECKPOINT, LOG, Plan, _claimed, read_recipe, train
from workshop.distillation.settings import Stage
from workshop.distillation.student import Student
from workshop.distillation.teacher import Lesson
from workshop.distillation.views import Beyond


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return work_folder(tmp_path / "work")


def rows(work: Path) -> list[dict[str, str]]:
    with (work / "run" / LOG).open() as file:
        return list(csv.DictReader(file))


def beside(work: Path, name: str) -> Path:
    """Return another work folder with the same crops and student."""
    other = work.parent / name
    other.mkdir()
    (other / "crops").symlink_to(work / "crops")
    return other


def assert_same_end(one: Path, other: Path) -> None:
    first, second = (load_file(work / "run" / CHECKPOINT) for work in (one, other))
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []


def in_place(work: Path, plan: Plan) -> Plan:
    return dataclasses.replace(plan, work=work)


@pytest.mark.slow
def test_a_run_learns_and_keeps_its_log_and_its_recipe(work: Path) -> None:
    train(ALONE, plan(work, recipe(images=400, learning_rate=3e-3)))
    log = rows(work)
    assert [int(row["images"]) for row in log] == list(range(8, 401, 8))
    assert [row["size"] for row in log] == ["32"] * 25 + ["64"] * 25
    assert float(log[-1]["loss"]) < 0.8 * float(log[0]["loss"])
    assert log[-1]["held_out_cosine"] != ""
    assert read_recipe(work) == recipe(images=400, learning_rate=3e-3)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("filters", ["ica", "random"])
@pytest.mark.slow
def test_a_run_that_is_continued_ends_with_the_same_bits(work: Path, optimizer: str, filters: str) -> None:
    one = recipe(optimizer=optimizer, first_filters=filters)
    train(ALONE, plan(work, one))
    other = beside(work, "other")
    stopped = in_place(other, plan(work, one, minutes=0.0))
    train(ALONE, stopped)
    assert int(rows(other)[-1]["step"]) == 1
    for _ in range(2):
        train(ALONE, stopped)
    assert int(rows(other)[-1]["step"]) == 3
    assert_same_end(work, other)


def test_moments_of_both_optimisers_are_in_the_checkpoint(work: Path) -> None:
    train(ALONE, plan(work, recipe(images=8)))
    names = load_file(work / "run" / CHECKPOINT)
    assert {name.split(".")[-1] for name in names if name.startswith("0.optimizer.")} == {"momentum"}
    assert {name.split(".")[-1] for name in names if name.startswith("1.optimizer.")} == {
        "step",
        "exp_avg",
        "exp_avg_sq",
    }


@pytest.mark.slow
def test_the_hidden_convolutions_keep_their_norms_under_muon_alone(work: Path) -> None:
    def norms(folder: Path) -> dict[str, float]:
        tensors = below("student.network.", load_file(folder / "run" / CHECKPOINT))
        return {
            name: one.norm().item() for name, one in tensors.items() if one.dim() == 4 and "conv0" not in name
        }

    begun, learned = beside(work, "begun"), beside(work, "learned")
    train(ALONE, in_place(begun, plan(work, recipe(images=8, learning_rate=1e-12))))
    train(ALONE, in_place(learned, plan(work, recipe(images=160))))
    assert norms(learned) == pytest.approx(norms(begun), rel=1e-4)
    other = beside(work, "adamw")
    train(ALONE, in_place(other, plan(work, recipe(images=160, optimizer="adamw"))))
    assert norms(other) != pytest.approx(norms(begun), rel=1e-4)


def test_a_run_begins_with_components_of_its_pictures_unless_it_shall_not(work: Path) -> None:
    weight = "student.network.features.conv0.weight"

    def roughness(folder: Path, filters: str) -> float:
        one = recipe(images=8, learning_rate=1e-12, first_filters=filters)
        train(ALONE, in_place(folder, plan(work, one)))
        found = load_file(folder / "run" / CHECKPOINT)[weight]
        return float((found[..., 1:] - found[..., :-1]).square().mean() / found.var())

    assert roughness(beside(work, "ica"), "ica") < 1.0
    assert roughness(beside(work, "random"), "random") == pytest.approx(2, rel=0.2)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_from_its_checkpoint_to_the_same_bits(work: Path) -> None:
    whole = recipe(images=800)
    other = beside(work, "killed")
    code = (
        "from pathlib import Path; from tiny_distillation import plan, recipe; import dataclasses, torch\n"
        "from densekit.training.team import ALONE; from workshop.distillation.session import train\n"
        f"torch.set_num_threads(1); p = plan(Path({str(work)!r}), recipe(images=800))\n"
        f"train(ALONE, dataclasses.replace(p, work=Path({str(other)!r})))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    log = other / "run" / LOG
    while process.poll() is None and not (log.is_file() and len(log.read_text().splitlines()) > 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(rows(other))
    assert 5 <= done < 100, "it was killed too late to show anything"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(ALONE, plan(work, whole, save_minutes=60.0))
        train(ALONE, in_place(other, plan(work, whole, save_minutes=60.0)))
    finally:
        torch.set_num_threads(threads)
    assert_same_end(work, other)
    steps = [int(row["step"]) for row in rows(other)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 100


def test_a_run_may_be_made_longer_but_not_otherwise_changed(work: Path) -> None:
    train(ALONE, plan(work))
    train(ALONE, plan(work, recipe(images=40)))
    assert int(rows(work)[-1]["images"]) == 40
    with pytest.raises(
        RunError, match="belongs to a run with another recipe, other crops or another teacher"
    ):
        train(ALONE, plan(work, recipe(seed=1)))


def test_two_sessions_at_once_in_one_folder_are_refused(work: Path) -> None:
    with _claimed(work / "run"), pytest.raises(RunError, match="another process is training in"):
        train(ALONE, plan(work))
    train(ALONE, plan(work))  # and afterwards it is free again


def test_a_damaged_checkpoint_is_an_error_that_names_it(work: Path) -> None:
    train(ALONE, plan(work))
    path = work / "run" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"checkpoint\.safetensors is of no use: .*delete it to start anew"):
        train(ALONE, plan(work))


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(work: Path) -> None:
    with pytest.raises(TrainingError, match="the loss is nan at step 1"):
        train(ALONE, plan(work, make_teacher=BrokenTeacher))
    assert not (work / "run" / CHECKPOINT).exists()


def test_what_is_advised_after_such_a_loss_can_be_done(work: Path) -> None:
    with pytest.raises(TrainingError, match=r"at step 3, .*--export, .*--first-weights, .*--learning-rate"):
        train(ALONE, plan(work, make_teacher=LaterBrokenTeacher))
    other, weights = beside(work, "other"), export(work)
    slower = recipe(learning_rate=1e-5, first_weights=hashlib.sha256(weights.read_bytes()).hexdigest())
    train(ALONE, in_place(other, plan(work, slower, first_weights=weights)))
    assert int(rows(other)[-1]["images"]) == 24


def test_without_crops_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no crop cache in"):
        train(ALONE, plan(tmp_path))


@pytest.mark.slow
def test_the_average_lies_between_first_and_last_weights_and_is_what_is_examined(work: Path) -> None:
    train(ALONE, plan(work, recipe(images=80, averaging=0.0)))
    tensors = load_file(work / "run" / CHECKPOINT)
    every = [name.removeprefix("student.") for name in tensors if name.startswith("student.")]
    names = [name for name in every if "running" not in name and "tracked" not in name]
    assert all(torch.equal(tensors[f"student.{name}"], tensors[f"averaged.{name}"]) for name in names)

    other = beside(work, "averaged")
    train(ALONE, in_place(other, plan(work, recipe(images=80, averaging=0.999))))
    tensors = load_file(other / "run" / CHECKPOINT)
    weight = "network.features.conv0.weight"
    assert not torch.equal(tensors[f"student.{weight}"], tensors[f"averaged.{weight}"])


def test_it_is_examined_by_what_the_teacher_sees_in_the_last_stage(work: Path) -> None:
    seen = set()

    class Watched(TinyTeacher):
        def forward(self, views: Tensor) -> Lesson:
            seen.add(views.shape[-1])
            return super().forward(views)

    stages = (Stage(size=32, teacher_size=64, share=0.5), Stage(size=64, teacher_size=96, share=0.5))
    compute = choose_compute("cpu", "fp32")
    cache = open_cache(work / "crops")
    examine = Examination(Classroom(cache, Watched(compute), recipe(stages=stages), compute), size=64)
    assert seen == {96}
    assert {images.shape[-1] for images, _ in examine.batches} == {64}


def test_at_the_end_the_statistics_are_those_of_the_averaged_weights_at_the_last_size(work: Path) -> None:
    train(ALONE, plan(work, recipe(images=64)))
    tensors = below("averaged.", load_file(work / "run" / CHECKPOINT))
    student = Student(read_architecture(str(work / "tiny.json")), TinyTeacher.map_channels, 7)
    student.load_state_dict(tensors)
    compute = choose_compute("cpu", "fp32")
    room = Classroom(open_cache(work / "crops"), TinyTeacher(compute), recipe(images=64), compute)
    views = list(views_to_measure_by(room, recipe().stages[-1], 2048, Beyond.NORMS))
    assert {one.shape[-1] for one in views} == {64}
    with torch.no_grad():
        seen = [student.first_convolution(as_seen(one, 64)) for one in views]
    maps = torch.cat([one.transpose(0, 1).flatten(1) for one in seen], dim=1)  # (C, N · H · W)
    assert torch.allclose(tensors["network.features.norm0.running_mean"], maps.mean(dim=1), atol=2e-2)
    assert torch.allclose(tensors["network.features.norm0.running_var"], maps.var(dim=1), rtol=2e-2)


def test_they_are_measured_where_a_session_ends_and_not_in_between(work: Path) -> None:
    def batches(folder: Path) -> tuple[int, int]:
        tensors = load_file(folder / "run" / CHECKPOINT)
        name = "network.features.norm0.num_batches_tracked"
        return int(tensors[f"averaged.{name}"]), int(tensors[f"student.{name}"])

    stopped, killed = beside(work, "stopped"), beside(work, "killed")
    train(ALONE, in_place(stopped, plan(work, recipe(images=64), minutes=0.0)))
    learned_from, _ = open_cache(work / "crops").split()
    assert batches(stopped) == (len(learned_from) // 32, 1)
    with pytest.raises(TrainingError):
        train(ALONE, in_place(killed, plan(work, recipe(images=64), make_teacher=LaterBrokenTeacher)))
    assert batches(killed) == (2, 2)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a run that is over, in a work folder of its own: for reading alone."""
    work = work_folder(tmp_path_factory.mktemp("earlier") / "work")
    train(ALONE, plan(work, recipe(images=16)))
    return export(work)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_run_that_learns_from_a_block_on_leaves_what_stands_before_it(
    work: Path, earlier: Path, optimizer: str
) -> None:
    other = beside(work, "later")
    last = recipe(
        images=64,
        first_weights=sha256(earlier),
        train_from="denseblock4",
        weight_likeness=4.0,
        optimizer=optimizer,
    )
    train(ALONE, in_place(other, plan(work, last, first_weights=earlier)))
    before, after = load_file(earlier), load_file(export(other))
    changed = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
    assert changed - {"weight", "bias"} == {"denseblock4", "norm5"}
    without = beside(work, "without")
    other_loss = last.model_copy(update={"weight_likeness": 0.0})
    train(ALONE, in_place(without, plan(work, other_loss, first_weights=earlier)))
    weight = "features.denseblock4.denselayer1.conv1.weight"
    assert not torch.equal(after[weight], load_file(export(without))[weight])


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_such_a_run_that_is_continued_ends_with_the_same_bits(
    work: Path, earlier: Path, optimizer: str
) -> None:
    one = recipe(first_weights=sha256(earlier), train_from="denseblock3", optimizer=optimizer)
    whole, stopped = beside(work, "whole"), beside(work, "stopped")
    train(ALONE, in_place(whole, plan(work, one, first_weights=earlier)))
    for _ in range(3):
        train(ALONE, in_place(stopped, plan(work, one, first_weights=earlier, minutes=0.0)))
    assert_same_end(whole, stopped)


def test_a_run_goes_on_with_a_log_of_fewer_columns(work: Path) -> None:
    train(ALONE, plan(work, recipe(images=8)))
    known = rows(work)
    names = [name for name in known[0] if name != "likeness"]
    with (work / "run" / LOG).open("w") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(known)
    train(ALONE, plan(work, recipe(images=16)))
    assert [row["likeness"] != "" for row in rows(work)] == [False, True]


def test_a_run_can_begin_with_the_weights_of_an_earlier_one_and_keeps_its_record(
    work: Path, earlier: Path
) -> None:
    other = beside(work, "after")
    follows = recipe(images=8, learning_rate=1e-12, muon_learning_rate=1e-12, first_weights=sha256(earlier))
    train(ALONE, in_place(other, plan(work, follows, first_weights=earlier)))
    begun = below("student.network.", load_file(other / "run" / CHECKPOINT))
    for name, tensor in load_file(earlier).items():
        if name.endswith(("weight", "bias")):
            assert torch.allclose(tensor.float(), begun[name], atol=1e-6), name
    with seeded(0):
        random = Student(read_architecture(str(work / "tiny.json")), TinyTeacher.map_channels, 7).adapters
    fitted = below("student.adapters.", load_file(other / "run" / CHECKPOINT))
    assert all((fitted[name] - one).abs().max() > 0.1 for name, one in random.state_dict().items())
    assert (other / "run" / BEFORE / LOG).read_text() == (earlier.parents[1] / "run" / LOG).read_text()
    card = export(other).with_name("README.md").read_text()
    assert f"first weights were those of an earlier run (SHA-256 `{sha256(earlier)[:16]}…`)" in card
    assert "The first weights were made from random ones with 16 views, in 1 minute." in card
    assert "| 1 before | 16 | 32 px: 50%, 64 px: 50% |" in card
    assert (other / "weights" / "run" / BEFORE / LOG).is_file()


def test_a_run_that_began_with_a_file_goes_on_without_it(work: Path, earlier: Path) -> None:
    other = beside(work, "after")
    follows = recipe(images=16, first_weights=sha256(earlier))
    train(ALONE, in_place(other, plan(work, follows, first_weights=earlier, minutes=0.0)))
    train(ALONE, in_place(other, plan(work, follows)))
    assert int(rows(other)[-1]["images"]) == 16


def test_another_file_than_the_recipe_asks_for_is_refused(work: Path, earlier: Path) -> None:
    other = beside(work, "after")
    follows = recipe(first_weights="ab" * 32)
    with pytest.raises(RunError, match=r"the recipe asks for abababababab…: give the file"):
        train(ALONE, in_place(other, plan(work, follows, first_weights=earlier)))
    with pytest.raises(RunError, match="say which file they are in, --first-weights FILE"):
        train(ALONE, in_place(other, plan(work, follows)))


def test_first_weights_of_another_network_are_refused(work: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.safetensors"
    save_file({"features.conv0.weight": torch.zeros(1, 3, 7, 7)}, odd)
    with pytest.raises(WeightsError, match=r"the weights in .*odd\.safetensors don't fit"):
        train(ALONE, plan(work, recipe(first_weights=sha256(odd)), first_weights=odd))


@pytest.mark.parametrize(("outputs", "told"), [(None, "no classifier"), (5, "a classifier of 5 outputs")])
def test_first_weights_without_the_teachers_classes_are_refused(
    work: Path, earlier: Path, outputs: int | None, told: str
) -> None:
    tensors = {name: tensor for name, tensor in load_file(earlier).items() if "classifier" not in name}
    if outputs is not None:
        inputs = load_file(earlier)["classifier.weight"].shape[1]
        tensors["classifier.weight"] = torch.zeros(outputs, inputs)
        tensors["classifier.bias"] = torch.zeros(outputs)
    save_file(tensors, odd := work / "odd.safetensors")
    other = beside(work, "after")
    with pytest.raises(WeightsError, match=rf"odd\.safetensors has {told}, tiny has 7"):
        train(ALONE, in_place(other, plan(work, recipe(first_weights=sha256(odd)), first_weights=odd)))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
