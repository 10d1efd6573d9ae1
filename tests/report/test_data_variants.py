"""Runs of equal configs that had other data: no seed is averaged over them, and what sets them apart is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import Alrun  # type: ignore[import-not-found]

from alrun.report.data_variants import data_labels
from alrun.report.load import load_records
from alrun.report.runs import Run, find_runs
from alrun.report.study import study_metric

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun

TABLE = {"data._target_": "alrun.data.table.Table", "data.path": "my.csv"}
SEEDED = {**TABLE, "data.generator_seed": "${seed}"}
OTHER = {"data._target_": "my_pkg.Source"}
A, B, C = "aaaaaaaabbbb", "bbbbbbbbcccc", "ccccccccdddd"


@pytest.mark.parametrize(
    ("seen", "config", "apart"),
    [
        ([(0, A), (1, A)], TABLE, False),
        ([(0, A), (0, B)], TABLE, True),
        ([(0, A), (1, B)], TABLE, True),
        ([(0, A), (1, B)], SEEDED, False),
        ([(0, A), (1, B)], OTHER, False),
        ([(0, A), (1, B)], {**TABLE, "transform.ood._target_": "alrun.transform.ood.OOD"}, False),
        ([(0, A), (1, B), (1, C)], SEEDED, True),
        ([(0, A), (1, A), (2, B)], OTHER, True),
        ([(0, A), (1, "")], TABLE, False),
        ([(0, ""), (1, "")], TABLE, False),
    ],
)
def test_what_no_seed_explains_sets_runs_apart(
    seen: Sequence[tuple[int, str]], config: Mapping[str, Any], apart: bool
) -> None:
    runs = [Run(Path(str(n)), "finished", seed=seed, fingerprint=found) for n, (seed, found) in enumerate(seen)]
    labels = data_labels(runs, [config] * len(runs), ["one"] * len(runs))
    assert labels == [f"data={found[:8]}" if apart else "" for _, found in seen]
    assert data_labels(runs, [config] * len(runs), range(len(runs))) == [""] * len(runs)


def test_variables_that_count_are_told() -> None:
    runs = [
        Run(Path(str(n)), "finished", seed=n % 2, fingerprint=A, environment={"RATE": rate, "SAME": "1"})
        for n, rate in enumerate(["0.1", "0.1", "0.2", "0.2"])
    ]
    assert data_labels(runs, [TABLE] * 4, ["one"] * 4) == ["RATE=0.1", "RATE=0.1", "RATE=0.2", "RATE=0.2"]


def test_a_report_keeps_two_files_of_one_name_apart(
    write_run: WriteRun, alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of equal identities, too, as in a folder whose file has changed and one that was copied here."""
    monkeypatch.chdir(tmp_path)
    for number, found in enumerate((A, B)):
        for query in ("random", "margin"):
            for seed in (0, 1):
                write_run(
                    f"{query}-{seed}-{number}",
                    {20: 0.5 + number / 4, 40: 0.6 + number / 4},
                    seed=seed,
                    choices={"query": query},
                    fingerprint=found,
                    identity=f"{query}{seed}",
                )
    study = study_metric(load_records(find_runs([tmp_path / "outputs"])).distinct(), "accuracy", "random")
    assert study.differing == ["variant"]
    assert len(study.conditions) == 2
    assert sorted(set(study.areas["n"])) == [2]
    told = alrun("report", "outputs")
    assert told.code == 0
    assert f"data={A[:8]}" in told.out
    assert f"data={B[:8]}" in told.out


def test_a_hostile_fingerprint_or_variable_steers_no_terminal(
    write_run: WriteRun, alrun: Alrun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, text in enumerate(("\x1b[2J[bold]", "=cmd|' /C calc'!A0" * 10_000)):
        write_run(f"r{number}", {20: 0.5, 40: 0.6}, fingerprint=text, environment={text: text})
    told = alrun("report", "outputs")
    assert told.code == 0
    assert "\x1b" not in told.out
    assert len(told.out) < 20_000
