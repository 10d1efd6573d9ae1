"""Pools: a partition whatever happens, whole batches, and no copy of the source."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import DataPool, RowPool
from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, LabelStatus, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.pool.pools import pools
from alrun.pool.subset import Subset
from alrun.pool.training import TrainingPool
from alrun.pool.unlabeled import UnlabeledPool

N, CLASSES = 40, 3


def small_source(**options: Any) -> ArraySource:
    inputs = torch.arange(2.0 * N).reshape(N, 2)
    spec = TaskSpec(Task.CLASSIFICATION, (2,), CLASSES)
    return ArraySource(inputs, torch.arange(N) % CLASSES, spec, **options)


def regression_source(targets: int) -> ArraySource:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(N, targets, generator=generator)
    return ArraySource(torch.randn(N, 4, generator=generator), values, TaskSpec(Task.REGRESSION, (4,), targets))


def pools_of(source: ArraySource) -> tuple[TrainingPool, UnlabeledPool]:
    made = pools(source, Seeds(0))
    assert isinstance(made.training, TrainingPool)
    assert isinstance(made.unlabeled, UnlabeledPool)
    return made.training, made.unlabeled


class PoolMachine(RuleBasedStateMachine):
    """Pools against plain python sets and lists."""

    def __init__(self) -> None:
        super().__init__()
        self.source = small_source(labeled=[3, 1])
        self.split = self.source.split(Seeds(0))
        self.training, self.unlabeled = pools_of(self.source)
        self.free = set(self.split.train.tolist()) - {1, 3}
        self.pending: set[int] = set()
        self.data: list[tuple[int, list[float], int]] = [self.datum(row, row % CLASSES) for row in (1, 3)]
        self.points = 0

    def datum(self, row: int, label: int) -> tuple[int, list[float], int]:
        return row, [2.0 * row, 2.0 * row + 1], label

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        if self.free:
            rows = data.draw(st.lists(st.sampled_from(sorted(self.free)), unique=True, max_size=9))
            self.unlabeled.take(torch.tensor(rows, dtype=torch.int64))
            self.free -= set(rows)
            self.pending |= set(rows)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if self.pending:
            rows = data.draw(st.lists(st.sampled_from(sorted(self.pending)), unique=True, max_size=4))
            self.unlabeled.give_back(torch.tensor(rows, dtype=torch.int64))
            self.pending -= set(rows)
            self.free |= set(rows)

    @rule(data=st.data(), new=st.integers(0, 3))
    def label(self, data: st.DataObject, new: int) -> None:
        known = (
            st.lists(st.sampled_from(sorted(self.pending)), unique=True, max_size=4) if self.pending else st.just([])
        )
        rows = data.draw(known)
        labels = data.draw(st.lists(st.integers(0, CLASSES - 1), min_size=len(rows) + new, max_size=len(rows) + new))
        points = [torch.tensor([0.5, float(-number)]) for number in range(new)]
        items: list[Any] = data.draw(st.permutations([*rows, *points]))
        self.training.extend([Annotation(item, label) for item, label in zip(items, labels, strict=True)])
        self.unlabeled.label(torch.tensor(rows, dtype=torch.int64))
        for item, label in zip(items, labels, strict=True):
            if isinstance(item, int):
                self.data.append(self.datum(item, label))
            else:
                self.points += 1
                self.data.append((-self.points, item.tolist(), label))
        self.pending -= set(rows)

    @rule(row=st.integers(-3, N + 2))
    def refuse_what_is_not_allowed(self, row: int) -> None:
        rows = torch.tensor([row])
        if row not in self.free:
            with pytest.raises(StrategyError):
                self.unlabeled.take(rows)
        if row not in self.pending:
            with pytest.raises(StrategyError):
                self.unlabeled.label(rows)
            with pytest.raises(StrategyError):
                self.unlabeled.give_back(rows)
        if not 0 <= row < N or row in {each[0] for each in self.data}:
            with pytest.raises(StrategyError):
                self.training.append(Annotation(row, 0))

    @invariant()
    def unlabeled_pending_and_labelled_are_a_partition(self) -> None:
        assert self.unlabeled.indices.tolist() == sorted(self.free)
        assert self.unlabeled.pending.tolist() == sorted(self.pending)
        rows = sorted(row for row, _, _ in self.data if row >= 0)
        assert self.unlabeled.labelled.tolist() == rows
        assert sorted([*self.free, *self.pending, *rows]) == self.split.train.tolist()

    @invariant()
    def training_holds_what_was_labelled_in_order(self) -> None:
        assert len(self.training) == len(self.data)
        assert self.training.indices.tolist() == [row for row, _, _ in self.data]
        x, y = self.training.__getitems__(torch.arange(len(self.data)))
        assert x.tolist() == [inputs for _, inputs, _ in self.data]
        assert y.tolist() == [label for _, _, label in self.data]


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_pools_satisfy_the_protocols() -> None:
    training, unlabeled = pools_of(small_source())
    evaluation: RowPool = Subset(small_source(), torch.tensor([2, 5]))
    labelled: RowPool = training
    rows: RowPool = unlabeled
    assert isinstance(training, DataPool)
    assert isinstance(evaluation, DataPool)
    assert len(labelled) == 0
    assert len(rows) == len(rows.indices)


def test_single_data_iteration_and_batches_agree() -> None:
    source = small_source(labeled=[7, 2, 9])
    made = pools(source, Seeds(1))
    for pool in (made.training, made.validation, made.test):
        assert pool is not None
        singles = list(pool)
        x, y = pool.__getitems__(list(range(len(pool))))  # type: ignore[attr-defined]
        assert torch.equal(torch.stack([each[0] for each in singles]), x)
        assert torch.equal(torch.stack([each[1] for each in singles]), y)
        assert torch.equal(pool[-1][0], x[-1])
        with pytest.raises(IndexError):
            pool[len(pool)]
    assert made.unlabeled is not None
    everything = made.unlabeled.inputs(torch.arange(len(made.unlabeled)))
    assert torch.equal(torch.stack(list(made.unlabeled)), everything)
    assert torch.equal(made.unlabeled[-1], everything[-1])


def test_pools_see_the_source_and_hold_no_copy() -> None:
    source = small_source()
    training, unlabeled = pools_of(source)
    row = int(unlabeled.indices[0])
    unlabeled.take([row])
    training.append(Annotation(row, 1))
    assert isinstance(source.array, torch.Tensor)
    source.array[row] = -7.0
    assert training[0][0].tolist() == [-7.0, -7.0]
    assert unlabeled.lookup([row])[0].tolist() == [-7.0, -7.0]


def test_evaluation_pools_never_change() -> None:
    with pytest.raises(StrategyError, match="never change"):
        Subset(small_source(), torch.tensor([0])).append(Annotation(1, 1))


def test_labels_of_held_out_rows_are_not_revealed() -> None:
    source = small_source()
    _, unlabeled = pools_of(source)
    rows = unlabeled.indices[:5]
    assert torch.equal(unlabeled.reveal(rows), rows % CLASSES)
    with pytest.raises(StrategyError, match="held out"):
        unlabeled.reveal(source.split(Seeds(0)).test[:1])


def test_a_failed_move_changes_nothing() -> None:
    _, unlabeled = pools_of(small_source())
    first, second = unlabeled.indices[:2].tolist()
    before = unlabeled.indices.clone()
    for rows in ([first, second, first], [first, N], [first, -1]):
        with pytest.raises(StrategyError):
            unlabeled.take(rows)
    assert torch.equal(unlabeled.indices, before)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Annotation(5, None, status=LabelStatus.FAILED), "was failed"),
        (Annotation(5, 3), "not a class"),
        (Annotation(5, -1), "not a class"),
        (Annotation(5, 0.5), "not a class"),
        (Annotation(5, "cat"), "not numbers"),
        (Annotation(5, None), "not numbers"),
        (Annotation(5, [0, 1]), "one class a label is expected"),
        (Annotation("5", 0), "row number"),
        (Annotation(2.0, 0), "row number"),
        (Annotation(torch.zeros(3), 0), "shape"),
        (Annotation(torch.tensor([0.0, float("nan")]), 0), "not finite"),
    ],
)
def test_a_wrong_annotation_is_refused_and_leaves_no_trace(annotation: Annotation, message: str) -> None:
    training = TrainingPool(small_source())
    with pytest.raises(StrategyError, match=message):
        training.extend([Annotation(1, 1), annotation])
    assert len(training) == 0
    training.append(Annotation(1, 1))


def test_a_class_label_is_one_value() -> None:
    with pytest.raises(StrategyError, match="one class a label"):
        TrainingPool(small_source()).append(Annotation(5, [0, 1]))
    pool = TrainingPool(small_source())
    pool.extend([Annotation(torch.tensor(5), torch.tensor(2)), Annotation(6, torch.tensor([1]).squeeze())])
    assert pool.indices.tolist() == [5, 6]
    assert pool.targets([0, 1]).tolist() == [2, 1]


def test_a_row_labelled_twice_in_one_batch_is_refused() -> None:
    with pytest.raises(StrategyError, match="twice"):
        TrainingPool(small_source()).extend([Annotation(1, 1), Annotation(1, 2)])


@pytest.mark.parametrize("targets", [1, 3])
def test_regression_labels_come_as_numbers_lists_or_tensors(targets: int) -> None:
    source = regression_source(targets)
    values = source.targets(torch.arange(4))
    pool = TrainingPool(source)
    pool.append(Annotation(0, values[0]))
    pool.append(Annotation(1, values[1].numpy()))
    pool.append(Annotation(2, values[2].tolist() if targets > 1 else values[2].item()))
    pool.append((source.inputs([3])[0], values[3]))
    assert torch.equal(pool.targets([0, 1, 2, 3]), values)
    assert torch.equal(pool.inputs([0, 1, 2, 3]), source.inputs([0, 1, 2, 3]))
    assert pool.indices.tolist() == [0, 1, 2, -1]
    with pytest.raises(StrategyError, match="not finite"):
        pool.append(Annotation(4, [float("nan")] * targets))
    with pytest.raises(StrategyError, match="values per label"):
        pool.append(Annotation(4, [0.0] * (targets + 1)))


def test_growing_keeps_every_row() -> None:
    source = regression_source(1)
    pool = TrainingPool(source)
    early = pool.indices
    for row in range(N):
        pool.append(Annotation(row, float(row)))
    assert len(early) == 0
    assert pool.indices.tolist() == list(range(N))
    assert pool.targets(torch.arange(N)).flatten().tolist() == list(range(N))
