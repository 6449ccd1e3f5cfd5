"""The figures: that they show the numbers they were given, whole, readable, and in words."""

import io
import re
import unicodedata

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from densekit.errors import DataError, DensekitError, RunError
from densekit.evaluation.report import Report
from densekit.plots import (
    alt_text,
    before_after,
    class_bars,
    confusion_heatmap,
    describe,
    image_grid,
    png,
    prediction_grid,
    style,
    training_curves,
)
from densekit.plots.style import drawable, label_names, luminance, readable_on, styled

TABLE = ["apple", "mug", "cup", "pencil", "key", "spoon", "bottle", "bowl", "ball", "book"]
HANGUL = ["사과", "바나나", "포도", "딸기", "연필", "지우개", "컵", "접시", "가위", "공책"]
LONG = [f"a rather long class name that goes on and on {number}" for number in range(10)]
FORTY = [f"class_{number:02d}" for number in range(40)]


def a_report(classes: list[str], images: int = 20) -> Report:
    generator = np.random.default_rng(len(classes))
    labels = np.repeat(np.arange(len(classes)), images)
    other = (labels + generator.integers(1, len(classes), labels.size)) % len(classes)
    return Report.from_predictions(
        labels, np.where(generator.random(labels.size) < 0.85, labels, other), classes
    )


def pictures(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (64 + 8 * index, 64), (40 * index % 255, 120, 60)) for index in range(count)]


def probabilities(count: int, classes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(seed)).softmax(1)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def assert_nothing_is_cut_off(figure: Figure) -> None:
    png(figure)  # lays the figure out and draws it; a missing letter would be a warning, and so an error
    box = figure.get_tightbbox()  # in inches
    width, height = figure.get_size_inches()
    inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert inside, f"something is cut off: {box} in {width} x {height}"


def history(rows: int, per_epoch: int = 1) -> list[dict[str, float]]:
    return [
        {
            "epoch": 1 + row // per_epoch,
            "step": 10 * (row + 1),
            "train_loss": 1.0 / (row + 1),
            "val_loss": 1.2 / (row + 1),
            "val_accuracy": 0.5 + 0.04 * min(row, 8),
            "learning_rate": 1e-3,
        }
        for row in range(rows)
    ]


def thirty_of(classes: list[str]) -> dict[str, int]:
    return dict.fromkeys(classes, 30)


