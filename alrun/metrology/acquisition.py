"""Metrics of the last query step: class balance, scores and spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.types import QueryReport, Task, TaskSpec
from alrun.metrology.base import Metrology
from alrun.pool.foreign import newest, takes_requests, unknown_rows
from alrun.pool.view import marks_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Acquisition", "class_counts", "mean_nearest_distance", "mean_scores"]

_BLOCK_BYTES = 2**24


def task_class_counts(targets: Tensor, spec: TaskSpec, name: str) -> dict[str, float]:
    """Return ``class_counts`` of targets ``[N]``; of several tasks, ``[N, T]``, those of each as ``<name>_<task>``.

    Missing labels (-1) do not count. Of several labels a row, ``[N, L]``, it is how many rows have each.
    """
    if spec.task is Task.MULTI_LABEL:
        return {f"count_{name}_{label}": float(n) for label, n in enumerate(targets.sum(dim=0).tolist())}
    if not spec.tasks:
        return class_counts(targets, spec.num_outputs, name)
    counts: dict[str, float] = {}
    for part, classes in zip(spec.tasks, targets.unbind(dim=1), strict=True):
        counts |= class_counts(classes[classes >= 0], part.num_outputs, f"{name}_{part.name}")
    return counts


def class_counts(classes: Tensor, num_classes: int, name: str) -> dict[str, float]:
    """Return ``{"count_<name>_<c>": n}`` for every class ``c`` of ``classes`` ``[N]`` ``int64``."""
    counts = classes.bincount(minlength=num_classes).tolist()
    return {f"count_{name}_{c}": float(n) for c, n in enumerate(counts)}


def mark_counts(pool: Any, picks: Tensor) -> dict[str, float]:
    """Return how many rows that were bought, in all and at the positions ``picks``, have a mark, for each mark.

    Names are ``count_pool_<mark>`` and ``count_picks_<mark>``. Rows of no class count, whose number there is as
    ``count_pool_unknown`` and ``count_picks_unknown`` of an open set. New points have no mark.
    """
    import torch

    counts: dict[str, float] = {}
    if not takes_requests(pool):
        return counts
    everything = torch.cat([pool.indices, unknown_rows(pool)])
    last = torch.cat([pool.indices[picks], unknown_rows(pool, last=True)])
    for name, mark in marks_of(pool.source).items():
        for part, rows in (("pool", everything), ("picks", last)):
            counts[f"count_{part}_{name}"] = float(mark[rows[rows >= 0]].sum())
    if pool.spec.open_set:
        counts["count_pool_unknown"] = float(len(unknown_rows(pool)))
        counts["count_picks_unknown"] = float(len(unknown_rows(pool, last=True)))
    return counts


def mean_nearest_distance(inputs: Tensor) -> float | None:
    """Return the mean Euclidean distance from each row of ``inputs`` ``[n, ...]`` to the nearest other row.

    In the units of the inputs; ``None`` for fewer than two rows. Takes O(n²·d) time as matrix products, and memory for
    a block of rows at a time. The products choose the nearest rows; the distances to these are then taken directly, so
    that rows that are equal have distance 0.
    """
    import torch

    rows = inputs.flatten(start_dim=1).double()
    count = len(rows)
    if count < 2:
        return None
    centered = (rows - rows.mean(dim=0)).float()
    halved_norms = centered.square().sum(dim=1) / 2
    size = max(1, _BLOCK_BYTES // (8 * count))
    total = 0.0
    for start in range(0, count, size):
        block = torch.arange(start, min(start + size, count))
        closeness = centered[block] @ centered.T - halved_norms
        closeness[torch.arange(len(block)), block] = -torch.inf
        nearest = rows[closeness.argmax(dim=1)]
        total += float((rows[block] - nearest).square().sum(dim=1).sqrt().sum())
    return total / count


def mean_scores(reports: Sequence[QueryReport]) -> dict[str, float]:
    """Return the mean score of the picks and of the pool, as far as the query strategies gave scores.

    Names are ``mean_score_picks`` and ``mean_score_pool``; from the second strategy on with its name after them, as in
    ``mean_score_picks/coreset``: scores of different strategies have different units.
    """
    values: dict[str, float] = {}
    for number, report in enumerate(reports):
        suffix = f"/{report.strategy}" if number else ""
        scores = [score for score in report.scores if math.isfinite(score)]
        if scores:
            values[f"mean_score_picks{suffix}"] = math.fsum(scores) / len(scores)
        if math.isfinite(report.pool_mean):
            values[f"mean_score_pool{suffix}"] = report.pool_mean
    return values


class Acquisition(Metrology):
    """Class counts, mean scores and nearest-neighbor distance of what was labeled last.

    Measured after the training that follows a query, on the training pool: ``pool`` are all labels bought so far,
    ``picks`` those integrated in the step before. Counts (``count_pool_<c>``, ``count_picks_<c>``) are of labels as
    they were bought, never of the source's own; a regression has none. Rows that a transformation of the data has
    marked, such as those out of distribution, are counted likewise (``count_picks_ood``). Uses nothing but what a
    resumed driver restores.
    """

    metrics: Mapping[str, bool | None] = {
        "mean_score_picks": None,
        "mean_score_pool": None,
        "nearest_distance_picks": None,
    }

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the last batch of labels and append one record per metric."""
        import torch

        pool, last = self.driver.training_pool, int(self.driver.last_batch)
        picks = newest(pool, last)
        values: dict[str, float] = {}
        if pool.spec.task in (Task.CLASSIFICATION, Task.MULTI_LABEL):
            targets = pool.targets(torch.arange(len(pool)))
            values |= task_class_counts(targets, pool.spec, "pool")
            values |= task_class_counts(targets[picks], pool.spec, "picks")
        values |= mark_counts(pool, picks)
        values |= mean_scores(self.driver.last_reports)
        inputs = pool.inputs(picks)
        distance = mean_nearest_distance(inputs) if isinstance(inputs, torch.Tensor) else None
        if distance is not None:
            values["nearest_distance_picks"] = distance
        self.record("training", values)
