"""What CONTRIBUTING and the files for GitHub and editors name is there; what must parse, parses."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import alrun

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github/CONTRIBUTING.md").read_text(encoding="utf-8")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TASKS = SETTINGS["tool"]["poe"]["tasks"]
#: Files that somebody who follows it would write.
WRITTEN = {"alrun/query/mine.py", "conf/query/mine.yaml", "tests/query/test_mine_query.py"}
WRITTEN |= {"alrun/logger/NAME.py", "conf/logger/NAME.yaml"}
FILE = re.compile(r"`((?:alrun|conf|tests|scripts)/[\w./]*)`")
MEMBER = re.compile(r"`(alrun/[\w/]+\.py)`:\s+`([A-Za-z_.]+)`")


def test_every_file_that_contributing_names_is_there() -> None:
    named = set(FILE.findall(TEXT)) - WRITTEN
    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_function_that_the_walks_name_is_there() -> None:
    missing = []
    members = MEMBER.findall(TEXT)
    assert len(members) > 15
    for file, member in members:
        text = (ROOT / file).read_text(encoding="utf-8")
        if not all(re.search(rf"^ *(class|def) {part}\b", text, flags=re.MULTILINE) for part in member.split(".")):
            missing.append(f"{file}: {member}")
    assert missing == []


def test_contributing_has_a_row_for_every_room() -> None:
    rooms = {path.parent.name for path in Path(alrun.__file__).parent.glob("*/__init__.py")}
    assert rooms == {path.split("/")[1] for path in re.findall(r"alrun/\w+/", TEXT)}


def test_every_task_that_is_named_exists_and_has_a_help() -> None:
    files = [TEXT, *(path.read_text() for path in (ROOT / ".github").rglob("*.yml"))]
    named = {task for text in files for task in re.findall(r"\bpoe (check|fast|test|bench|docs)\b", text)}
    assert named == set(TASKS) == {"check", "fast", "test", "bench", "docs"}
    assert all(task["help"] for task in TASKS.values())


def test_pre_commit_runs_what_the_task_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    checks = [step["cmd"].removesuffix(" .") for step in TASKS["check"]["sequence"]]
    assert [hook["entry"] for hook in hooks] == checks
    script = (ROOT / ".ci/run").read_text()
    assert [check for check in checks if not re.search(rf"^{re.escape(check)}", script, flags=re.MULTILINE)] == []


def test_what_is_slow_is_there() -> None:
    lines = (ROOT / "tests/slow.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names
    named = [name.partition("::") for name in names]
    assert [path for path, _, _ in named if not (ROOT / "tests" / path).exists()] == []
    tests = [(ROOT / "tests" / path, test) for path, _, test in named if test]
    assert [test for path, test in tests if f"\ndef {test}(" not in path.read_text()] == []


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_workflows_and_forms_parse(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    if path.parent.name == "workflows":
        assert content["permissions"] == {"contents": "read"}
        assert all("runs-on" in job or "uses" in job for job in content["jobs"].values())


def test_the_release_is_published_without_a_token() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert set(jobs["publish"]["needs"]) == {"check", "build"}
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()
    (guard,) = [step["run"] for step in jobs["build"]["steps"] if "__version__" in step.get("run", "")]
    for version, code in ((alrun.__version__, 0), ("9.9.9", 1)):
        environment = {"GITHUB_REF_NAME": f"v{version}", "PATH": "/usr/bin:/bin"}
        answer = subprocess.run(["/bin/bash", "-c", guard], cwd=ROOT, env=environment, check=False)
        assert answer.returncode == code


def test_the_whole_check_is_the_script_that_decides() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    assert "bash .ci/run" in [step.get("run") for step in jobs["whole"]["steps"]]


def test_the_development_container_parses() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert "-c constraints.txt" in container["postCreateCommand"]


def test_the_changelog_has_the_form() -> None:
    text = (ROOT / ".github/CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE)[0] == "[Unreleased]"
    kinds = set(re.findall(r"^### (.*)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
