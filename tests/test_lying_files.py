"""Files that lie: small ones that stand for gigabytes, pipes that never end, values that are none."""

import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from densekit.config import load_config
from densekit.data.decoding import read_picture
from densekit.data.file_bytes import MAX_FILE
from densekit.data.problems import Problem
from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError, DensekitError, RunError, WeightsError
from densekit.files import read_json, read_text
from densekit.model import state_dicts
from densekit.model.state_dicts import read_weights_file
from densekit.run import Run, load_run
from densekit.run.artefact import load_artefact
from densekit.tensor_files import read_tensors, write_tensors
from densekit.training.checkpoint import load_checkpoint

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")


def sparse(path: Path, size: int) -> Path:
    """Make a file that says it has so many bytes, and takes none on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{now}: &{now} [*{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}]\n"
    for last, now in zip("abcdefgh", "bcdefghi", strict=True)
)


class TestSettings:
    @pytest.mark.parametrize(
        "text",
        [
            BOMB,
            "training: {epochs: 2001-99-99}",
            "training: {epochs: !!int abc}",
            f"training: {{epochs: {'9' * 5000}}}",
            "training: " + "[" * 3000,
            "training: {epochs: !!timestamp x}",
            "training: {epochs: !!binary '%'}",
            "? [a, b]\n: 3",
            "\0",
        ],
    )
    def test_a_file_that_is_none_is_one_message(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(ConfigError) as told:
            load_config(tmp_path / "a.yaml")
        assert len(str(told.value)) < 2000

    @pytest.mark.parametrize("value", ["*a", "2001-99-99", "!!int abc", "[" * 3000, "&a [*a]"])
    def test_so_is_such_a_value(self, value: str) -> None:
        with pytest.raises(ConfigError):
            load_config(overrides=[f"training.epochs={value}"])

    def test_an_enormous_file_is_not_read(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="are not read"):
            load_config(sparse(tmp_path / "a.yaml", 10**12))


@needs_pipes
@pytest.mark.parametrize(
    "read",
    [
        lambda path: load_config(path.with_suffix(".yaml")),
        lambda path: read_weights_file(path.with_suffix(".safetensors")),
        lambda path: read_weights_file(path.with_suffix(".pth")),
        lambda path: load_artefact(path.with_suffix(".safetensors")),
    ],
)
def test_nobody_waits_for_a_pipe(tmp_path: Path, read: object) -> None:
    for suffix in (".yaml", ".safetensors", ".pth"):
        os.mkfifo(tmp_path / f"a{suffix}")
    with pytest.raises(DensekitError, match="pipe"):
        read(tmp_path / "a")  # type: ignore[operator]


@needs_pipes
def test_nor_for_one_that_is_called_a_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert isinstance(read_picture(tmp_path / "a.jpg"), Problem)


class TestPictures:
    def test_a_file_of_a_terabyte_is_not_read(self, tmp_path: Path) -> None:
        problem = read_picture(sparse(tmp_path / "a.jpg", 10**12))
        assert isinstance(problem, Problem)
        assert (problem.kind, "the file is too large" in problem.message) == ("too-large-image", True)
        assert MAX_FILE < 10**12


class TestWeights:
    def test_a_zip_bomb_is_refused_before_it_unpacks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(state_dicts, "_LARGEST_FILE", 50 * 1024**2)
        torch.save({"a": torch.zeros(3)}, plain := io.BytesIO())
        with (
            zipfile.ZipFile(plain) as small,
            zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as large,
        ):
            for entry in small.infolist():
                large.writestr(entry.filename, small.read(entry))
            with large.open("archive/data/1", "w", force_zip64=True) as bomb:
                for _ in range(60):
                    bomb.write(bytes(1024**2))
        assert (tmp_path / "a.pth").stat().st_size < 1024**2
        with pytest.raises(WeightsError, match="would unpack to"):
            read_weights_file(tmp_path / "a.pth")

    def test_a_number_that_says_it_is_a_billion_is_refused(self, tmp_path: Path) -> None:
        key = "features.conv0.weight"
        torch.save({key: torch.zeros(1).expand(100_000, 100_000)}, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=r"conv0.weight is \(100000, 100000\), larger than any"):
            read_weights_file(tmp_path / "a.pth")

    def test_a_file_of_a_terabyte_is_not_read(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="are not read"):
            read_weights_file(sparse(tmp_path / "a.safetensors", 10**12))

    def test_a_preprocessing_to_20000_pixels_is_refused(self) -> None:
        with pytest.raises(WeightsError, match="crop ≤ resize ≤ 4096"):
            Preprocessing.from_dict({**Preprocessing(20_000, 20_000).to_dict()})


class TestRunFolders:
    @pytest.fixture
    def run(self, trained: Path, tmp_path: Path) -> Run:
        """A copy of a run that can be loaded; its pictures, which nobody changes, are where they were."""
        return load_run(shutil.copytree(trained, tmp_path / "run"))

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"train_from": 3}', "[" * 100_000, "\0", "NaN", "\ud800"]
    )
    def test_metrics_of_another_shape_are_one_message(self, run: Run, text: str) -> None:
        (run.folder / "metrics.json").write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(RunError, match=r"metrics\.json"):
            load_run(run.folder)

    @pytest.mark.parametrize("text", [b"", b"\xff"])
    def test_a_history_that_is_no_table_is_one_message_and_harms_nothing_else(
        self, run: Run, text: bytes
    ) -> None:
        (run.folder / "history.csv").write_bytes(text)
        again = load_run(run.folder)
        assert again.report.total
        with pytest.raises(RunError, match=r"history\.csv can't be read .*; the run itself is unharmed"):
            assert again.history is not None

    @pytest.mark.parametrize("text", [b"\0", b"a,b\n1,2,3\n4"])
    def test_one_that_is_another_table_is_read_as_it_stands(self, run: Run, text: bytes) -> None:
        (run.folder / "history.csv").write_bytes(text)
        assert len(load_run(run.folder).history.columns) > 0

    @pytest.mark.parametrize(
        "change",
        [
            {"classes": ["a", "b"]},
            {"classes": [1, 2, 3]},
            {"val": []},
            {"train": [{"path": 3, "name": "red", "sha256": "x"}]},
            {"left_out": [{}]},
            {"left_out": "x"},
        ],
    )
    def test_a_split_that_was_edited_is_one_message(self, run: Run, change: dict[str, object]) -> None:
        path = run.folder / "split.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        with pytest.raises(RunError, match=r"split\.json"):
            load_run(run.folder).evaluate()

    @pytest.mark.parametrize("key", ["train_from", "skipped", "seconds", "stopped"])
    def test_metrics_that_tell_nonsense_are_one_message(self, run: Run, key: str) -> None:
        path = run.folder / "metrics.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: {"x": 1}}))
        with pytest.raises(RunError, match=rf"its '{key}' is \{{'x': 1\}}"):
            load_run(run.folder)

    # A run that does not say how it ended is read: 'stopped' may be missing.
    @pytest.mark.parametrize("key", ["val_accuracy", "best_epoch", "train_from", "skipped", "seconds"])
    def test_metrics_that_lack_something_are_one_message(self, run: Run, key: str) -> None:
        path = run.folder / "metrics.json"
        metrics = json.loads(path.read_text())
        del metrics[key]
        path.write_text(json.dumps(metrics))
        with pytest.raises(RunError, match=f"its '{key}' is None"):
            load_run(run.folder)

    def test_shares_that_are_none_are_one_message(self, run: Run) -> None:
        path = run.folder / "evaluation" / "metrics.json"
        for wrong in ("text", {"a": 1}, {"1": "x"}, 3):
            path.write_text(json.dumps({**json.loads(path.read_text()), "top_k": wrong}))
            with pytest.raises(RunError, match="top_k"):
                assert load_run(run.folder).report

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"classes": 3}', "[" * 100_000, "\0"])
    def test_a_damaged_split_is_one_message(self, run: Run, text: str) -> None:
        (run.folder / "split.json").write_text(text)
        with pytest.raises(RunError, match=r"split\.json"):
            load_run(run.folder).evaluate()


class TestCheckpoints:
    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"counters": {}}, r"\(expected the numbers phase, epoch"),
            ({"counters": []}, r"\('list' object has no attribute 'items'\)"),
            ({"counters": {"step": "x"}}, r"\(expected the numbers phase, epoch"),
            ({"best": None}, r"\(.*must be a mapping"),
            ({"optimizer": {}}, r"\('numbers'\)"),
            ({"optimizer": {"groups": [], "numbers": {}}}, r"\(.*different number of parameter groups\)"),
            ({"optimizer": {"groups": 3, "numbers": {"x": 1}}}, r"\(invalid literal for int.*'x'\)"),
            ({"notes": 3}, r"\('int' object is not iterable\)"),
            ({"identity": None}, "belongs to a training with other images or settings"),
        ],
    )
    def test_whole_ones_that_tell_nonsense_are_one_message(
        self, tmp_path: Path, change: dict[str, object], told: str
    ) -> None:
        from torch import nn

        from densekit.config import TrainingConfig
        from densekit.training.checkpoint import save_checkpoint
        from densekit.training.state import start

        def load() -> object:
            return load_checkpoint(start(nn.Linear(3, 2), TrainingConfig()), path, "it")

        path = tmp_path / "a.safetensors"
        save_checkpoint(start(nn.Linear(3, 2), TrainingConfig()), path, "it", {"history": []})
        tensors, description = read_tensors(path, "densekit checkpoint 2")
        write_tensors(path, "densekit checkpoint 2", tensors, description)
        assert load() == ({"history": []}, [])  # as long as nothing is changed
        write_tensors(path, "densekit checkpoint 2", tensors, {**description, **change})
        with pytest.raises(RunError, match=told):
            load()


def test_reading_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "deep.json")
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path)
    (tmp_path / "a.json").write_text('\ufeff{"a": 1}\r\n')
    assert read_json(tmp_path / "a.json") == {"a": 1}
    assert json.loads(read_text(tmp_path / "a.json")) == {"a": 1}
    assert sys.getrecursionlimit() < 100_000
