"""Tables of a run that goes on, from its commits: what the tables tell when it has ended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from alrun.report.results import picks, records
from alrun.report.runs import read_run
from alrun.store.committed import committed_ledger
from alrun.store.records import acquisitions_difference, records_difference


@pytest.fixture
def killed(small_run: Path, tmp_path: Path) -> Path:
    """The run of ``SMALL`` as if it had been killed before its tables were written."""
    place = tmp_path / "killed"
    shutil.copytree(small_run, place)
    for name in ("records.parquet", "acquisitions.parquet"):
        (place / name).unlink()
    info = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps(info | {"status": "running"}))
    return place


def test_commits_tell_what_the_tables_tell(small_run: Path, killed: Path) -> None:
    ledger = committed_ledger(small_run, "scratch")
    assert records_difference(small_run / "records.parquet", ledger.records) == ""
    assert acquisitions_difference(small_run / "acquisitions.parquet", ledger.acquisitions) == ""
    assert read_run(killed).status == "interrupted"
    for table in (records, picks):
        whole, found = (table(str(place)).drop(columns="run") for place in (small_run, killed))
        assert len(found) == len(whole) > 10
        assert found.equals(whole)


def test_they_go_as_far_as_the_commits_hold(killed: Path) -> None:
    whole = records(str(killed))
    shutil.rmtree(killed / "checkpoints/step_3")
    assert set(records(str(killed))["step"]) == set(whole["step"]) - {3}
    (killed / "checkpoints/step_2/query/MANIFEST.json").write_text("{}")
    assert picks(str(killed))["step"].max() == 1
    shutil.rmtree(killed / "checkpoints")
    assert len(records(str(killed))) == 0
