"""Strategies that fail in their several ways while ``BROKEN`` says so, and are sound otherwise."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.strategies import LabelStrategy, MetrologyStrategy
from alrun.core.types import Annotation, Prediction
from alrun.query.base import ScoreQuery

#: How the strategies fail; empty for not at all. ``seed 1`` behind it: in runs with that seed alone.
BROKEN: list[str] = []


def broken(strategy: Any) -> str:
    how, _, seed = BROKEN[0].partition(" seed ") if BROKEN else ("", "", "")
    return how if not seed or int(seed) == strategy.driver.seeds.seed else ""


def fail(how: str) -> Any:
    if how == "raises":
        raise ZeroDivisionError("the reason")
    if how == "hangs":
        time.sleep(600)
        raise AssertionError("it was not interrupted")
    return float(how)


class Query(ScoreQuery):
    """The mean of the outputs."""

    def score(self, prediction: Prediction) -> Tensor:
        how = broken(self)
        return prediction.outputs.mean(dim=1) if not how else prediction.outputs.mean(dim=1) * fail(how)


class Labels(LabelStrategy):
    """The source's own labels, one by one; fails at the second request of step 1."""

    __is_external_process__ = True

    def __init__(self, cost: float = 1.0) -> None:
        self.asked: list[int] = []

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            item = queue_to_label.get()
            how = broken(self) if self.driver.active_learning_step_idx == 1 and len(self.asked) % 3 else ""
            if how == "is silent":
                return
            ASKED.append(item)
            self.asked.append(item)
            target: Any = int(self.driver.unlabeled_pool.reveal(torch.tensor([item]))[0])
            serialize_queue.put(Annotation(item, target if not how else fail(how)))


class Swallows(Labels):
    """Goes on whatever happens."""

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            item = queue_to_label.get()
            try:
                serialize_queue.put(Annotation(item, 0 if not broken(self) else "no class"))
            except StrategyError:
                continue


#: What any ``Labels`` was asked for.
ASKED: list[int] = []


class Metrology(MetrologyStrategy):
    """The number of labels."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def compute(self, *args: Any, **kwargs: Any) -> None:
        how = broken(self)
        self.append({"size": float(len(self.driver.training_pool)) if not how else fail(how)})

    def serialize_records(self, path: Any = None, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""
