import shutil
from pathlib import Path

import pytest
from PIL import Image

from densekit.data.folder import open_folder
from densekit.errors import DataError, FingerprintError, RunError
from densekit.run import Run, load_run


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


class TestLoading:
    def test_it_is_the_same_classifier(self, run: Run, pictures: Path) -> None:
        again = load_run(run.folder)
        picture = pictures / "green" / "01.png"
        assert again.predict([picture]) == run.predict([picture])
        assert again.report.confusion.tolist() == run.report.confusion.tolist()

    def test_a_folder_without_a_run_names_the_nearest_one(self, run: Run) -> None:
        with pytest.raises(RunError, match=r"no run in .*rnu, as it has no config.yaml: did you mean 'run'"):
            load_run(run.folder.with_name("rnu"))

    def test_a_head_on_another_backbone_is_refused(self, run: Run) -> None:
        text = (run.folder / "config.yaml").read_text()
        other = run.folder.parent / "other.json"
        other.write_text('{"growth_rate": 8, "block_config": [1, 1, 1, 2], "num_init_features": 16}')
        name = run.config.model.architecture
        (run.folder / "config.yaml").write_text(text.replace(name, str(other)))
        with pytest.raises(FingerprintError):
            _ = load_run(run.folder).network

    @pytest.mark.parametrize(
        ("name", "content"), [("metrics.json", "{"), ("config.yaml", "training: {epochs: -1}")]
    )
    def test_a_damaged_file_is_told(self, run: Run, name: str, content: str) -> None:
        (run.folder / name).write_text(content)
        with pytest.raises(RunError, match="run"):
            load_run(run.folder)


def test_the_data_folder_may_be_gone_for_predicting(run: Run, pictures: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.png"
    (pictures / "red" / "05.png").rename(kept)
    pictures.rename(tmp_path / "moved")
    assert len(load_run(run.folder).predict([kept]).made) == 1
    assert open_folder(tmp_path / "moved").classes == run.classes
