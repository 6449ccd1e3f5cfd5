import hashlib
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from densekit.data.folder import open_folder
from densekit.errors import DataError, DensekitError, FingerprintError, RunError
from densekit.run import Prediction, Run, load_run, train


@pytest.fixture
def run(trained: Path, pictures: Path, tmp_path: Path) -> Run:
    """A run of this test's own, over this test's own pictures."""
    shutil.copytree(trained, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(trained.with_name("pictures")), str(pictures)))
    return load_run(tmp_path / "run")


class TestPredicting:
    def test_the_classes_come_with_their_probabilities_the_likeliest_first(
        self, run: Run, pictures: Path
    ) -> None:
        predictions = run.predict(sorted(pictures.glob("*/03.png")), top=2)
        assert [one.path.parent.name for one in predictions.made] == ["blue", "green", "red"]
        for one in predictions.made:
            assert len(one.classes) == len(one.probabilities) == 2
            assert one.probabilities[0] >= one.probabilities[1] > 0
            assert set(one.classes) <= set(run.classes)

    def test_all_probabilities_sum_to_one(self, run: Run, pictures: Path) -> None:
        (one,) = run.predict([pictures / "red" / "00.png"], top=99).made
        assert sum(one.probabilities) == pytest.approx(1)
        assert set(one.classes) == {"red", "green", "blue"}

    def test_it_is_right_about_what_it_learned(self, run: Run, pictures: Path) -> None:
        predictions = run.predict(sorted(pictures.glob("*/*.png")))
        right = sum(one.classes[0] == one.path.parent.name for one in predictions.made)
        assert right / len(predictions.made) > 0.8

    def test_a_file_that_is_no_picture_is_named_and_the_others_are_told(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        text = tmp_path / "text.jpg"
        text.write_text("no picture")
        predictions = run.predict([text, pictures / "red" / "00.png", tmp_path / "missing.png"])
        assert [one.path.name for one in predictions.made] == ["00.png"]
        assert [problem.path.name for problem in predictions.skipped] == ["text.jpg", "missing.png"]

    def test_one_file_is_a_list_of_one(self, run: Run, pictures: Path) -> None:
        picture = pictures / "red" / "00.png"
        assert run.predict(picture) == run.predict(str(picture)) == run.predict([picture])

    def test_predictions_and_runs_read_well_where_they_are_printed(self, run: Run, pictures: Path) -> None:
        picture = pictures / "red" / "00.png"
        assert str(run.predict(picture)).startswith(f"{picture}: red ")
        assert len(repr(run)) < 200 + len(str(run.folder))
        almost = Prediction(picture, ("red", "blue"), (0.9999, 0.0001))
        assert str(almost).endswith("red >99.9 %, blue <0.1 %")

    def test_a_folder_is_all_pictures_in_it(self, run: Run, pictures: Path) -> None:
        (pictures / "red" / "notes.txt").write_text("no picture")
        predictions = run.predict(pictures / "red")
        assert [one.path for one in predictions.made] == sorted((pictures / "red").glob("*.png"))
        assert [problem.kind for problem in predictions.skipped] == ["not-an-image"]

    def test_no_classes_at_all_can_not_be_asked_for(self, run: Run, pictures: Path) -> None:
        with pytest.raises(DataError, match="top is 0: expected 1 or more"):
            run.predict([pictures / "red" / "00.png"], top=0)
        with pytest.raises(DataError, match="top is '3': expected 1 or more"):
            run.predict([pictures / "red" / "00.png"], top="3")  # type: ignore[arg-type]

    def test_their_number_may_be_numpy_s(self, run: Run, pictures: Path) -> None:
        (one,) = run.predict([pictures / "red" / "00.png"], top=np.int64(2)).made  # type: ignore[arg-type]
        assert len(one.classes) == 2

    @pytest.mark.parametrize("given", [b"red.png", [b"red.png"], 3])
    def test_what_is_no_name_is_told(self, run: Run, given: object) -> None:
        kind = "int" if given == 3 else "bytes"
        with pytest.raises(DataError, match=f"a picture is given as {kind}: expected the name of a file"):
            run.predict(given)  # type: ignore[arg-type]

    @pytest.mark.parametrize("cut", [pytest.param("denseblock4", marks=pytest.mark.slow), "classifier"])
    def test_another_default_of_torch_changes_no_prediction(
        self, run: Run, pictures: Path, tmp_path: Path, cut: str
    ) -> None:
        if cut != "classifier":
            run = train(run.config, train_from=cut, out=tmp_path / "deep", progress=False)
        expected = run.predict(pictures / "red")
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(3)
        before = torch.get_rng_state()
        try:
            found = load_run(run.folder).predict(pictures / "red")
            assert torch.equal(torch.get_rng_state(), before)
        finally:
            torch.set_default_dtype(torch.float32)
        assert [one.classes for one in found.made] == [one.classes for one in expected.made]
        for one, other in zip(found.made, expected.made, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)

    def test_a_folder_without_pictures_is_named(self, run: Run, pictures: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        predictions = run.predict([tmp_path / "empty", pictures / "red" / "00.png"])
        assert len(predictions.made) == 1
        assert [(one.kind, one.path.name) for one in predictions.skipped] == [("empty-folder", "empty")]

    def test_of_unreadable_files_alone_there_are_no_predictions(self, run: Run, tmp_path: Path) -> None:
        predictions = run.predict([tmp_path / "missing.png"])
        assert predictions.made == ()
        assert len(predictions.skipped) == 1


class TestEvaluating:
    def test_the_validation_split_gives_the_report_of_the_training_again(self, run: Run) -> None:
        before = (run.folder / "evaluation" / "metrics.json").stat()
        report, folder = run.evaluate()
        assert report.accuracy == run.metrics["val_accuracy"]
        assert folder == run.folder / "evaluation" / "val"
        after = (run.folder / "evaluation" / "metrics.json").stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def test_a_bar_shows_how_far_it_is(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        run.evaluation_of(progress=True)
        assert "6/6" in capsys.readouterr().err
        run.evaluation_of()
        assert capsys.readouterr().err == ""

    def test_another_split_has_a_folder_of_its_own(self, run: Run) -> None:
        before = (run.folder / "evaluation" / "metrics.json").read_bytes()
        report, folder = run.evaluate(split="train")
        assert folder == run.folder / "evaluation" / "train"
        assert report.confusion.sum() == run.metrics["n_train"]
        assert (run.folder / "evaluation" / "metrics.json").read_bytes() == before

    def test_another_folder_is_matched_by_the_names_of_its_classes(
        self, run: Run, tmp_path: Path, pictures: Path
    ) -> None:
        other = tmp_path / "other"
        for name in ("green", "red"):  # red is class 2 of the run and class 1 here
            (other / "train" / name).mkdir(parents=True)
            (other / "test" / name).mkdir(parents=True)
            for source in sorted((pictures / name).iterdir())[:4]:
                (other / "train" / name / source.name).write_bytes(source.read_bytes())
                (other / "test" / name / source.name).write_bytes(source.read_bytes())
        report, folder = run.evaluate(other)
        assert folder.name == "other-test"
        assert report.classes == run.classes
        assert report.confusion.sum(axis=1).tolist() == [0, 4, 4]
        assert report.accuracy > 0.6

    def test_another_folder_that_is_not_split_is_used_whole(self, run: Run, pictures: Path) -> None:
        report, folder = run.evaluate(pictures)
        assert folder.name == "pictures-all"
        assert report.confusion.sum() == 36

    def test_one_class_one_image_each_and_a_test_folder_alone_can_be_judged(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        one = tmp_path / "one"
        shutil.copytree(pictures / "red", one / "red")
        assert run.evaluate(one)[0].confusion.sum(axis=1).tolist() == [0, 0, 12]
        each = tmp_path / "each"
        for name in ("blue", "red"):
            (each / name).mkdir(parents=True)
            shutil.copy(pictures / name / "00.png", each / name)
        assert run.evaluate(each)[0].confusion.sum(axis=1).tolist() == [1, 0, 1]
        shutil.copytree(one, tmp_path / "alone" / "test")
        report, folder = run.evaluate(tmp_path / "alone")
        assert (report.total, folder.name) == (12, "alone-test")
        with pytest.raises(DataError, match="has no val images"):
            run.evaluate(tmp_path / "alone", split="val")

    def test_a_class_that_the_run_does_not_know_is_refused(self, run: Run, tmp_path: Path) -> None:
        for name in ("gren", "red"):
            (tmp_path / "other" / name).mkdir(parents=True)
            for number in range(3):
                Image.new("RGB", (40, 40), (number, 0, 0)).save(tmp_path / "other" / name / f"{number}.png")
        with pytest.raises(
            DataError, match="a class 'gren' that the run does not know: did you mean 'green'"
        ):
            run.evaluate(tmp_path / "other")

    def test_a_split_without_images_or_name_is_refused(self, run: Run) -> None:
        with pytest.raises(DataError, match="has no test images"):
            run.evaluate(split="test")
        with pytest.raises(DataError, match="no split 'vall': did you mean 'val'"):
            run.evaluate(split="vall")


class TestOnAnotherMachine:
    def test_a_device_that_is_missing_there_is_not_missed(
        self, run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        path = run.folder / "config.yaml"
        path.write_text(path.read_text().replace("device: auto", "device: cuda"))
        moved = load_run(run.folder)
        assert moved.config.compute.device == "cuda"
        assert len(moved.predict(pictures / "red").made) == 12
        assert moved.evaluate()[0].accuracy == run.metrics["val_accuracy"]


class TestALostReport:
    @pytest.mark.parametrize("name", ["confusion.csv", "metrics.json"])
    def test_what_is_advised_brings_it_back(self, run: Run, name: str) -> None:
        evaluation, expected = run.folder / "evaluation", run.report
        (evaluation / name).unlink()
        lost = load_run(run.folder)
        told = (
            rf"{name}: put it back\. `densekit evaluate RUN` makes .* in the run's evaluation/val, .* copied"
        )
        with pytest.raises(RunError, match=told):
            _ = lost.report
        lost.evaluate()  # as the command does
        shutil.copy(evaluation / "val" / name, evaluation)
        assert lost.report.confusion.tolist() == expected.confusion.tolist()
        assert lost.report.loss == pytest.approx(expected.loss)


class TestLoading:
    def test_it_is_the_same_classifier(self, run: Run, pictures: Path) -> None:
        again = load_run(run.folder)
        picture = pictures / "green" / "01.png"
        assert again.predict([picture]) == run.predict([picture])
        assert again.report.confusion.tolist() == run.report.confusion.tolist()

    @pytest.mark.parametrize("what", [None, 3, ["run"]])
    def test_what_is_no_name_of_a_folder_is_refused(self, what: Any) -> None:
        with pytest.raises(RunError, match=r"a run is given as .*: expected the name of its folder"):
            load_run(what)

    @pytest.mark.skipif(os.name == "nt", reason="there the home folder is called by another variable")
    def test_the_home_folder_may_be_written_as_in_a_shell(
        self, run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(run.folder.parent))
        again = load_run("~/run")
        assert len(again.predict("~/pictures/red").made) == 12
        assert again.evaluate("~/pictures")[0].total == 36

    def test_a_folder_without_a_run_names_the_nearest_one(self, run: Run) -> None:
        with pytest.raises(RunError, match=r"no run in .*rnu, as it has no config.yaml: did you mean 'run'"):
            load_run(run.folder.with_name("rnu"))

    def test_a_head_on_another_backbone_is_refused(self, run: Run) -> None:
        text = (run.folder / "config.yaml").read_text()
        other = run.folder.parent / "other.json"
        other.write_text('{"growth_rate": 8, "block_config": [1, 1, 1, 2], "num_init_features": 16}')
        name = run.config.model.architecture
        (run.folder / "config.yaml").write_text(text.replace(name, str(other)))
        with pytest.raises(
            FingerprintError, match=r"block_config is \(1, 1, 1, 2\), and was \(1, 1, 1, 1\)\. Put"
        ):
            _ = load_run(run.folder).network

    @pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "loop"])
    def test_what_can_not_be_a_name_is_no_run(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("loop").symlink_to("loop")
        with pytest.raises(DensekitError, match=r"there is no run in|which no name can have"):
            load_run(name)

    def test_one_name_that_is_too_long_costs_no_other_prediction(self, run: Run, pictures: Path) -> None:
        predictions = run.predict([pictures / "red" / "00.png", "x" * 300 + ".png"])
        assert (len(predictions.made), len(predictions.skipped)) == (1, 1)
        with pytest.raises(DataError, match="holds a NUL character"):
            run.predict("a\0b.png")

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("metrics.json", "{", r"metrics\.json is damaged"),
            ("config.yaml", "training: {epochs: -1}", r"training\.epochs is -1"),
        ],
    )
    def test_a_damaged_file_is_told(self, run: Run, name: str, content: str, told: str) -> None:
        (run.folder / name).write_text(content)
        with pytest.raises(RunError, match=told):
            load_run(run.folder)


def test_the_data_folder_may_be_gone_for_predicting(run: Run, pictures: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.png"
    (pictures / "red" / "05.png").rename(kept)
    pictures.rename(tmp_path / "moved")
    assert len(load_run(run.folder).predict([kept]).made) == 1
    assert open_folder(tmp_path / "moved").classes == run.classes


class TestOneTruth:
    def test_the_names_of_the_classes_are_those_beside_the_weights(self, run: Run, pictures: Path) -> None:
        before = run.predict(pictures / "red" / "00.png")
        values = json.loads((run.folder / "metrics.json").read_text())
        values["classes"] = values["classes"][::-1]
        (run.folder / "metrics.json").write_text(json.dumps(values))
        assert load_run(run.folder).predict(pictures / "red" / "00.png") == before

    @pytest.mark.parametrize("text", ["[]", "{}", '{"train_from": 3}', "null"])
    def test_numbers_of_another_shape_are_told(self, run: Run, text: str) -> None:
        (run.folder / "metrics.json").write_text(text)
        with pytest.raises(RunError, match=r"metrics.json is damaged"):
            load_run(run.folder)


class TestOnce:
    def test_the_same_picture_twice_is_told_twice(self, run: Run, pictures: Path) -> None:
        picture = pictures / "red" / "00.png"
        first, second = run.predict([picture, picture]).made
        assert (first.path, first.classes) == (second.path, second.classes)
        # Rows of one batch need not be computed by the same instructions on every processor.
        assert first.probabilities == pytest.approx(second.probabilities, abs=1e-6)

    def test_network_and_rewrite_are_made_once(self, run: Run, pictures: Path) -> None:
        run.predict([pictures / "red" / "00.png"])
        network, model = run.network, run.extractor.model
        run.predict([pictures / "red" / "01.png"])
        run.evaluate()
        assert run.network is network
        assert run.extractor.model is model


class TestThreads:
    def test_several_threads_get_what_one_gets(self, run: Run, pictures: Path) -> None:
        files = sorted(pictures.rglob("*.png"))
        alone = {one.path: one.probabilities[0] for one in run.predict(files).made}
        wrong: list[Path] = []

        def work(seed: int) -> None:
            order = np.random.default_rng(seed).permutation(len(files))
            made = run.predict([files[index] for index in order]).made
            wrong.extend(one.path for one in made if abs(one.probabilities[0] - alone[one.path]) > 1e-4)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    @pytest.mark.parametrize("nothing", ["", [""]])
    def test_an_empty_name_is_not_the_present_folder(self, run: Run, nothing: str | list[str]) -> None:
        with pytest.raises(DataError, match="name is empty"):
            run.evaluate("")
        with pytest.raises(RunError, match="name is empty"):
            load_run("")
        with pytest.raises(DataError, match="name is empty"):
            run.predict(nothing)

    @pytest.mark.parametrize("what", [Image.new("RGB", (8, 8)), np.zeros((8, 8, 3)), [b"00.png"], None, 3])
    def test_what_is_no_name_of_a_file_is_refused(self, run: Run, what: Any) -> None:
        with pytest.raises(DataError, match=r"a picture is given as \w+: expected the name of a file"):
            run.predict(what)


class TestLearnedFrom:
    def test_pictures_that_the_run_learned_from_are_counted(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        whole = run.evaluation_of(split="all")
        assert whole.learned_from == run.metrics["n_train"]
        assert run.evaluation_of().learned_from == 0
        copied = shutil.copytree(pictures, tmp_path / "copied")
        assert run.evaluation_of(copied).learned_from == run.metrics["n_train"]


class TestHeldBack:
    def outcome(self, run: Run) -> dict[str, int]:
        return {sample.path.name: sample.label for sample in run.evaluation_of().outcome.samples}

    def split(self, run: Run) -> list[dict[str, str]]:
        values: list[dict[str, str]] = json.loads((run.folder / "split.json").read_text())["val"]
        return values

    def test_the_run_remembers_both_parts_with_their_hashes(self, run: Run, pictures: Path) -> None:
        values = json.loads((run.folder / "split.json").read_text())
        assert (len(values["train"]), len(values["val"])) == (30, 6)
        one = values["train"][0]
        assert hashlib.sha256((pictures / one["path"]).read_bytes()).hexdigest() == one["sha256"]

    def test_pictures_that_were_added_since_change_nothing(self, run: Run, pictures: Path) -> None:
        before = [sample.path for sample in run.evaluation_of().outcome.samples]
        for number in range(30):
            Image.new("RGB", (40, 40), (number, 0, 0)).save(pictures / "red" / f"{number:02}-new.png")
        assert [sample.path for sample in run.evaluation_of().outcome.samples] == before
        learned = run.evaluation_of(split="train").outcome.samples
        assert len(learned) == 30
        assert not any("new" in sample.path.name for sample in learned)

    def test_a_picture_that_was_renamed_or_moved_is_found(self, run: Run, pictures: Path) -> None:
        report, _ = run.evaluate()
        path = pictures / self.split(run)[0]["path"]
        path.rename(path.with_name("another name.png"))
        again = run.evaluation_of()
        assert again.report.confusion.tolist() == report.confusion.tolist()
        assert again.missing == ()

    def test_a_picture_that_was_moved_into_another_class_is_judged_by_that(
        self, run: Run, pictures: Path
    ) -> None:
        path = pictures / self.split(run)[0]["path"]
        other = next(name for name in run.classes if name != path.parent.name)
        path.rename(pictures / other / "moved.png")
        evaluation = run.evaluation_of()
        assert (evaluation.moved, evaluation.missing) == (1, ())
        assert self.outcome(run)["moved.png"] == run.classes.index(other)

    def test_the_folder_may_have_been_moved(self, run: Run, pictures: Path) -> None:
        before = sorted(one["path"] for one in self.split(run))
        new = pictures.rename(pictures.with_name("elsewhere"))
        Image.new("RGB", (40, 40), "red").save(new / "red" / "added.png")
        with pytest.raises(DataError, match="name its new place with --data, and --split val"):
            run.evaluate()
        moved = run.evaluation_of(new, "val")
        assert sorted(str(sample.path.relative_to(new)) for sample in moved.outcome.samples) == before
        assert moved.learned_from == 0

    def test_a_picture_that_is_gone_or_another_one_is_told(self, run: Run, pictures: Path) -> None:
        gone, replaced, *_ = self.split(run)
        (pictures / gone["path"]).unlink()
        Image.new("RGB", (40, 40)).save(pictures / replaced["path"])
        done = run.evaluation_of()
        assert done.missing == (gone["path"], replaced["path"])
        assert done.report.total == 4

    def test_two_pictures_with_the_same_bytes_are_both_judged(self, run: Run, pictures: Path) -> None:
        first, second = (pictures / one["path"] for one in self.split(run)[:2])
        second.write_bytes(first.read_bytes())
        assert run.evaluation_of().report.total == 5

    def test_where_none_is_left_the_message_says_what_to_do(self, run: Run, pictures: Path) -> None:
        for one in self.split(run):
            (pictures / one["path"]).unlink()
        with pytest.raises(DataError, match=r"none of the 6 pictures of this run's val split .* --data"):
            run.evaluate()

    def test_a_split_folder_in_another_place_is_judged_by_what_was_held_back(
        self, tiny_architecture: Path, pictures: Path, tmp_path: Path
    ) -> None:
        for path in sorted(pictures.glob("*/*.png")):
            part = "val" if path.stem < "03" else "train"
            target = tmp_path / "split" / part / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        settings = {
            "model.architecture": str(tiny_architecture),
            "model.weights": "none",
            "training.epochs": 1,
        }
        run = train(data=tmp_path / "split", settings=settings, out=tmp_path / "new", progress=False)
        moved = (tmp_path / "split").rename(tmp_path / "moved")
        shutil.copy(moved / "train/red/05.png", moved / "val/red/added.png")
        assert run.evaluate(moved, "val")[0].total == 9
        without_a_word = run.evaluation_of(moved)
        assert (without_a_word.report.total, without_a_word.added) == (9, 1)

    def test_another_folder_that_shares_a_picture_is_judged_as_a_folder_of_its_own(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        held = pictures / self.split(run)[0]["path"]
        for name in ("blue", "green", "red"):
            for number in range(10):
                path = tmp_path / "other" / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (40, 40), (number, len(name), 0)).save(path)
        shutil.copy(held, tmp_path / "other" / held.parent.name / "shared.png")
        found = run.evaluation_of(tmp_path / "other", "val")
        assert found.report.total > 1
        assert found.missing == ()

    def test_a_class_folder_with_another_name_is_told(self, run: Run, pictures: Path) -> None:
        (pictures / "blue").rename(pictures / "azure")
        with pytest.raises(DataError, match=r"a class 'azure' .* that it knows as 'blue': give the folder"):
            run.evaluate()

    def test_one_picture_in_a_class_that_the_run_does_not_know_is_missing_and_no_new_name(
        self, run: Run, pictures: Path
    ) -> None:
        held = Path(self.split(run)[0]["path"])
        (pictures / "doubtful").mkdir()
        (pictures / held).rename(pictures / "doubtful" / held.name)
        found = run.evaluation_of()
        assert (found.report.total, found.missing) == (5, (held.as_posix(),))
        shutil.rmtree(pictures / held.parent)
        assert run.evaluation_of().report.total == 4

    def test_without_its_split_a_run_does_not_guess_what_it_held_back(self, run: Run, pictures: Path) -> None:
        (run.folder / "split.json").unlink()
        with pytest.raises(RunError, match=r"there is no .*split\.json, so nobody knows which pictures"):
            run.evaluate()
        assert run.evaluate(pictures)[0].total == 36

    def test_a_split_without_a_name_is_none(self, run: Run) -> None:
        with pytest.raises(DataError, match="no split ''"):
            run.evaluate(split="")

    def test_what_can_not_be_written_is_told_all_the_same(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = run.folder / "evaluation" / "train"
        folder.write_text("in the way")
        assert run.evaluate(split="train")[0].total == 30
        assert f"no report can be written to {folder.parent}" in capsys.readouterr().err
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.parent.write_text("in the way")
        other = shutil.copytree(run.config.data.folder, tmp_path / "other")
        found = run.evaluation_of(other)
        assert (found.report.total, found.folder) == (36, None)

    def test_a_run_that_was_moved_says_so(self, run: Run, pictures: Path, tmp_path: Path) -> None:
        run.folder.rename(tmp_path / "moved")
        for use in (run.evaluate, lambda: run.report, lambda: run.predict(pictures / "red" / "00.png")):
            with pytest.raises(
                RunError, match="is not there any more: if it was moved, load it from its new"
            ):
                use()

    def test_the_present_folder_may_change(
        self, run: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        loaded = load_run("run")
        assert repr(loaded).startswith("Run('run', ")
        monkeypatch.chdir(pictures)
        assert loaded.report.total == 6
        assert loaded.evaluate()[0].total == 6
        assert len(loaded.predict("red/00.png").made) == 1

    def test_a_damaged_split_is_told(self, run: Run) -> None:
        (run.folder / "split.json").write_text("{")
        with pytest.raises(RunError, match=r"split.json is damaged"):
            run.evaluate()


class TestReports:
    @pytest.mark.slow
    def test_folders_of_the_same_name_have_reports_of_their_own(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "elsewhere" / "pictures"
        shutil.copytree(pictures, other)
        (next((other / "red").iterdir())).unlink()
        folders = [run.evaluate(data)[1].name for data in (pictures, other, pictures, other)]
        assert folders == ["pictures-all", "pictures-all-2"] * 2
        reports = [run.evaluate(data)[0].total for data in (pictures, other)]
        assert reports == [36, 35]

    def test_a_folder_may_have_as_long_a_name_as_the_system_allows(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        _, first = run.evaluate(pictures.rename(tmp_path / ("d" * 250)))
        assert (first / "statistics.csv").is_file()

    def test_unreadable_pictures_are_counted_and_of_those_alone_there_is_no_report(
        self, run: Run, pictures: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        shutil.copytree(pictures, other)
        broken = sorted((other / "red").iterdir())
        for path in broken:
            path.write_bytes(b"\x89PNG")
        done = run.evaluation_of(other)
        assert (done.report.total, len(done.outcome.skipped)) == (24, 12)
        for path in other.rglob("*.png"):
            path.write_bytes(b"\x89PNG")
        with pytest.raises(DataError, match=r"none of the 36 all images in .* can be read"):
            run.evaluate(other)


class TestNamesAndPaths:
    def settings(self, tmp_path: Path, pictures: Path) -> dict[str, object]:
        shape = {"growth_rate": 8, "block_config": [1, 1, 1, 1], "num_init_features": 16}
        (tmp_path / "tiny.json").write_text(json.dumps(shape))
        settings = {"model.weights": "none", "model.architecture": "tiny.json", "data.image_size": 32}
        return {**settings, "data.folder": str(pictures), "training.epochs": 1}

    def test_a_relative_architecture_file_is_found_from_elsewhere(
        self, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folder = train(settings=self.settings(tmp_path, pictures), out="run", progress=False).folder.resolve()
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert len(load_run(folder).predict([pictures / "red" / "00.png"]).made) == 1

    @pytest.mark.parametrize("seed", [0, 7])
    @pytest.mark.parametrize("cut", ["classifier", "denseblock4"])
    @pytest.mark.slow
    def test_random_weights_of_any_seed_predict_what_they_reported(
        self, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, seed: int, cut: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        more = {"training.seed": seed, "model.train_from": cut, "training.epochs": 2}
        run = train(settings={**self.settings(tmp_path, pictures), **more}, out="run", progress=False)
        report, _ = load_run(run.folder).evaluate()
        assert report.confusion.tolist() == run.report.confusion.tolist()

    @pytest.mark.parametrize("name", ["none", "embedded", "densenet121"])
    def test_a_file_that_is_called_like_weights_is_not_taken_for_them(
        self, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / name).write_text("something else")
        run = train(settings=self.settings(tmp_path, pictures), out="run", progress=False)
        assert run.config.model.weights == "none"
        assert len(load_run(run.folder).predict([pictures / "red" / "00.png"]).made) == 1
