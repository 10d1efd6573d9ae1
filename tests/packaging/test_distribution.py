"""What is installed is whole: commands, configs, type marker, and the versions that were tested."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, entry_points, version
from pathlib import Path

import pytest

import alrun
from alrun.config.paths import conf_dir

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): pin for name, pin in pins}


def required(*extras: str) -> set[str]:
    """Return the names that alrun needs, with ``extras``."""
    names = set()
    for line in distribution("alrun").requires or ():
        extra = re.search(r"extra == ['\"](\w+)['\"]", line)
        if extra is None or extra[1] in extras:
            names.add(normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]))
    return names


def test_version_is_the_one_of_the_distribution() -> None:
    assert version("alrun") == alrun.__version__


@pytest.mark.parametrize("command", [[sys.executable, "-m", "alrun"], [str(Path(sys.executable).parent / "alrun")]])
def test_both_commands_work_from_any_folder(command: list[str], tmp_path: Path) -> None:
    answer = subprocess.run([*command, "ls", "query"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "alrun query=entropy" in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_pytest_finds_the_conformance_plugin() -> None:
    (plugin,) = entry_points(group="pytest11", name="alrun")
    assert plugin.load().__name__ == "alrun.testing.plugin"


def test_configs_and_type_marker_are_shipped() -> None:
    assert (conf_dir() / "config.yaml").is_file()
    groups = {path.parent.name for path in conf_dir().glob("*/*.yaml")}
    rooms = {"data", "learner", "training", "inference", "query", "cold_start", "label", "metrology", "stopping"}
    assert groups >= rooms | {"transform", "logger", "experiment", "debug", "hydra"}
    assert (Path(alrun.__file__).parent / "py.typed").is_file()


def test_everything_needed_is_pinned() -> None:
    assert required("test", "joblib") <= constraints().keys()


def test_the_pins_are_what_this_was_tested_with() -> None:
    wrong = {}
    for name, pin in constraints().items():
        try:
            installed = version(name).split("+")[0]
        except PackageNotFoundError:
            continue
        if installed != pin:
            wrong[name] = (pin, installed)
    assert wrong == {}


def test_every_extra_that_the_readme_names_exists() -> None:
    extras = set(distribution("alrun").metadata.get_all("Provides-Extra") or ())
    named = {extra for group in re.findall(r'"\.\[([\w,]+)\]"', README) for extra in group.split(",")}
    assert named
    assert named <= extras
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(settings["project"]["optional-dependencies"]) == extras
