"""The README's strategy in three files: taken from the README, written outside the repository, run as it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

README = Path(__file__).parents[2] / "README.md"
FILES = ("my_strategies.py", "conf/query/mine.yaml", "test_mine.py")
WORDS = ("budget=60", "training.max_epochs=5")
PYTEST = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def readme_file(name: str) -> str:
    """Return the code block that follows the README's mention of a file."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"`{re.escape(name)}`:[^\n]*\n\n```\w+\n(.*?)```", text, flags=re.DOTALL)
    assert found, f"the README shows no {name}"
    return found[1]


def readme_words(start: str) -> list[str]:
    """Return the words after the program of the README's command that begins with ``start``."""
    lines = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(start)]
    return shlex.split(lines[0], comments=True)[1:]


@pytest.fixture
def folder(warm: Warm, tmp_path: Path) -> Folder:
    return Folder(warm, tmp_path, {name: readme_file(name) for name in FILES})


def tables(run: Path) -> list[bytes]:
    return [(run / f"{name}.parquet").read_bytes() for name in ("records", "acquisitions")]


def test_it_runs_and_a_larger_budget_continues_it(folder: Folder) -> None:
    words = [*readme_words("alrun --config-dir conf"), *WORDS, "name=default"]
    run = folder.finish(*words, "budget=40")
    assert run.name.startswith("digits-mlp-mine-s0-")
    assert json.loads((run / "run.json").read_text())["labels"] == 40
    assert folder.finish(*words) == run
    assert "already finished" in folder.start(*words)[1]
    assert tables(folder.finish(*words[:-1], "name=whole")) == tables(run)


@pytest.mark.parametrize("start", ["python -m pytest", "pytest --pyargs"])
def test_it_passes_the_conformance_suite(folder: Folder, start: str) -> None:
    words = readme_words(start)
    code, told = folder.start(*(words[2:] if words[0] == "-m" else words), code=PYTEST)
    assert code == 0, told
    assert re.search(r"\b1[0-9] passed", told), told


def test_without_trust_it_is_refused(folder: Folder) -> None:
    words = [word for word in readme_words("alrun --config-dir conf") if word not in ("--trust", "my_strategies")]
    code, told = folder.start(*words)
    assert code == 2
    assert "--trust my_strategies" in told
    assert not (folder.folder / "outputs").exists()
