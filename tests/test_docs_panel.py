"""The script that takes the picture of the panel: what it needs and does not find is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from docs.panel import MissingError, check_tools

ROOT = Path(__file__).parent.parent


def test_no_browser_is_told_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match=r"no browser was found .*apt install chromium"):
        check_tools()


@pytest.mark.slow
def test_the_script_ends_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    script = [sys.executable, str(ROOT / "docs" / "panel.py")]
    ended = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.startswith("the picture of the panel can't be made: no browser was found")
    assert "Traceback" not in ended.stderr


def test_the_picture_is_small_enough_for_a_page():
    assert (ROOT / "docs" / "panel.png").stat().st_size < 200_000