FIGURES = {
    "confusion of 2": lambda: confusion_heatmap(a_report(["ants", "bees"])),
    "confusion of 10": lambda: confusion_heatmap(a_report(TABLE)),
    "confusion of 40": lambda: confusion_heatmap(a_report(FORTY)),
    "confusion of 90": lambda: confusion_heatmap(a_report([str(number) for number in range(90)])),
    "confusion of long names": lambda: confusion_heatmap(a_report(LONG)),
    "confusion of Hangul names": lambda: confusion_heatmap(a_report(HANGUL)),
    "confusion in counts": lambda: confusion_heatmap(a_report(TABLE), normalise=False),
    "confusion without images": lambda: confusion_heatmap(Report.from_predictions([], [], TABLE)),
    "confusion of one class": lambda: confusion_heatmap(Report.from_predictions([0], [0], ["$5 or $10"])),
    "curves": lambda: training_curves(history(10)),
    "curves by step": lambda: training_curves(history(10, per_epoch=2)),
    "curves of one validation": lambda: training_curves(history(1)),
    "curves of nothing": lambda: training_curves([]),
    "bars": lambda: class_bars({"train": thirty_of(TABLE), "val": thirty_of(TABLE[:4]), "test": {"mug": 5}}),
    "bars of 40": lambda: class_bars({"train": thirty_of(FORTY)}),
    "bars of long names": lambda: class_bars({"all": thirty_of([*LONG, *HANGUL])}),
    "grid": lambda: image_grid(pictures(7), [f"picture {n}\n사과 🍎" for n in range(7)], "Seven pictures"),
    "predictions": lambda: prediction_grid(pictures(6), HANGUL, probabilities(6, 10), range(6)),
    "before and after": lambda: before_after(
        pictures(5), TABLE, probabilities(5, 10), probabilities(5, 10, 1), range(5)
    ),
    "before and after of 40": lambda: before_after(
        pictures(2), LONG * 4, probabilities(2, 40), probabilities(2, 40, 1), [39, 0]
    ),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.slow
def test_every_figure_is_whole_and_titled_and_described(name):
    figure = FIGURES[name]()
    assert_nothing_is_cut_off(figure)
    assert figure.get_suptitle()
    assert len(alt_text(figure)) > 30
    assert figure.get_figwidth() <= 11


def test_the_check_for_cut_off_text_finds_some():
    figure = training_curves(history(3))
    figure.text(0.97, 0.5, "this runs over the edge")
    with pytest.raises(AssertionError, match="something is cut off"):
        assert_nothing_is_cut_off(figure)


class TestConfusionHeatmap:
    def test_cells_hold_the_percentages_of_the_true_class(self):
        report = Report(("a", "b"), np.array([[15, 5], [1, 299]]))
        assert self.cells(confusion_heatmap(report)) == [["75", "25"], ["<1", ">99"]]

    def test_cells_can_hold_counts(self):
        report = a_report(TABLE)
        cells = self.cells(confusion_heatmap(report, normalise=False))
        assert np.array_equal(np.array(cells, dtype=int), report.confusion)

    def test_a_class_without_images_has_a_row_of_dashes(self):
        figure = confusion_heatmap(Report(("a", "b"), np.array([[3, 1], [0, 0]])))
        assert self.cells(figure) == [["75", "25"], ["–", "–"]]
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a (4)", "b (0)"]

    def test_many_classes_leave_zeros_out_and_very_many_all_numbers(self):
        report = a_report(FORTY)
        assert len(confusion_heatmap(report).axes[0].texts) == np.count_nonzero(report.confusion)
        assert not confusion_heatmap(a_report([str(n) for n in range(60)])).axes[0].texts

    def test_rows_are_true_and_columns_predicted(self):
        axes = confusion_heatmap(a_report(TABLE)).axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class (images)")
        assert [label.get_text() for label in axes.get_xticklabels()] == TABLE

    def test_numbers_stand_out_from_every_shade(self):
        figure = confusion_heatmap(a_report(TABLE))
        image = figure.axes[0].images[0]
        shades = image.to_rgba(image.get_array())
        for text in figure.axes[0].texts:
            column, row = map(int, text.get_position())
            assert contrast(text.get_color(), shades[row, column]) >= 4.5

    @pytest.mark.parametrize("classes", [["ants", "bees"], TABLE, FORTY], ids=len)
    def test_numbers_fit_into_their_cells(self, classes):
        figure = confusion_heatmap(Report(tuple(classes), 10 * np.eye(len(classes), dtype=int)))
        png(figure)
        axes = figure.axes[0]
        cell = axes.get_window_extent().width / len(classes)
        assert max(text.get_window_extent().width for text in axes.texts) < cell

    def test_a_colour_bar_names_what_the_colours_mean(self):
        assert confusion_heatmap(a_report(TABLE)).axes[1].get_ylabel() == "% of the true class"
        assert confusion_heatmap(a_report(TABLE), normalise=False).axes[1].get_ylabel() == "images"

    def test_the_words_hold_the_numbers_that_matter(self):
        report = Report(("사과", "pear"), np.array([[18, 2], [0, 20]]))
        figure = confusion_heatmap(report)
        assert figure.get_suptitle() == "Confusion of 2 classes: 38 of 40 right (95.0 %)"
        assert alt_text(figure) == (
            "Confusion heat map of 2 classes, 40 images: 38 of 40 right (95.0 %). "
            "Right per class: 사과 18/20, pear 20/20. Most often mistaken: 사과 for pear 2 of 20."
        )

    @staticmethod
    def cells(figure: Figure) -> list[list[str]]:
        image = figure.axes[0].images[0]
        table = np.full(image.get_array().shape, "", dtype=object)
        for text in figure.axes[0].texts:
            column, row = map(int, text.get_position())
            table[row, column] = text.get_text()
        return table.tolist()


class TestTrainingCurves:
    def test_the_curves_are_the_columns(self):
        losses, accuracies = training_curves(pd.DataFrame(history(4))).axes
        drawn = {line.get_label(): line.get_ydata() for line in losses.lines[:2]}
        assert np.allclose(drawn["training"], [1, 1 / 2, 1 / 3, 1 / 4])
        assert np.allclose(drawn["validation"], [1.2, 0.6, 0.4, 0.3])
        assert np.allclose(accuracies.lines[0].get_ydata(), [50, 54, 58, 62])

    def test_the_best_validation_is_marked_and_among_equals_the_one_with_the_lowest_loss(self):
        figure = training_curves(history(10))
        star = figure.axes[1].lines[-1]
        assert (list(star.get_xdata()), np.allclose(star.get_ydata(), 82)) == ([10], True)
        assert figure.get_suptitle() == "Training for 10 epochs: best validation 82.0 % at epoch 10"

    def test_time_is_the_epoch_or_with_several_validations_in_it_the_step(self):
        assert training_curves(history(4)).axes[0].get_xlabel() == "epoch"
        assert training_curves(history(4, per_epoch=2)).axes[0].get_xlabel() == "step (batches trained)"

    def test_empty_cells_are_left_out(self):
        rows = history(3)
        rows[1]["val_loss"] = rows[1]["val_accuracy"] = ""
        losses, _ = training_curves(rows).axes
        assert [len(line.get_xdata()) for line in losses.lines[:2]] == [3, 2]

    def test_training_without_validation_has_no_best(self):
        rows = [{**row, "val_loss": None, "val_accuracy": None} for row in history(3)]
        assert training_curves(rows).get_suptitle() == "Training for 3 epochs"

    def test_a_missing_column_is_named(self):
        with pytest.raises(RunError, match="the history has no column 'val_loss': expected epoch, step"):
            training_curves([{"epoch": 1, "step": 1, "train_loss": 1}])


class TestClassBars:
    def test_bars_are_as_long_as_the_counts(self):
        figure = class_bars({"train": {"a": 20, "b": 10}, "val": {"a": 5}})
        widths = [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]
        assert widths == [[20, 10], [5, 0]]
        assert figure.get_suptitle() == "35 images in 2 classes"
        assert {"20", "10", "5", "25"} <= set(texts(figure))
        assert alt_text(figure) == (
            "Bars of images per class: 35 images in 2 classes (train 30, val 5). a 20 + 5, b 10 + 0."
        )

    def test_an_empty_folder_is_no_reason_to_fail(self):
        assert class_bars({"train": {}, "val": {}}).get_suptitle() == "0 images in 0 classes"


class TestPictures:
    def test_right_and_wrong_differ_by_more_than_colour(self):
        shares = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
        figure = prediction_grid(pictures(2), ["ants", "bees"], shares, [0, 1])
        assert [axes.get_title() for axes in figure.axes] == ["✓ ants 90 %", "✗ ants 70 %\ntrue: bees"]
        assert figure.get_suptitle() == "Predictions: 1 of 2 right"
        assert "bees taken for ants (70 %)" in alt_text(figure)

    def test_before_and_after_show_both_guesses_and_all_probabilities(self):
        before, after = torch.tensor([[0.6, 0.4]]), torch.tensor([[0.1, 0.9]])
        figure = before_after(pictures(1), ["ants", "bees"], before, after, [1])
        assert [axes.get_title() for axes in figure.axes] == [
            "bees",
            "before: ✗ 60 %\nants",
            "after: ✓ 90 %\nbees",
        ]
        drawn = [[bar.get_width() for bar in axes.containers[1]] for axes in figure.axes[1:]]
        assert np.allclose(drawn, [[0.6, 0.4], [0.1, 0.9]])
        assert figure.get_suptitle() == "Before and after training: 0 of 1 right, then 1"
        assert "bees: before ants (60 %), after bees (90 %)" in alt_text(figure)

    def test_the_true_class_has_its_bar_however_improbable_it_is(self):
        shares = torch.full((1, 30), 0.99 / 29)
        shares[0, 17] = 0.01
        figure = before_after(pictures(1), [f"c{n}" for n in range(30)], shares, shares, [17])
        names = [label.get_text() for label in figure.axes[1].get_yticklabels()]
        assert len(names) == 6
        assert "c17" in names

    @pytest.mark.parametrize("kind", ["pil", "bytes", "floats", "byte tensor", "float tensor"])
    def test_every_kind_of_picture_keeps_its_colours(self, kind):
        array = np.zeros((8, 12, 3), dtype=np.uint8)
        array[..., 0], array[..., 2] = 200, 50
        tensor = torch.from_numpy(array).permute(2, 0, 1)
        picture = {
            "pil": Image.fromarray(array),
            "bytes": array,
            "floats": array / 255,
            "byte tensor": tensor,
            "float tensor": tensor / 255,
        }[kind]
        shown = image_grid([picture], ["x"], "One").axes[0].images[0].get_array()
        assert np.array_equal(shown, array)

    def test_a_picture_is_shown_small_and_never_changed(self):
        large = Image.new("RGB", (2000, 1000))
        shown = image_grid([large], ["x"], "One").axes[0].images[0].get_array()
        assert shown.shape == (112, 224, 3)
        assert large.size == (2000, 1000)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: image_grid(pictures(2), ["x"], "t"), "1 captions for 2 pictures: expected one for each"),
            (lambda: image_grid([torch.randn(3, 8, 8)], ["x"], "t"), "picture 0 has values outside 0 to 1"),
            (lambda: image_grid([torch.zeros(1, 8, 8)], ["x"], "t"), r"picture 0 has the shape \(1, 8, 8\)"),
            (
                lambda: prediction_grid(pictures(1), ["a", "b"], [[2.0, -1.0]], [0]),
                "don't add up to 1: apply softmax",
            ),
            (
                lambda: prediction_grid(pictures(1), ["a", "b"], [[0.5, 0.3, 0.2]], [0]),
                r"shape \(1, 3\): expected \(1, 2\)",
            ),
            (
                lambda: prediction_grid(pictures(1), ["a"], [[1.0]], [1]),
                "a label is 1, but there are 1 classes",
            ),
        ],
    )
    def test_what_does_not_fit_is_refused(self, call, message):
        with pytest.raises(DataError, match=message):
            call()


