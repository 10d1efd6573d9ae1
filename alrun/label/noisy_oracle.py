"""Labels of the data set with random errors."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.label_noise import confused, flipped, gaussian_errors
from alrun.core.protocols.driver import spec_of
from alrun.core.seeding import Role
from alrun.core.types import Task, TaskSpec
from alrun.label.oracle import Oracle
from alrun.pool.labels import num_classes

__all__ = ["NoisyOracle", "confused", "flipped"]


def _checked_confusion(confusion: list[list[float]], num_classes: int | None) -> Tensor:
    size = len(confusion)
    where = "label.confusion"
    if any(len(row) != size for row in confusion) or num_classes not in (None, size):
        raise ConfigError(Problem(f"must be a square matrix of {num_classes or size} rows", where, "one row per class"))
    matrix = torch.tensor(confusion, dtype=torch.float64)
    if not bool((matrix >= 0).all()) or not torch.allclose(matrix.sum(dim=1), torch.ones(size, dtype=torch.float64)):
        raise ConfigError(Problem("every row must contain probabilities that sum to 1", where, "P(given | true)"))
    return matrix


class NoisyOracle(Oracle):
    """Reveals the source's target with an error that belongs to the row.

    The same row gets the same label whenever, in whatever batch and by whatever strategy it is asked for: asking again
    does not average the noise away, and two strategies with one seed meet the same annotator.

    Args:
        flip_rate: Classification: probability of a wrong class, drawn uniformly from the others; of several labels a
            row that each of them is wrong, independently.
        confusion: Classification, in place of ``flip_rate``: ``[C][C]``, row = true class, column = given class.
        sigma: Regression: standard deviation of the Gaussian error, in target units.
        cost: What one label costs, in a unit of your choice.
        batch_size: Rows looked up together.
        spec: What the targets are; from the data.

    Raises:
        ConfigError: When the noise is no distribution, or none is given for the task at hand.
    """

    tasks = frozenset(Task) - {Task.SEGMENTATION}
    annotator = "noisy_oracle"

    def __init__(
        self,
        flip_rate: float = 0.1,
        confusion: list[list[float]] | None = None,
        sigma: float | None = None,
        cost: float = 1.0,
        batch_size: int = 4096,
        spec: TaskSpec | None = None,
    ) -> None:
        """Check the noise against the task, as far as that is known."""
        super().__init__(cost, batch_size)
        if not 0 <= flip_rate <= 1:
            raise ConfigError(Problem(f"{flip_rate} is not a probability", "label.flip_rate", "label.flip_rate=0.1"))
        if sigma is not None and not sigma >= 0:
            raise ConfigError(Problem(f"{sigma} is not a standard deviation", "label.sigma", "label.sigma=0.1"))
        if sigma is None and spec is not None and spec.task is Task.REGRESSION:
            raise ConfigError(Problem("sigma is needed for a regression", "label.sigma", "label.sigma=0.1"))
        if confusion is not None and spec is not None and spec.target_shape:
            what = "not defined for several tasks or labels"
            raise ConfigError(Problem(what, "label.confusion", "label.flip_rate=0.1"))
        classes = spec.num_labels if spec is not None and spec.task is Task.CLASSIFICATION else None
        self.confusion = None if confusion is None else _checked_confusion(confusion, classes)
        self.flip_rate = flip_rate
        self.sigma = sigma

    def targets(self, rows: Tensor) -> Tensor:
        """Return the noisy labels of source ``rows``, shaped like the source's own."""
        true = super().targets(rows)
        key = self.driver.seeds.at(0).integer(Role.LABEL, "noise")
        if true.is_floating_point():
            return true + (gaussian_errors(tuple(true.shape), rows, key) * (self.sigma or 0.0)).to(true.dtype)
        spec = spec_of(self.driver)
        if spec.target_shape and true.ndim > 1:
            names = [part.name for part in spec.tasks] or range(spec.num_outputs)
            counts = num_classes(spec).expand(spec.target_shape).tolist()
            keys = [self.driver.seeds.at(0).integer(Role.LABEL, f"noise {name}") for name in names]
            columns = zip(true.unbind(dim=1), counts, keys, strict=True)
            return torch.stack([flipped(one, count, self.flip_rate, rows, own) for one, count, own in columns], dim=1)
        if self.confusion is not None:
            return confused(true, self.confusion, rows, key)
        return flipped(true, spec.num_labels, self.flip_rate, rows, key)
