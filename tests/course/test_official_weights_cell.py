"""Notebook 04 reads the official weights where they are at hand, and says so plainly where they are not.

The official file can't be had without the internet, so a network of our own stands in for it, in its place in
torch.hub's cache. The cell is taken from the notebook as it is.
"""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch

from densekit import densenet121, sample_folder
from densekit.course.places import open_course
from densekit.model import downloads, inventory, weights
from densekit.model.downloads import official_release


@pytest.fixture
def release(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    buffer = io.BytesIO()
    torch.save(densenet121("none").state_dict(), buffer)
    digits = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
    stand_in = replace(
        official_release("densenet121"), url=f"https://example.org/densenet121-{digits}.pth", sha256=digits
    )
    for module in (downloads, weights, inventory):
        monkeypatch.setattr(module, "official_release", lambda _: stand_in)
    return stand_in, buffer.getvalue()


def _run_cell() -> None:
    notebook = nbformat.read(open_course().notebook("04_densenet121_proven", "learner"), as_version=4)
    (cell,) = [cell.source for cell in notebook.cells if 'official.status == "cached"' in cell.source]
    exec(cell, {"densenet121": densenet121, "sample_folder": sample_folder, "torch": torch})


def test_weights_that_are_at_hand_name_their_three_best_classes(release, capsys):
    stand_in, data = release
    path = Path(stand_in.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    _run_cell()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.endswith("%") for line in lines)
    assert all(any(line.startswith(name) for name in stand_in.classes) for line in lines)


def test_without_them_it_says_how_to_get_them(release, capsys):
    _run_cell()
    said = capsys.readouterr().out
    assert "The official weights are not on this machine" in said
    assert "densekit weights fetch" in said
