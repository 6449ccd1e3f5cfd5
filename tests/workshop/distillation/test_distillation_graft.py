import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_distillation import TINY, plan, recipe, work_folder

from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.weights import seeded
from densekit.training.team import ALONE
from workshop.distillation.cache import CropCache, open_cache
from workshop.distillation.export import export
from workshop.distillation.front import Graft
from workshop.distillation.graft import main
from workshop.distillation.session import BEFORE, GRAFT, train
from workshop.distillation.settings import Recipe

FRONT = ("features.conv0.", "features.norm0.", "features.denseblock1.", "features.transition1.")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return work_folder(tmp_path / "work")


@pytest.fixture
def cache(work: Path) -> CropCache:
    return open_cache(work / "crops")


def network(seed: int) -> DenseNet:
    with seeded(seed):
        return DenseNet(DenseNetConfig(**TINY), num_classes=7)


def short(images: int = 480) -> Recipe:
    return recipe(images, learning_rate=0.01, muon_learning_rate=0.02, decay=1.0)


def test_other_first_layers_learn_to_tell_what_the_old_ones_told(cache: CropCache) -> None:
    graft = Graft(network(1), network(2), cache, short())
    unlike = graft.examine()
    graft.fit()
    fitted = graft.examine()
    losses = list(graft.learn())
    learned = graft.examine()
    assert len(losses) == 60
    assert unlike.explained < 0 < fitted.explained < learned.explained <= 1
    assert learned.worst <= learned.explained


def test_layers_that_are_the_old_ones_already_explain_everything(cache: CropCache) -> None:
    graft = Graft(network(1), network(1), cache, short())
    assert graft.examine().worst == pytest.approx(1, abs=1e-6)
    graft.fit()
    assert graft.examine().worst == pytest.approx(1, abs=1e-3)


def test_the_joined_network_has_the_learned_layers_and_all_others_as_they_were(cache: CropCache) -> None:
    front, rest = network(1), network(2)
    before = {name: one.clone() for name, one in rest.state_dict().items()}
    graft = Graft(front, rest, cache, short(images=16))
    graft.fit()
    list(graft.learn())
    joined = graft.joined().state_dict()
    for name, one in joined.items():
        assert torch.equal(one, front.state_dict()[name] if name.startswith(FRONT) else before[name]), name
    assert not torch.equal(joined["features.conv0.weight"], before["features.conv0.weight"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the weights of two networks, the first with a record of its run beside it: for reading alone."""
    work = work_folder(tmp_path_factory.mktemp("files") / "work")
    train(ALONE, plan(work, recipe(images=8)))
    paths = {"front": export(work), "rest": work / "rest" / "rest.safetensors"}
    paths["rest"].parent.mkdir()
    save_file(network(2).state_dict(), paths["rest"])
    return paths


def command(work: Path, files: dict[str, Path], *more: str) -> int:
    return main(
        [
            *("--work", str(work), "--front", str(files["front"]), "--rest", str(files["rest"])),
            *(
                "--out",
                str(work / "graft"),
                "--architecture",
                str(work / "tiny.json"),
                "--images",
                "32",
                *more,
            ),
        ]
    )


def test_the_command_writes_weights_and_what_was_done(work: Path, files: dict[str, Path]) -> None:
    assert command(work, files) == 0
    tensors = load_file(work / "graft" / "tiny.safetensors")
    assert tensors["classifier.bias"].dtype == torch.float16
    record = json.loads((work / "graft" / "run" / GRAFT).read_text())
    assert record["front"] == hashlib.sha256(files["front"].read_bytes()).hexdigest()
    assert record["recipe"]["images"] == 32
    assert record["result"] == hashlib.sha256((work / "graft" / "tiny.safetensors").read_bytes()).hexdigest()
    assert 0.5 < record["explained_by_least_squares"] < 1  # of other layers as they are: less than nothing
    assert 0 < record["explained"] < 1
    assert (work / "graft" / "run" / "front" / "recipe.json").is_file()


def test_a_run_that_begins_with_it_tells_so_and_keeps_all_records(
    work: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    assert command(work, files) == 0
    begun = work / "graft" / "tiny.safetensors"
    sha256 = hashlib.sha256(begun.read_bytes()).hexdigest()
    after = tmp_path / "after"
    after.mkdir()
    (after / "crops").symlink_to(work / "crops")
    (after / "tiny.json").write_text((work / "tiny.json").read_text())
    train(ALONE, plan(after, recipe(images=8, first_weights=sha256), first_weights=begun))
    card = export(after).with_name("README.md").read_text()
    assert f"first weights were those of two earlier runs (SHA-256 `{sha256[:16]}…`)" in card
    assert "the layers before `denseblock2` began as those of one network" in card
    kept = after / "weights" / "run" / BEFORE
    assert (kept / GRAFT).is_file()
    assert (kept / "front" / "log.csv").is_file()


def test_a_folder_that_is_there_already_is_not_written_to(
    work: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "graft").mkdir()
    assert command(work, files) == 2
    assert "exists already: give a folder that does not" in capsys.readouterr().err
    assert not any((work / "graft").iterdir())


def test_weights_of_another_network_and_files_that_are_not_there_are_refused(
    work: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(work, files, "--architecture", "densenet121") == 2
    assert "don't fit" in capsys.readouterr().err
    assert command(work, {**files, "rest": work / "nobody.safetensors"}) == 2
    assert "nobody.safetensors" in capsys.readouterr().err


def test_a_run_after_that_one_still_tells_of_it(work: Path, files: dict[str, Path], tmp_path: Path) -> None:
    assert command(work, files) == 0
    begun = work / "graft" / "tiny.safetensors"
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "crops").symlink_to(work / "crops")
        (folder / "tiny.json").write_text((work / "tiny.json").read_text())
        sha256 = hashlib.sha256(begun.read_bytes()).hexdigest()
        train(ALONE, plan(folder, recipe(images=8, first_weights=sha256), first_weights=begun))
        begun = export(folder)
    card = begun.with_name("README.md").read_text()
    assert f"first weights were those of an earlier run (SHA-256 `{sha256[:16]}…`)" in card
    assert "the layers before `denseblock2` began as those of one network" in card
    assert (begun.parent / "run" / BEFORE / BEFORE / GRAFT).is_file()


def refused(work: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert command(work, files, *more) == 2
    assert not list(work.rglob(GRAFT)) and not list(files["front"].parent.rglob(GRAFT))
    return capsys.readouterr().err


def test_what_would_fail_after_the_work_is_refused_before_it(
    work: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "taken").write_text("a file")
    assert "no folder can be made in" in refused(work, files, capsys, "--out", str(work / "taken" / "new"))
    inside = files["front"].parent / "run" / "new"
    assert "lies in the record of" in refused(work, files, capsys, "--out", str(inside))
    assert "are one file" in refused(work, {**files, "rest": files["front"]}, capsys)
    assert "images: Input should be greater than" in refused(work, files, capsys, "--images", "0")
    headless = {name: one for name, one in network(2).state_dict().items() if "classifier" not in name}
    save_file(headless, work / "headless.safetensors")
    without = {**files, "rest": work / "headless.safetensors"}
    assert "has no classifier" in refused(work, without, capsys)
    (work / "one.json").write_text(json.dumps({**TINY, "block_config": [1]}))
    assert "one dense block" in refused(work, files, capsys, "--architecture", str(work / "one.json"))
