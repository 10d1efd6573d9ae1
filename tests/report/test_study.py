"""Studies of synthetic runs: what is compared with what, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from alrun.report import summary
from alrun.report.costs import against_cost, against_time
from alrun.report.load import load_records
from alrun.report.runs import find_runs
from alrun.report.study import Study, study_metric

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun

CURVES: Mapping[str, Mapping[int, float]] = {
    "random": {20: 0.5, 40: 0.6, 60: 0.7},
    "entropy": {20: 0.5, 40: 0.7, 60: 0.8},
    "badge": {20: 0.5, 40: 0.65, 60: 0.75},
}


def studied(metric: str = "accuracy", baseline: str = "random") -> Study:
    return study_metric(load_records(find_runs([Path("outputs")])).distinct(), metric, baseline)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_study(write_run: WriteRun, seeds: int = 3, metric: str = "accuracy", **choices: str) -> None:
    for query, curve in CURVES.items():
        for seed in range(seeds):
            shifted = {labels: value + 0.01 * seed * (1 + labels / 1000) for labels, value in curve.items()}
            name = "-".join([query, str(seed), *choices.values()])
            write_run(name, shifted, seed=seed, choices={"query": query, **choices}, metric=metric)


def test_curves_areas_and_tests_of_one_condition(write_run: WriteRun) -> None:
    write_study(write_run)
    study = studied()
    assert study.strategies == ["random", "badge", "entropy"]
    assert study.conditions == ["digits · mlp"]
    areas = study.areas.set_index("strategy")
    assert areas["area"].to_dict() == pytest.approx({"random": 0.6104, "entropy": 0.6854, "badge": 0.6479}, abs=1e-4)
    assert areas[["n", "from", "to"]].iloc[0].tolist() == [3, 20, 60]
    found = study.differences.set_index("strategy")["mean"]
    assert found.to_dict() == pytest.approx({"entropy": 0.075, "badge": 0.0375})
    saved = study.savings[study.savings["labels"] == 60].set_index("strategy")["saving"]
    assert saved.to_dict() == pytest.approx({"entropy": 1 / 3, "badge": 1 / 6}, abs=1e-3)
    assert study.ranks["strategy"].tolist() == ["entropy", "badge", "random"]
    assert study.ranks["rank"].tolist() == [1, 2, 3]
    assert study.missing.empty
    assert study.ceilings.empty


def test_a_metric_of_which_lower_is_better_is_turned(write_run: WriteRun) -> None:
    write_study(write_run, metric="rmse")
    study = studied("rmse")
    assert study.higher_is_better is False
    assert study.ranks["strategy"].tolist() == ["random", "badge", "entropy"]
    levels = study.savings.groupby("strategy")["level"].first()
    assert levels["entropy"] == pytest.approx(0.51, abs=1e-3), "in the metric's own sign"


def test_conditions_are_never_mixed(write_run: WriteRun) -> None:
    write_study(write_run)
    write_study(write_run, learner="cnn")
    study = studied()
    assert study.differing == ["learner"]
    assert study.conditions == ["cnn", "mlp"]
    assert study.areas.groupby("condition")["n"].max().to_dict() == {"cnn": 3, "mlp": 3}
    assert study.critical.empty, "learners are no sample of data sets"


def test_data_sets_have_a_critical_difference(write_run: WriteRun) -> None:
    for data in "abcde":
        write_study(write_run, seeds=1, data=data)
    study = studied()
    assert study.critical["strategy"].tolist() == ["entropy", "badge", "random"]
    assert study.critical["rank"].tolist() == [1, 2, 3]


def test_missing_seeds_are_said_and_pairs_are_of_common_ones(write_run: WriteRun) -> None:
    write_study(write_run)
    write_run("more", CURVES["entropy"], seed=9, choices={"query": "entropy"})
    study = studied()
    assert study.missing[["strategy", "seed"]].to_numpy().tolist() == [["badge", 9], ["random", 9]]
    assert study.differences.set_index("strategy")["n"].to_dict() == {"entropy": 3, "badge": 3}


def test_a_run_on_all_labels_is_a_ceiling(write_run: WriteRun) -> None:
    write_study(write_run)
    write_run("all", {1400: 0.97}, choices={"query": "random"}, config="initial_size: 1400\n")
    study = studied()
    assert study.ceilings[["condition", "labels", "value"]].to_numpy().tolist() == [["digits · mlp", 1400, 0.97]]
    assert study.conditions == ["digits · mlp"]
    assert study.areas["to"].max() == 60


def test_one_strategy_alone_and_runs_without_a_common_range(write_run: WriteRun) -> None:
    write_run("one", {20: 0.5, 40: 0.6})
    study = studied(baseline="")
    assert len(study.areas) == 1
    assert study.differences.empty
    assert study.savings.empty
    write_run("other", {60: 0.5, 80: 0.6}, choices={"query": "random"})
    apart = studied()
    assert apart.areas.empty
    assert apart.ranks.empty
    assert isinstance(apart.penalties, pd.DataFrame)


def test_curves_against_cost_where_labels_differ_in_price(write_run: WriteRun) -> None:
    write_study(write_run)
    study = studied()
    rows = [
        {"run": run, "step": step, "label": "1", "cost": 2.0 + ("entropy" in run)}
        for run in set(study.points["run"])
        for step in range(3)
        for _ in range(20)
    ]
    found = against_cost(study, pd.DataFrame(rows))
    assert found is not None
    assert found.axis == "cost"
    ends = found.curves.groupby("strategy")["labels"].agg(["min", "max"])
    assert ends.to_numpy().tolist() == [[60, 120]] * 3, "from the dearest first labels to the cheapest last"
    entropy = found.curves[found.curves["strategy"] == "entropy"].set_index("labels")["mean"]
    assert entropy[120] == pytest.approx(0.7 + 0.0104, abs=1e-3), "120 paid are 40 labels at 3 each"
    even = pd.DataFrame(rows).assign(cost=1.0)
    assert against_cost(study, even) is None
    assert against_cost(study, even.assign(cost=float("nan"))) is None


def test_curves_against_annotation_time_where_that_of_all_labels_is_known(write_run: WriteRun) -> None:
    write_study(write_run)
    study = studied()
    picks = pd.DataFrame(
        {"run": run, "step": step, "label": "1", "cost": 1.0, "seconds": 3.0}
        for run in set(study.points["run"])
        for step in range(3)
        for _ in range(20)
    )
    found = against_time(study, picks)
    assert found is not None
    assert (found.axis, set(found.points["labels"])) == ("annotation time (s)", {60, 120, 180})
    assert against_time(study, picks.assign(seconds=picks["seconds"].where(picks.index > 0))) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_values_that_cannot_be_computed_with_are_left_out_and_said(write_run: WriteRun, value: float) -> None:
    write_study(write_run)
    write_run("diverged", {20: 0.5, 40: value, 60: 0.8}, seed=3, choices={"query": "entropy"})
    study = studied()
    assert study.undefined == (abs(value) != 1e300)
    entropy = study.curves[study.curves["strategy"] == "entropy"].set_index("labels")["n"]
    assert entropy.to_dict() == {20: 4, 40: 4 - study.undefined, 60: 4}
    assert study.differences.set_index("strategy")["n"].to_dict() == {"entropy": 3, "badge": 3}


def test_nothing_but_undefined_values(write_run: WriteRun) -> None:
    write_run("a", {20: float("nan")})
    study = studied(baseline="")
    assert study.undefined == 1
    assert study.areas.empty
    assert summary.readable(study).empty
