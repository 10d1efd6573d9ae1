"""Maps of the pool as the report reads them: what runs have recorded, and what is no map."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alrun.report.maps import PNG, PoolMaps, pool_maps
from alrun.report.runs import find_runs
from alrun.report.stored import stored_records

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun

SAMPLE = {"index": [4, 7], "x": [0.5, -1], "y": [1.0, 2.0], "total": 9, "explained": [0.5, 0.25]}
PICTURE = base64.b64encode(PNG + b"\0").decode()
PICKS = {"step": 0, "labels": 20, "index": [7, 4], "x": [-1, 0.5], "y": [2.0, 1.0], "thumbnails": [PICTURE, "<img>"]}


def write(directory: Path, *records: Any) -> None:
    folder = directory / "metrology" / "pool_map"
    folder.mkdir(parents=True)
    (folder / "records.json").write_text(json.dumps({"records": records, "tensors": []}))


def read(tmp_path: Path) -> PoolMaps | None:
    runs = find_runs([tmp_path / "outputs"])
    return pool_maps([run.seed for run in runs], [run.choices["query"] for run in runs], [*map(stored_records, runs)])


def test_runs_of_one_seed_share_a_map(write_run: WriteRun, tmp_path: Path) -> None:
    for seed, query in ((1, "badge"), (0, "margin"), (0, "random")):
        write(write_run(f"{query}-{seed}", seed=seed, choices={"query": query}), {"pool": SAMPLE}, {"picks": PICKS})
    found = read(tmp_path)
    assert found is not None
    assert (found.seed, found.total, found.explained) == (0, 9, [0.5, 0.25])
    assert found.pool.to_dict("list") == {"x": [0.5, -1.0], "y": [1.0, 2.0]}
    assert found.picks["strategy"].tolist() == ["margin", "margin", "random", "random"]
    assert found.picks["index"].tolist() == [7, 4, 7, 4]
    assert found.picks["thumbnail"].tolist() == [PICTURE, "", PICTURE, ""]


@pytest.mark.parametrize(
    "sample",
    [
        None, [], {}, "text", {**SAMPLE, "x": [1]}, {**SAMPLE, "x": ["<b>", 1]}, {**SAMPLE, "x": [float("nan"), 1]},
        {**SAMPLE, "explained": [1]}, {**SAMPLE, "total": "9"}, {**SAMPLE, "x": [], "y": []},
    ],
)  # fmt: skip
def test_what_is_no_map_is_passed_over(sample: Any, write_run: WriteRun, tmp_path: Path) -> None:
    write(write_run("a"), {"pool": sample}, {"picks": PICKS}, 7, None)
    assert read(tmp_path) is None


@pytest.mark.parametrize(
    "picks",
    [
        None, {**PICKS, "step": "0"}, {**PICKS, "x": [1]}, {**PICKS, "index": None}, {**PICKS, "y": [float("inf"), 0]},
        {**PICKS, "index": [[1], 2]},
    ],
)  # fmt: skip
def test_picks_that_make_no_sense_are_left_out(picks: Any, write_run: WriteRun, tmp_path: Path) -> None:
    write(write_run("a"), {"pool": SAMPLE}, {"picks": picks})
    found = read(tmp_path)
    assert found is not None
    assert found.picks.empty


def test_a_file_that_is_no_json_or_a_link_is_no_map(write_run: WriteRun, tmp_path: Path) -> None:
    write(write_run("a"), {"pool": SAMPLE})
    path = write_run("b") / "metrology/pool_map/records.json"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "outputs/default/a/metrology/pool_map/records.json")
    (tmp_path / "outputs/default/a/metrology/pool_map/records.json").write_text("[" * 100_000)
    assert read(tmp_path) is None
