"""The guard: every way in which a notebook can look tested without being tested is refused."""

import nbformat
import pytest

from densekit.course.build import build_course
from densekit.course.check import check_course
from densekit.errors import CourseError

pytestmark = pytest.mark.notebooks


@pytest.fixture
def learner(course):
    return course / "00_sample.ipynb"


@pytest.fixture
def refused(course, learner, edit):
    """Change the learner's notebook, and return what the check says."""

    def refused(change):
        edit(learner, change)
        report = check_course(folder=course)
        assert not report.ok
        assert {problem.notebook for problem in report.problems} == {learner}
        return report.text

    return refused


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def with_output(notebook, mime="text/plain"):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return next(output for output in outputs if mime in output.get("data", {}))


def print_in(cell, text):
    cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))


def test_a_fresh_build_is_good(course):
    report = check_course(folder=course)

    assert report.ok, report.text
    assert report.text.endswith("\n2 notebooks checked, all good")


def test_a_stripped_notebook_is_refused(refused, learner, compare):
    def strip(notebook):
        for cell in code_cells(notebook):
            cell.outputs, cell.execution_count = [], None

    text = refused(strip)

    assert "cell 2 was never run, so nothing of it is compared" in text
    assert "0 cells are compared, its source asks for at least 8" in text
    assert compare(learner).returncode == 0, "nbval has learnt to refuse it: this check is no longer needed"


def test_cells_run_out_of_order_are_refused(refused):
    def swap(notebook):
        first, second, *_ = code_cells(notebook)
        first.execution_count, second.execution_count = 2, 1

    assert "cell 2 was run as number 2, expected 1" in refused(swap)


def test_a_flood_of_ignored_cells_is_refused_even_if_it_comes_from_the_source(course):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text().replace("# %%\n", '# %% tags=["nbval-ignore-output"]\n'))
    build_course(folder=course)

    assert "0 cells are compared, its source asks for at least 8" in check_course(folder=course).text


def test_a_flood_of_ignored_cells_in_the_notebook_is_refused(refused):
    def ignore(notebook):
        for cell in code_cells(notebook):
            cell.metadata["tags"] = ["nbval-ignore-output"]

    text = refused(ignore)

    assert "0 cells are compared, its source asks for at least 8" in text
    assert "13 cells are ignored, its source allows at most 2" in text


def test_skipping_tags_and_comments_are_refused(refused):
    def skip(notebook):
        first, second, *_ = code_cells(notebook)
        first.metadata["tags"] = ["nbval-skip"]
        second.source = "# NBVAL_IGNORE_OUTPUT\n" + second.source

    text = refused(skip)

    assert "cell 2: skipping it or letting it fail hides it" in text
    assert "cell 3: say what is not compared by the tag 'nbval-ignore-output', not by a comment" in text


def test_an_edited_cell_is_refused(refused):
    def edit(notebook):
        notebook.cells[3].source += "\n1 + 1"

    assert "cell 4: its source differs from the source: build it again" in refused(edit)


def test_an_added_cell_is_refused(refused):
    def add(notebook):
        notebook.cells.append(nbformat.v4.new_markdown_cell("and more"))

    assert "has 21 cells where its source has 20" in refused(add)


def test_a_changed_source_is_told(course):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text() + "\n# %% [markdown]\n# One more thing.\n")

    report = check_course(folder=course)

    assert len({problem.notebook for problem in report.problems}) == 2
    assert "is not built from its source as it is now: build it again" in report.text


def test_an_error_in_an_output_is_refused(refused):
    def fail(notebook):
        error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
        code_cells(notebook)[-1].outputs.append(error)

    assert "cell 20 stopped with an error" in refused(fail)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("read /home/someone/pictures/cat.jpg", "shows '/home/someone/pictures/cat.jpg'"),
        ("saved in /tmp/tmpab12/run", "shows '/tmp"),
        ("saved in C:\\Users\\someone\\run", r"shows 'C:\Users"),
        ("<Layer object at 0x7f3c5a2b9d10>", "shows the address 0x7f3c5a2b9d10"),
    ],
)
def test_traces_of_the_machine_are_refused(refused, text, told):
    assert told in refused(lambda notebook: print_in(code_cells(notebook)[1], text))


