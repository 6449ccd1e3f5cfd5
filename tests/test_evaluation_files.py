"""The files of a report: readable by people, spreadsheets, pandas and densekit itself."""

import csv
import json
import math
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from packaging.version import Version
from PIL import Image

from densekit.errors import RunError
from densekit.evaluation.files import (
    read_report,
    read_statistics,
    validation_folder,
    write_statistics,
    write_validation,
)
from densekit.evaluation.report import Report
from densekit.plots.heat_map_printer import HeatMapPrinter

AWKWARD = ("사과", 'say "cheese", please', "=1+1", "'=quoted", "@home", "NA", " spaced ", "a\nb")


@pytest.fixture
def report() -> Report:
    return Report(("apple", "pear", "plum"), np.array([[18, 2, 0], [1, 19, 0], [0, 0, 0]]), loss=0.25)


def test_four_files_are_written_and_nothing_else(report, tmp_path):
    write_statistics(report, tmp_path / "new" / "evaluation")
    names = sorted(path.name for path in (tmp_path / "new" / "evaluation").iterdir())
    assert names == ["confusion.csv", "heatmap.png", "metrics.json", "statistics.csv"]


def test_the_statistics_show_fractions_and_the_whole_confusion_table(report, tmp_path):
    write_statistics(report, tmp_path)
    lines = (tmp_path / "statistics.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines == [
        "class,correct,total,fraction,percent,predicted apple,predicted pear,predicted plum",
        "apple,18,20,18/20,90.0 %,18/20,2/20,0/20",
        "pear,19,20,19/20,95.0 %,1/20,19/20,0/20",
        "plum,0,0,0/0,–,0/0,0/0,0/0",
    ]


def test_pandas_reads_both_tables(report, tmp_path):
    write_statistics(report, tmp_path)
    statistics = pd.read_csv(tmp_path / "statistics.csv")
    assert statistics["class"].tolist() == ["apple", "pear", "plum"]
    assert statistics["correct"].sum() == report.correct
    confusion = pd.read_csv(tmp_path / "confusion.csv", index_col=0)
    assert confusion.columns.tolist() == confusion.index.tolist() == ["apple", "pear", "plum"]
    assert np.array_equal(confusion.to_numpy(), report.confusion)


def test_awkward_names_come_back_as_they_were(tmp_path):
    counts = np.arange(64).reshape(8, 8)
    write_statistics(Report(AWKWARD, counts), tmp_path)
    assert read_statistics(tmp_path / "statistics.csv")["class"].tolist() == list(AWKWARD)
    assert read_report(tmp_path).classes == AWKWARD


def test_no_cell_is_a_formula_to_a_spreadsheet(tmp_path):
    write_statistics(Report(AWKWARD, np.eye(8, dtype=int)), tmp_path)
    for name in ("statistics.csv", "confusion.csv"):
        with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


