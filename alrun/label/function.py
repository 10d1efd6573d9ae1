"""Labels from a function: a simulator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.names import function_name
from alrun.core.request import request_of
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.label.base import BatchLabels, plain_targets
from alrun.pool.labels import num_classes

__all__ = ["Function"]


class Function(BatchLabels):
    """Evaluates a function on the inputs of the requested rows, or on new points as they are.

    A result of another count, shape or type than asked for ends the run: it would be so again. A batch whose evaluation
    raises is charged, and its points are evaluated again one by one, as often as ``retries`` says. A point that raises
    then, or whose result is not finite, is answered as failed with the reason, so that it goes back to the pool and the
    others are kept. Every evaluation costs the same: the function has run. What is charged beyond the answer itself
    stands in the label log as rejected, with the reason, and in the ledger's cost of the request.

    Args:
        function: From inputs ``[n, *input_shape]`` (``float32`` tensor; with ``data=dataset`` one minibatch of inputs)
            to labels ``[n]`` or ``[n, T]``, as a tensor or anything that ``torch.as_tensor`` takes. Must not depend on
            what else is in the batch.
        batch_size: Points a call. Answers are durable after each call, so it is also what a kill can lose.
        cost: What one evaluation costs, in a unit of your choice.
        name: Annotator in the ledger; the function's own name by default.
        retries: How often a point is evaluated alone after an evaluation of its batch raised; a batch of one point was
            alone already. 1 tells which point it is, for at most twice the cost. More are for functions that fail by
            chance; with 0 the whole batch fails.

    Raises:
        ConfigError: When ``function`` cannot be called, or a number is negative.
    """

    tasks = frozenset(Task) - {Task.SEGMENTATION}
    __is_external_process__ = True

    def __init__(
        self,
        function: Callable[[Tensor], Any],
        batch_size: int = 64,
        cost: float = 1.0,
        name: str | None = None,
        retries: int = 1,
    ) -> None:
        """Remember the function and what it is called."""
        super().__init__(batch_size, cost)
        if not callable(function):
            hint = "label.function._target_=my_pkg.my_function"
            raise ConfigError(Problem(f"{function!r} is not callable", "label.function", hint))
        raise_any(count_problems("label.retries", retries, "label.retries=1", least=0))
        self.function = function
        self.retries = retries
        self.annotator = name or function_name(function)

    def answer(self, items: list[Any]) -> list[Annotation]:
        """Return one annotation an item, in order, behind those of the attempts that were charged."""
        return [annotation for part in self.answers(items) for annotation in part]

    def answers(self, items: list[Any]) -> Iterator[list[Annotation]]:
        """Yield what is charged and what is answered, one part after each evaluation.

        Raises:
            StrategyError: The function's result has the wrong count, shape or type; it has been charged.
        """
        inputs = self._inputs(items)
        attempts = max(1, self.retries) if len(items) == 1 else 1
        for attempt in range(1, attempts + 1):
            try:
                raw = self._called(inputs)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                yield from self._raised(items, reason, attempt < attempts)
                continue
            try:
                labels = self._checked(raw, inputs, items)
            except StrategyError as error:
                yield self._rejected(items, str(error))
                raise
            yield self._annotated(items, labels)
            return

    def _raised(self, items: list[Any], reason: str, again: bool) -> Iterator[list[Annotation]]:
        """Charge an evaluation that raised, and evaluate the points of a batch alone."""
        alone = len(items) > 1 and self.retries > 0
        if not (again or alone):
            yield [self._failed(item, reason) for item in items]
            return
        cost = len(items) * self.cost
        self.logger.warning("evaluation of %d points raised %s; charged %g, trying again", len(items), reason, cost)
        yield self._rejected(items, reason)
        if alone:
            for item in items:
                yield from self.answers([item])

    def _annotated(self, items: list[Any], labels: Tensor) -> list[Annotation]:
        usable = self._usable(labels, items).tolist()
        values = plain_targets(labels.nan_to_num().long() if self._limits is not None else labels)
        return [
            Annotation(item, value, self.annotator, self.cost)
            if fine
            else self._failed(item, f"no label: {_told(raw)}")
            for item, value, fine, raw in zip(items, values, usable, labels, strict=True)
        ]

    @property
    def _limits(self) -> Tensor | None:
        """Number of classes, of each task ``[T]`` where there are several, or of each label; ``None`` of numbers."""
        spec = self.driver.spec
        return num_classes(spec) if spec is not None and spec.task is not Task.REGRESSION else None

    def _inputs(self, items: list[Any]) -> Any:
        return self.driver.unlabeled_pool.gather(items)

    def _tasks(self, items: list[Any]) -> list[int]:
        """Return the number of the task that each of ``items`` asks for; none where they ask for whole rows."""
        spec = self.driver.spec
        names = [part.name for part in spec.tasks] if spec else []
        requests = [request_of(item, spec) for item in items]
        return [names.index(one.task) for one in requests if one.task is not None]

    def _called(self, inputs: Any) -> Any:
        with torch.no_grad():
            return self.function(inputs)

    def _checked(self, raw: Any, inputs: Any, items: list[Any]) -> Tensor:
        """Return the labels ``[n]`` or ``[n, T]``; of requests for single tasks of a row, those of the tasks alone.

        Raises:
            StrategyError: These are not numbers, or not as many as asked for.
        """
        name, count, width = self.annotator, len(items), self._width(items)
        of = f"inputs {list(inputs.shape)}" if isinstance(inputs, Tensor) else f"{count} inputs"
        expected: list[list[Any]] = [[count]] if width in (None, 1) else []
        expected += [[count, width or "T"]] if width != 1 or self._limits is None else []
        wanted = " or ".join(str(shape).replace("'", "") for shape in expected)
        try:
            labels = torch.as_tensor(raw).detach().cpu()
        except Exception as error:
            got = f"{type(raw).__name__} ({type(error).__name__}: {error})"
            raise StrategyError(f"{name} returned {got} for {of}; expected labels {wanted}") from error
        if labels.is_complex():
            raise StrategyError(f"{name} returned complex labels for {of}; expected real ones, {wanted}")
        shape = list(labels.shape)
        if shape not in expected and not (width is None and len(shape) == 2 and shape[0] == count):
            raise StrategyError(f"{name} returned labels {shape} for {of}; expected {wanted}")
        if labels.dtype != torch.float32 or labels.ndim != 2:
            labels = labels.double()
        tasks = self._tasks(items)
        if not tasks:
            return labels
        return labels.gather(1, torch.tensor(tasks)[:, None]).squeeze(1)

    def _width(self, items: list[Any]) -> int | None:
        """Return how many values a label has; ``None`` where the data do not say."""
        spec = self.driver.spec
        if spec is None:
            return None
        return len(spec.tasks) or math.prod(spec.target_shape)

    def _usable(self, labels: Tensor, items: list[Any]) -> Tensor:
        finite = labels.isfinite().reshape(len(labels), -1).all(dim=1)
        if (limits := self._limits) is None:
            return finite
        if tasks := self._tasks(items):
            limits = limits[tasks]
        fits = (labels == labels.round()) & (labels >= 0) & (labels < limits)
        return finite & fits.reshape(len(labels), -1).all(dim=1)

    def _rejected(self, items: list[Any], reason: str) -> list[Annotation]:
        return [Annotation(item, None, self.annotator, self.cost, LabelStatus.REJECTED, reason) for item in items]

    def _failed(self, item: Any, reason: str) -> Annotation:
        return Annotation(item, None, self.annotator, self.cost, LabelStatus.FAILED, reason)


def _told(raw: Tensor) -> str:
    """Return the values of a label that is none, as far as they fit in a line."""
    values = raw.reshape(-1)
    return f"{raw.tolist()}" if len(values) <= 8 else f"{int((~values.isfinite()).sum())} of {len(values)} values"
