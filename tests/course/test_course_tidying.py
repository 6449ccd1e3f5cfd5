"""What of an executed notebook is stored."""

import copy

from nbformat import v4

from densekit.course.tidying import tidy

VIEW, STATE = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"


def notebook_with_a_widget(tags: list[str]):
    output = v4.new_output("display_data", data={VIEW: {"model_id": "f" * 32}, "text/plain": "Box"})
    cell = v4.new_code_cell("explorer", outputs=[output], metadata={"tags": tags})
    widgets = {STATE: {"state": {"f" * 32: {"model_name": "BoxModel"}}, "version_major": 2}}
    return v4.new_notebook(cells=[cell], metadata={"widgets": widgets})


def test_the_state_of_widgets_is_stored_where_an_output_shows_them():
    tidied = tidy(notebook_with_a_widget([]))
    assert list(tidied.metadata.widgets[STATE].state) == ["0" * 32]


def test_no_state_is_stored_for_the_widgets_of_a_volatile_cell():
    notebook = notebook_with_a_widget(["volatile"])
    tidied = tidy(copy.deepcopy(notebook))
    assert tidied.cells[0].outputs == []
    assert "widgets" not in tidied.metadata
