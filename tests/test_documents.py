"""What the README and CONTRIBUTING tell of commands, settings and benchmarks can be done."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from densekit.cli import app
from densekit.config import PRESETS, load_config
from densekit.config.sections import TrainingConfig
from densekit.errors import ConfigError
from densekit.model.architectures import DenseNetConfig
from densekit.model.cut import cuts

ROOT = Path(__file__).parent.parent
README, CONTRIBUTING = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")
)


def code_in(text: str) -> Iterator[str]:
    """Yield what stands between backticks, in one line each, and each indented line, without its comment."""
    for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        yield " ".join(span.split())
    for line in text.splitlines():
        if line.startswith("    "):
            yield line.split(" #")[0].strip()


def commands_in(text: str) -> list[str]:
    """Return the command lines of densekit."""
    found = [re.search(r"(?:^|/|-m )densekit ([a-z].*)", code) for code in code_in(text)]
    return sorted({match.group(1) for match in found if match})


def can_be_given(line: str) -> bool:
    """Say whether there is such a command with such options: asked for help, it is read and not carried out."""
    return CliRunner().invoke(app, [*shlex.split(line), "--help"]).exit_code == 0


@pytest.mark.parametrize("line", commands_in(README + CONTRIBUTING))
def test_every_command_line_that_is_told_can_be_given(line: str) -> None:
    assert can_be_given(line)


def test_they_are_found_wherever_they_stand() -> None:
    text = "a `x/bin/densekit train --data\nmy` b `densekit` c\n\n    densekit doctor my   # why\n"
    assert commands_in(text) == ["doctor my", "train --data my"]


@pytest.mark.parametrize("line", ["trian --data x", "train --dota x", "cache shew"])
def test_one_that_can_not_be_given_is_seen(line: str) -> None:
    assert not can_be_given(line)


def settings_in(text: str) -> list[str]:
    """Return what is set with `--set`, but for the parameters of notebooks and the options of benchmarks."""
    lines = [code for code in code_in(text) if "course run" not in code and "benchmarks/" not in code]
    return sorted({found for line in lines for found in re.findall(r"--set ([a-z_.]+=\S+)", line)})


THINGS_TO_ACT_ON = ("data.folder=x", "model.train_from=all", "data.augmentation.flip=true")
"""Without these, some settings would be refused for having no effect."""


@pytest.mark.parametrize("setting", settings_in(README + CONTRIBUTING))
def test_every_setting_that_is_told_is_one(setting: str) -> None:
    load_config(overrides=[*THINGS_TO_ACT_ON, setting])


def test_one_that_is_none_is_seen() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        load_config(overrides=[*THINGS_TO_ACT_ON, *settings_in("`--set training.epohcs=3`")])


def names_in_table(head: str) -> list[str]:
    """Return the names in the first column of the README's table with this head."""
    (rows,) = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    return [name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_the_table_of_presets_has_them_all() -> None:
    assert sorted(names_in_table("`--preset`")) == sorted(PRESETS)


def test_the_table_of_cuts_has_them_all() -> None:
    assert sorted(names_in_table("`--train-from`")) == sorted(cuts(DenseNetConfig()))


def test_what_more_can_be_asked_for_is_there() -> None:
    (paragraph,) = re.findall(r"\*\*More can be asked for\*\*.*?\n\n", README, flags=re.DOTALL)
    names = set(re.findall(r"`([a-z_]+)`", paragraph))
    assert len(names) > 9
    assert names - set(TrainingConfig.model_fields) == {"cosine"}  # which is a schedule


def benchmarks_in(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return each benchmark that is told of, with the options that are given to it."""
    found = [re.search(r"benchmarks/([a-z_]+\.py)(.*)", code) for code in code_in(text)]
    told = {(match.group(1), tuple(re.findall(r"--[a-z-]+", match.group(2)))) for match in found if match}
    return sorted(told)


def options_of(path: Path) -> set[str]:
    """Return the options that a benchmark takes, or a module beside it that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
        if isinstance(node, ast.ImportFrom) and (beside := path.with_name(f"{node.module}.py")).is_file():
            found |= options_of(beside)
    return {str(option) for option in found}


@pytest.mark.parametrize(("name", "options"), benchmarks_in(README + CONTRIBUTING))
def test_every_benchmark_that_is_told_of_takes_its_options(name: str, options: tuple[str, ...]) -> None:
    assert set(options) <= options_of(ROOT / "benchmarks" / name)


def test_benchmarks_and_options_are_found() -> None:
    told = benchmarks_in(CONTRIBUTING)
    assert len(told) > 9
    assert ("transfer.py", ("--teacher", "--json")) in told
    assert "--photos" in options_of(ROOT / "benchmarks" / "transfer.py")
