"""Metrics of a classifier: accuracy, calibration and confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.types import Task, TaskSpec
from alrun.metrology.base import Metrology
from alrun.metrology.probabilities import measured_classes, task_specs
from alrun.metrology.tasks import by_task, task_metrics

if TYPE_CHECKING:
    from torch import Tensor
    from torchmetrics import Metric

__all__ = ["Classification", "ClassificationMeters", "classification_metrics"]

_METRICS: Mapping[str, bool | None] = {"accuracy": True, "macro_f1": True, "nll": False, "brier": False, "ece": False}


def _meters(num_classes: int) -> dict[str, Metric]:
    import torch
    from torchmetrics import MeanMetric
    from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError, MulticlassF1Score

    return {
        "accuracy": MulticlassAccuracy(num_classes, average="micro", validate_args=False),
        "macro_f1": MulticlassF1Score(num_classes, average="macro", validate_args=False),
        "nll": MeanMetric(nan_strategy="disable").set_dtype(torch.float64),
        "brier": MeanMetric(nan_strategy="disable").set_dtype(torch.float64),
        "ece": MulticlassCalibrationError(num_classes, n_bins=15, norm="l1", validate_args=False),
    }


class ClassificationMeters:
    """Running measures of predicted probabilities against classes; batches may differ in size.

    * ``accuracy``: fraction of rows whose most probable class is the true one.
    * ``macro_f1``: mean F1 over the classes that occur in the targets or in the predictions.
    * ``nll``: mean negative log-probability of the true class, in nats (at most 708, that of the smallest double).
    * ``brier``: mean squared distance of the probabilities from the one-hot class, summed over classes, 0 to 2
      (Brier 1950, Monthly Weather Review 78, p. 1; for two classes twice the halved form in common use).
    * ``ece``: expected calibration error of the top class, 15 equal bins, L1 (Guo et al. 2017, eq. 3).
    """

    def __init__(self, num_classes: int) -> None:
        """Measure ``num_classes`` classes; nothing seen yet."""
        self._meters = _meters(num_classes)

    def reset(self) -> None:
        """Forget what was taken in."""
        for meter in self._meters.values():
            meter.reset()

    def update(self, predicted: Tensor, classes: Tensor) -> None:
        """Take in probabilities ``[B, C]`` ``float64`` and classes ``[B]`` ``int64``."""
        import torch

        classes = classes.cpu()
        true = predicted.gather(1, classes[:, None])[:, 0]
        for name in ("accuracy", "macro_f1", "ece"):
            self._meters[name].update(predicted, classes)
        self._meters["nll"].update(-true.clamp_min(torch.finfo(predicted.dtype).tiny).log())
        # ||p - e_y||² without the one-hot matrix.
        self._meters["brier"].update(predicted.square().sum(dim=1) - 2 * true + 1)

    def compute(self) -> dict[str, float]:
        """Return the values over all that was taken in."""
        return {name: float(meter.compute()) for name, meter in self._meters.items()}


def classification_metrics(batches: Iterable[tuple[Tensor, Tensor]], num_classes: int) -> dict[str, float]:
    """Return the values of ``ClassificationMeters`` over all batches.

    Args:
        batches: Pairs of probabilities ``[B, C]`` ``float64`` and classes ``[B]`` ``int64``.
        num_classes: ``C``.
    """
    meters = ClassificationMeters(num_classes)
    for predicted, classes in batches:
        meters.update(predicted, classes)
    return meters.compute()


class Classification(Metrology):
    """Accuracy, macro F1, negative log-likelihood, Brier score and calibration error on the test pool.

    Of data with several tasks, each of them as ``accuracy/<task>`` and their mean as ``accuracy``, and so on.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})

    def __init__(self, spec: TaskSpec | None = None) -> None:
        """Measure the tasks of ``spec``, which comes from the data."""
        super().__init__()
        self.metrics = task_metrics(_METRICS, spec)
        self._meters: dict[str, ClassificationMeters] = {}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner on the test pool, or else on the validation pool, and append one record per metric.

        Raises:
            ConfigError: There is neither pool.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        meters = {name: self._fresh(name, classes) for name, classes in task_specs(pool.spec).items()}
        for name, predicted, classes in measured_classes(self.predictions(pool), pool.spec):
            meters[name].update(predicted, classes)
        found = {name.removeprefix("/"): meter.compute() for name, meter in meters.items()}
        self.record(split, by_task(found) if pool.spec.tasks else found[""])

    def _fresh(self, name: str, num_classes: int) -> ClassificationMeters:
        """Return the meters of a task, empty; they are made once, which takes longer than to use them."""
        if name not in self._meters:
            self._meters[name] = ClassificationMeters(num_classes)
        self._meters[name].reset()
        return self._meters[name]
