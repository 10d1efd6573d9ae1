"""A custom label strategy: annotators who err, asked until two of them agree.

From the command line::

    cd scripts/examples && alrun --config-dir conf --trust annotator label=agreement
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from alrun import Annotation, Role, Task, TaskSpec
from alrun.core.row_random import row_uniforms
from alrun.label.base import BatchLabels


class Agreement(BatchLabels):
    """The class that two annotators gave first; each errs by herself, and each opinion is paid for.

    Args:
        spec: What the targets are; given by alrun wherever a constructor has an argument of this name.
        error: Probability that an annotator errs.
        cost: What one opinion costs.
        seconds: Annotation time of one opinion.
        batch_size: Rows asked for, and made durable, together.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})

    def __init__(
        self, spec: TaskSpec, error: float = 0.2, cost: float = 1.0, seconds: float = 12.0, batch_size: int = 64
    ) -> None:
        """Ask annotators who err with probability ``error``."""
        super().__init__(batch_size, cost)
        self.num_classes, self.error, self.seconds = spec.num_outputs, error, seconds

    def answer(self, items: list[Any]) -> Iterable[Annotation]:
        """Return one annotation per row number in ``items``."""
        rows = torch.tensor(items, dtype=torch.int64)
        truths = self.driver.unlabeled_pool.reveal(rows)
        return [self._agreed(row, int(truth)) for row, truth in zip(items, truths, strict=True)]

    def _agreed(self, row: int, truth: int) -> Annotation:
        opinions = Counter[int]()
        while not opinions or opinions.most_common(1)[0][1] < 2:
            opinions[self._opinion(row, truth, opinions.total())] += 1
        count, label = opinions.total(), opinions.most_common(1)[0][0]
        return Annotation(row, label, "two of many", self.cost * count, seconds=self.seconds * count)

    def _opinion(self, row: int, truth: int, number: int) -> int:
        # What is random depends on the row and the seed alone: asked again after a crash, a row gets the same label.
        key = self.driver.seeds.at(0).integer(Role.LABEL, f"annotator {number}")
        chance, which = (float(row_uniforms(torch.tensor([row]), key, draw)[0]) for draw in (0, 1))
        wrong = (truth + 1 + int(which * (self.num_classes - 1))) % self.num_classes
        return truth if chance >= self.error else wrong
