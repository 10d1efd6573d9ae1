"""Labels from a function: a simulator."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.requests import is_pair, task_of
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.label.base import BatchLabels, plain_targets

__all__ = ["Function"]


class Function(BatchLabels):
    """Evaluates a function on the inputs of the requested rows, or on new points as they are.

    A point fails alone: a batch that raises is tried again point by point, and a point that raises, or whose result is
    not finite, is answered as failed with the reason, so that it goes back to the pool and the others are kept. Failed
    points cost as much as the others: the function has run.

    Args:
        function: From inputs ``[n, *input_shape]`` (``float32`` tensor; with ``data=dataset`` one minibatch of inputs)
            to labels ``[n]`` or ``[n, T]``, as a tensor or anything that ``torch.as_tensor`` takes. Must not depend on
            what else is in the batch.
        batch_size: Points a call. Answers are durable after each call, so it is also what a kill can lose.
        cost: What one evaluation costs, in a unit of your choice.
        name: Annotator in the ledger; the function's own name by default.

    Raises:
        ConfigError: When ``function`` cannot be called.
    """

    __is_external_process__ = True

    def __init__(
        self, function: Callable[[Tensor], Any], batch_size: int = 64, cost: float = 1.0, name: str | None = None
    ) -> None:
        """Remember the function and what it is called."""
        super().__init__(batch_size, cost)
        if not callable(function):
            hint = "say label.function._target_=my_pkg.my_function"
            raise ConfigError(Problem(f"{function!r} is no function", "label.function", hint))
        self.function = function
        inner = getattr(function, "func", function)
        self.annotator = name or str(getattr(inner, "__name__", type(inner).__name__))

    def answer(self, items: list[Any]) -> list[Annotation]:
        """Return one annotation an item, in order."""
        try:
            labels = self._asked_for(self._evaluate(self._inputs(items), len(items)), items)
        except Exception as error:
            if len(items) > 1:
                return [one for item in items for one in self.answer([item])]
            return [self._failed(items[0], f"{type(error).__name__}: {error}")]
        usable = self._usable(labels, items).tolist()
        values = plain_targets(labels.nan_to_num().long() if self._num_classes else labels)
        return [
            Annotation(item, value, self.annotator, self.cost)
            if fine
            else self._failed(item, f"no label: {_told(raw)}")
            for item, value, fine, raw in zip(items, values, usable, labels, strict=True)
        ]

    @property
    def _num_classes(self) -> int:
        spec = self.driver.spec
        return spec.num_outputs if spec is not None and spec.task is Task.CLASSIFICATION else 0

    def _inputs(self, items: list[Any]) -> Any:
        gather = getattr(self.driver.unlabeled_pool, "gather", None)
        if gather is not None:
            return gather(items)
        items = [item[0] if is_pair(item) else item for item in items]
        rows = [int(item) for item in items if isinstance(item, Integral)]
        looked_up = self.driver.unlabeled_pool.lookup(torch.tensor(rows, dtype=torch.int64)) if rows else ()
        known = iter(looked_up)
        points = (next(known) if isinstance(item, Integral) else torch.as_tensor(item) for item in items)
        return torch.stack([point.to(torch.float32) for point in points])

    def _evaluate(self, inputs: Any, count: int) -> Tensor:
        with torch.no_grad():
            labels = torch.as_tensor(self.function(inputs)).detach().cpu()
        if labels.ndim not in (1, 2) or len(labels) != count:
            of = f"inputs {list(inputs.shape)}" if isinstance(inputs, Tensor) else f"{count} inputs"
            raise ValueError(f"labels {list(labels.shape)} for {of}; expected [{count}] or [{count}, T]")
        return labels if labels.dtype == torch.float32 and labels.ndim == 2 else labels.double()

    def _asked_for(self, labels: Tensor, items: list[Any]) -> Tensor:
        """Return the labels; of requests for single tasks of a row, those of the tasks alone, ``[n]``."""
        if not is_pair(items[0]):
            return labels
        tasks = [task_of(item[1], self.driver.spec) for item in items]
        if labels.ndim != 2:
            raise ValueError(f"labels {list(labels.shape)}; expected one for each of several tasks")
        return labels.gather(1, torch.tensor(tasks)[:, None]).squeeze(1)

    def _usable(self, labels: Tensor, items: list[Any]) -> Tensor:
        finite = labels.isfinite().reshape(len(labels), -1).all(dim=1)
        if not self._num_classes:
            return finite
        parts = self.driver.spec.tasks
        if labels.ndim != (2 if parts and not is_pair(items[0]) else 1):
            return torch.zeros_like(finite)
        limits = torch.tensor([part.num_outputs for part in parts] or self._num_classes)
        if is_pair(items[0]):
            limits = limits[[task_of(item[1], self.driver.spec) for item in items]]
        fits = (labels == labels.round()) & (labels >= 0) & (labels < limits)
        return finite & fits.reshape(len(labels), -1).all(dim=1)

    def _failed(self, item: Any, reason: str) -> Annotation:
        return Annotation(item, None, self.annotator, self.cost, LabelStatus.FAILED, reason)


def _told(raw: Tensor) -> str:
    """Return the values of a label that is none, as far as they fit in a line."""
    values = raw.reshape(-1)
    return f"{raw.tolist()}" if len(values) <= 8 else f"{int((~values.isfinite()).sum())} of {len(values)} values"
