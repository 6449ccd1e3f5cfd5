import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from densekit import cli, diagnose, train
from densekit.config import PRESETS
from densekit.model.inventory import known_weights


class Answer(NamedTuple):
    status: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def densekit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, called within this process."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["densekit", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        code = stopped.value.code
        status = code if isinstance(code, int) else 0
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return call


@pytest.fixture
def training(pictures: Path, tiny_architecture: Path, tmp_path: Path) -> list[str]:
    """The arguments of a training of milliseconds."""
    settings = [
        f"model.architecture={tiny_architecture}",
        "data.image_size=32",
        "training.learning_rate=0.03",
    ]
    arguments = ["train", "--data", str(pictures), "--weights", "none", "--epochs", "3"]
    return [
        *arguments,
        "--out",
        str(tmp_path / "run"),
        *[part for one in settings for part in ("--set", one)],
    ]


class TestTraining:
    def test_it_tells_the_accuracy_and_where_the_run_is(
        self, densekit: Command, training: list[str], tmp_path: Path
    ) -> None:
        answer = densekit(*training)
        assert answer.status == 0
        assert "/6 validation images" in answer.out
        assert str(tmp_path / "run") in answer.out

    def test_as_json_it_is_one_document_and_nothing_else(
        self, densekit: Command, training: list[str]
    ) -> None:
        answer = densekit(*training, "--json")
        assert answer.status == 0
        assert json.loads(answer.out)["classes"] == ["blue", "green", "red"]

    def test_a_damaged_picture_is_told_and_the_run_goes_on(
        self, densekit: Command, training: list[str], pictures: Path
    ) -> None:
        (pictures / "red" / "00.png").write_bytes(b"\x89PNG")
        answer = densekit(*training)
        assert answer.status == 0
        assert "left out" in answer.err
        assert "00.png" in answer.err

    @pytest.mark.filterwarnings("default")
    def test_a_cache_that_takes_nothing_is_told_in_one_plain_line(
        self, densekit: Command, training: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "taken").write_text("a file")
        monkeypatch.setenv("DENSEKIT_CACHE", str(tmp_path / "taken"))
        answer = densekit(*training)
        assert answer.status == 0
        (told,) = [line for line in answer.err.splitlines() if "can't be kept" in line]
        assert told.startswith("densekit: features can't be kept in ")
        assert "UserWarning" not in answer.err and "warnings.warn" not in answer.err

    def test_resuming_a_complete_run_tells_it_again(
        self, densekit: Command, training: list[str], tmp_path: Path
    ) -> None:
        first = densekit(*training)
        again = densekit("train", "--resume", tmp_path / "run")
        assert (again.status, again.out) == (first.status, first.out)
        assert "nothing is left to be trained" in again.err

    def test_stopping_it_says_how_to_go_on(
        self, densekit: Command, training: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def control_c(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("densekit.run.keeper.save_checkpoint", control_c)
            stopped = densekit(*training)
        assert stopped.status == 130
        assert f"stopped; continue with `densekit train --resume {tmp_path / 'run'}`" in stopped.err
        assert densekit("train", "--resume", tmp_path / "run").status == 0

    @pytest.mark.parametrize(
        "other",
        [["--epochs", "3"], ["--epochs", "0"], ["--out", ""], ["--preset", ""], ["--set", "seed=3"], [""]],
    )
    def test_resuming_takes_no_other_setting(
        self, densekit: Command, tmp_path: Path, other: list[str]
    ) -> None:
        answer = densekit("train", "--resume", tmp_path, *other)
        assert answer.status == 2
        assert "--resume takes every setting from the run folder" in answer.err


class TestFindingALearningRate:
    def test_it_suggests_one_and_draws_the_curve(
        self, densekit: Command, training: list[str], tmp_path: Path
    ) -> None:
        arguments = [*training[1:3], "--weights", "none", *training[9:]]
        answer = densekit("lr-find", *arguments, "--out", tmp_path / "curve.png", "--json")
        told = json.loads(answer.out)
        assert answer.status == 0
        assert told["rates"][0] < told["suggestion"] < told["rates"][-1]
        assert len(told["rates"]) == len(told["losses"]) > 10
        assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")

    def test_where_no_loss_falls_it_suggests_none(self, densekit: Command, training: list[str]) -> None:
        arguments = [*training[1:3], "--weights", "none", *training[9:], "--lowest", "1e-12"]
        answer = densekit("lr-find", *arguments, "--highest", "1e-10", "--json")
        assert json.loads(answer.out)["suggestion"] is None
        assert answer.status == 1

    def test_rates_that_can_not_be_are_refused(self, densekit: Command, training: list[str]) -> None:
        answer = densekit("lr-find", *training[1:3], "--weights", "none", *training[9:], "--lowest", "2")
        assert answer.status == 2
        assert "expected 0 < lowest, and a highest of 10 times lowest or more" in answer.err


class TestComparingRuns:
    def test_it_prints_a_table_or_json(self, densekit: Command, trained: Path) -> None:
        answer = densekit("compare", trained)
        assert answer.status == 0
        assert answer.out.startswith("run")
        (row,) = json.loads(densekit("compare", trained, "--json").out)["rows"]
        assert row["runs"] == [str(trained)]

    def test_what_is_no_run_is_named_and_the_others_are_compared(
        self, densekit: Command, trained: Path, tmp_path: Path
    ) -> None:
        answer = densekit("compare", tmp_path, trained, "--json")
        assert answer.status == 1  # something was left out
        document = json.loads(answer.out)
        assert [row["runs"] for row in document["rows"]] == [[str(trained)]]
        assert len(document["left_out"]) == 1
        assert f"not compared: there is no run in {tmp_path}" in answer.err

    def test_what_is_no_run_is_refused(self, densekit: Command, tmp_path: Path) -> None:
        answer = densekit("compare", tmp_path)
        assert answer.status == 2
        assert "there is no run in" in answer.err


class TestUsingARun:
    @pytest.fixture
    def run(self, trained: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(trained, tmp_path / "run"))

    def test_predict_names_classes_with_their_shares(
        self, densekit: Command, run: Path, pictures: Path
    ) -> None:
        answer = densekit("predict", run, pictures / "red" / "01.png", "--top", "2")
        assert answer.status == 0
        assert answer.out.count("%") == 2

    def test_predict_as_json(self, densekit: Command, run: Path, pictures: Path) -> None:
        answer = densekit("predict", run, pictures / "red" / "01.png", "--json")
        (one,) = json.loads(answer.out)["predictions"]
        assert len(one["top"]) == 3

    def test_predict_says_which_picture_it_could_not_read(
        self, densekit: Command, run: Path, pictures: Path, tmp_path: Path
    ) -> None:
        missing = tmp_path / "missing.png"
        some = densekit("predict", run, missing, pictures / "red" / "01.png")
        assert (some.status, some.out.count("\n")) == (1, 1)
        assert "missing.png" in some.err
        assert densekit("predict", run, missing).status == 2

    def test_other_files_in_a_folder_are_named_and_nothing_is_missing(
        self, densekit: Command, run: Path, pictures: Path
    ) -> None:
        (pictures / "red" / "README.txt").write_text("not a picture")
        answer = densekit("predict", run, pictures / "red")
        assert (answer.status, answer.out.count("\n")) == (0, 12)
        assert "README.txt" in answer.err

    @pytest.mark.parametrize(
        "arguments",
        [
            ["predict", "RUN", ""],
            ["predict", "", "RUN"],
            ["evaluate", "RUN", "--data", ""],
            ["evaluate", ""],
            ["compare", ""],
            ["train", "--resume", ""],
            ["train", "", "--data", "RUN"],
            ["train", "--out", "", "--data", "RUN"],
            ["lr-find", "--out", "", "--data", "RUN"],
        ],
    )
    def test_an_empty_name_is_not_the_present_folder(
        self, densekit: Command, run: Path, arguments: list[str]
    ) -> None:
        answer = densekit(*(str(run) if one == "RUN" else one for one in arguments))
        assert (answer.status, answer.out) == (2, "")
        assert "name is empty" in answer.err

    @pytest.mark.parametrize(
        "address", ["https://example.org/red.png", "HTTP://example.org/red.png", "file:///red.png"]
    )
    def test_an_address_is_not_taken_for_a_file(self, densekit: Command, run: Path, address: str) -> None:
        answer = densekit("predict", run, address)
        assert answer.status == 2
        assert f"{address} is an address, and nothing is fetched from there" in answer.err

    def test_a_bar_counts_every_picture_read_or_not(
        self, densekit: Command, run: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (pictures / "red" / "00.png").write_bytes(b"no picture")
        (pictures / "red" / "11.png").write_bytes(b"no picture")  # the last one, after which no batch comes
        monkeypatch.setattr("densekit.cli.classifier.in_terminal", lambda: True)
        answer = densekit("predict", run, pictures / "red")
        assert answer.out.count("\n") == 10
        assert "12/12" in answer.err

    def test_whoever_stops_it_is_told_so(
        self, densekit: Command, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(folder: str) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("densekit.run.load_run", interrupted)
        answer = densekit("predict", run, "picture.png")
        assert (answer.status, answer.err) == (130, "densekit: stopped\n")

    def test_a_folder_without_pictures_is_told(self, densekit: Command, run: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        answer = densekit("predict", run, tmp_path / "empty")
        assert (answer.status, answer.out) == (2, "")
        assert "there is no picture in it" in answer.err

    def test_evaluate_with_a_picture_left_out_is_not_all_good(
        self, densekit: Command, run: Path, pictures: Path
    ) -> None:
        assert densekit("evaluate", run, "--data", pictures).status == 0
        (pictures / "red" / "00.png").write_text("no picture")
        answer = densekit("evaluate", run, "--data", pictures)
        assert (answer.status, "1 more could not be read" in answer.out) == (1, True)

    def test_evaluate_writes_tables_and_tells_the_accuracy(self, densekit: Command, run: Path) -> None:
        answer = densekit("evaluate", run, "--split", "train", "--json")
        document = json.loads(answer.out)
        assert Path(document["report"], "statistics.csv").is_file()
        assert 0 <= document["accuracy"] <= 1
        assert "accuracy" in densekit("evaluate", run).out


@pytest.mark.parametrize("command", ["build", "check", "run"])
def test_a_course_without_notebooks_is_no_good_course(
    densekit: Command, tmp_path: Path, command: str
) -> None:
    answer = densekit("course", command, "--course", tmp_path)
    assert (answer.status, answer.out) == (2, "")
    assert "there are no notebooks in" in answer.err


class TestDoctor:
    def test_a_clean_folder_is_good(self, densekit: Command, pictures: Path) -> None:
        assert densekit("doctor", pictures).status == 0

    def test_problems_make_status_one_and_are_named(self, densekit: Command, pictures: Path) -> None:
        (pictures / "red" / ".DS_Store").write_bytes(b"x")
        (pictures / "empty").mkdir()
        (pictures / "red" / "00.png").write_bytes(b"\x89PNG")
        answer = densekit("doctor", pictures, "--json")
        assert answer.status == 1
        kinds = {problem["kind"] for problem in json.loads(answer.out)["problems"]}
        assert {"system-file", "empty-class", "corrupt-image"} <= kinds
        assert ".DS_Store" in densekit("doctor", pictures).out

    def test_a_page_and_a_clean_copy_are_written_and_told(
        self, densekit: Command, pictures: Path, tmp_path: Path
    ) -> None:
        (pictures / "red" / "00.png").write_bytes(b"\x89PNG")
        page, clean = tmp_path / "doctor.html", tmp_path / "clean"
        answer = densekit("doctor", pictures, "--html", page, "--write-clean", clean, "--json")
        assert answer.status == 1
        document = json.loads(answer.out)
        assert document["html"] == str(page)
        assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
        assert (document["clean"]["folder"], document["clean"]["images"]) == (str(clean), 35)
        assert [one["kind"] for one in document["clean"]["left_out"]] == ["corrupt-image"]
        assert "35 images are copied" in answer.err
        assert densekit("doctor", clean).status == 0

    @pytest.mark.parametrize("option", ["--html", "--write-clean"])
    def test_nothing_is_written_into_the_folder(self, densekit: Command, pictures: Path, option: str) -> None:
        answer = densekit("doctor", pictures, option, pictures / "new")
        assert answer.status == 2
        assert "never changed" in answer.err
        assert not (pictures / "new").exists()

    @pytest.mark.parametrize(
        ("page", "copy"), [("clean/page.html", "clean"), ("new", "new"), ("new", "new/clean")]
    )
    def test_page_and_copy_one_in_the_other_are_refused_before_the_work(
        self, densekit: Command, pictures: Path, tmp_path: Path, page: str, copy: str
    ) -> None:
        before = sorted(tmp_path.iterdir())
        answer = densekit("doctor", pictures, "--html", tmp_path / page, "--write-clean", tmp_path / copy)
        assert (answer.status, answer.out) == (2, "")
        assert "one in the other: name a page outside of the copy" in answer.err
        assert sorted(tmp_path.iterdir()) == before

    @pytest.mark.parametrize("option", ["--html", "--write-clean"])
    def test_a_place_that_takes_nothing_is_refused_before_the_work(
        self, densekit: Command, pictures: Path, tmp_path: Path, option: str
    ) -> None:
        (tmp_path / "taken").write_text("a file")
        answer = densekit("doctor", pictures, option, tmp_path / "taken" / "new")
        assert (answer.status, answer.out) == (2, "")
        assert f"can be made in {tmp_path / 'taken'}: name another place" in answer.err

    def test_an_empty_folder_is_filled_although_the_one_above_it_takes_nothing(
        self, densekit: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mnt" / "disk").mkdir(parents=True)
        usual = os.access
        takes = lambda path, mode: Path(path) != tmp_path / "mnt" and usual(path, mode)  # noqa: E731
        monkeypatch.setattr("os.access", takes)  # root may write anywhere
        assert densekit("doctor", pictures, "--write-clean", tmp_path / "mnt" / "disk").status == 0
        answer = densekit("doctor", pictures, "--write-clean", tmp_path / "mnt" / "new")
        assert (answer.status, answer.out) == (2, "")

    def test_the_present_folder_is_told_by_its_name(
        self, densekit: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(pictures)
        assert densekit("doctor", ".").out.startswith("pictures: 3 classes\n")
        monkeypatch.chdir(pictures / "red")
        assert densekit("doctor", "..").out.startswith("pictures: 3 classes\n")

    @pytest.mark.parametrize("option", ["", "--html", "--write-clean"])
    @pytest.mark.parametrize("name", ["~nobody-is-called-so/x", "loop/x", ""])
    def test_a_name_that_leads_nowhere_is_one_message(
        self,
        densekit: Command,
        pictures: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        option: str,
        name: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "loop").symlink_to("loop")
        before = sorted(tmp_path.iterdir())
        answer = densekit("doctor", *([pictures, option, name] if option else [name]))
        assert (answer.status, answer.out) == (2, "")
        assert answer.err.startswith("densekit: ") and answer.err.count("\n") == 1
        assert sorted(tmp_path.iterdir()) == before

    def test_the_diagnosis_is_told_whatever_becomes_of_the_copy(
        self, densekit: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(source: Path, target: Path) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

        monkeypatch.setattr("shutil.copyfileobj", fail)
        answer = densekit("doctor", pictures, "--write-clean", tmp_path / "clean")
        assert answer.status == 2
        assert "No problems found." in answer.out
        assert answer.err == (
            f"densekit: {tmp_path / 'clean'}: No space left on device. Free some space, or name another place\n"
        )


class TestWeightsAndParity:
    def test_the_embedded_weights_are_listed_and_verified(self, densekit: Command) -> None:
        listing = densekit("weights", "list", "--json")
        assert listing.status == 0
        assert "embedded" in listing.out
        assert densekit("weights", "verify", "embedded").status == 0

    @pytest.mark.slow
    def test_a_file_of_weights_is_told_what_it_is(self, densekit: Command, tmp_path: Path) -> None:
        named = known_weights()[0].path
        copy = tmp_path / "mine.safetensors"
        copy.write_bytes(named.read_bytes())
        answer = densekit("weights", "verify", copy)
        assert answer.status == 0
        assert "densenet121, SHA-256 " in answer.out
        assert "published as embedded densenet121" in answer.out
        copy.write_bytes(b"nothing")
        assert densekit("weights", "verify", copy).status == 2

    @pytest.mark.slow
    def test_a_file_is_held_against_the_architecture_that_is_asked_for(self, densekit: Command) -> None:
        path = known_weights()[0].path
        assert densekit("weights", "verify", path, "--arch", "121").status == 0
        answer = densekit("weights", "verify", path, "--arch", "169")
        assert (answer.status, answer.out) == (2, "")
        assert "they fit densenet121: ask for that" in answer.err
        assert "'densenet12'" in densekit("weights", "verify", path, "--arch", "12").err

    def test_weights_that_are_not_known_are_refused(self, densekit: Command) -> None:
        answer = densekit("weights", "verify", "embeded")
        assert answer.status == 2
        assert "embedded" in answer.err

    @pytest.mark.slow
    def test_parity_agrees_with_torchvision(self, densekit: Command) -> None:
        answer = densekit("parity", "--json")
        assert answer.status == 0
        assert json.loads(answer.out)["agree"] is True

    def test_a_network_that_is_not_known_is_refused(self, densekit: Command) -> None:
        answer = densekit("parity", "--arch", "densenet122")
        assert answer.status == 2
        assert "densenet121" in answer.err


class TestMistakes:
    """Exit status 2, one clear message, no traceback."""

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--data", "tableto"], "tabletop'?"),
            (["--data", "empty"], "holds no images: expected DIR/<class>/<image>"),
            (["--data", "one"], "'cat' is the only class with images"),
            (["--data", "file.txt"], "is a file, but a folder of images is needed"),
            (["--data", "tabletop", "--weights", "embeded"], "did you mean 'embedded'"),
            (["--data", "tabletop", "--preset", "heda"], "did you mean 'head'"),
            (["--data", "tabletop", "--train-from", "clasifier"], "model.train_from"),
            (["--data", "tabletop", "--epochs", "0"], "training.epochs is 0"),
            (["--data", "tabletop", "--set", "training.epohcs=3"], "did you mean 'training.epochs'"),
            (["--data", "tabletop", "--set", "epochs"], "expected key.path=value"),
            (["broken.yaml"], "broken.yaml is not valid YAML"),
            (["nowhere.yaml"], "no configuration file nowhere.yaml"),
            (["--resume", "nowhere"], "no run in nowhere"),
            ([], "--data DIR"),
        ],
    )
    def test_each_ends_in_one_message_that_names_the_thing(
        self,
        densekit: Command,
        arguments: list[str],
        told: str,
        pictures: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        pictures.rename(tmp_path / "tabletop")
        (tmp_path / "empty").mkdir()
        (tmp_path / "file.txt").write_text("x")
        (tmp_path / "broken.yaml").write_text("training: [")
        one = tmp_path / "one" / "cat"
        one.mkdir(parents=True)
        one.joinpath("a.png").write_bytes((tmp_path / "tabletop" / "red" / "00.png").read_bytes())
        monkeypatch.chdir(tmp_path)
        answer = densekit("train", *arguments)
        assert answer.status == 2
        assert told in answer.err
        assert answer.out == ""
        assert "Traceback" not in answer.err
        assert not (tmp_path / "runs").exists()

    def test_an_unknown_command_is_refused(self, densekit: Command) -> None:
        answer = densekit("trian")
        assert answer.status == 2
        assert "trian" in answer.err


class TestSystem:
    """What the operating system refuses is one message with status 2."""

    @pytest.mark.parametrize("option", ["--out", "--data"])
    def test_an_empty_name_is_not_the_present_folder(
        self,
        densekit: Command,
        training: list[str],
        option: str,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        training[training.index(option) + 1] = ""
        answer = densekit(*training)
        assert answer.status == 2
        assert "name a folder" in answer.err
        assert not (tmp_path / "config.yaml").exists()

    @pytest.mark.parametrize(
        ("number", "told"),
        [
            (errno.ENOSPC, "Free some space"),
            (errno.EROFS, "can only be read"),
            (errno.EIO, "Input/output error"),
        ],
    )
    def test_a_full_or_protected_disk_is_one_message(
        self, densekit: Command, training: list[str], monkeypatch: pytest.MonkeyPatch, number: int, told: str
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(number, os.strerror(number), "/somewhere/config.yaml")

        monkeypatch.setattr("densekit.run.session.write_text", refuse)
        answer = densekit(*training)
        assert answer.status == 2
        assert f"densekit: /somewhere/config.yaml: {os.strerror(number)}" in answer.err
        assert told in answer.err

    @pytest.mark.parametrize("option", ["--out", "--data"])
    def test_links_that_lead_round_in_a_circle_are_told(
        self, densekit: Command, training: list[str], option: str, tmp_path: Path
    ) -> None:
        (tmp_path / "loop").symlink_to("loop")
        training[training.index(option) + 1] = str(tmp_path / "loop" / "x")
        answer = densekit(*training)
        assert answer.status == 2
        assert answer.err.startswith("densekit: ")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses it")
    def test_a_name_that_is_too_long_is_told(self, densekit: Command, training: list[str]) -> None:
        training[training.index("--out") + 1] = "x" * 400
        answer = densekit(*training)
        assert answer.status == 2
        assert "choose a shorter one" in answer.err

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    @pytest.mark.slow
    def test_a_name_that_the_terminal_can_not_show_is_written_as_an_escape(
        self, pictures: Path, encoding: str
    ) -> None:
        (pictures / "red").rename(pictures / "빨강")
        done = subprocess.run(
            [sys.executable, "-m", "densekit", "doctor", str(pictures)],
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        assert rb"\ube68\uac15" in done.stdout
        assert b"Traceback" not in done.stderr


class TestClosedStreams:
    """`2>&-` in a shell, services, programs without a console: Python has no stream there at all."""

    def test_without_standard_error_the_answer_is_the_same(
        self, densekit: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = densekit("doctor", pictures)
        monkeypatch.setattr(sys, "stderr", None)
        assert densekit("doctor", pictures)[:2] == usual[:2]
        monkeypatch.setattr(sys, "stderr", None)
        assert densekit("doctor", pictures / "nowhere") == (2, "", "")  # and nothing of it on standard output

    def test_without_standard_output_it_still_works(
        self, densekit: Command, training: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        assert densekit(*training).status == 0
        assert (tmp_path / "run" / "metrics.json").is_file()

    def test_a_program_without_a_console_trains_and_sees_no_bar(
        self, pictures: Path, tiny_architecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = {"model.architecture": str(tiny_architecture), "data.image_size": 32}
        monkeypatch.setattr(sys, "stderr", None)
        out = tmp_path / "run"
        train(data=pictures, weights="none", epochs=1, settings=settings, out=out, progress=True)
        assert (out / "metrics.json").is_file()
        assert diagnose(pictures, progress=True).problems == ()


class TestStartingUp:
    def test_the_version_is_told(self, densekit: Command) -> None:
        answer = densekit("--version")
        assert (answer.status, answer.out) == (0, f"densekit {version('densekit')}\n")

    def test_neither_the_package_nor_help_loads_torch(self) -> None:
        code = (
            "import sys, densekit, densekit.cli; "
            "densekit.cli.app(['--help'], standalone_mode=False); "
            "slow = {'torch', 'torchvision', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules); "
            "sys.exit(f'loaded: {slow}' if slow else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_help_names_every_preset(self, densekit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "200")  # or a name is broken at its hyphen
        told = densekit("train", "--help").out.partition("--preset")[2].partition("--train-from")[0]
        assert sorted(re.findall(r"\b(?:full|head)[-\w]*", told)) == sorted(PRESETS)

    def test_it_can_be_run_as_a_module(self) -> None:
        command = [sys.executable, "-m", "densekit", "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "doctor" in done.stdout
