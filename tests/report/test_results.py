"""Results of runs as DataFrames, from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import alrun
from alrun.core.errors import ConfigError
from alrun.store.records import write_acquisitions

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun


@pytest.fixture(autouse=True)
def two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, query in enumerate(("random", "entropy")):
        run = write_run(query, {20: 0.5, 40: 0.6 + seed}, seed=seed, choices={"query": query})
        rows = [
            {"step": 0, "order": i, "index": i, "uuid": str(i), "label": str(i % 2), "cost": 1.0, "status": "labelled"}
            for i in range(3)
        ]
        write_acquisitions(run / "acquisitions.parquet", [*rows, rows[0] | {"order": 3, "label": None}])
        (run / "timing.csv").write_text("step,phase,seconds\n0,training,0.5\n0,query,what\n1,query,0.25\n1,quer")


def test_each_table_says_of_which_run_a_row_is() -> None:
    for table in (alrun.runs(), alrun.records(), alrun.picks(), alrun.labels(), alrun.timing()):
        assert set(table["query"]) == {"random", "entropy"}
        assert table["run"].map(lambda path: Path(path).is_dir()).all()
        assert table.columns.is_unique


def test_contents_and_types() -> None:
    assert alrun.runs()[["seed", "status", "labels"]].to_numpy().tolist() == [[1, "finished", 40], [0, "finished", 40]]
    accuracy = alrun.records("outputs").query("metric == 'accuracy' and query == 'entropy'")
    assert accuracy["value"].tolist() == [0.5, 1.6]
    assert accuracy["labels"].dtype == "int64"
    assert len(alrun.picks()) == 8
    assert alrun.labels("outputs/default/random")["label"].tolist() == ["0", "1", "0"]
    timing = alrun.timing("outputs/*/entropy")
    assert timing[["step", "phase", "seconds"]].to_numpy().tolist() == [[0, "training", 0.5], [1, "query", 0.25]]


def test_patterns_that_stand_for_nothing(write_run: WriteRun, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\*: no such directory"):
        alrun.records("nowhere*")
    (tmp_path / "empty").mkdir()
    assert len(alrun.picks("empty")) == len(alrun.labels("empty")) == 0
    broken = write_run("broken")
    (broken / "run.json").write_text("{")
    assert alrun.runs("outputs")["status"].tolist().count("unreadable") == 1
    assert len(alrun.picks()) == 8


def test_no_torch_is_loaded() -> None:
    program = (
        "import sys, alrun; alrun.runs(); alrun.records(); alrun.picks(); alrun.timing(); print('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
