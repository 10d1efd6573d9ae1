"""Recall of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.types import Task, TaskSpec
from alrun.metrology.base import Metrology
from alrun.metrology.probabilities import measured_classes, task_specs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PerClass", "class_hits"]


def class_hits(predicted: Tensor, classes: Tensor, num_classes: int) -> Tensor:
    """Return how many rows each class has, and how many of them were predicted as such: ``[2, num_classes]`` ``int64``.

    Args:
        predicted: Most probable classes, ``[B]`` ``int64``.
        classes: True ones, ``[B]`` ``int64``.
        num_classes: Number of classes.

    Example:
        >>> import torch
        >>> class_hits(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 3)
        tensor([[2, 1, 0],
                [1, 1, 0]])
    """
    import torch

    return torch.stack([one.bincount(minlength=num_classes) for one in (classes, classes[predicted == classes])])


class PerClass(Metrology):
    """Recall of each class on the test pool, ``recall_<c>``; of data with several tasks ``recall_<c>/<task>``.

    A class that the pool does not have is not recorded.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})

    def __init__(self, spec: TaskSpec | None = None) -> None:
        """Measure the tasks of ``spec``, which comes from the data."""
        super().__init__()
        parts = task_specs(spec) if spec is not None else {}
        self.metrics = {f"recall_{c}{end}": True for end, count in parts.items() for c in range(count)}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner on the test pool, or else on the validation pool, and append one record per class.

        Raises:
            ConfigError: There is neither pool.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        counts = task_specs(pool.spec)
        hits: dict[str, Tensor] = {}
        for name, probabilities, classes in measured_classes(self.predictions(pool), pool.spec):
            found = class_hits(probabilities.argmax(dim=1), classes, counts[name])
            hits[name] = hits[name] + found if name in hits else found
        for name, (rows, right) in hits.items():
            pairs = enumerate(zip(rows.tolist(), right.tolist(), strict=True))
            self.record(split, {f"recall_{c}{name}": one / count for c, (count, one) in pairs if count})
