"""What is packed into a wheel: all that is the project's, and nothing that lies beside it."""

import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
PACKED = ("densekit", "notebooks", "data_samples", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
STRAY = (
    "notebooks/.ipynb_checkpoints/00_start_here-checkpoint.ipynb",
    "notebooks/runs/mine/head.safetensors",
    "notebooks/my notes.ipynb",
    "notebooks/solutions/.ipynb_checkpoints/x.ipynb",
    "data_samples/my_family/anna/1.jpg",
    "data_samples/tabletop/train/mug/.ipynb_checkpoints/1-checkpoint.png",
    "data_samples/tabletop/runs/config.yaml",
    "densekit/__pycache__/a.pyc",
    "densekit/runs/x/metrics.json",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, in which somebody has worked."""
    copy = tmp_path_factory.mktemp("project")
    for name in PACKED:
        whole = ROOT / name
        if whole.is_dir():
            shutil.copytree(
                whole, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            )
        else:
            shutil.copy(whole, copy / name)
    for stray in STRAY:
        (copy / stray).parent.mkdir(parents=True, exist_ok=True)
        (copy / stray).write_bytes(b"stray")
    return copy


@pytest.fixture(scope="module")
def builder(project: Path) -> WheelBuilder:
    return WheelBuilder(str(project))


@pytest.fixture(scope="module")
def packed(builder: WheelBuilder) -> dict[str, Path]:
    """The files that a wheel is made of, by their names in it; packing them would take seconds."""
    return {
        Path(one.distribution_path).as_posix(): Path(one.path) for one in builder.recurse_included_files()
    }


@pytest.fixture(scope="module")
def metadata(builder: WheelBuilder) -> str:
    return str(builder.config.core_metadata_constructor(builder.metadata))


def test_nothing_is_packed_that_is_not_the_project_s(packed: dict[str, Path]) -> None:
    assert [name for name, path in packed.items() if path.stat().st_size == len("stray")] == []


def test_course_samples_and_package_are_packed_whole(packed: dict[str, Path]) -> None:
    names = set(packed)
    bundled = [path for path in (ROOT / "data_samples").rglob("*") if path.is_file()]
    bundled += (ROOT / "notebooks").glob("*/[0-9][0-9]*_*")
    bundled += (ROOT / "notebooks").glob("[0-9][0-9]*_*")
    bundled += (ROOT / "notebooks" / "measured").glob("*.json")
    assert {f"densekit/_bundled/{path.relative_to(ROOT).as_posix()}" for path in bundled} <= names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "densekit").rglob("*.py")} <= names


def test_the_package_s_page_has_no_link_into_a_repository(metadata: str) -> None:
    page = message_from_string(metadata).get_payload()
    assert "# densekit" in page
    assert [line for line in page.splitlines() if "](" in line.replace("](http", "")] == []
    assert "![" not in page
    assert "made by `make picture`" not in page  # the words below a picture that is not there


@pytest.mark.slow
def test_a_wheel_holds_these_files_and_this_page(
    project: Path, packed: dict[str, Path], metadata: str, tmp_path: Path
) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        about = {name for name in wheel.namelist() if ".dist-info/" in name}
        assert set(wheel.namelist()) - about == set(packed)
        (page,) = (name for name in about if name.endswith("/METADATA"))
        assert wheel.read(page).decode() == metadata


def test_it_can_be_installed_so_that_changes_count_at_once(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel:editable",
        "--directory",
        str(tmp_path),
    ]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        (pointer,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        assert wheel.read(pointer).decode().strip() == str(ROOT)
