"""Metrics of classes of pixels: intersection over union, accuracy, likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.outputs import element_probabilities
from alrun.core.types import Task
from alrun.metrology.base import Metrology

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Segmentation", "segmentation_metrics"]


def segmentation_metrics(batches: Iterable[tuple[Tensor, Tensor]], num_classes: int) -> dict[str, float]:
    """Return the metrics over all batches, which may differ in size; each pixel counts alike.

    * ``mean_iou``: mean intersection over union of the classes that occur in masks or predictions (Jaccard index, of
      all pixels of all images together).
    * ``pixel_accuracy``: share of the pixels whose most probable class is the true one.
    * ``nll``: mean negative log-probability of the true class of a pixel, in nats (at most 708).

    Args:
        batches: Pairs of probabilities ``[B, E, C]`` and classes ``[B, ...]`` ``int64`` of as many elements.
        num_classes: ``C``.
    """
    import torch
    from torchmetrics import MeanMetric
    from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

    options: dict[str, Any] = {"num_classes": num_classes, "validate_args": False}
    iou, accuracy = MulticlassJaccardIndex(average="macro", **options), MulticlassAccuracy(average="micro", **options)
    nll = MeanMetric(nan_strategy="disable").set_dtype(torch.float64)
    for predicted, masks in batches:
        flat, classes = predicted.flatten(0, 1), masks.flatten()
        found = flat.argmax(dim=1)
        iou.update(found, classes)
        accuracy.update(found, classes)
        true = flat.gather(1, classes[:, None])[:, 0].double()
        nll.update(-true.clamp_min(torch.finfo(true.dtype).tiny).log())
    meters = {"mean_iou": iou, "pixel_accuracy": accuracy, "nll": nll}
    return {name: float(meter.compute()) for name, meter in meters.items()}


class Segmentation(Metrology):
    """Mean intersection over union, accuracy and likelihood of the pixels, on the test pool.

    See ``segmentation_metrics``.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.SEGMENTATION})
    metrics: Mapping[str, bool | None] = {"mean_iou": True, "pixel_accuracy": True, "nll": False}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner on the test pool, or else on the validation pool, and append one record per metric.

        Raises:
            ConfigError: There is neither pool.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        spec = pool.spec

        def batches() -> Iterable[tuple[Tensor, Tensor]]:
            for prediction, masks in self.predictions(pool):
                found = element_probabilities(prediction.outputs.detach().cpu().float(), spec)
                yield (found.mean(dim=0) if prediction.stochastic else found), masks.cpu()

        self.record(split, segmentation_metrics(batches(), spec.num_outputs))
