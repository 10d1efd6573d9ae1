"""The checklist of a report: each point follows from what the runs have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alrun.report.checklist import IN_PART, MET, NOT_MET, Check, checklist
from alrun.report.document import sections
from alrun.report.formats import study_json
from alrun.report.load import load_records
from alrun.report.material import Material, gather
from alrun.report.runs import find_runs
from alrun.report.study import study_metric

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun

CURVE = {20: 0.5, 40: 0.6, 60: 0.7}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(write_run: WriteRun, queries: Sequence[str], seeds: int) -> None:
    for number, query in enumerate(queries):
        for seed in range(seeds):
            curve = {labels: value + 1e-8 * (seed**2 + number * seed) for labels, value in CURVE.items()}
            path = write_run(f"{query}-{seed}", curve, seed=seed, choices={"query": query})
            (path / "timing.csv").write_text("step,phase,seconds\n0,training,0.5\n1,query,0.25\n")


def material(baseline: str = "random") -> Material:
    runs = find_runs([Path("outputs")])
    records = load_records(runs)
    return gather(records, study_metric(records, "accuracy", baseline), runs)


def points(baseline: str = "random") -> dict[str, Check]:
    return {check.name: check for check in checklist(material(baseline))}


@pytest.mark.parametrize(("seeds", "state"), [(2, NOT_MET), (3, IN_PART), (5, MET)])
def test_seeds(write_run: WriteRun, seeds: int, state: str) -> None:
    write(write_run, ["random", "entropy"], seeds)
    assert points()["at least 5 seeds"].state == state


def test_time_is_reported_where_all_runs_have_it(write_run: WriteRun) -> None:
    write(write_run, ["random", "entropy"], 2)
    name = "selection time reported"
    assert points()[name].state == MET
    Path("outputs/default/random-0/timing.csv").unlink()
    assert (points()[name].state, points()[name].found) == (IN_PART, "seconds of each phase of 3 of 4 runs")
    for path in Path("outputs/default").glob("*/timing.csv"):
        path.unlink()
    assert points()[name].state == NOT_MET


def test_tests_are_corrected_where_there_are_any(write_run: WriteRun) -> None:
    name = "tests corrected for being several"
    write(write_run, ["random", "entropy"], 1)
    assert points()[name].state == IN_PART
    assert points("")[name].state == NOT_MET
    write(write_run, ["badge"], 3)
    for seed in (1, 2):
        write_run(f"random-{seed}", {labels: value - 0.1 / seed for labels, value in CURVE.items()}, seed=seed,
                  choices={"query": "random"})  # fmt: skip
    assert "of which 1" in points()[name].found


def test_strategies_without_a_paper_are_named(write_run: WriteRun) -> None:
    write(write_run, ["random", "badge", "mine"], 2)
    check = points()["each strategy with its paper"]
    assert check.state == IN_PART
    assert check.found == "badge (ash2020badge), mine (no reference known)"


def test_each_point_links_to_a_section_that_is_there_or_had_nothing_to_show(write_run: WriteRun) -> None:
    write(write_run, ["random", "entropy"], 5)
    shown = material()
    anchors = {section.anchor for section in sections(shown)}
    known = {check.section for check in checklist(shown)}
    assert known - {"time"} <= anchors
    table = next(section for section in sections(shown) if section.anchor == "believe").tables[0]
    assert {mark for _, mark in table.marks} == {"met", "in-part"}
    assert len(table.marks) == len(table.rows)


def test_json_has_all_digits(write_run: WriteRun) -> None:
    write(write_run, ["random", "entropy"], 2)
    study = material().study
    known = json.loads(study_json(study))
    assert [point["value"] for point in known["points"]] == study.points["value"].tolist()
    assert known["areas"][0]["area"] == study.areas["area"].iloc[0]
    assert known["differences"][0]["t_holm"] == study.differences["t_holm"].iloc[0]
