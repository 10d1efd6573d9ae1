"""The rule that balances classes, alone and over a strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alrun.core.errors import StrategyError
from alrun.core.queues import FifoQueue
from alrun.driver.driver import Driver
from alrun.query.class_balanced import ClassBalanced, balanced
from alrun.query.entropy import Entropy
from alrun.query.random import Random
from alrun.testing.host import hosted


def sampled(strategy: Any, driver: Driver, queued: Sequence[Any] = ()) -> list[Any]:
    strategy.attach(driver)
    queue = FifoQueue(list(queued))
    strategy(queue)
    return queue.to_list()[len(queued) :]


@contextmanager
def opened(directory: Path, **options: Any) -> Iterator[Driver]:
    with hosted(directory / f"run_{len(list(directory.iterdir()))}", **options) as driver:
        yield driver


@given(
    st.lists(st.integers(0, 4), max_size=30),
    st.lists(st.integers(0, 6), min_size=5, max_size=5),
    st.integers(0, 35),
)
def test_balanced_takes_the_best_of_the_class_with_the_fewest_labels(
    classes: list[int], counts: list[int], n: int
) -> None:
    left, have = list(enumerate(classes)), list(counts)
    wanted: list[int] = []
    while left and len(wanted) < n:
        position, label = min(left, key=lambda candidate: (have[candidate[1]], candidate[0]))
        left.remove((position, label))
        have[label] += 1
        wanted.append(position)
    assert balanced(torch.tensor(classes, dtype=torch.int64), torch.tensor(counts), n) == wanted


def test_labelled_and_predicted_classes_come_out_even(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        training = driver.training_pool
        before = {name: value.clone() for name, value in driver.learner.state_dict().items()}
        labels = training.targets(torch.arange(len(training))).bincount(minlength=3)
        predictions = list(driver.predictor(driver.unlabeled_pool))
        guess = {
            row: int(output.argmax())
            for p in predictions
            for row, output in zip(p.indices.tolist(), p.outputs, strict=True)
        }
        ranked = sampled(Entropy(999), driver)
        picks = sampled(ClassBalanced(12, Entropy(1), factor=999), driver)
        assert all(torch.equal(value, before[name]) for name, value in driver.learner.state_dict().items())
        wanted = balanced(torch.tensor([guess[row] for row in ranked]), labels, 12)
        assert picks == [ranked[position] for position in wanted]


def test_new_points_cannot_be_balanced(tmp_path: Path) -> None:
    class Invents(Random):
        def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
            query_queue.put(torch.zeros(5))

    with opened(tmp_path) as driver, pytest.raises(StrategyError, match="not a new point"):
        sampled(ClassBalanced(3, Invents(1)), driver)
