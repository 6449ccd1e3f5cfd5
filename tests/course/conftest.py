"""A small course with one notebook that has one of everything, built once, and copied for each test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from densekit.course.build import build_course
from densekit.course.execution import kernel_environment

SAMPLE = Path(__file__).parent / "sample"
SANITIZE = Path(__file__).parent.parent / "nbval.cfg"


@pytest.fixture(scope="session", autouse=True)
def sample_checkers_can_be_imported():
    """Kernels run in empty folders, so they find the sample's checkers on PYTHONPATH, as an installed package."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SAMPLE), before]))
    yield
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="session")
def built_once(tmp_path_factory, sample_checkers_can_be_imported) -> Path:
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(SAMPLE / "src", folder / "src")
    build_course(folder=folder)
    return folder


@pytest.fixture
def course(built_once, tmp_path) -> Path:
    """A built course of its own for each test."""
    return Path(shutil.copytree(built_once, tmp_path / "notebooks"))


@pytest.fixture
def edit() -> Callable:
    """Change a notebook on disk, as somebody would who does not know better."""

    def edit(path: Path, change: Callable[[nbformat.NotebookNode], None]) -> None:
        notebook = nbformat.read(path, as_version=4)
        change(notebook)
        nbformat.write(notebook, path)

    return edit


@pytest.fixture
def compare(tmp_path) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Run a notebook again under nbval, without a network, and compare all outputs with the stored ones.

    nbval starts a kernel in the notebook's own folder, so it gets a copy: nothing can land beside the original.
    """

    def compare(notebook: Path) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "compared"
        folder.mkdir(exist_ok=True)
        copy = shutil.copy(notebook, folder)
        options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *options, f"--nbval-sanitize-with={SANITIZE}", str(copy)]
        environment = os.environ | kernel_environment(tmp_path, offline=True)
        environment["DENSEKIT_CACHE"] = str(tmp_path / "cache")
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )

    return compare
