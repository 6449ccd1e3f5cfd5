import nbformat
import pytest

from densekit.course.parameters import assign_parameters, parameters_of
from densekit.errors import CourseError

CELL = """epochs: int = 10  # passes
rate: float = 0.1
weights: str = "embedded"
augment: bool = True
sizes = [64, 96]
anything = None
"""


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "00_start.ipynb"
    cell = nbformat.v4.new_code_cell(CELL, metadata={"tags": ["parameters"]})
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), path)
    return path


def test_the_notebooks_own_values_are_read(notebook):
    assert parameters_of(notebook) == {
        "epochs": 10,
        "rate": 0.1,
        "weights": "embedded",
        "augment": True,
        "sizes": [64, 96],
        "anything": None,
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("epochs", "3", 3),
        ("epochs", 3, 3),
        ("epochs", "1e3", 1000),
        ("rate", "1e-3", 0.001),
        ("rate", "1", 1.0),
        ("rate", 2, 2.0),
        ("weights", "3", "3"),
        ("weights", "none", "none"),
        ("augment", "false", False),
        ("sizes", "[32, 64]", [32, 64]),
        ("sizes", (32,), [32]),
        ("anything", "7", 7),
    ],
)
def test_a_value_arrives_in_the_type_of_the_notebooks_own(notebook, name, given, value):
    arrived = assign_parameters([notebook], {name: given})[notebook][name]

    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("epochs", "many", r"'epochs' is 'many': expected a whole number, as in 10"),
        ("epochs", "2.5", r"'epochs' is '2.5': expected a whole number"),
        ("epochs", True, r"'epochs' is True: expected a whole number"),
        ("rate", "fast", r"'rate' is 'fast': expected a number, as in 0.1"),
        ("augment", "3", r"'augment' is '3': expected true or false"),
        ("weights", 3, r"'weights' is 3: expected text"),
        ("sizes", "64", r"'sizes' is '64': expected a list"),
        ("sizes", "[64", r"'sizes' is '\[64': expected a list"),
    ],
)
def test_a_wrong_type_is_refused_with_notebook_name_and_value(notebook, name, given, told):
    with pytest.raises(CourseError, match=f"00_start: parameter {told}"):
        assign_parameters([notebook], {name: given})


def test_a_misspelt_name_is_refused_with_the_nearest(notebook):
    with pytest.raises(CourseError, match=r"no notebook has a parameter 'epoch': did you mean 'epochs'\?"):
        assign_parameters([notebook], {"epoch": 3})


def test_notebooks_without_parameters_are_told(tmp_path):
    path = tmp_path / "00_none.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata), path)

    with pytest.raises(CourseError, match="the notebooks of this run have no parameters"):
        assign_parameters([path], {"epochs": 3})
