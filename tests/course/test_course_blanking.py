from textwrap import dedent

import pytest

from densekit.course.blanking import blanked, solutions, solved
from densekit.errors import CourseError


def cell(text):
    return dedent(text).strip("\n")


AT_THE_MARGIN = cell("""
    before = 1
    ### BEGIN SOLUTION
    channels, width = 64 + 6 * 32, 56  # as in the paper
    total: int = channels * width
    total += 1
    ### END SOLUTION
    check.exercise_1(channels, width, total)
""")


def test_names_assigned_at_the_margin_keep_their_names():
    expected = """
        before = 1
        channels = ...
        width = ...
        total = ...
        check.exercise_1(channels, width, total)
    """
    assert blanked(AT_THE_MARGIN, "here") == cell(expected)


def test_the_solved_cell_has_the_lines_without_the_markers():
    lines = AT_THE_MARGIN.split("\n")

    assert solved(AT_THE_MARGIN, "here") == "\n".join([lines[0], *lines[2:5], lines[6]])


def test_a_solution_without_names_becomes_one_placeholder():
    assert blanked("### BEGIN SOLUTION\nprint(1)\nprint(2)\n### END SOLUTION", "here") == "..."


def test_a_body_becomes_one_placeholder_at_its_indentation_and_still_runs():
    text = cell("""
        class Layer:
            def forward(self, x):
                ### BEGIN SOLUTION
                new = x + 1
                return [x, new]
                ### END SOLUTION

            def name(self):
                ### BEGIN SOLUTION
                return "layer"
                ### END SOLUTION
    """)
    expected = """
        class Layer:
            def forward(self, x):
                ...

            def name(self):
                ...
    """
    assert blanked(text, "here") == cell(expected)
    compile(blanked(text, "here"), "cell", "exec")


def test_a_starter_takes_the_place_of_the_placeholder_and_keeps_its_layout():
    text = cell("""
        def train(data):
            ### BEGIN SOLUTION
            return fit(data, classes=len(data))
            ### STARTER
            # if data:
            #     return fit(data, classes=1000)  # fits ImageNet
            #
            # return None
            ### END SOLUTION
    """)
    expected = """
        def train(data):
            if data:
                return fit(data, classes=1000)  # fits ImageNet

            return None
    """
    assert [line.rstrip() for line in blanked(text, "here").split("\n")] == cell(expected).split("\n")


def test_what_is_assigned_further_in_has_a_placeholder_at_the_margin():
    text = cell("""
        ### BEGIN SOLUTION
        with torch.no_grad():
            logits = model(x)
        for batch in batches:
            if batch:
                total = total + len(batch)
        ### END SOLUTION
    """)
    assert blanked(text, "here") == "logits = ...\ntotal = ..."


def test_solutions_are_collected_one_for_each_block():
    text = "### BEGIN SOLUTION\na = 1\n### END SOLUTION\nb = 2\n### BEGIN SOLUTION\nc = 3\n### END SOLUTION"

    assert solutions(text, "here") == ["a = 1", "c = 3"]


def test_a_cell_without_markers_stays_as_it_is():
    text = "x = 1\n\n# a comment about a solution\ny = x  # STARTERS and mains"

    assert blanked(text, "here") == solved(text, "here") == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("### BEGIN SOLUTION\na = 1", "'### BEGIN SOLUTION' without '### END SOLUTION'"),
        ("a = 1\n### END SOLUTION", "'### END SOLUTION' stands alone"),
        ("# BEGIN SOLUTION\na = 1\n# END SOLUTION", "'# BEGIN SOLUTION' stands alone"),
        ("### BEGIN SOLUTION\na = 1\n### BEGIN SOLUTION\n### END SOLUTION", "inside a solution"),
        ("### BEGIN SOLUTION\n\n### END SOLUTION", "nothing between"),
        ("### BEGIN SOLUTION\na = \n### END SOLUTION", "is not Python on its own"),
        ("### BEGIN SOLUTION\ndef f():\n    pass\n### END SOLUTION", "defines 'f' as a whole"),
        ("### BEGIN SOLUTION\na = 1\n### STARTER\na = 2\n### END SOLUTION", "must be a comment"),
    ],
)
def test_markers_that_would_leak_or_break_are_refused_with_the_cell(text, message):
    with pytest.raises(CourseError, match=f"^nb.py, cell 3: .*{message}"):
        blanked(text, "nb.py, cell 3")
