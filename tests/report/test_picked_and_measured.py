"""What was picked and measures with many parts, from tables of picks and records."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pytest

from alrun.report.charts.durations import phase_seconds
from alrun.report.measured import class_recalls, reliability_curves
from alrun.report.picked import batch_spread, class_shares, overlap, pick_scores


def picks(query: str, seed: int, step: int, items: Iterable[int]) -> list[dict[str, object]]:
    fixed = {"query": query, "seed": seed, "step": step}
    return [fixed | {"index": item, "uuid": str(item), "label": str(item % 2)} for item in items]


def test_overlap_is_jaccards_over_common_seeds_without_the_first_labels() -> None:
    rows = [*picks("a", 0, 0, range(9)), *picks("b", 0, 0, range(9)), *picks("a", 0, 1, [10, 11, 12])]
    rows += [*picks("b", 0, 1, [12, 13]), *picks("a", 1, 1, [1]), *picks("b", 1, 2, [1]), *picks("a", 7, 1, [5])]
    found = overlap(pd.DataFrame(rows))
    assert found.to_dict("records") == [{"first": "a", "second": "b", "seeds": 2, "jaccard": (1 / 4 + 1) / 2}]


def test_class_shares_grow_over_steps_and_are_told_against_the_baseline() -> None:
    rows = [*picks("random", 0, 0, [0, 1]), *picks("mine", 0, 0, [0, 1]), *picks("random", 0, 1, [2, 3])]
    rows += picks("mine", 0, 1, [2, 4])
    found = class_shares(pd.DataFrame(rows), "random").set_index(["strategy", "labels", "class"])
    assert found["share"].to_dict()["mine", 4, "0"] == 0.75
    assert found["expected"].to_dict()["mine", 4, "0"] == 0.5
    assert found["share"].to_dict()["mine", 2, "0"] == 0.5
    alone = class_shares(pd.DataFrame(rows), "")
    assert set(alone["expected"]) == {0.5}


@pytest.mark.parametrize("labels", [["0.25", "1.5", "7.125"], ["1"], [str(n) for n in range(60)]])
def test_numbers_one_class_and_too_many_classes_have_no_shares(labels: list[str]) -> None:
    rows = [{"query": "a", "seed": 0, "step": 0, "index": i, "label": label} for i, label in enumerate(labels)]
    assert class_shares(pd.DataFrame(rows), "").empty


def measured(query: str, seed: int, values: dict[str, float]) -> list[dict[str, object]]:
    fixed = {"query": query, "seed": seed, "labels": 20}
    return [fixed | {"metric": metric, "value": value} for metric, value in values.items()]


def test_spread_and_scores_are_means_over_seeds() -> None:
    spread, ours, theirs = "nearest_distance_picks", "mean_score_picks", "mean_score_pool"
    rows = [
        *measured("a", 0, {spread: 2.0, ours: 0.75, theirs: 0.25, f"{ours}/b": 7.0}),
        *measured("b", 0, {spread: 0}),
    ]
    rows += [*measured("a", 1, {spread: 4.0, ours: 0.25, theirs: 0.25}), *measured("c", 0, {ours: 1.0})]
    assert batch_spread(pd.DataFrame(rows)).to_dict("records") == [
        {"strategy": "a", "labels": 20, "seeds": 2, "distance": 3.0},
        {"strategy": "b", "labels": 20, "seeds": 1, "distance": 0.0},
    ]
    found = pick_scores(pd.DataFrame(rows))
    assert found.to_dict("records") == [{"strategy": "a", "labels": 20, "picks": 0.5, "pool": 0.25}]
    none = pd.DataFrame(measured("a", 0, {"accuracy": 1.0}))
    assert batch_spread(none).empty
    assert pick_scores(none).empty


def test_recalls_are_means_over_seeds() -> None:
    rows = [
        *measured("a", 0, {"recall_0": 0.5, "accuracy": 1.0, "recall_1/task": 0.3}),
        *measured("a", 1, {"recall_0": 0.7}),
    ]
    assert class_recalls(pd.DataFrame(rows)).to_dict("records") == [
        {"strategy": "a", "labels": 20, "class": "0", "recall": pytest.approx(0.6)}
    ]


def test_bins_are_pooled_by_their_rows() -> None:
    rows = measured("a", 0, {"confidence_14": 0.95, "correct_14": 1.0, "share_14": 0.9})
    rows += measured("a", 1, {"confidence_14": 0.99, "correct_14": 0.5, "share_14": 0.1})
    rows += measured("a", 1, {"confidence_3": 0.25, "correct_3": 0.0, "share_3": 0.9})
    found = reliability_curves(pd.DataFrame(rows))[["bin", "confidence", "correct", "share"]].to_numpy().tolist()
    assert found == [pytest.approx([3, 0.25, 0.0, 0.45]), pytest.approx([14, 0.954, 0.95, 0.5])]
    assert reliability_curves(pd.DataFrame(measured("a", 0, {"accuracy": 1.0}))).empty


def test_seconds_are_of_a_whole_run_and_means_over_runs() -> None:
    rows = [("r0", "a", "training", 1.0), ("r0", "a", "training", 2.0), ("r1", "a", "training", 5.0)]
    found = phase_seconds(pd.DataFrame(rows, columns=["run", "query", "phase", "seconds"]))
    assert found.to_dict("records") == [{"strategy": "a", "phase": "training", "seconds": 4.0}]
