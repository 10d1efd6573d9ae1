"""Metrics of a learner of several labels a row: F1, mean average precision, exact matches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.types import Task
from alrun.metrology.base import Metrology
from alrun.metrology.probabilities import label_probabilities

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import Metric

__all__ = ["MultiLabel", "multi_label_metrics"]


def _meters(labels: int) -> dict[str, Metric]:
    import torch
    from torchmetrics import MeanMetric
    from torchmetrics.classification import (
        MultilabelAccuracy,
        MultilabelAveragePrecision,
        MultilabelExactMatch,
        MultilabelF1Score,
    )

    return {
        "macro_f1": MultilabelF1Score(labels, average="macro", validate_args=False),
        "micro_f1": MultilabelF1Score(labels, average="micro", validate_args=False),
        "mean_average_precision": MultilabelAveragePrecision(labels, average="none", validate_args=False),
        "exact_match": MultilabelExactMatch(labels, validate_args=False),
        "label_accuracy": MultilabelAccuracy(labels, average="micro", validate_args=False),
        "nll": MeanMetric(nan_strategy="disable").set_dtype(torch.float64),
    }


def multi_label_metrics(batches: Iterable[tuple[Tensor, Tensor]], labels: int) -> dict[str, float]:
    """Return the metrics over all batches, which may differ in size. A label is predicted where it is above one half.

    * ``macro_f1``: mean over the labels of the F1 score; of a label that neither is nor is predicted it is 0.
    * ``micro_f1``: F1 score of all pairs of row and label together.
    * ``mean_average_precision``: mean of the area under the precision-recall curve, over the labels that some row has;
      left out where no row has any.
    * ``exact_match``: share of the rows whose labels all are right (subset accuracy).
    * ``label_accuracy``: share of the pairs of row and label that are right (1 less the Hamming loss).
    * ``nll``: mean binary cross-entropy of the pairs, in nats (at most 708, that of the smallest double).

    Args:
        batches: Pairs of probabilities ``[B, L]`` ``float64`` and marks ``[B, L]`` ``int64``.
        labels: Their number ``L``.
    """
    import torch

    meters, holds = _meters(labels), torch.zeros(labels, dtype=torch.int64)
    for predicted, marks in batches:
        for name, meter in meters.items():
            if name != "nll":
                meter.update(predicted, marks)
        true = torch.where(marks == 1, predicted, 1 - predicted)
        meters["nll"].update(-true.clamp_min(torch.finfo(predicted.dtype).tiny).log())
        holds += marks.sum(dim=0)
    with warnings.catch_warnings():
        # Of a label that no row has there is no precision, which is known here.
        warnings.simplefilter("ignore")
        found = {name: meter.compute() for name, meter in meters.items()}
    found["mean_average_precision"] = found["mean_average_precision"][holds > 0].mean()
    return {name: float(value) for name, value in found.items() if not math.isnan(value) or name == "nll"}


class MultiLabel(Metrology):
    """F1 (macro, micro), mean average precision, exact matches and likelihood of several labels, on the test pool.

    See ``multi_label_metrics``.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.MULTI_LABEL})
    metrics: Mapping[str, bool | None] = {
        "macro_f1": True,
        "micro_f1": True,
        "mean_average_precision": True,
        "exact_match": True,
        "label_accuracy": True,
        "nll": False,
    }

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner on the test pool, or else on the validation pool, and append one record per metric.

        Raises:
            ConfigError: There is neither pool.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        batches = ((label_probabilities(one), marks.cpu()) for one, marks in self.predictions(pool))
        self.record(split, multi_label_metrics(batches, pool.spec.num_outputs))