class TestNames:
    def test_names_that_can_be_drawn_stay_as_they_are(self):
        assert label_names(["apple", "naïve café", "$5 or $10", "½ αβ"]) == [
            "apple",
            "naïve café",
            "$5 or $10",
            "½ αβ",
        ]

    def test_a_price_is_not_taken_for_mathematics(self):
        figure = confusion_heatmap(a_report(["$5", "$10 or $20"]))
        labels = [*figure.axes[0].get_xticklabels(), *figure.axes[0].get_yticklabels()]
        assert not any(label.get_parse_math() for label in labels)

    def test_what_the_fonts_lack_is_written_otherwise(self, without_hangul_font):
        assert drawable("사과", 0) == "sagwa"
        assert drawable(unicodedata.normalize("NFD", "사과"), 0) == "sagwa"  # as macOS names files
        assert drawable("ㄱ", 0) == "kiyeok"
        assert drawable("red 🍎", 1) == "red red apple"
        assert drawable("苹果", 3) == "class 3"
        assert drawable("\n", 4) == "class 4"

    def test_a_hangul_font_without_the_bold_weight_is_not_worth_a_word(self, half_bold_hangul_font, caplog):
        figure = image_grid([np.zeros((8, 8, 3), np.uint8)], ["사과"], title="bold")
        assert png(figure)
        assert [record.getMessage() for record in caplog.records] == []

    def test_other_words_on_fonts_are_told(self, half_bold_hangul_font, caplog):
        with styled():
            font_manager.findfont(font_manager.FontProperties(family=["a family that nobody has"]))
        assert "a family that nobody has" in caplog.text

    def test_outside_our_figures_nothing_is_held_back(self, half_bold_hangul_font, caplog):
        png(image_grid([np.zeros((8, 8, 3), np.uint8)], ["사과"], title="bold"))
        font_manager.findfont(font_manager.FontProperties(family=["Half Bold"], weight="bold", size=11))
        assert "Failed to find font weight bold for Half Bold" in caplog.text

    @pytest.fixture
    def half_bold_hangul_font(self, monkeypatch):
        """As Debian's NanumGothic is: its bold is called 600, where bold is 700."""
        path = font_manager.findfont("DejaVu Sans")
        entries = [font_manager.FontEntry(path, name="Half Bold", weight=weight) for weight in (400, 600)]
        monkeypatch.setattr(
            font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist, *entries]
        )
        monkeypatch.setattr(style, "_HANGUL_FAMILIES", ("Half Bold",))
        caches = (style.font_families, style._characters, font_manager.fontManager._findfont_cached)
        for cached in caches:
            cached.cache_clear()
        yield
        for cached in caches:
            cached.cache_clear()

    def test_long_names_keep_both_ends_and_stay_distinct(self):
        names = label_names(
            [f"{'x' * 40} {'middle' if n else 'centre'} {'y' * 40}" for n in (0, 1)], longest=11
        )
        assert names == ["0: xxxxx…yyyyy", "1: xxxxx…yyyyy"]

    @pytest.fixture
    def without_hangul_font(self, monkeypatch):
        from densekit.plots import style as names

        monkeypatch.setattr(names, "font_families", lambda: ("DejaVu Sans",))
        names._characters.cache_clear()
        yield
        names._characters.cache_clear()


