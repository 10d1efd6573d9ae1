"""Metrics of a regression: errors, and their agreement with the predicted variance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.outputs import gaussian_moments, mixture
from alrun.core.types import Moments, Prediction, Task, TaskSpec
from alrun.metrology.base import Metrology
from alrun.metrology.tasks import by_task, task_metrics

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import Metric

__all__ = ["Regression", "predictive_moments", "regression_metrics"]

# Half width, in standard deviations, of the central 90% interval of a Gaussian.
Z90 = 1.6448536269514722
_METRICS: Mapping[str, bool | None] = {"rmse": False, "mae": False, "r2": True, "nlpd": False, "coverage_90": None}


def predictive_moments(prediction: Prediction, num_targets: int) -> Moments:
    """Return predictive moments ``[B, T]`` ``float64``; those of the mixture for a stochastic prediction."""
    moments = gaussian_moments(prediction.outputs.detach().cpu().double(), num_targets)
    return mixture(moments) if prediction.stochastic else moments


def _meters(num_targets: int) -> dict[str, Metric]:
    import torch
    from torchmetrics import MeanAbsoluteError, MeanMetric, MeanSquaredError

    meters: dict[str, Metric] = {
        "mse": MeanSquaredError(num_outputs=num_targets),
        "mae": MeanAbsoluteError(),
        "nlpd": MeanMetric(nan_strategy="disable"),
        "coverage_90": MeanMetric(nan_strategy="disable"),
    }
    return {name: meter.set_dtype(torch.float64) for name, meter in meters.items()}


def regression_metrics(batches: Iterable[tuple[Moments, Tensor]], num_targets: int) -> dict[str, float]:
    """Measure predictive moments against targets, batch by batch; batches may differ in size.

    With several targets each metric is the mean over targets of the metric of one.

    * ``rmse``, ``mae``: root mean squared and mean absolute error of the predictive mean, in target units.
    * ``r2``: ``1 - MSE / variance of the targets``; left out for fewer than two rows or constant targets. Not
      torchmetrics' ``R2Score``, which answers 1 for every residual sum below 1e-4, whatever the unit of the targets.
    * ``nlpd``: mean negative log density of the target under the predictive Gaussian, in nats (Quiñonero-Candela et al.
      2006, "Evaluating Predictive Uncertainty Challenge", section 3; here the mean over targets in place of the sum).
    * ``coverage_90``: fraction of targets in the central 90% interval of the predictive Gaussian; calibrated: 0.9.

    The last two are left out unless every predictive variance is positive.

    Args:
        batches: Pairs of moments ``[B, T]`` ``float64`` and targets ``[B, T]`` (or ``[B]`` for one target).
        num_targets: ``T``.
    """
    import torch

    meters, seen, uncertain = _meters(num_targets), [], True
    for moments, targets in batches:
        truth = targets.cpu().double().reshape(moments.mean.shape)
        seen.append(truth)
        # Means are a slice of the outputs, of which torchmetrics cannot take a view.
        mean = moments.mean.contiguous()
        meters["mse"].update(mean, truth)
        meters["mae"].update(mean, truth)
        uncertain = uncertain and bool((moments.variance > 0).all())
        if uncertain:
            _update_uncertainty(meters, moments, truth)
    mse, targets = torch.atleast_1d(meters["mse"].compute()), torch.cat(seen)
    values = {"rmse": float(mse.sqrt().mean()), "mae": float(meters["mae"].compute())}
    spread = targets.var(dim=0, correction=0)
    if bool((spread > 0).all()):
        values["r2"] = float((1 - mse / spread).mean())
    if uncertain:
        values |= {name: float(meters[name].compute()) for name in ("nlpd", "coverage_90")}
    return values


def _update_uncertainty(meters: dict[str, Metric], moments: Moments, truth: Tensor) -> None:
    squared = (truth - moments.mean).square()
    meters["nlpd"].update(0.5 * ((2 * math.pi * moments.variance).log() + squared / moments.variance))
    meters["coverage_90"].update((squared <= Z90**2 * moments.variance).double())


def _column(batches: Iterable[tuple[Moments, Tensor]], column: int) -> Iterator[tuple[Moments, Tensor]]:
    one = slice(column, column + 1)
    for moments, targets in batches:
        yield Moments(moments.mean[:, one], moments.variance[:, one]), targets[:, one]


class Regression(Metrology):
    """RMSE, MAE, R², negative log predictive density and 90% coverage on the test pool.

    Of data with several named targets, each of them as ``rmse/<target>`` and their mean as ``rmse``, and so on.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})

    def __init__(self, spec: TaskSpec | None = None) -> None:
        """Measure the targets of ``spec``, which comes from the data."""
        super().__init__()
        self.metrics = task_metrics(_METRICS, spec)

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner on the test pool, or else on the validation pool, and append one record per metric.

        Raises:
            ConfigError: There is neither pool.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        if pool.spec.tasks:
            batches = list(self._batches(pool))
            names = [part.name for part in pool.spec.tasks]
            each = {name: regression_metrics(_column(batches, t), 1) for t, name in enumerate(names)}
            self.record(split, by_task(each))
            return
        self.record(split, regression_metrics(self._batches(pool), pool.spec.num_outputs))

    def _batches(self, pool: Any) -> Iterator[tuple[Moments, Tensor]]:
        for prediction, targets in self.predictions(pool):
            yield predictive_moments(prediction, pool.spec.num_outputs), targets