def test_paths_that_are_true_everywhere_are_allowed(course, learner, edit):
    edit(
        learner,
        lambda notebook: print_in(code_cells(notebook)[1], "runs/head and data/home/x.jpg, /dev/null"),
    )

    assert check_course(folder=course).ok


def test_a_picture_without_alt_text_is_refused(refused):
    def silence(notebook):
        picture = nbformat.v4.new_output("display_data", {"image/png": "AAAA"})
        picture.metadata = {"image/png": {"alt": "words that no page shows"}}
        code_cells(notebook)[1].outputs.append(picture)

    assert "cell 3 shows a picture whose alt text no page shows" in refused(silence)


def test_an_img_without_alt_text_is_refused(refused):
    def silence(notebook):
        with_output(notebook, "text/html").data["text/html"] = '<img src="data:image/png;base64,AAAA">'

    assert "cell 4 shows an <img> without alt text" in refused(silence)


def test_a_band_that_was_missed_is_refused(refused):
    text = refused(lambda notebook: print_in(code_cells(notebook)[1], "at least 90 % right: False\n"))

    assert "shows False, and is held to it: mend it, or tag it 'false-is-meant'" in text


def test_a_false_that_is_meant_says_so(course):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text() + '\n# %% tags=["false-is-meant"]\nprint(1 > 2)\n')
    build_course(folder=course)

    report = check_course(folder=course)
    assert report.ok, report.text


def test_a_false_that_is_meant_and_is_not_shown_is_told(course):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text() + '\n# %% tags=["false-is-meant"]\nprint(1 < 2)\n')
    build_course(folder=course)

    assert "shows no False: take the tag away" in check_course(folder=course).text


def test_a_solution_in_the_learners_notebook_is_refused(refused):
    def leak(notebook):
        notebook.cells[0].source += "\n\n    channels = 64 + 32 * layers  # psst"

    assert "cell 1 shows a solution to the learner" in refused(leak)


def test_a_solution_in_an_output_is_refused(refused):
    def leak(notebook):
        print_in(
            code_cells(notebook)[1],
            "def connections(L):\n  total = number_of_layers * (number_of_layers + 1) // 2\n  return total\n",
        )

    assert "cell 3 shows a solution to the learner" in refused(leak)


def test_an_exercise_that_is_already_solved_for_the_learner_is_refused(refused):
    def solve(notebook):
        mime = "application/vnd.densekit.check+json"
        with_output(notebook, mime).data[mime]["state"] = "passed"

    assert "cell 13: its check says 'passed', expected 'todo'" in refused(solve)


def test_an_exercise_that_is_not_checked_is_refused(refused):
    def uncheck(notebook):
        notebook.cells[12].outputs = []

    assert "cell 13 holds an exercise but doesn't call its check" in refused(uncheck)


def rewritten(course, old, new):
    """Build the course from another source, and return what the check says."""
    source = course / "src" / "00_sample.py"
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, new, 1))
    build_course(folder=course)
    return check_course(folder=course).text


def test_a_guess_that_is_revealed_in_its_own_cell_is_refused(course):
    line = 'reveal("channels after the block", 64 + 32 * layers)'
    text = rewritten(course, 'unit="channels")\n', f'unit="channels")\n{line}\n')

    assert "cell 4 asks for a guess and reveals: the guess needs a cell of its own" in text


@pytest.mark.parametrize("answer", ["256", "-256", "answer=256", "['256', 256]"])
def test_an_answer_that_stands_in_the_cell_is_refused(course, answer):
    text = rewritten(course, 'block", 64 + 32 * layers):', f'block", {answer}):')

    assert "holds the answer to 'channels after the block' for all to read: compute it there" in text


def test_an_answer_that_nobody_was_asked_for_is_refused(course):
    text = rewritten(course, 'reveal("channels after', 'reveal("maps after')

    assert "reveals 'maps after the block', and no cell before it asks for a guess of it" in text
    assert "asks for a guess of 'channels after the block', and no cell reveals it" in text


