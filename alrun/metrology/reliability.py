"""Reliability diagram: how often the learner is right, by how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.arguments import count_problems, raise_any
from alrun.core.types import Task, TaskSpec
from alrun.metrology.base import Metrology
from alrun.metrology.probabilities import measured_classes, task_specs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Reliability", "bin_sums", "reliability"]

NAMES = ("confidence", "correct", "share")


def bin_sums(probabilities: Tensor, classes: Tensor, bins: int) -> Tensor:
    """Return of each bin its rows, the sum of the top class's probability, and the rows whose top class is true.

    Bins are equal, bin ``b`` begins at ``b / bins`` (Guo et al. 2017, fig. 1). ``[3, bins]`` ``float64``; those of
    chunks add up.

    Args:
        probabilities: ``[B, C]`` ``float64``.
        classes: ``[B]`` ``int64``.
        bins: Number of bins.
    """
    import torch

    confidence, top = probabilities.max(dim=1)
    number = (confidence * bins).long().clamp(max=bins - 1)
    each = (torch.ones_like(confidence), confidence, (top == classes).double())
    return torch.stack([number.bincount(weights=one, minlength=bins) for one in each])


def reliability(sums: Tensor) -> dict[str, float]:
    """Return the reliability diagram of ``bin_sums`` over all rows, ``[3, bins]``; an empty bin has no values.

    ``confidence_<b>`` is the mean probability of the top class in bin ``b``, ``correct_<b>`` the share of rows in it
    whose top class is true, ``share_<b>`` its share of all rows. The mean of ``|confidence - correct|``, weighted by
    ``share``, is the expected calibration error.
    """
    total = float(sums[0].sum())
    values: dict[str, float] = {}
    for b, (rows, confidence, correct) in enumerate(sums.T.tolist()):
        if rows:
            found = (confidence / rows, correct / rows, rows / total)
            values |= {f"{name}_{b}": value for name, value in zip(NAMES, found, strict=True)}
    return values


class Reliability(Metrology):
    """Reliability diagram on the test pool, see ``reliability``; of several tasks ``confidence_<b>/<task>``."""

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})

    def __init__(self, spec: TaskSpec | None = None, bins: int = 15) -> None:
        """Measure the tasks of ``spec``, which comes from the data.

        Args:
            spec: What the data predict.
            bins: Number of bins; 15 are those of the metric ``ece``.

        Raises:
            ConfigError: ``bins`` is not a positive whole number.
        """
        super().__init__()
        raise_any(count_problems("metrology.reliability.bins", bins, "metrology.reliability.bins=15"))
        self.bins = bins
        ends = task_specs(spec) if spec is not None else [""]
        self.metrics = {f"{name}_{b}{end}": None for end in ends for name in NAMES for b in range(bins)}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure the learner on the test pool, or else on the validation pool, and append the records of all bins.

        Raises:
            ConfigError: There is neither pool.
            StrategyError: The learner's outputs are not finite.
        """
        split, pool = self.measured_pool()
        sums: dict[str, Tensor] = {}
        for name, probabilities, classes in measured_classes(self.predictions(pool), pool.spec):
            found = bin_sums(probabilities, classes, self.bins)
            sums[name] = sums[name] + found if name in sums else found
        for name, of_task in sums.items():
            self.record(split, {f"{one}{name}": value for one, value in reliability(of_task).items()})
