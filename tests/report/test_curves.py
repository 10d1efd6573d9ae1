"""Curves, areas and paired differences against numpy and closed forms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from alrun.report.curves import area, areas, learning_curves, paired_differences, select_metric


def table(runs: Mapping[tuple[str, int], Mapping[int, float]], split: str = "test") -> pd.DataFrame:
    rows = [
        (number, query, seed, step, labels, split, "accuracy", value)
        for number, ((query, seed), curve) in enumerate(runs.items())
        for step, (labels, value) in enumerate(curve.items())
    ]
    return pd.DataFrame(rows, columns=["run", "query", "seed", "step", "labels", "split", "metric", "value"])


def test_area_of_a_straight_line_is_its_middle_however_it_is_sampled() -> None:
    x = np.array([10, 13, 50, 90])
    assert area(x, 0.2 + 0.01 * x, 10, 90) == pytest.approx(0.2 + 0.01 * 50)
    assert area(x, 0.2 + 0.01 * x, 20, 40) == pytest.approx(0.2 + 0.01 * 30)


def test_area_of_a_parabola_is_the_trapezoid_rule_over_the_range() -> None:
    x = np.array([0.0, 1.0, 4.0, 6.0])
    assert area(x, x**2, 0, 6) == pytest.approx((0.5 * 1 + 3 * 17 / 2 + 2 * 52 / 2) / 6)


def test_area_of_a_constant_is_the_constant_and_of_a_point_its_value() -> None:
    assert area([20, 30], [0.7, 0.7], 20, 30) == pytest.approx(0.7)
    assert area([20], [0.7], 20, 20) == pytest.approx(0.7)


def test_mean_and_standard_error_over_seeds() -> None:
    values = np.array([0.8, 0.85, 0.96])
    curves = learning_curves(table({("entropy", seed): {20: v} for seed, v in enumerate(values)}), ["query"])
    assert curves.to_dict("records") == [
        {
            "query": "entropy",
            "labels": 20,
            "n": 3,
            "mean": pytest.approx(values.mean()),
            "se": pytest.approx(values.std(ddof=1) / np.sqrt(3)),
        }
    ]


def test_one_seed_has_no_standard_error() -> None:
    curves = learning_curves(table({("entropy", 0): {20: 0.5}}), ["query"])
    assert np.isnan(curves["se"].item())


def test_areas_use_the_range_that_all_compared_runs_cover() -> None:
    runs = {("entropy", 0): {20: 0.0, 40: 1.0}, ("random", 0): {20: 0.0, 40: 1.0, 100: 1.0}}
    found = areas(table(runs), ["query"])
    assert found["auc"].tolist() == pytest.approx([0.5, 0.5])
    assert found[["low", "high"]].drop_duplicates().to_numpy().tolist() == [[20, 40]]


def test_areas_of_runs_without_a_common_range_are_not_numbers() -> None:
    found = areas(table({("entropy", 0): {20: 0.0, 30: 1.0}, ("random", 0): {40: 0.0, 50: 1.0}}), ["query"])
    assert found["auc"].isna().all()


def test_paired_differences_use_common_seeds_alone() -> None:
    auc = {("entropy", 0): 0.9, ("entropy", 1): 0.7, ("entropy", 2): 0.1}
    auc |= {("random", 0): 0.6, ("random", 1): 0.5, ("random", 7): 9.0}
    single = pd.DataFrame([(q, s, v) for (q, s), v in auc.items()], columns=["query", "seed", "auc"])
    found = paired_differences(single, ["query"], "random").to_dict("records")
    differences = np.array([0.3, 0.2])
    error = differences.std(ddof=1) / np.sqrt(2)
    chance = pytest.approx(1 - 2 * np.arctan(0.25 / error) / np.pi)  # Student's t with one degree of freedom: Cauchy
    expected = {"query": "entropy", "n": 2, "mean": pytest.approx(0.25), "se": pytest.approx(error), "p": chance}
    assert found == [expected]


def test_pairs_are_made_under_equal_conditions_only() -> None:
    rows = [("digits", "entropy", 0, 0.9), ("moons", "entropy", 0, 0.5), ("moons", "random", 0, 0.4)]
    single = pd.DataFrame(rows, columns=["data", "query", "seed", "auc"])
    found = paired_differences(single, ["data", "query"], "random")
    assert found["data"].tolist() == ["moons"]
    assert found["mean"].item() == pytest.approx(0.1)


def test_select_prefers_the_test_split_and_the_last_of_equal_labels() -> None:
    test, validation = table({("entropy", 0): {20: 0.5}}), table({("entropy", 0): {20: 0.9}}, "validation")
    again = test.assign(step=5, value=0.6)
    other = test.assign(metric="nll", value=3.0)
    chosen = select_metric(pd.concat([validation, test, again, other]), "accuracy")
    assert chosen[["split", "value"]].to_numpy().tolist() == [["test", 0.6]]
