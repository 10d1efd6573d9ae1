"""Uncertainty of each of several tasks, combined; or requests for single tasks of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.outputs import probabilities, task_outputs
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.types import Prediction, QueryReport, TaskSpec
from alrun.query import scores
from alrun.query.base import ScoreQuery, queued_rows
from alrun.query.selection.top_k import RunningTopK

__all__ = ["MultiTask"]

MEASURES: Mapping[str, Callable[[Tensor, bool], Tensor]] = MappingProxyType(
    {"entropy": scores.entropy, "least_confidence": scores.least_confidence, "margin": scores.margin}
)
COMBINATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"max": lambda each: each.amax(dim=1), "mean": lambda each: each.mean(dim=1), "sum": lambda each: each.sum(dim=1)}
)


class MultiTask(ScoreQuery):
    """Rows by the mean, maximum or sum over the tasks of each task's uncertainty, weighted.

    Where the pool sells labels by the task (``data.partial_labels=true``), it asks for the pairs ``(row, task name)``
    of the highest weighted uncertainty instead, and nothing is combined; ties go by row number, then in the order of
    the tasks. Data with a single task are scored by that one.

    Args:
        max_samples: Requests a call.
        measure: ``entropy``, ``margin`` or ``least_confidence``.
        combine: ``mean``, ``max`` or ``sum``.
        weights: Factor on the score of each task, by its name; 1 for those left out. The mean is over all tasks.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.
        spec: The tasks; from the data.

    Raises:
        ConfigError: With every problem at once.
    """

    multi_task: ClassVar[bool] = True

    def __init__(
        self,
        max_samples: int,
        measure: str = "entropy",
        combine: str = "mean",
        weights: Mapping[str, float] | None = None,
        expected: bool = False,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples)
        problems = [
            Problem(
                f"{value!r} is not one of {', '.join(known)}", f"query.multitask.{key}", f"one of {', '.join(known)}"
            )
            for key, value, known in (("measure", measure, MEASURES), ("combine", combine, COMBINATIONS))
            if value not in known
        ]
        names = [part.name for part in spec.tasks] if spec else None
        problems += _weight_problems(weights or {}, names)
        if problems:
            raise ConfigError(problems)
        self._measure, self._combine = MEASURES[measure], COMBINATIONS[combine]
        self._weights = dict(weights or {})
        self.expected = expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return the combined score, ``[B]``."""
        return self._combine(self.task_scores(prediction))

    def task_scores(self, prediction: Prediction) -> Tensor:
        """Return the weighted score of each task, ``[B, T]``."""
        spec = self.driver.spec
        names = [part.name for part in spec.tasks] or [""]
        parts = zip(names, task_outputs(prediction.outputs.float(), spec), strict=True)
        each = [
            self._weights.get(name, 1.0) * self._measure(probabilities(part), self.expected) for name, part in parts
        ]
        return torch.stack(each, dim=1)

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the best rows in ``query_queue``, or the best pairs where the pool goes by the task.

        Raises:
            StrategyError: When a score is NaN.
        """
        if not hasattr(self.driver.unlabeled_pool, "open_tasks"):
            super().sample(query_queue)
            return
        self.report = QueryReport()
        pool = self.driver.unlabeled_pool
        best, total, count = RunningTopK(self.max_samples), 0.0, 0
        taken = queued_rows(query_queue, pool)
        for prediction in self.driver.predictor(pool) if self.max_samples else ():
            rows = prediction.indices.cpu()
            found = self._pair_scores(prediction, rows)
            is_open = pool.open_tasks(rows)
            keys, values = pool.keys(rows)[is_open], found[is_open]
            total, count = total + float(values.sum(dtype=torch.float64)), count + len(values)
            fresh = ~torch.isin(keys, taken)
            best.update(values[fresh], keys[fresh])
        for key in best.rows.tolist():
            query_queue.put(pool.request(key))
        self.report = QueryReport(best.scores.tolist(), total / count if count else float("nan"))

    def _pair_scores(self, prediction: Prediction, rows: Tensor) -> Tensor:
        found = self.task_scores(prediction).detach().cpu()
        self.refuse_nan(found.sum(dim=1), rows)
        return found


def _weight_problems(weights: Mapping[str, float], names: list[str] | None) -> list[Problem]:
    where = "query.multitask.weights"
    problems = []
    for name, value in weights.items():
        if names is not None and name not in names:
            problems.append(Problem(f"there is no task {name!r}", where, f"one of {', '.join(names)}"))
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            problems.append(Problem(f"the weight of {name!r} cannot be {value!r}", where, f"{where}.{name}=1"))
    return problems
