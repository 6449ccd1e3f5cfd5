import subprocess
import sys
from pathlib import Path

import pytest

import densekit


def test_every_promised_name_is_there() -> None:
    for name in densekit.__all__:
        assert getattr(densekit, name) is not None


@pytest.mark.slow
def test_a_name_is_the_function_even_after_its_module_was_loaded() -> None:
    code = (
        "import densekit.run.trainer, densekit.training.loop; assert callable(densekit.train), densekit.train"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = densekit.tarin


def test_the_version_is_the_one_of_the_package() -> None:
    from importlib.metadata import version

    assert version("densekit") == densekit.__version__


@pytest.mark.slow
def test_a_training_waits_for_no_library_that_it_does_not_use(
    pictures: Path, tiny_architecture: Path
) -> None:
    code = (
        "import sys; from densekit.run import train; train(data=sys.argv[1], weights='none', progress=0,"
        "settings={'model.architecture': sys.argv[2], 'data.image_size': 32});"
        "print(*sorted({'torchvision', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, pictures, tiny_architecture],
        capture_output=True,
        text=True,
        cwd=pictures.parent,
    )
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
