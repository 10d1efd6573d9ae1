"""The README's strategy in three files: taken from the README, written outside the repository, run as it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
FILES = ("my_strategies.py", "conf/query/mine.yaml", "test_mine.py")
WORDS = ("budget=60", "training.max_epochs=5")


def readme_file(name: str) -> str:
    """Return the code block that follows the README's mention of a file."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"`{re.escape(name)}`:[^\n]*\n\n```\w+\n(.*?)```", text, flags=re.DOTALL)
    assert found, f"the README shows no {name}"
    return found[1]


def readme_command(start: str) -> list[str]:
    """Return the README's command that begins with ``start``, run by this Python."""
    lines = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(start)]
    program, *words = shlex.split(lines[0], comments=True)
    return [sys.executable, *([] if program == "python" else ["-m", program]), *words]


def run(command: list[str], folder: Path) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=240)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(readme_file(name), encoding="utf-8")
    return tmp_path


def run_file(folder: Path, name: str) -> bytes:
    (path,) = (folder / "outputs" / "default").glob(f"digits-mlp-mine-s0-*/{name}")
    return path.read_bytes()


@pytest.mark.slow
def test_it_runs_and_a_larger_budget_continues_it(folder: Path) -> None:
    command = [*readme_command("alrun --config-dir conf"), *WORDS]
    run([*command, "budget=40"], folder)
    assert json.loads(run_file(folder, "run.json"))["labels"] == 40
    run(command, folder)
    continued = run_file(folder, "records.parquet"), run_file(folder, "acquisitions.parquet")
    assert "already finished" in run(command, folder)
    run([*command, "fresh=true", "name=whole"], folder)
    (whole,) = (folder / "outputs" / "whole").glob("digits-mlp-mine-s0-*")
    assert continued == ((whole / "records.parquet").read_bytes(), (whole / "acquisitions.parquet").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("start", ["python -m pytest", "pytest --pyargs"])
def test_it_passes_the_conformance_suite(folder: Path, start: str) -> None:
    told = run(readme_command(start), folder)
    assert re.search(r"\b1[0-9] passed", told), told


def test_without_trust_it_is_refused(folder: Path) -> None:
    command = [word for word in readme_command("alrun --config-dir conf") if word not in ("--trust", "my_strategies")]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
    assert answer.returncode == 2
    assert "--trust my_strategies" in answer.stderr
    assert not (folder / "outputs").exists()
