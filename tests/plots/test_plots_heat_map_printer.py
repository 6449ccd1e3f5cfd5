"""Heat maps printed one after the other: the same bytes as alone, and the same picture as the figure."""

import io

import matplotlib
import numpy as np
import pytest
from packaging.version import Version
from PIL import Image

from densekit.evaluation.report import Report
from densekit.plots.confusion import confusion_heatmap
from densekit.plots.described import png
from densekit.plots.heat_map_printer import HeatMapPrinter


def report(classes: int, seed: int, total: int = 20) -> Report:
    generator = np.random.default_rng(seed)
    weights = np.eye(classes) * 5 + generator.random((classes, classes))
    rows = [generator.multinomial(total, row / row.sum()) for row in weights]
    return Report(tuple(f"class {number}" for number in range(classes)), np.array(rows))


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)


@pytest.mark.skipif(
    Version(matplotlib.__version__) < Version("3.11"),
    reason="the colour bar of matplotlib 3.10 differs by some levels, whatever is drawn beside it first",
)
@pytest.mark.parametrize("classes", [2, 10, 30, 50])
@pytest.mark.slow
def test_a_map_has_the_same_bytes_alone_and_among_others(classes: int) -> None:
    first, second, third = (report(classes, seed) for seed in range(3))
    printer = HeatMapPrinter(first)
    printed = [printer.png(one) for one in (third, first, second, third)]
    assert printed[0] == printed[3] == HeatMapPrinter(third).png(third)
    assert printed[1] == HeatMapPrinter(first).png(first)


@pytest.mark.parametrize("classes", [2, 10, 30, 50])
@pytest.mark.slow
def test_it_is_the_figure(classes: int) -> None:
    one = report(classes, seed=1)
    printed, drawn = (
        pixels(HeatMapPrinter(report(classes, seed=2)).png(one)),
        pixels(png(confusion_heatmap(one))),
    )
    assert printed.shape == drawn.shape
    different = (np.abs(printed - drawn).max(axis=2) > 40).mean()
    assert different < 0.02  # letters may lie half a pixel beside those of the figure
    other = pixels(HeatMapPrinter(one).png(report(classes, seed=3)))
    assert (np.abs(other - drawn).max(axis=2) > 40).mean() > 2 * different


def test_the_words_are_the_figures() -> None:
    one = report(4, seed=1)
    image = Image.open(io.BytesIO(HeatMapPrinter(one).png(one)))
    assert image.info["Description"] == confusion_heatmap(one).alt_text  # type: ignore[attr-defined]


def test_it_fits_reports_of_the_same_images_alone() -> None:
    printer = HeatMapPrinter(report(4, seed=1))
    assert printer.fits(report(4, seed=2))
    assert not printer.fits(report(4, seed=2, total=21))
    assert not printer.fits(report(5, seed=2))


def test_a_class_without_images_is_no_division_by_zero() -> None:
    one = Report(("a", "b"), np.array([[3, 1], [0, 0]]))
    assert pixels(HeatMapPrinter(one).png(one)).shape[2] == 3
