"""A strategy that fails ends the run as failed, named, with the phase before it committed; fixed, the run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import failing_strategies  # type: ignore[import-not-found]
import pandas as pd
import pytest
from command_line import only_run, runs  # type: ignore[import-not-found]
from crash_bench import WORDS, digests  # type: ignore[import-not-found]

from alrun.cli.main import main
from alrun.runner.verify import verify
from alrun.store.audit import read_chain
from alrun.store.rundir import RunDirectory

TRUST = ["--trust", "failing_strategies"]
QUERY = ["query=random", "query.random._target_=failing_strategies.Query"]
LABELS = ["label._target_=failing_strategies.Labels"]
METROLOGY = ["+metrology.mine._target_=failing_strategies.Metrology"]
#: For runs in which a strategy hangs, and no other: a call takes milliseconds, and seconds on no machine.
LIMITS = ["timeout.query=2", "timeout.label=2", "timeout.metrology=2"]


@pytest.fixture(autouse=True)
def repaired() -> Iterator[list[str]]:
    """``BROKEN``, emptied before and after."""
    failing_strategies.BROKEN.clear()
    failing_strategies.ASKED.clear()
    yield failing_strategies.BROKEN
    failing_strategies.BROKEN.clear()


def last_commit(place: Path) -> str:
    last = read_chain(RunDirectory(place)).commits[-1]
    return f"{last.step} {last.phase}"


@pytest.mark.parametrize(
    ("words", "how", "before", "said"),
    [
        (QUERY, "raises", "1 metrology", "query of step 1: random: ZeroDivisionError: the reason"),
        (QUERY, "nan", "1 metrology", "random scored row"),
        (QUERY, "hangs", "1 metrology", "query of step 1: random took more than 2 s in one call"),
        (LABELS, "raises", "1 query", "labeling of step 1: oracle: ZeroDivisionError: the reason"),
        (LABELS, "nan", "1 query", "oracle gave an answer that cannot be used"),
        (LABELS, "hangs", "1 query", "labeling of step 1: oracle took more than 2 s without an answer"),
        (METROLOGY, "raises", "1 training", "metrology of step 1: mine: ZeroDivisionError: the reason"),
        (METROLOGY, "hangs", "1 training", "metrology of step 1: mine took more than 2 s in one call"),
    ],
    ids=["query raises", "NaN", "query hangs", "label raises", "label NaN", "label hangs", "metrology raises", "hangs"],
)
def test_it_fails_by_name_and_goes_on_when_repaired(
    words: list[str],
    how: str,
    before: str,
    said: str,
    repaired: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [*TRUST, *WORDS, *words]
    assert main([*command, f"output_dir={tmp_path / 'peace'}"]) == 0
    command.append(f"output_dir={tmp_path / 'trouble'}")
    repaired.append(how)
    failing_strategies.ASKED.clear()
    assert main([*command, *(LIMITS if how == "hangs" else ())]) == 1
    place = only_run(tmp_path / "trouble")
    info = RunDirectory(place).info()
    assert info["status"] == "failed"
    assert said in info["reason"]
    assert said in capsys.readouterr().err
    assert last_commit(place) == before
    verdict = verify(place)
    assert verdict.findings == ()
    if how in ("raises", "hangs"):
        assert "failing_strategies.py" in (place / "alrun.log").read_text(), "where it was is not told"
    repaired.clear()
    assert main([*command, "timeout.label=null", "timeout.query=300"]) == 0
    paid, peace = digests(place), digests(only_run(tmp_path / "peace"))
    # A label that is none was paid for all the same, and stands in the label log and in the costs.
    differ = {"labels/labels.jsonl", "acquisitions.parquet"} if words is LABELS and how == "nan" else set()
    assert {name for name in peace if paid[name] != peace[name]} == differ
    assert verify(place).findings == ()
    acknowledged = [item for item in failing_strategies.ASKED[:4] if words is LABELS]
    assert all(failing_strategies.ASKED.count(item) == 1 for item in acknowledged), "bought twice"


def test_what_is_not_answered_is_asked_again_later(repaired: list[str], tmp_path: Path) -> None:
    repaired.append("is silent")
    assert main([*TRUST, *WORDS, *LABELS, f"output_dir={tmp_path}"]) == 0
    place = only_run(tmp_path)
    answers = read_statuses(place)
    assert answers[1] == ["labelled", "skipped", "skipped"]
    assert RunDirectory(place).info()["labels"] == 9
    assert verify(place).findings == ()


def read_statuses(place: Path) -> dict[int, list[Any]]:
    table = pd.read_parquet(place / "acquisitions.parquet")
    return {step: table["status"][table["step"] == step].tolist() for step in set(table["step"].tolist())}


def test_an_error_that_a_strategy_keeps_to_itself_ends_the_run(repaired: list[str], tmp_path: Path) -> None:
    repaired.append("is wrong")
    words = [*TRUST, *WORDS, "label._target_=failing_strategies.Swallows", f"output_dir={tmp_path}"]
    assert main(words) == 1
    assert "oracle gave an answer that cannot be used" in RunDirectory(only_run(tmp_path)).info()["reason"]
    repaired.clear()
    assert main(words) == 0


@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_in_a_sweep_the_others_go_on(
    how: str, repaired: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repaired.append(f"{how} seed 1")
    words = [*TRUST, "-m", *WORDS, *QUERY, "seed=1,2", f"output_dir={tmp_path}", "budget=6"]
    assert main([*words, *(LIMITS if how == "hangs" else ())]) == 1
    said = capsys.readouterr().out
    assert "2 jobs: 1 failed, 1 finished (0 before, not run again)" in said
    (failed,) = (run for run in runs(tmp_path) if "-s1-" in run.name)
    assert f"failed: {failed}: query of step 1: random" in said
    repaired.clear()
    assert main(words) == 0
    assert "2 jobs: 2 finished (1 before, not run again)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("timeout.label=0", "timeout.label: 0 is not a number of seconds"),
        ("timeout.query=true", "timeout.query: True is not a number of seconds"),
        ("timeout.metrology=soon", "timeout.metrology: 'soon' is not a number of seconds"),
        ("timeout.label=inf", "timeout.label: inf is not a number of seconds"),
        ("timeout=5", "timeout: 5 does not say whose"),
        ("+timeout.labels=5", "did you mean timeout.label?"),
    ],
)
def test_a_limit_that_is_none(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", *WORDS, word]) == 2
    assert said in capsys.readouterr().err
