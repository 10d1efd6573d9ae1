"""``alrun new``: what it writes works as it is, in a package of the user's and in alrun itself."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import SMALL, Alrun, Answer, Warm, contents, only_run  # type: ignore[import-not-found]

from alrun.cli.new import new_files
from alrun.cli.templates import TEMPLATES

ROOT = Path(__file__).parents[2]
PYTEST = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def names() -> dict[str, str]:
    """Return a name of the greatest length for each kind, so that no line gets too long for any."""
    return {kind: f"{kind}_{'x' * (29 - len(kind))}" for kind in TEMPLATES}


def checked(program: str, *words: str, folder: Path) -> None:
    """Run a tool with alrun's own settings, as strict as they are."""
    command = [sys.executable, "-m", program, *words]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture
def written(alrun: Alrun, tmp_path: Path) -> dict[str, Answer]:
    answers = {kind: alrun("new", kind, name, "--into", "my_pkg") for kind, name in names().items()}
    assert [answer.code for answer in answers.values()] == [0] * len(TEMPLATES), answers
    return answers


def typed(answer: Answer, word: str) -> list[str]:
    """Return the command that it says to type, without its program."""
    (line,) = re.findall(rf"^{word}: +(.*)$", answer.out, flags=re.MULTILINE)
    return shlex.split(line)[1:]


def test_what_is_written_passes_its_tests_and_runs_as_told(
    written: dict[str, Answer], warm: Warm, tmp_path: Path
) -> None:
    for kind in TEMPLATES:  # of names of one letter too, no line must be too short
        for path, text in new_files(kind, "z", "short").items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    settings = str(ROOT / "pyproject.toml")
    checked("ruff", "check", "--config", settings, ".", folder=tmp_path)
    checked("ruff", "format", "--check", "--config", settings, ".", folder=tmp_path)
    tests = [word for answer in written.values() for word in typed(answer, "test")[2:]]
    assert len(tests) == len(TEMPLATES)
    done = warm.run(tmp_path, "-q", "-p", "no:cacheprovider", *tests, code=PYTEST)
    assert done.code == 0, done
    for answer in written.values():
        valid = warm.run(tmp_path, "validate", *typed(answer, "run"))
        assert (valid.code, valid.out[:3]) == (0, "ok:"), valid
    start, *_ = (typed(answer, "run")[:-1] for answer in written.values())
    chosen = [typed(answer, "run")[-1] for answer in written.values()]
    run = warm.run(tmp_path, *start, *[word for word in SMALL if "data" not in word], *chosen)
    assert run.code == 0, run
    described = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert described["labels"] == 30
    counted = only_run(tmp_path) / "callbacks" / f"{names()['callback']}.txt"
    assert sum(int(line.split()[1]) for line in counted.read_text().splitlines()) == 30
    assert names()["metrology"] in run.out


def test_what_is_written_into_alrun_needs_no_edit(tmp_path: Path) -> None:
    """In a copy of the checkout: the tests that look at all options, import contracts, ruff and mypy."""
    for folder in ("alrun", "conf", "tests", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, tmp_path)
    for kind, name in names().items():
        for path, text in new_files(kind, name, "alrun").items():
            assert not (tmp_path / path).exists()
            assert path.name != "__init__.py" or not (ROOT / path).exists()
            (tmp_path / path).write_text(text)
    checked("ruff", "check", ".", folder=tmp_path)
    checked("ruff", "format", "--check", ".", folder=tmp_path)
    checked("mypy", "--cache-dir", str(ROOT / ".mypy_cache"), *mine(tmp_path), folder=tmp_path)
    tests = ["tests/architecture/test_rooms.py", "tests/security/test_slots.py", "tests/conformance/test_parts.py"]
    checked("pytest", "-q", *tests, "-k", "xxxx or list_of_all or Xxxx", folder=tmp_path)


def mine(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*xxxx*.py")]


def test_what_is_there_is_never_overwritten(alrun: Alrun, tmp_path: Path) -> None:
    assert alrun("new", "query", "mine", "--into", "my_pkg").code == 0
    (tmp_path / "my_pkg/query/mine.py").write_text("precious")
    (tmp_path / "conf/query/mine.yaml").unlink()
    before = contents(tmp_path)
    answer = alrun("new", "query", "mine", "--into", "my_pkg")
    assert answer.code == 2
    assert "this file exists already" in answer.err
    assert contents(tmp_path) == before
    assert (tmp_path / "my_pkg/query/mine.py").read_text() == "precious"
    (hint,) = set(re.findall(r"→ alrun (.*)", answer.err))
    assert alrun(*shlex.split(hint)).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["query"], "give a kind and a name"),
        (["qury", "mine"], "did you mean query?"),
        (["query", "mine"], "is not a checkout of alrun"),
        (["query", "Mine", "--into", "my_pkg"], "'Mine' is not a valid name"),
        (["query", "../mine", "--into", "my_pkg"], "'../mine' is not a valid name"),
        (["query", "class", "--into", "my_pkg"], "'class' is not a valid name"),
        (["query", "m" * 31, "--into", "my_pkg"], "is not a valid name"),
        (["query", "score_query", "--into", "my_pkg"], "the class name ScoreQuery is in use already"),
        (["query", "none", "--into", "my_pkg"], "the class name None is in use already"),
        (["query", "entropy", "--into", "my_pkg"], "alrun has query=entropy already"),
        (["query", "mine", "--into", "../my_pkg"], "'../my_pkg' is not a valid package name"),
        (["query", "mine", "--into", "my__pkg"], "'my__pkg' is not a valid package name"),
        (["query", "mine", "--into", "json"], "json is the name of another package"),
        (["query", "mine", "--into", "pytest"], "pytest is the name of another package"),
        (["query", "mine", "--over"], "unknown argument '--over'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_written_is_refused(words: list[str], said: str, alrun: Alrun, tmp_path: Path) -> None:
    answer = alrun("new", *words)
    assert answer.code == 2
    assert said in answer.err
    assert contents(tmp_path) == set()