class TestWords:
    def test_a_figure_without_words_says_how_to_give_it_some(self):
        with pytest.raises(DensekitError, match=r"this figure has no alt text: give it one with describe"):
            alt_text(Figure())

    def test_any_figure_can_be_described(self):
        assert alt_text(describe(Figure(), "Two lines\n   that cross")) == "Two lines that cross"

    def test_a_png_file_holds_its_words(self):
        with Image.open(io.BytesIO(png(confusion_heatmap(a_report(HANGUL))))) as picture:
            assert "사과" in picture.info["Description"]

    def test_the_readers_own_style_changes_nothing(self):
        from matplotlib import rc_context

        plain = png(training_curves(history(3)))
        with rc_context({"figure.facecolor": "black", "font.size": 30, "text.color": "white"}):
            assert png(training_curves(history(3))) == plain

    @pytest.mark.slow
    def test_the_same_figure_made_again_gives_the_same_bytes(self):
        assert png(training_curves(history(3))) == png(training_curves(history(3)))
        assert png(training_curves(history(3))) != png(training_curves(history(4)))


CELLS = [
    "from densekit.plots import confusion_heatmap, describe, image_grid, show\n"
    "from densekit.evaluation.report import Report\n"
    "from PIL import Image\n"
    "figure = confusion_heatmap(Report.from_predictions([0, 1], [0, 1], ['a & b', 'c']))\n"
    "figure",
    "show(figure, alt='only facts')",
    "image_grid([Image.new('RGB', (8, 8))], ['black'], 'One picture')",
    "%matplotlib inline\n"
    "import matplotlib.pyplot as plt\n"
    "mine, axes = plt.subplots()\n"
    "show(mine, alt='an empty square')",
]


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    return NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120).execute()


