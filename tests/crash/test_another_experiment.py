"""R8: a run is continued as what it is, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import Alrun, commits, info, results  # type: ignore[import-not-found]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["learner.dropout=0.5"], ["learner.dropout", "0.1", "0.5", "fresh=true"]),
        (["seed=3", "query_size=5"], ["seed", "query_size", "query.entropy.max_samples", "3 problems"]),
        (["query=margin"], ["query=margin", "another run"]),
        (["~learner.dropout"], ["~learner.dropout"]),
        (["budget=40,50"], ["budget=40,50"]),
        (["bugdet=40"], ["bugdet", "budget?"]),
        (["budget=x"], ["budget", "'x'"]),
        (["device=gpu"], ["device"]),
    ],
)
def test_resume_refuses_another_experiment(
    words: list[str], parts: list[str], alrun: Alrun, tmp_path: Path, small_run: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    before = results(run), info(run), commits(run)
    answer = alrun("resume", "run", *words)
    assert answer.code == 2
    assert answer.out == ""
    assert not [part for part in parts if part not in answer.err], answer.err
    assert (results(run), info(run), commits(run)) == before
