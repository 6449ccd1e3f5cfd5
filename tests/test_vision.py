"""torchvision, whichever build is installed: imported in fresh processes, from stand-in packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEALTHY = "version = 'healthy'"

# What a build for CUDA does beside a torch for the CPU: it asks for operators that nobody registered.
BUILT_FOR_ANOTHER_TORCH = """
import sys
assert "torchvision.inner" not in sys.modules, "half of an earlier import is still there"
from torchvision import inner
import torch
torch.library.register_fake("torchvision::nms")(lambda dets, scores, threshold: dets.new_empty(0))
torch.library.register_fake("torchvision::qnms")(lambda dets, scores, threshold: dets.new_empty(0))
version = 'built for another torch'
"""

BROKEN = "raise RuntimeError('libjpeg is too old')"

SHOW = """
import torch
from densekit.vision import torchvision
print(torchvision.version, hasattr(torch.ops.torchvision, 'nms'))
"""


def imported(folder: Path, source: str | None) -> subprocess.CompletedProcess[str]:
    """Import torchvision through densekit in a process where `source` is the torchvision that is found."""
    package = folder / "torchvision"
    package.mkdir()
    if source is None:
        source = "raise ModuleNotFoundError(\"No module named 'torchvision'\", name='torchvision')"
    (package / "__init__.py").write_text(source, encoding="utf-8")
    (package / "inner.py").touch()
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[1])])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SHOW],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_healthy_build_is_imported_as_it_is(tmp_path: Path) -> None:
    result = imported(tmp_path, HEALTHY)
    assert result.stdout.split() == ["healthy", "False"], result.stderr  # no operator was declared


@pytest.mark.slow
def test_a_build_for_another_torch_is_imported_all_the_same(tmp_path: Path) -> None:
    result = imported(tmp_path, BUILT_FOR_ANOTHER_TORCH)
    assert result.stdout.strip() == "built for another torch True", result.stderr


@pytest.mark.slow
def test_such_a_build_does_fail_without_help(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(BUILT_FOR_ANOTHER_TORCH, encoding="utf-8")
    (tmp_path / "torchvision" / "inner.py").touch()
    result = subprocess.run(
        [sys.executable, "-c", "import torchvision"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "operator torchvision::nms does not exist" in result.stderr


@pytest.mark.parametrize(
    ("source", "message"), [(BROKEN, "libjpeg is too old"), (None, "No module named 'torchvision'")]
)
@pytest.mark.slow
def test_another_failure_is_not_hidden(tmp_path: Path, source: str | None, message: str) -> None:
    result = imported(tmp_path, source)
    assert result.returncode == 1
    assert message in result.stderr


def test_the_installed_one_brings_models_and_transforms() -> None:
    from densekit.vision import torchvision

    assert callable(torchvision.models.densenet121)
    from torchvision.transforms import v2

    assert callable(v2.functional.resize)


@pytest.mark.slow
def test_a_plain_import_works_beside_a_network_that_did_not_import_it() -> None:
    code = (
        "import sys, densekit; densekit.densenet121; assert 'torchvision' not in sys.modules; "
        "import torchvision; print(len(torchvision.models.densenet121().features))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "12\n", done.stderr
