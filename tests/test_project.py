"""The files that set densekit up agree with each other and with what is told about them."""

import ast
import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rooms import between_rooms, circles, import_graph, modules, room

import densekit

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = {Requirement(line).name.lower(): Requirement(line) for line in PROJECT["dependencies"]}

# What Colab brought in August 2026, and must not be made to upgrade.
COLAB = {
    "torch": "2.11.0",
    "torchvision": "0.26.0",
    "ipywidgets": "7.7.1",
    "ipykernel": "6.17.1",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
}


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): Version(version) for name, version in pins}


class TestEnvironment:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

    def test_python_is_the_one_that_the_package_asks_for(self) -> None:
        (python,) = (one for one in self.environment["dependencies"] if str(one).startswith("python"))
        assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])

    def test_every_other_package_comes_from_pyproject(self) -> None:
        *conda, pip = self.environment["dependencies"]
        assert [re.split("[<>=]", one)[0] for one in conda] == ["python", "pip"]
        assert pip == {"pip": ["-e .[notebooks]"]}
        assert "notebooks" in PROJECT["optional-dependencies"]

    def test_it_does_not_use_a_channel_that_is_no_longer_kept(self) -> None:
        assert self.environment["channels"] == ["conda-forge", "nodefaults"]


class TestVersions:
    @pytest.mark.parametrize("name", sorted(COLAB))
    def test_what_colab_brings_is_within_the_bounds(self, name: str) -> None:
        assert REQUIREMENTS[name].specifier.contains(COLAB[name])

    def test_python_has_no_upper_bound(self) -> None:
        assert "<" not in PROJECT["requires-python"]

    @pytest.mark.parametrize("name", sorted(REQUIREMENTS))
    def test_every_package_is_pinned_to_a_version_within_its_bounds(self, name: str) -> None:
        pinned = constraints()[name.lower()]
        assert REQUIREMENTS[name].specifier.contains(pinned, prereleases=True), pinned


class TestMakefile:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    def test_it_installs_with_the_constraints(self) -> None:
        assert "--constraint constraints.txt" in self.makefile

    def test_every_command_that_the_readme_and_contributing_name_is_there(self) -> None:
        targets = set(re.findall(r"^([a-z-]+):", self.makefile, flags=re.MULTILINE))
        for name in ("README.md", "CONTRIBUTING.md"):
            text = (ROOT / name).read_text(encoding="utf-8")
            named = set(re.findall(r"(?:`|^ +)make ([a-z-]+)", text, flags=re.MULTILINE))
            assert named, f"{name} names no command"
            assert named <= targets, f"{name} names {named - targets}"


class TestRooms:
    """CONTRIBUTING.md lists the rooms from top to bottom: no imports from above, and no circles."""

    DEEPER: ClassVar = {
        "densekit.model.proof": "model.proof",
        "densekit.model.frozen": "model.frozen",
        "densekit.model.saving": "model.saving",
    }

    def levels(self) -> list[tuple[str, ...]]:
        """Return the rooms of the map, those of one row together, from the top."""
        table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        first_cells = re.findall(r"^\| (`densekit/[^|]*) \|", table, flags=re.MULTILINE)
        paths = [re.findall(r"`densekit/([\w/.]+?)/?`", cell) for cell in first_cells]
        named = [tuple(path.removesuffix(".py").replace("/", ".") for path in row) for row in paths]
        return [("__main__",), *named, ("densekit",)]

    def upward(self, trees: Mapping[str, ast.Module]) -> list[tuple[str, str]]:
        """Return the imports from a room above, or beside."""
        level = {name: number for number, names in enumerate(self.levels()) for name in names}
        rooms = between_rooms(import_graph(trees, densekit._HOMES), self.DEEPER)
        return sorted(
            (mine, other) for mine, others in rooms.items() for other in others if level[other] <= level[mine]
        )

    @pytest.mark.slow
    def test_no_room_imports_from_one_above_or_beside(self) -> None:
        assert self.upward(modules(ROOT / "densekit")) == []

    @pytest.mark.slow
    def test_every_room_has_its_level(self) -> None:
        known = {name for names in self.levels() for name in names}
        found = {room(name, self.DEEPER) for name in modules(ROOT / "densekit")}
        assert found <= known
        assert known <= found | {"presets"}  # which holds no code

    @pytest.mark.slow
    def test_no_modules_and_no_rooms_import_each_other(self) -> None:
        graph = import_graph(modules(ROOT / "densekit"), densekit._HOMES)
        assert circles(graph) == []
        assert circles(between_rooms(graph, self.DEEPER)) == []

    def test_the_package_knows_nothing_of_the_workshop(self) -> None:
        texts = [path.read_text(encoding="utf-8") for path in (ROOT / "densekit").rglob("*.py")]
        assert not [text for text in texts if re.search(r"^\s*(from|import) workshop", text, re.MULTILINE)]

    @pytest.mark.parametrize(
        "text",
        [
            "from densekit.run.classifier import load_run",
            "import densekit.run.classifier",
            "from densekit import run",
            "from densekit import load_run",
            "from ..run import load_run",
            "def late():\n    from densekit.run import load_run",
            "try:\n    import densekit.run.classifier\nexcept ImportError:\n    pass",
        ],
    )
    def test_an_import_upwards_is_seen_however_it_is_written(self, text: str) -> None:
        trees = {
            "densekit": ast.parse(""),
            "densekit.run": ast.parse(""),
            "densekit.run.classifier": ast.parse(""),
            "densekit.model": ast.parse(""),
            "densekit.model.zoo": ast.parse(text),
        }
        assert self.upward(trees) == [("model", "run")]

    def test_an_import_for_type_checkers_alone_is_none(self) -> None:
        text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from densekit.run import Run"
        assert self.upward({"densekit.run": ast.parse(""), "densekit.model": ast.parse(text)}) == []

    def test_an_import_beside_and_a_circle_of_three_are_seen(self) -> None:
        beside = {
            "densekit.errors": ast.parse("from densekit import words"),
            "densekit.words": ast.parse(""),
        }
        assert self.upward(beside) == [("errors", "words")]
        trees = {
            "densekit.files": ast.parse("from densekit import vision"),
            "densekit.vision": ast.parse("import densekit.devices"),
            "densekit.devices": ast.parse("from densekit.files import cache_folder"),
        }
        graph = import_graph(trees)
        assert circles(graph) == [["densekit.devices", "densekit.files", "densekit.vision"]]
        assert circles(between_rooms(graph)) == [["devices", "files", "vision"]]


class TestDocuments:
    @pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
    def test_every_file_that_they_link_to_is_there(self, name: str) -> None:
        text = (ROOT / name).read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        missing = [link for link in links if not (ROOT / link).exists()]
        assert links
        assert missing == []


def test_what_is_pinned_installs_on_every_python_that_is_promised() -> None:
    oldest = Version(str(next(iter(SpecifierSet(PROJECT["requires-python"]))).version) + ".0")
    pinned = constraints()
    installed = {each.metadata["Name"].lower().replace("_", "-"): each for each in distributions()}
    refuse = {
        name: requires
        for name, each in installed.items()
        if name in pinned
        and pinned[name] == Version(each.version)  # with the lowest versions, others are installed
        and (requires := each.metadata.get("Requires-Python"))
        and oldest not in SpecifierSet(requires)
    }
    assert refuse == {}
