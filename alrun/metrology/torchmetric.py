"""Any torchmetrics metric as a metrology strategy."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.errors import ConfigError, Problem
from alrun.core.outputs import task_outputs
from alrun.core.types import Prediction, Task, TaskPart, TaskSpec
from alrun.metrology.base import Metrology
from alrun.metrology.probabilities import label_probabilities, predictive_probabilities
from alrun.metrology.regression import predictive_moments
from alrun.metrology.tasks import by_task, task_metrics
from alrun.pool.labels import from_zero

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TorchMetric", "columns"]

Feed = Callable[["Tensor", "Tensor"], tuple["Tensor", "Tensor"]]
_REFUSALS = (ValueError, RuntimeError, TypeError, IndexError, NotImplementedError)


def columns(name: str, value: Any) -> dict[str, float]:
    """Return what a metric computed as numbers: ``name``, or ``name_<key or index>`` where there are several."""
    if isinstance(value, Mapping):
        return {key: number for part, one in value.items() for key, number in columns(f"{name}_{part}", one).items()}
    if hasattr(value, "shape") and value.numel() != 1:
        places = product(*(range(size) for size in value.shape))
        return {"_".join([name, *map(str, place)]): float(value[place]) for place in places}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return columns(name, {str(number): one for number, one in enumerate(value)})
    return {name: float(value)}


class TorchMetric(Metrology):
    """Feeds a torchmetrics ``Metric`` (or ``MetricCollection``) from the test pool, or else from the validation pool.

    A classification gives class probabilities ``[B, C]`` and classes ``[B]``; where the metric does not take these, the
    probability of the second of two classes ``[B]``, or the most probable classes ``[B]``. A regression gives
    predictive means and targets, ``[B]`` or ``[B, T]``; several labels give the probability of each and marks,
    ``[B, L]``. All in ``float64``. What the metric takes is tried on made-up
    rows when it is built, so that one that does not fit the data is refused before a label is paid for. Of data with
    several tasks, each is measured by a copy, as ``name/task``, and the mean as ``name``.

    Args:
        metric: Has ``update(predictions, targets)``, ``compute()``, ``reset()``, and may declare ``higher_is_better``.
        name: What it is called in the records; with ``_<key or index>`` behind where it computes several values.
        spec: What the data are.

    Raises:
        ConfigError: The metric does not take predictions of these data, or the data have no ``spec``.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.SEGMENTATION}

    def __init__(self, metric: Any, name: str, spec: TaskSpec | None = None) -> None:
        super().__init__()
        if spec is None:
            what = "the data have no spec, so that a torchmetrics metric cannot be fed"
            raise ConfigError(Problem(what, f"metrology.{name}"))
        self._name, self._spec = name, spec
        parts: Sequence[TaskSpec | TaskPart] = spec.tasks or (spec,)
        self._meters = [_in_double(copy.deepcopy(metric)) for _ in parts]
        found = [_fitting(meter, part, name) for meter, part in zip(self._meters, parts, strict=True)]
        self._feeds = [feed for feed, _ in found]
        better = {key: _better(metric, name, key) for key in found[0][1]}
        self.metrics = task_metrics(better, spec)

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner and append one record per value.

        Raises:
            ConfigError: There is no pool to measure on.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        for meter in self._meters:
            meter.reset()
        for prediction, targets in self.predictions(pool):
            for meter, feed, values, truth in zip(
                self._meters, self._feeds, *self._parts(prediction, targets), strict=True
            ):
                meter.update(*feed(values, truth))
        measured = [columns(self._name, meter.compute()) for meter in self._meters]
        names = [part.name for part in self._spec.tasks]
        self.record(split, by_task(dict(zip(names, measured, strict=True))) if names else measured[0])

    def _parts(self, prediction: Prediction, targets: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Return predictions and targets of every task."""
        spec, truth = self._spec, targets.cpu()
        if spec.task is Task.REGRESSION:
            mean = predictive_moments(prediction, spec.num_outputs).mean
            truth = from_zero(truth.double().reshape(mean.shape), spec.target_origin)
            mean = from_zero(mean, spec.target_origin)
            return (mean.split(1, dim=1), truth.split(1, dim=1)) if spec.tasks else ([mean], [truth])
        if spec.task is Task.MULTI_LABEL:
            return [label_probabilities(prediction)], [truth]
        logits = task_outputs(prediction.outputs, spec)
        values = [predictive_probabilities(replace(prediction, outputs=one)) for one in logits]
        return values, truth.unbind(dim=1) if spec.tasks else [truth]


def _in_double(metric: Any) -> Any:
    import torch

    return metric.set_dtype(torch.float64) if hasattr(metric, "set_dtype") else metric


def _better(metric: Any, name: str, column: str) -> bool | None:
    """Return the metric's own ``higher_is_better``; that of a member where there is a collection of them."""
    members = dict(metric.items()) if hasattr(metric, "items") else {}
    member = next((one for key, one in members.items() if column.startswith(f"{name}_{key}")), metric)
    better = getattr(member, "higher_is_better", None)
    return None if better is None else bool(better)


def _fitting(metric: Any, part: TaskSpec | TaskPart, name: str) -> tuple[Feed, dict[str, float]]:
    """Return how ``metric`` wants to be fed, and what it computes from made-up rows."""
    values, targets, feeds = _trials(part)
    refusals = []
    for feed in feeds:
        try:
            found = columns(name, _tried(metric, *feed(values, targets)))
            # Metrics of classes take chances of labels for class numbers, all of them 0, without a word.
            if part.task is Task.MULTI_LABEL and found == columns(name, _tried(metric, *feed(1 - values, targets))):
                raise ValueError("it does not look at the probabilities")
            return feed, found
        except _REFUSALS as error:
            refusals.append(str(error).split("\n")[0])
    what = f"{type(metric).__name__} does not take predictions of this {part.task}: {refusals[0]}"
    raise ConfigError(Problem(what, f"metrology.{name}", _hint(name, part)))


def _tried(metric: Any, values: Tensor, targets: Tensor) -> Any:
    trial = copy.deepcopy(metric)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trial.update(values, targets)
        return trial.compute()


def _trials(part: TaskSpec | TaskPart) -> tuple[Tensor, Tensor, list[Feed]]:
    """Return made-up predictions and targets of a task, and the ways in which a metric may want them."""
    if part.task is Task.REGRESSION:
        return *_made_up_values(part.num_outputs), _value_feeds(part.num_outputs)
    if part.task is Task.MULTI_LABEL:
        return *_made_up_marks(part.num_outputs), [lambda values, marks: (values, marks)]
    values, classes = _made_up_classes(max(part.num_outputs, 2))
    return values, classes, _class_feeds(values.shape[1])


def _hint(name: str, part: TaskSpec | TaskPart) -> str:
    if part.task is Task.CLASSIFICATION:
        return f"use a metric for {part.num_outputs} classes, e.g. metrology.{name}.num_classes={part.num_outputs}"
    if part.task is Task.MULTI_LABEL:
        return f"use a metric for {part.num_outputs} labels, e.g. metrology.{name}.num_labels={part.num_outputs}"
    return f"metrology.{name}._target_=torchmetrics.MeanSquaredError"


def _class_feeds(num_classes: int) -> list[Feed]:
    feeds: list[Feed] = [lambda values, classes: (values, classes)]
    if num_classes == 2:
        feeds.append(lambda values, classes: (values[:, 1], classes))
    return [*feeds, lambda values, classes: (values.argmax(dim=1), classes)]


def _value_feeds(num_targets: int) -> list[Feed]:
    whole: Feed = lambda values, targets: (values, targets)  # noqa: E731
    return [lambda values, targets: (values[:, 0], targets[:, 0]), whole] if num_targets == 1 else [whole]


def _made_up_classes(num_classes: int) -> tuple[Tensor, Tensor]:
    import torch

    classes = torch.arange(max(8, 2 * num_classes)) % num_classes
    sharp = torch.nn.functional.one_hot(classes.roll(1) if num_classes > 2 else classes, num_classes).double()
    return 0.5 * sharp + 0.5 / num_classes, classes


def _made_up_marks(labels: int) -> tuple[Tensor, Tensor]:
    import torch

    marks = (torch.arange(8)[:, None] + torch.arange(labels)) % 2
    return 0.25 + 0.5 * marks.roll(1, dims=0).double() + 0.01 * torch.arange(8)[:, None], marks


def _made_up_values(num_targets: int) -> tuple[Tensor, Tensor]:
    import torch

    targets = torch.arange(1.0, 1.0 + 8 * num_targets, dtype=torch.float64).reshape(8, num_targets)
    return targets + 0.25 * targets.sin(), targets