def test_a_guess_that_is_made_for_the_learner_is_refused(course):
    text = rewritten(course, "### BEGIN SOLUTION\nmine = 256\n### END SOLUTION", "mine = 256")

    assert "the guess of 'channels after the block' was made in the learner version" in text


def test_a_guess_that_is_missing_in_the_solved_notebook_is_refused(course):
    text = rewritten(course, "mine = 256", "mine = ...")

    assert "the guess of 'channels after the block' is missing in the solutions version" in text


def test_too_many_code_cells_in_a_row_are_refused(course):
    text = rewritten(course, "# %%\nshow_guesses()", "# %%\n1\n\n# %%\n2\n\n# %%\n3\n\n# %%\nshow_guesses()")

    assert "code cells stand in a row: at most 3" in text


def test_a_figure_that_nobody_talks_about_is_refused(course):
    text = rewritten(
        course,
        "# %% [markdown]\n# All bars are of the same height: each layer adds as many channels as every other.",
        "# %%\nshow(figure)",
    )

    assert "cell 7 shows a figure, and no prose after it says what to notice" in text


def test_exercises_that_take_most_of_the_time_are_refused(course):
    text = rewritten(course, "(2 min, easy)", "(7 min, easy)")

    assert "its exercises take 7 of its 10 minutes: at most 60%" in text


def test_a_shell_command_is_refused(course):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text() + "\n# %%\n# !false\n")
    build_course(folder=course)  # passes, which is the trouble

    assert "cell 21 runs a shell command, whose failure passes silently" in check_course(folder=course).text


def test_a_parameter_that_papermill_can_not_see_is_refused(refused):
    def hide(notebook):
        notebook.cells[1].source += "\nsame: bool = 1 == 1"

    assert "cell 2: 'same: bool = 1 == 1' can't be set" in refused(hide)


def test_a_missing_notebook_and_one_without_a_source_are_told(course, learner):
    learner.rename(course / "07_old.ipynb")

    text = check_course(folder=course).text

    assert "no notebook" in text
    assert "07_old.ipynb: no source: delete it, or write its source" in text


def test_a_file_that_is_no_notebook_is_told(course, learner):
    learner.write_text("{ not JSON")

    assert "00_sample.ipynb is not a notebook: " in check_course(folder=course).text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("compared_at_least: 8", "compared: 8", "unknown key 'compared' .* did you mean 'compared_at_least'"),
        ("#     ignored_at_most: 2\n", "", "ignored_at_most' is None: expected a whole number"),
        ("ignored_at_most: 2", "ignored_at_most: many", "ignored_at_most' is 'many'"),
        ("#   densekit:\n", "#   densekit: 3\n#   more:\n", "'densekit' in the header is '3': expected"),
        ("ignored_at_most: 2", "ignored_at_most: 'two", "00_sample.py is no source that can be read: "),
    ],
)
def test_a_header_with_mistakes_is_told(course, old, new, message):
    source = course / "src" / "00_sample.py"
    source.write_text(source.read_text().replace(old, new))

    with pytest.raises(AssertionError, match=message):
        raise AssertionError(check_course(folder=course).text)


def test_a_source_that_is_no_utf8_is_told(course):
    source = course / "src" / "00_sample.py"
    source.write_bytes(source.read_bytes() + b"# caf\xe9\n")

    assert "00_sample.py is no source that can be read: " in check_course(folder=course).text


def test_an_unknown_name_is_refused(course):
    with pytest.raises(CourseError, match="no notebook '44'"):
        check_course(["44"], folder=course)


def test_nbval_passes_what_is_unchanged_and_tells_what_has_changed(learner, edit, compare):
    assert compare(learner).returncode == 0

    def change(notebook):
        notebook.cells[2].outputs[0].text = "7 layers, scale 1.0, block\n"

    edit(learner, change)

    assert "6 layers, scale 1.0, block" in (compared := compare(learner)).stdout
    assert compared.returncode == 1
