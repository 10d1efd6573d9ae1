"""The ledger: the latest metrics and the names they go by, and what each request cost."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from alrun.core.types import Annotation, LabelStatus
from alrun.store.ledger import MANY_VALUES, Ledger


def test_metrics_are_the_latest_and_go_by_both_names_where_two_strategies_record_one() -> None:
    ledger = Ledger("warm")
    ledger.add_records(0, "a", [{"metric": "accuracy", "value": 0.25, "split": "test", "higher_is_better": True}])
    assert ledger.metrics == {"accuracy": 0.25}
    ledger.set_labels(6)
    own = {"step": 1, "labels": 6, "accuracy": torch.tensor(0.5), "loss": 2, "done": True, "note": "fine"}
    assert ledger.add_records(1, "a", [own, {"loss": 1.5}, "no record"]) == {"accuracy": 0.5, "loss": 1.5}
    assert ledger.metrics == {"accuracy": 0.5, "loss": 1.5}
    ledger.add_records(1, "b", [{"accuracy": 0.75}])
    assert ledger.metrics == {"a/accuracy": 0.5, "loss": 1.5, "b/accuracy": 0.75}
    assert ledger.every_metric == {**ledger.metrics, "a/loss": 1.5}
    told = [(row["step"], row["labels"], row["strategy"], row["metric"], row["value"]) for row in ledger.records]
    assert told == [
        (0, 0, "a", "accuracy", 0.25),
        (1, 6, "a", "accuracy", 0.5),
        (1, 6, "a", "loss", 2.0),
        (1, 6, "a", "loss", 1.5),
        (1, 6, "b", "accuracy", 0.75),
    ]
    assert [(row["split"], row["higher_is_better"]) for row in ledger.records[:2]] == [("test", True), ("", None)]
    assert {row["reset"] for row in ledger.records} == {"warm"}


def test_acquisitions_are_what_was_asked_answered_and_paid_for() -> None:
    ledger, point = Ledger("scratch"), torch.ones(2)
    items = [3, (4, "size"), point, 7]
    ledger.add_requests(1, {"items": items, "strategies": ["a", "a", "b", "b"], "scores": [0.1, 0.2, 0.3, 0.4]})
    ledger.add_requests(2, {"items": [9], "strategies": ["a"], "scores": [0.5]})
    many = torch.zeros(MANY_VALUES + 1)
    answers = {
        0: Annotation(3, torch.zeros(MANY_VALUES), "ann", seconds=4.5),
        1: Annotation((4, "size"), 2),
        2: Annotation(point, many),
        3: Annotation(7, np.array([3.5])),
    }
    ledger.add_answers(1, answers, {0: 1.0, 2: 2.5, -1: 0.5})
    rows = ledger.acquisitions
    assert [(row["step"], row["order"], row["cost"], row["strategy"], row["task"]) for row in rows] == [
        (1, 0, 1.0, "a", None),
        (1, 1, 0.0, "a", "size"),
        (1, 2, 2.5, "b", None),
        (1, 3, 0.0, "b", None),
        (1, -1, 0.5, "", None),
    ], "step 2 has no labels yet; what nobody asked for comes last"
    assert [row["uuid"] for row in rows] == ["3", "4", "1-2", "7", ""]
    assert [row["index"] for row in rows] == [3, 4, None, 7, None]
    assert [row["annotator"] for row in rows] == ["ann", "", "", "", ""]
    assert [row.get("seconds") for row in rows] == [4.5, None, None, None, None]
    assert [row["status"] for row in rows] == ["labelled"] * 4 + [LabelStatus.REJECTED]
    said = [json.loads(row["label"]) for row in rows]
    assert said == [[0.0] * MANY_VALUES, 2, {"shape": [1025], "dtype": "torch.float32"}, [3.5], None]
    assert [row["score"] for row in rows[:4]] == [0.1, 0.2, 0.3, 0.4]
    assert math.isnan(rows[4]["score"])


@pytest.mark.parametrize("costs", [{}, {-1: 0.0}])
def test_nothing_that_cost_nothing_is_booked_beside_the_requests(costs: dict[int, float]) -> None:
    ledger = Ledger("scratch")
    ledger.add_requests(0, {"items": [5], "strategies": ["a"], "scores": [1.0]})
    ledger.add_answers(0, {0: Annotation(5, 1)}, costs)
    assert [row["order"] for row in ledger.acquisitions] == [0]