class TestNotebook:
    """What a real kernel puts into a real notebook."""

    def test_a_figure_shows_itself_with_its_words(self, notebook):
        (image,) = notebook.cells[0].outputs
        expected = (
            "Confusion heat map of 2 classes, 2 images: 2 of 2 right (100.0 %). "
            "Right per class: a & b 1/1, c 1/1. No image was taken for another class."
        )
        assert f'alt="{expected.replace("&", "&amp;")}"' in image.data["text/html"]
        assert image.data["text/plain"] == f"<Figure: {expected}>"

    def test_it_is_as_large_on_the_page_as_it_was_made(self, notebook):
        html = notebook.cells[0].outputs[0].data["text/html"]
        width, height = re.search(r'width="(\d+)" height="(\d+)"', html).groups()
        assert int(width) == round(5.4 * 96)
        assert 200 < int(height) < 500

    def test_other_words_can_be_given(self, notebook):
        (image,) = notebook.cells[1].outputs
        assert 'alt="only facts"' in image.data["text/html"]
        assert image.data["text/plain"] == "<Figure: only facts>"

    def test_photographs_are_stored_as_jpeg(self, notebook):
        (image,) = notebook.cells[2].outputs
        assert image.data["text/html"].startswith('<img src="data:image/jpeg;base64,')

    def test_a_pyplot_figure_is_shown_once(self, notebook):
        assert [set(output.data) for output in notebook.cells[3].outputs] == [{"text/html", "text/plain"}]

    @pytest.mark.parametrize("template", ["lab", "classic"])
    def test_the_words_reach_the_reader_of_an_exported_page(self, notebook, template, caplog):
        page, _ = HTMLExporter(template_name=template).from_notebook_node(notebook)
        assert page.count("<img") == page.count("alt=") == 4
        assert 'alt="an empty square"' in page
        assert "No description has been provided" not in page
        assert "Alternative text" not in caplog.text


def contrast(one: object, other: object) -> float:
    from matplotlib.colors import to_rgb

    light, dark = sorted((luminance(to_rgb(one)), luminance(to_rgb(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_is_readable_on_any_colour():
    for colour in np.random.default_rng(0).random((200, 3)):
        assert contrast(readable_on(tuple(colour)), tuple(colour)) >= 4.5
