"""Labels as a training pool keeps them, whatever their size: the same values, and the same refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.core.errors import StrategyError
from alrun.core.seeding import Role, Seeds
from alrun.core.types import Annotation, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.loader import BatchLoader
from alrun.pool.targets import GivenTargets, KeptTargets, LargeRows, TensorTargets
from alrun.pool.training import TrainingPool

SPEC = TaskSpec(Task.REGRESSION, (2,), 3)
KINDS: dict[str, Callable[[], KeptTargets]] = {
    "tensor": lambda: TensorTargets(SPEC),
    "given": lambda: GivenTargets(SPEC),
    "large": lambda: LargeRows(3),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_labels_come_back_in_any_order_and_number(kind: str) -> None:
    kept = KINDS[kind]()
    assert kept.select(torch.tensor([], dtype=torch.int64)).shape[0] == 0
    for block in ([[1, 2, 3]], [torch.tensor([[4.0], [5.0], [6.0]]), np.array([7.0, 8.0, 9.0])], [], [(0.5, 0, -1)]):
        kept.extend(kept.checked(block))
    found = kept.select(torch.tensor([3, 1, 1, 0, 2]))
    assert found.dtype == torch.float32
    assert found.tolist() == [[0.5, 0, -1], [4, 5, 6], [4, 5, 6], [1, 2, 3], [7, 8, 9]]


@each_kind
@pytest.mark.parametrize(
    "label",
    ["text", object(), None, [1, [2, 3], 4], [1, 2], [1, 2, 3, 4], [], 1, [1, 2, float("nan")], [1, float("inf"), 2]],
)
def test_a_label_that_does_not_fit_is_refused_and_leaves_no_trace(kind: str, label: Any) -> None:
    kept = KINDS[kind]()
    for block in ([label], [[1, 2, 3], label]):
        with pytest.raises(StrategyError):
            kept.extend(kept.checked(block))
    kept.extend(kept.checked([[1, 2, 3]]))
    assert kept.select(torch.tensor([0])).tolist() == [[1, 2, 3]]


def source(count: int = 40) -> ArraySource:
    inputs = torch.arange(2.0 * count).reshape(count, 2)
    return ArraySource(inputs, torch.arange(count) % 3, TaskSpec(Task.CLASSIFICATION, (2,), 3))


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 39), max_size=4), max_size=8))
def test_a_training_pool_holds_what_was_added_once_in_the_order_it_came(blocks: list[list[int]]) -> None:
    data, held = source(), list[int]()
    pool = TrainingPool(data)
    for block in blocks:
        annotations = [Annotation(row, (row + 1) % 3) for row in block]
        if len(set(block)) < len(block) or set(block) & set(held):
            with pytest.raises(StrategyError, match=r"label already|twice"):
                pool.extend(annotations)
        else:
            pool.extend(annotations)
            held += block
            assert pool.newest.tolist() == list(range(len(held) - len(block), len(held)))
        assert pool.indices.tolist() == held
        assert pool.targets(list(range(len(held)))).tolist() == [(row + 1) % 3 for row in held]
        assert pool.inputs(list(range(len(held)))).equal(data.inputs(torch.tensor(held, dtype=torch.int64)))


def test_points_are_numbered_as_they_come_between_rows() -> None:
    pool = TrainingPool(source())
    points = [torch.full((2,), -float(number)) for number in range(1, 4)]
    pool.extend([Annotation(points[0], 0), Annotation(7, 1), Annotation(points[1], 2)])
    pool.append((points[2], 1))
    assert pool.indices.tolist() == [-1, 7, -2, -3]
    assert pool.inputs([3, 1, 0, 2]).tolist() == [[-3, -3], [14, 15], [-1, -1], [-2, -2]]
    assert pool.targets([0, 1, 2, 3]).tolist() == [0, 1, 2, 1]
    for bad in (torch.zeros(3), torch.tensor([0.0, float("inf")])):
        with pytest.raises(StrategyError, match="a new point has"):
            pool.extend([Annotation(8, 1), Annotation(bad, 0)])
    assert len(pool) == 4


def test_the_first_shuffle_is_that_of_epoch_0_and_each_has_every_row() -> None:
    pool = TrainingPool(source(), list(range(11)))
    loader, seeds = BatchLoader(pool, 4, Seeds(0, 1, "training")), Seeds(0, 1, "training")
    orders = [[int(x[0]) // 2 for batch, _ in loader for x in batch]]
    for epoch in range(3):
        loader.set_epoch(epoch)
        orders.append([int(x[0]) // 2 for batch, _ in loader for x in batch])
    assert orders[0] == orders[1] == torch.randperm(11, generator=seeds.torch(Role.SHUFFLE, "epoch 0")).tolist()
    assert all(sorted(order) == list(range(11)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert [len(batch) for batch, _ in BatchLoader(pool, 4)] == [4, 4, 3]


class TheirRows:
    """Rows of tensors in a pool that somebody else wrote."""

    def __init__(self, spec: TaskSpec | None) -> None:
        self.spec = spec

    def __len__(self) -> int:
        return 11

    def inputs(self, positions: torch.Tensor) -> torch.Tensor:
        return positions[:, None] * torch.ones(2)

    def __getitems__(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inputs(positions), positions % 3


@pytest.mark.parametrize("spec", [None, SPEC])
def test_tensor_rows_of_somebody_elses_pool_are_cut_into_batches(spec: TaskSpec | None) -> None:
    batches = list(BatchLoader(TheirRows(spec), 4))
    assert [x[:, 1].tolist() for x, _ in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert [y.tolist() for _, y in batches] == [[0, 1, 2, 0], [1, 2, 0, 1], [2, 0, 1]]
