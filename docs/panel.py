"""Make docs/panel.png: train in the panel, in JupyterLab and a real browser, and take a picture of it.

It needs Playwright, which `make panel` installs, and a Chromium or Chrome of the system. What drives the browser
here, the test of the panel in a browser uses as well.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nbformat
from PIL import Image

from densekit.files import sample_folder, write_atomically, write_json

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TOKEN = "panel"
LONGEST = 180.0  # seconds for one training


class MissingError(Exception):
    """What is needed and not installed."""


def browser_path() -> str:
    """Return the path of a browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise MissingError(f"no browser was found ({', '.join(BROWSERS)}): on Debian, `apt install chromium`")
    return found


def check_tools() -> None:
    """Raise a MissingError that says what has to be installed, if anything has."""
    browser_path()
    if find_spec("playwright") is None:
        raise MissingError("Playwright is not installed: `make panel` does it, or `pip install playwright`")


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Serve a folder with JupyterLab; yield its address."""
    settings = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / ".config"),
        "IPYTHONDIR": str(folder / ".ipython"),
    }
    settings |= {
        "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".spaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    command += [
        "--port-retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
    ]
    no_news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    write_json(folder / ".config" / "labconfig" / "page_config.json", no_news)
    with (folder / ".lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield _address(folder / ".runtime", server)
        finally:
            server.terminate()
            server.wait(30)


def _address(runtime: Path, server: "subprocess.Popen[bytes]") -> str:
    for _ in range(600):
        for file in runtime.glob("jpserver-*.json"):
            url = str(json.loads(file.read_text())["url"])
            with suppress(OSError), urlopen(f"{url}api?token={TOKEN}"):  # it may not listen yet
                return url
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab has ended with {server.returncode}")
        time.sleep(0.1)
    raise RuntimeError("JupyterLab did not begin within a minute")


@contextmanager
def opened(notebook: Path, width: int = 1100, height: int = 1500) -> Iterator[Any]:
    """Open a notebook in JupyterLab in a headless browser and run its cells; yield the page."""
    from playwright.sync_api import sync_playwright

    with jupyterlab(notebook.parent) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(QUIET))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{url}doc/tree/{notebook.name}?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)
        page.locator(".jp-StatusBar-Widget, #jp-main-statusbar", has_text="Idle").first.wait_for(
            timeout=60_000
        )
        run_cell(page, 0)
        yield page
        browser.close()


def run_cell(page: Any, number: int) -> None:
    """Run a cell of code, as somebody does who clicks into it and presses Ctrl and Enter."""
    page.locator(".jp-CodeCell .jp-InputArea-editor").nth(number).click()
    page.keyboard.press("Control+Enter")


class Panel:
    """The panel as somebody sees it in a browser."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.area = page.locator(".jp-OutputArea-output .widget-vbox").first
        self.area.wait_for(timeout=90_000)

    def button(self, label: str) -> Any:
        """Return a button."""
        return self.area.get_by_role("button", name=label, exact=True)

    def status(self) -> str:
        """Return the sentence that says what is done now."""
        return str(self.area.locator("[role=status]").inner_text())

    def until(self, pattern: str, longest: float = LONGEST) -> str:
        """Wait until the sentence looks so; return it."""
        end = time.monotonic() + longest
        while time.monotonic() < end:
            if re.search(pattern, told := self.status()):
                return told
            self.page.wait_for_timeout(100)
        raise AssertionError(f"waited for '{pattern}', saw '{told}'")

    def field(self, label: str) -> Any:
        """Return the control with a label."""
        named = self.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
        return self.area.locator(".jupyter-widgets", has=named).last

    def type(self, label: str, value: str) -> None:
        """Type a value into a field, or into the number beside a slider."""
        field = self.field(label)
        place = field.locator("input, [contenteditable=true]").last
        place.fill(value)
        place.press("Enter")
        place.blur()

    def choose(self, label: str, value: str) -> None:
        """Choose from a list."""
        self.field(label).locator("select").select_option(label=value)

    def rows(self) -> list[dict[str, str]]:
        """Return the table of the runs, a row for each."""
        names = self.area.locator("table thead th").all_inner_texts()
        rows = self.area.locator("table tbody tr").all()
        return [dict(zip(names, row.locator("td").all_inner_texts(), strict=True)) for row in rows]


def main() -> None:
    """Train with two rates, read both numbers, and take the picture."""
    check_tools()
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "panel.ipynb"
        shutil.copytree(sample_folder("tabletop"), Path(folder) / "tabletop")
        write_notebook(notebook, Path("tabletop"), epochs=8)
        with opened(notebook) as page:
            panel = Panel(page)
            panel.button("Train").click()
            print(panel.until("Run 1 (complete|has failed)"))
            panel.type("learning rate", "0.01")
            panel.button("command").click()
            panel.button("Train").click()
            print(panel.until("Run 2 (complete|has failed)"))
            picture = panel.area.screenshot()
            print(*panel.rows(), sep="\n")
    with write_atomically(Path(__file__).with_name("panel.png")) as file:
        file.write(small(picture))


def write_notebook(path: Path, data: Path, **settings: Any) -> None:
    """Write a notebook whose first cell shows the panel, and a free one below."""
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    code = f"from densekit.widgets.panel import training_panel\n\ntraining_panel({str(data)!r}{given})"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def small(picture: bytes) -> bytes:
    """Return a PNG with a palette, which takes a third of the space."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    try:
        main()
    except MissingError as missing:
        sys.exit(f"the picture of the panel can't be made: {missing}")
