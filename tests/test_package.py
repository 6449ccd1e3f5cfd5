import subprocess
import sys

import pytest

import densekit


def test_every_promised_name_is_there() -> None:
    for name in densekit.__all__:
        assert getattr(densekit, name) is not None


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