def test_excel_is_told_the_encoding(report, tmp_path):
    write_statistics(report, tmp_path)
    assert (tmp_path / "statistics.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_report_comes_back_whole(tmp_path):
    generator = torch.Generator().manual_seed(1)
    labels, logits = torch.randint(0, 4, (50,), generator=generator), torch.randn(50, 4, generator=generator)
    report = Report.from_logits(labels, logits, ["a", "b", "c", "d"])
    write_statistics(report, tmp_path)
    assert read_report(tmp_path).to_dict() == report.to_dict()


def test_an_empty_report_can_be_written_and_read(tmp_path):
    write_statistics(Report.from_logits([], torch.empty(0, 6), list("abcdef")), tmp_path)
    report = read_report(tmp_path)
    assert (report.total, report.loss) == (0, None)
    assert math.isnan(report.top_k[5])


def test_the_metrics_are_the_report_in_json(report, tmp_path):
    write_statistics(report, tmp_path)
    values = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert values == report.to_dict()
    assert (values["accuracy"], values["loss"], values["per_class"][2]["accuracy"]) == (37 / 40, 0.25, None)


def test_the_heat_map_is_a_picture_that_tells_its_numbers(report, tmp_path):
    write_statistics(report, tmp_path)
    with Image.open(tmp_path / "heatmap.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert "37 of 40 right (92.5 %)" in picture.info["Description"]


def test_a_validation_is_kept_under_its_epoch_and_step(report, tmp_path):
    folder = write_validation(report, tmp_path, epoch=3, step=120)
    assert folder == tmp_path / "evaluation" / "epoch-3-step-120" == validation_folder(tmp_path, 3, 120)
    assert {"statistics.csv", "confusion.csv", "heatmap.png"} <= {path.name for path in folder.iterdir()}


def test_writing_twice_gives_the_same_bytes(report, tmp_path):
    write_statistics(report, tmp_path / "one")
    write_statistics(report, tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("confusion.csv", None, "there is no .*confusion.csv: put it back. `densekit evaluate RUN` makes"),
        ("metrics.json", None, "there is no .*metrics.json: put it back. `densekit evaluate RUN` makes"),
        ("confusion.csv", b"\xff\xfe,\xff", "confusion.csv is not a CSV table in UTF-8"),
        ("confusion.csv", b"", "confusion.csv is not a table"),
        ("confusion.csv", b"x,a,b\na,1\n", "confusion.csv is not a table: its rows have different lengths"),
        ("confusion.csv", b"x,a,b\na,1,two\nb,0,1\n", "confusion.csv is not a confusion table"),
        ("confusion.csv", b"x,a,b\na,1,2\n", "confusion.csv is not a confusion table"),
        ("metrics.json", b"{", "metrics.json is not JSON"),
        ("metrics.json", b"[]", "metrics.json holds no metrics: expected an object"),
    ],
)
def test_a_damaged_folder_is_refused_by_name(report, tmp_path, name, content, message):
    write_statistics(report, tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=message):
        read_report(tmp_path)


def test_another_table_is_not_taken_for_statistics(report, tmp_path):
    write_statistics(report, tmp_path)
    with pytest.raises(
        RunError, match=r"confusion.csv is not a statistics table: expected the columns \['class'"
    ):
        read_statistics(tmp_path / "confusion.csv")


def test_a_table_and_numbers_that_somebody_has_changed_are_told(report, tmp_path):
    write_statistics(report, tmp_path)
    table, metrics = tmp_path / "statistics.csv", tmp_path / "metrics.json"
    first, second, *rest = table.read_text(encoding="utf-8-sig").splitlines()
    name, correct, *more = second.split(",")
    table.write_text("\n".join([first, ",".join([name, f"{correct}x", *more]), *rest]), encoding="utf-8")
    with pytest.raises(RunError, match=r"statistics.csv is not a statistics table: "):
        read_statistics(table)
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"loss": "high"}))
    with pytest.raises(RunError, match=r"'loss' is 'high': expected a number"):
        read_report(tmp_path)


same_bytes_alone_and_among_others = pytest.mark.skipif(
    Version(matplotlib.__version__) < Version("3.11"),
    reason="colour bars of matplotlib 3.10 differ by some levels",
)


@same_bytes_alone_and_among_others
def test_heat_maps_of_one_set_of_images_are_laid_out_once(report, tmp_path, monkeypatch):
    laid_out = []

    class Counted(HeatMapPrinter):
        def __init__(self, report):
            super().__init__(report)
            laid_out.append(self.classes)

    monkeypatch.setattr("densekit.plots.heat_map_printer.HeatMapPrinter", Counted)
    other = Report(("a", "b"), np.array([[1, 2], [3, 4]]))
    folders = [tmp_path / name for name in "abcd"]

    with ThreadPoolExecutor(1) as thread:  # a new one, which has laid out nothing yet
        list(thread.map(write_statistics, [other, report, report, other], folders))

    assert laid_out == [other.classes, report.classes, other.classes]
    maps = [(folder / "heatmap.png").read_bytes() for folder in folders]
    assert maps[1] == maps[2]
    assert maps[0] == maps[3] != maps[1]


@same_bytes_alone_and_among_others
def test_threads_that_draw_at_once_draw_the_right_maps(report, tmp_path):
    reports = [report, Report(("a", "b"), np.array([[1, 2], [3, 4]]))]
    for number, each in enumerate(reports):
        write_statistics(each, tmp_path / f"alone-{number}")

    def draw(number):
        for again in range(3):
            write_statistics(reports[number], tmp_path / f"{number}-{again}")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(draw, range(2)))

    for number, again in np.ndindex(2, 3):
        drawn = (tmp_path / f"{number}-{again}" / "heatmap.png").read_bytes()
        assert drawn == (tmp_path / f"alone-{number}" / "heatmap.png").read_bytes()
