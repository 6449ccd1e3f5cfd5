"""The panel in JupyterLab and a real browser, as a learner uses it; skipped where no browser can be driven."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from docs.panel import MissingError, Panel, check_tools, opened, run_cell, write_notebook

try:
    check_tools()
except MissingError as missing:
    pytest.skip(str(missing), allow_module_level=True)

LONG = 100_000  # epochs


def command(panel: Panel, *parts: str) -> str:
    """Wait until the command that is shown has these parts; return it."""
    shown = panel.area.locator("pre")
    for part in parts:
        shown.filter(has_text=part).wait_for(timeout=10_000)
    return str(shown.inner_text())


def output_below(page: Any, code: str) -> str:
    """Run code in the second cell; return what it prints."""
    cell = page.locator(".jp-CodeCell").nth(1)
    cell.locator(".cm-content").fill(f"{code}; print('done')")
    run_cell(page, 1)
    output = cell.locator(".jp-OutputArea-output", has_text="done")
    output.wait_for(timeout=60_000)
    return str(output.inner_text())


def wider_than_their_place(page: Any) -> list[str]:
    """Return the texts of what would scroll sideways: a group of controls, or the whole panel with its table."""
    boxes = "[...document.querySelectorAll('.widget-vbox')]"
    return list(
        page.evaluate(f"{boxes}.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)")
    )


def test_train_train_again_stop_and_change_the_preset(
    pictures: Path, tiny_architecture: Path, tmp_path: Path
) -> None:
    notebook = tmp_path / "panel.ipynb"
    settings = {"architecture": str(tiny_architecture), "weights": "none", "image_size": 32, "epochs": 3}
    write_notebook(notebook, pictures, **settings)
    with opened(notebook) as page:
        panel = Panel(page)

        panel.button("Train").click()
        assert "% of 6 validation pictures right" in panel.until("Run 1 (complete|has failed)")

        panel.type("learning rate", "0.03")
        panel.button("command").click()
        assert "training.learning_rate=0.03" in command(panel, "0.03")
        panel.button("Train").click()
        panel.until("Run 2 (complete|has failed)")
        rows = panel.rows()
        assert [row["learning_rate"] for row in rows] == ["0.001", "0.03"]
        assert all(re.search(r"% \(\d of 6\)", row["val accuracy"]) for row in rows)
        assert "2 runs against epochs" in panel.area.locator("img").get_attribute("alt")

        panel.type("epochs", str(LONG))
        command(panel, str(LONG))
        panel.button("Train").click()
        panel.until(r"Run 3: epoch \d+")
        assert panel.button("Train").is_disabled()
        assert "42" in output_below(page, "print(6 * 7)")
        assert "Run 3: " in panel.status()  # it goes on, and has printed nothing into the other cell
        assert "Run 3" not in page.locator(".jp-CodeCell").nth(1).inner_text()
        before = panel.area.locator("img").get_attribute("src")
        page.wait_for_function("src => document.querySelector('.widget-vbox img').src != src", arg=before)
        panel.button("Stop").click()
        assert "stopped after" in panel.until("Run 3 (stopped|has failed)")
        assert "stopped after" in panel.rows()[2]["state"]

        panel.choose("preset", "full")
        assert "--preset full" in command(panel, "--preset full")
        assert panel.field("train from").locator("select").input_value() == "all"
        assert panel.field("epochs").locator("input").input_value() == "10"
        panel.choose("preset", "head")
        command(panel, "--preset head")

        panel.type("folder", str(tmp_path / "<b>nowhere"))
        command(panel, "nowhere")
        panel.button("Train").click()
        panel.until("Run 4 has failed")
        assert "<b>nowhere" in panel.area.locator("[role=alert]").inner_text()
        assert not wider_than_their_place(page)

    metrics = [
        json.loads((tmp_path / "runs" / f"pictures-{n}" / "metrics.json").read_text()) for n in (1, 2, 3)
    ]
    assert [one["stopped"] for one in metrics] == [None, None, "asked"]


def test_running_its_cell_again_stops_the_training(
    pictures: Path, tiny_architecture: Path, tmp_path: Path
) -> None:
    notebook = tmp_path / "panel.ipynb"
    settings = {"architecture": str(tiny_architecture), "weights": "none", "image_size": 32, "epochs": LONG}
    write_notebook(notebook, pictures, **settings)
    with opened(notebook) as page:
        panel = Panel(page)
        panel.button("Train").click()
        panel.until(r"Run 1: epoch \d+")
        run_cell(page, 0)
        panel.until("Nothing has been trained yet")
        metrics = tmp_path / "runs" / "pictures-1" / "metrics.json"
        for _ in range(300):
            if metrics.exists():
                break
            page.wait_for_timeout(100)
        assert json.loads(metrics.read_text())["stopped"] == "asked"
