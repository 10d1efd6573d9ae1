"""Labels of very many values are in memory once, if at all, while they arrive: the label log maps its files."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols import LabelStrategy
from alrun.core.protocols.pool import Pools
from alrun.core.types import Annotation
from alrun.driver.phases.labeling import LabelingPhase
from alrun.testing.host import hosted

VALUES = 10**6


class Growing:
    """A training pool that takes answers as they come."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def append(self, item: Any) -> None:
        self.items.append(item)


class Fields(LabelStrategy):
    """Answers with a field, alone or several together, and notes which of those it gave still are in memory."""

    __is_external_process__ = True

    def __init__(self, together: int) -> None:
        self.together = together
        self.left: list[int] = []
        self._given: list[weakref.ref[torch.Tensor]] = []

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            answers = [self._field(queue_to_label.get()) for _ in range(self.together)]
            serialize_queue.put_many(answers)
            del answers
            self.left.append(sum(given() is not None for given in self._given))

    def _field(self, item: int) -> Annotation:
        field = torch.full((VALUES,), float(item))
        self._given.append(weakref.ref(field))
        return Annotation(item, field)


def test_no_label_that_was_given_is_held_once_it_is_on_disk(tmp_path: Path) -> None:
    for together in (1, 2):
        strategy = Fields(together)
        with hosted(tmp_path / str(together), label=strategy) as driver:
            driver.state.phase = ActiveLearningPhase.LABELING
            driver.query_queue.from_list([3, 1, 4, 5])
            content = {"items": [3, 1, 4, 5], "strategies": [""] * 4, "scores": [0.0] * 4}
            driver.experiment.ledger.add_requests(1, content)
            experiment = replace(driver.experiment, pools=Pools(training=Growing()))
            LabelingPhase().run(experiment, driver.state)
            assert strategy.left == [0] * (4 // together)
            kept = [answer.target for answer in driver.label_queue.to_list()]
            assert [float(field[-1]) for field in kept] == [3.0, 1.0, 4.0, 5.0]
            assert {len(field) for field in kept} == {VALUES}
