"""Every command prints one JSON value with ``--json``, and nothing else on its output."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Alrun  # type: ignore[import-not-found]

from alrun.cli.main import COMMANDS

#: A command line for each command; RUN stands for a finished run.
LINES = {
    "": ([*SMALL], "path"),
    "-m": (["-m", *SMALL, "seed=0,1"], "jobs"),
    "resume": (["resume", "RUN"], "metrics"),
    "rerun": (["rerun", "RUN", "learner.dropout=0.3"], "metrics"),
    "replay": (["replay", "RUN", "learner=linear"], "metrics"),
    "validate": (["validate", *SMALL], "jobs"),
    "verify": (["verify", "RUN"], 0),
    "status": (["status", "RUN"], 0),
    "ls": (["ls", "query"], None),
    "report": (["report", "RUN"], "metric"),
    "compare": (["compare", "RUN", "RUN"], "metrics"),
    "new": (["new", "query", "second", "--into", "my_pkg"], "files"),
    "export": (["export", "RUN"], "files"),
    "embed": (["embed", "data=moons", "+learner@transform.embed.model=mlp"], "rows"),
    "prune": (["prune", "RUN"], "runs"),
    "track": (["track", "RUN", "logger=csv"], 0),
}


def test_every_command_is_here() -> None:
    assert COMMANDS.keys() <= LINES.keys() | {"view"}, "a command has no --json, or no line here"


@pytest.mark.parametrize("command", LINES)
def test_it_prints_one_value(command: str, alrun: Alrun, small_run: Path, tmp_path: Path) -> None:
    words, part = LINES[command]
    place = tmp_path / "outputs" / "default" / small_run.name
    shutil.copytree(small_run, place)
    answer = alrun(*(str(place) if word == "RUN" else word for word in words), "--json")
    assert answer.code == 0, answer
    value: Any = json.loads(answer.out)
    assert part is None or value[part] is not None


def test_what_ended_a_run_is_told_and_the_code_stays(
    alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alrun.query.entropy import Entropy

    def broken(self: Any, prediction: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Entropy, "score", broken)
    answer = alrun(*SMALL, "--json")
    told = json.loads(answer.out)
    assert (answer.code, told["exit_code"], told["status"]) == (1, 1, "failed")
    assert "ZeroDivisionError" in told["error"]
    assert told["path"] == str(tmp_path / "outputs" / "default" / Path(told["path"]).name)
