"""Predicted probabilities and true classes of a pool, chunk by chunk and task by task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from alrun.core.outputs import probabilities, task_outputs
from alrun.core.types import Prediction, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["label_probabilities", "measured_classes", "predictive_probabilities", "task_specs"]


def predictive_probabilities(prediction: Prediction) -> Tensor:
    """Return class probabilities ``[B, C]`` ``float64``; the mean over the ``K`` samples of a stochastic prediction."""
    values = probabilities(prediction.outputs.detach().cpu().double())
    if prediction.stochastic:
        values = values.mean(dim=0)
    # Rounding may exceed one, which torchmetrics would take for logits.
    return values.clamp(0.0, 1.0)


def label_probabilities(prediction: Prediction) -> Tensor:
    """Return the probability of each of several labels, ``[B, L]`` ``float64``; the mean over ``K`` samples."""
    holds = prediction.outputs.detach().cpu().double().sigmoid()
    # Rounding may exceed one, which torchmetrics would take for logits.
    return (holds.mean(dim=0) if prediction.stochastic else holds).clamp(0.0, 1.0)


def task_specs(spec: TaskSpec) -> dict[str, int]:
    """Return the number of classes of each task, by the end of its metrics' names: empty, or ``/<task>`` of several."""
    if not spec.tasks:
        return {"": spec.num_outputs}
    return {f"/{part.name}": part.num_outputs for part in spec.tasks}


def measured_classes(
    predictions: Iterable[tuple[Prediction, Tensor]], spec: TaskSpec
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield chunk by chunk and task by task: name, probabilities ``[B, C]`` ``float64``, and classes ``[B]`` ``int64``.

    Args:
        predictions: Predictions, each with the targets of its rows: ``[B]``, or ``[B, T]`` of several tasks.
        spec: What the data predict; names are those of ``task_specs``.
    """
    for prediction, targets in predictions:
        outputs = task_outputs(prediction.outputs, spec) if spec.tasks else [prediction.outputs]
        columns = targets.cpu().unbind(dim=1) if spec.tasks else [targets.cpu()]
        for name, logits, classes in zip(task_specs(spec), outputs, columns, strict=True):
            of_task = Prediction(prediction.indices, logits, stochastic=prediction.stochastic)
            yield name, predictive_probabilities(of_task), classes
