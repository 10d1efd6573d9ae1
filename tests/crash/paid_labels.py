"""A label strategy that counts what it is asked for, and notes what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from alrun.core.protocols.strategies import LabelStrategy
from alrun.core.types import Annotation

__all__ = ["ASKED", "ON_ACKNOWLEDGED", "Paid"]

#: Step and row of every request that was paid for.
ASKED: list[tuple[int, int]] = []
#: Whom to tell what the queue has taken.
ON_ACKNOWLEDGED: list[Callable[[Any], None]] = []


class Paid(LabelStrategy):
    """The source's own labels as tensors, one by one."""

    __is_external_process__ = True

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            item = queue_to_label.get()
            request = self.driver.active_learning_step_idx, item
            ASKED.append(request)
            target = self.driver.unlabeled_pool.reveal(torch.tensor([item]))[0]
            serialize_queue.put(Annotation(item, target, "paid", 2.0))
            for tell in ON_ACKNOWLEDGED:
                tell(request)
