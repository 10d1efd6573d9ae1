"""Multi-task query: uncertainty combined over tasks, or requests for single tasks of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, number_problems, raise_any
from alrun.core.errors import Problem, StrategyError
from alrun.core.outputs import gaussian_moments, mixture, probabilities, task_outputs
from alrun.core.protocols.driver import spec_of
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.types import Prediction, QueryReport, Task, TaskSpec
from alrun.query import scores
from alrun.query.base import ScoreQuery, queued_rows
from alrun.query.histogram import RunningHistogram
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

    Where the pool sells labels by the task (``data.partial_labels=true``), it asks for pairs ``(row, task name)``
    instead and combines nothing: the most uncertain of each task in turn or, without ``turns``, of all tasks together,
    whose uncertainties must then compare. Ties go by row number, then in the order of the tasks.

    Data with a single task are scored by that one.

    Args:
        max_samples: Requests a call.
        measure: ``entropy``, ``margin`` or ``least_confidence``; for a regression ``variance``, in squared units of
            each target; ``None`` for ``entropy`` or ``variance``.
        combine: ``mean``, ``max`` or ``sum``.
        weights: Factor on the score of each task, by its name; 1 for those left out. The mean is over all tasks.
        turns: Whether each task gets the same number of requests, where labels are sold by the task.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.
        spec: The tasks; from the data.

    Raises:
        ConfigError: With every problem at once.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    multi_task: ClassVar[bool] = True

    def __init__(
        self,
        max_samples: int,
        measure: str | None = None,
        combine: str = "mean",
        weights: Mapping[str, float] | None = None,
        turns: bool = True,
        expected: bool = False,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples)
        self._regression = spec is not None and spec.task is Task.REGRESSION
        measures = ("variance",) if self._regression else tuple(MEASURES)
        measure = measures[0] if measure is None else measure
        problems = [
            *choice_problems("query.multitask.measure", measure, measures),
            *choice_problems("query.multitask.combine", combine, COMBINATIONS),
        ]
        names = [part.name for part in spec.tasks] if spec else None
        problems += _weight_problems(weights or {}, names)
        raise_any(problems)
        self._measure, self._combine = MEASURES.get(measure, scores.entropy), COMBINATIONS[combine]
        self._weights = dict(weights or {})
        self._turns, self.expected = turns, expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return the combined score, ``[B]``."""
        return self._combine(self.task_scores(prediction))

    def task_scores(self, prediction: Prediction) -> Tensor:
        """Return the weighted score of each task, ``[B, T]``."""
        spec, outputs = spec_of(self.driver), prediction.outputs.float()
        if self._regression:
            each = _variances(outputs, spec.num_outputs, prediction.stochastic)
        else:
            measured = [self._measure(probabilities(part), self.expected) for part in task_outputs(outputs, spec)]
            each = torch.stack(measured, dim=1)
        return each * each.new_tensor([self._weights.get(part.name, 1.0) for part in spec.tasks] or 1.0)

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the best rows in ``query_queue``, or the best pairs where the pool goes by the task.

        Raises:
            StrategyError: When a score is NaN.
        """
        if not self.driver.unlabeled_pool.by_task:
            super().sample(query_queue)
            return
        self.report = QueryReport()
        if self.max_samples == 0:
            return
        pool = self.driver.unlabeled_pool
        best = [RunningTopK(self.max_samples) for _ in spec_of(self.driver).tasks]
        taken, total, count = queued_rows(query_queue, pool), 0.0, 0
        pool_scores = RunningHistogram()
        for prediction in self.driver.predictor(pool):
            rows = prediction.indices.cpu()
            scores, is_open, keys = self._pair_scores(prediction, rows), pool.open_tasks(rows), pool.keys(rows)
            total, count = total + float(scores[is_open].sum(dtype=torch.float64)), count + int(is_open.sum())
            pool_scores.update(scores[is_open])
            fresh = is_open & ~torch.isin(keys, taken)
            for number, top in enumerate(best):
                top.update(scores[fresh[:, number], number], keys[fresh[:, number], number])
        picks, values = (_in_turn if self._turns else _highest)(best, self.max_samples)
        for key in picks.tolist():
            query_queue.put(pool.request(key))
        mean = total / count if count else float("nan")
        self.report = QueryReport(values.tolist(), mean, pool_scores=pool_scores.counted())

    def _pair_scores(self, prediction: Prediction, rows: Tensor) -> Tensor:
        found = self.task_scores(prediction).detach().cpu()
        self.refuse_nan(found.sum(dim=1), rows)
        return found


def _in_turn(best: Sequence[RunningTopK], n: int) -> tuple[Tensor, Tensor]:
    """Return keys and scores of the best of each task, then the second of each, and so on, ``n`` at most."""
    ranks = torch.cat([torch.arange(len(top.rows)) for top in best])
    order = ranks.argsort(stable=True)[:n]
    return torch.cat([top.rows for top in best])[order], torch.cat([top.scores for top in best])[order]


def _highest(best: Sequence[RunningTopK], n: int) -> tuple[Tensor, Tensor]:
    """Return keys and scores of the ``n`` best of all tasks."""
    top = RunningTopK(n)
    for each in best:
        top.update(each.scores, each.rows)
    return top.rows, top.scores


def _variances(outputs: Tensor, num_targets: int, stochastic: bool) -> Tensor:
    """Return the predictive variance of each target, ``[B, T]``."""
    if not stochastic and outputs.shape[-1] == num_targets:
        what = "MultiTask needs a predictive variance"
        raise StrategyError(f"{what}: use inference=mc_dropout, or learner.likelihood=gaussian")
    moments = gaussian_moments(outputs, num_targets)
    return mixture(moments).variance if stochastic else moments.variance


def _weight_problems(weights: Mapping[str, float], names: list[str] | None) -> list[Problem]:
    where = "query.multitask.weights"
    problems = []
    for name, value in weights.items():
        if names is not None and name not in names:
            problems.append(Problem(f"there is no task {name!r}", where, f"one of: {', '.join(names)}"))
        problems += number_problems(f"{where}.{name}", value, f"{where}.{name}=1")
    return problems
