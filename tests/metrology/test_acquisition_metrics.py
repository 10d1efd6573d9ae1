"""Acquisition metrics against closed forms, and on a training pool with bought labels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from alrun.core.types import Annotation, QueryReport
from alrun.data.diabetes import Diabetes
from alrun.data.digits import Digits
from alrun.metrology import acquisition
from alrun.metrology.acquisition import Acquisition, mean_nearest_distance, mean_scores

if TYPE_CHECKING:
    from tests.metrology.conftest import MakeDriver


def test_nearest_distance_in_blocks_against_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.randn(23, 2, 3, generator=torch.Generator().manual_seed(0))
    distances, _ = NearestNeighbors(n_neighbors=2).fit(points.flatten(1)).kneighbors()
    whole = mean_nearest_distance(points)
    monkeypatch.setattr(acquisition, "_BLOCK_BYTES", 8 * 23 * 5)
    assert whole == pytest.approx(distances[:, 0].mean())
    assert mean_nearest_distance(points) == pytest.approx(whole)


def test_nearest_distance_of_equal_rows_is_zero_and_of_one_row_is_none() -> None:
    assert mean_nearest_distance(torch.full((3, 4), 1e4)) == 0.0
    assert mean_nearest_distance(torch.ones(1, 4)) is None
    assert mean_nearest_distance(torch.tensor([[0.0], [1.0], [3.0]])) == pytest.approx((1 + 1 + 2) / 3)


def test_mean_scores_leave_out_what_has_none() -> None:
    nothing = QueryReport([math.nan, math.nan])
    scored = QueryReport([3.0, math.nan, 1.0], pool_mean=0.5)
    assert mean_scores([nothing]) == {}
    assert mean_scores([scored]) == {"mean_score_picks": 2.0, "mean_score_pool": 0.5}
    named = replace(scored, strategy="mine")
    assert mean_scores([nothing, named]) == {"mean_score_picks/mine": 2.0, "mean_score_pool/mine": 0.5}


def test_counts_the_labels_that_were_bought(make_driver: MakeDriver) -> None:
    strategy = Acquisition()
    driver = make_driver(Digits(), strategy)
    rows = driver.unlabeled_pool.indices[:8].tolist()
    # Bought labels, not the source's: a noisy annotator says 3 to everything in the last batch.
    first = [Annotation(row, target) for row, target in zip(rows[:5], [0, 0, 1, 9, 3], strict=True)]
    driver.training_pool.extend(first)
    driver.training_pool.extend([Annotation(row, 3) for row in rows[5:]])
    driver.state.last_batch, driver.state.last_reports = 3, [QueryReport([1.0, 2.0, 3.0], pool_mean=0.25)]
    strategy()
    found = {record["metric"]: record["value"] for record in strategy.records}
    assert [found[f"count_pool_{c}"] for c in range(10)] == [2, 1, 0, 4, 0, 0, 0, 0, 0, 1]
    assert [found[f"count_picks_{c}"] for c in range(10)] == [0, 0, 0, 3, 0, 0, 0, 0, 0, 0]
    assert (found["mean_score_picks"], found["mean_score_pool"]) == (2.0, 0.25)
    picks = driver.training_pool.inputs([5, 6, 7]).numpy()
    apart = np.linalg.norm(picks[:, None] - picks[None], axis=-1) + np.diag([np.inf] * 3)
    assert found["nearest_distance_picks"] == pytest.approx(apart.min(axis=1).mean())
    assert all(record["higher_is_better"] is None for record in strategy.records)


def test_a_regression_has_no_class_counts(make_driver: MakeDriver) -> None:
    strategy = Acquisition()
    driver = make_driver(Diabetes(), strategy)
    driver.training_pool.extend([Annotation(int(row), 1.5) for row in driver.unlabeled_pool.indices[:2]])
    driver.state.last_batch = 2
    strategy()
    assert [record["metric"] for record in strategy.records] == ["nearest_distance_picks"]
