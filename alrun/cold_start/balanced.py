"""First rows with equal class counts."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from alrun.cold_start.base import ColdStart
from alrun.core.errors import StrategyError
from alrun.core.row_random import row_uniforms
from alrun.core.types import Task

__all__ = ["Balanced", "balanced_order"]


def balanced_order(classes: Tensor, chances: Tensor) -> Tensor:
    """Return an order of the rows whose every prefix has class counts as equal as the classes allow.

    Each class is sorted by chance; then come all first rows of the classes, all second rows, and so on.

    Args:
        classes: ``[n]`` ``int64``.
        chances: ``[n]`` floats, the random part: smaller comes first, within a class and within a round.

    Returns:
        Positions ``[n]`` ``int64``.
    """
    by_chance = chances.argsort(stable=True)
    by_class = by_chance[classes[by_chance].argsort(stable=True)]
    counts = torch.unique_consecutive(classes[by_class], return_counts=True)[1]
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)
    rounds = torch.empty_like(by_class)
    rounds[by_class] = torch.arange(len(classes)) - starts
    return by_chance[rounds[by_chance].argsort(stable=True)]


class Balanced(ColdStart):
    """Random rows, with the same number of each class (or as near to it as the pool allows).

    This reads the true classes of the whole pool, which nobody has before labeling: it is privileged information, for
    studies that want to take the luck of the first draw out of a comparison. It is no method for real use.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})

    def pick(self, rows: Tensor, positions: Tensor, n: int, seed: int) -> Tensor:
        """Return ``n`` rows, one of each class (of the first of several tasks) in turn.

        Raises:
            StrategyError: When the targets are not classes.
        """
        classes = self.driver.unlabeled_pool.reveal(rows)
        if self.driver.spec is not None and self.driver.spec.tasks:
            classes = classes[:, 0]
        if classes.is_floating_point() or classes.ndim != 1:
            raise StrategyError("cold_start=balanced needs classes; use cold_start=random for a regression")
        return rows[balanced_order(classes, torch.from_numpy(row_uniforms(rows, seed)))[:n]]
