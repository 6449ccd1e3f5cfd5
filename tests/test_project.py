"""The files that set densekit up agree with each other and with what is told about them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

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
    """CONTRIBUTING.md lists the rooms from top to bottom; none imports from one above."""

    LEVELS = (
        {"cli", "widgets", "course", "exercises"},
        {"trainer", "run"},
        {"training", "features", "evaluation"},
        {"data", "model", "plots"},
        {"config", "presets", "devices", "vision", "files", "errors", "words", "intervals"},
    )

    @classmethod
    def upward_imports(cls, room: str, text: str) -> list[str]:
        level = {name: number for number, names in enumerate(cls.LEVELS) for name in names}
        imported = re.findall(r"^\s*(?:from|import) densekit\.(\w+)", text, flags=re.MULTILINE)
        return [name for name in imported if room in level and level.get(name, 99) < level[room]]

    def test_no_module_imports_from_a_room_above_its_own(self) -> None:
        package = ROOT / "densekit"
        wrong = {
            str(path.relative_to(package)): upward
            for path in package.rglob("*.py")
            if (
                upward := self.upward_imports(
                    path.relative_to(package).parts[0].removesuffix(".py"), path.read_text("utf-8")
                )
            )
        }
        assert wrong == {}

    def test_an_import_upwards_would_be_seen(self) -> None:
        text = "import torch\nfrom densekit.errors import DataError\nfrom densekit.run import load_run\n"
        assert self.upward_imports("model", text) == ["run"]


class TestDocuments:
    @pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
    def test_every_file_that_they_link_to_is_there(self, name: str) -> None:
        text = (ROOT / name).read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        missing = [link for link in links if not (ROOT / link).exists()]
        assert links
        assert missing == []

    def test_the_map_of_the_code_names_every_room(self) -> None:
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        rooms = [path for path in (ROOT / "densekit").iterdir() if path.suffix == ".py" or path.is_dir()]
        names = {path.name for path in rooms if not path.name.startswith(("_", "."))}
        unnamed = {name for name in names if name not in text}
        assert unnamed == set()
