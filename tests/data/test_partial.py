"""Labels bought one task at a time: what is open, pending and labeled, and what the learner is given."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.core.errors import DataError, StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, LabelStatus, Task, TaskPart, TaskSpec
from alrun.data.digits_multitask import DigitsMultitask
from alrun.data.source import ArraySource
from alrun.pool.pools import pools

PARTS = tuple(TaskPart(name, Task.CLASSIFICATION, size) for name, size in (("kind", 3), ("side", 2)))
SPEC = TaskSpec(Task.CLASSIFICATION, (2,), 5, tasks=PARTS)
TARGETS = torch.stack([torch.arange(30) % 3, torch.arange(30) % 2], dim=1)


def source(partial: bool = True, **options: Any) -> ArraySource:
    return ArraySource(torch.rand(30, 2), TARGETS, SPEC, partial_labels=partial, **options)


def both(**options: Any) -> tuple[Any, Any]:
    made = pools(source(**options), Seeds(0))
    return made.training, made.unlabeled


def bought(row: int, task: int | str, target: Any = 0) -> Annotation:
    return Annotation((row, task), target)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1), st.sampled_from(["take", "label", "give_back"]))))
def test_each_task_of_a_row_is_in_one_state(moves: list[tuple[int, int, str]]) -> None:
    _, pool = both()
    rows = pool.indices.tolist()
    expected = {(row, task): "open" for row in rows for task in range(2)}
    allowed = {"take": ("open", "pending"), "label": ("pending", "labelled"), "give_back": ("pending", "open")}
    for position, task, move in moves:
        pair = (rows[position], task)
        before, after = allowed[move]
        keys = pool.request_keys([pair])
        if expected[pair] == before:
            getattr(pool, move)(keys)
            expected[pair] = after
        else:
            with pytest.raises(StrategyError, match=f"of row {pair[0]} is"):
                getattr(pool, move)(keys)
    opened = [[row, task] for (row, task), state in expected.items() if state == "open"]
    assert pool.open_tasks(rows).nonzero().tolist() == sorted([rows.index(row), task] for row, task in opened)
    assert pool.indices.tolist() == sorted({row for row, _ in opened})
    assert [pool.request(key) for key in pool.open_keys.tolist()] == sorted((r, PARTS[t].name) for r, t in opened)
    states = {row: {expected[row, 0], expected[row, 1]} for row in rows}
    assert pool.pending.tolist() == sorted(row for row, found in states.items() if "pending" in found)
    assert pool.labelled.tolist() == sorted(row for row, found in states.items() if found == {"labelled"})


def test_a_row_leaves_with_its_last_task_and_stands_for_those_that_are_open() -> None:
    _, pool = both()
    row = int(pool.indices[4])
    assert pool.requests(row) == [(row, "kind"), (row, "side")]
    pool.take(pool.request_keys([(row, 1)]))
    assert pool.requests(row) == [(row, "kind")]
    assert row in pool.indices
    pool.take(pool.request_keys([(row, "kind")]))
    assert row not in pool.indices


@pytest.mark.parametrize("item", [(0, "kinds"), (0, 2), (0, -1), ("a", 0), (0, 0, 0), torch.rand(2), 999, (999, 0)])
def test_requests_for_what_is_not_there_are_refused(item: Any) -> None:
    _, pool = both()
    with pytest.raises(StrategyError):
        pool.request_keys(pool.requests(item))


def test_labels_of_a_row_come_together_in_one_datum() -> None:
    pool, unlabeled = both()
    rows = unlabeled.indices.tolist()
    pool.extend([bought(rows[3], "side", 1), bought(rows[0], "kind", 2)])
    assert pool.targets(torch.arange(2)).tolist() == [[-1, 1], [2, -1]]
    pool.extend([bought(rows[5], 0, torch.tensor(1)), bought(rows[3], "kind", 0.0)])
    assert pool.indices.tolist() == [rows[3], rows[0], rows[5]]
    assert pool.targets(torch.arange(3)).tolist() == [[0, 1], [2, -1], [1, -1]]
    assert pool.newest.tolist() == [0, 2]
    inputs, targets = pool.__getitems__([2])
    assert torch.equal(inputs, unlabeled.lookup([rows[5]]))
    assert targets.dtype == torch.int64


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([bought(0, "side"), bought(2, "kind", 3)], "label 3 is not a class of task 'kind'"),
        ([bought(0, "kind", 2), bought(0, "side", 2)], "label 2 is not a class of task 'side'"),
        ([bought(0, "kind", 0.5)], "label 0.5 is not a class"),
        ([bought(0, "kind", [0, 1])], "not one class"),
        ([bought(0, "kind"), bought(0, 0)], "twice in one batch"),
        ([bought(1, "side")], "has a label already"),
        ([bought(77, "side")], "row 77 is not one of"),
        ([Annotation(0, [0, 1])], "must name a row and a task"),
        ([Annotation((0, 0), status=LabelStatus.FAILED)], "was failed"),
    ],
)
def test_labels_that_do_not_fit_are_refused_and_none_is_added(annotations: list[Annotation], message: str) -> None:
    pool, _ = both()
    pool.extend([bought(1, "side", 1)])
    with pytest.raises(StrategyError, match=message):
        pool.extend(annotations)
    assert pool.targets(torch.arange(len(pool))).tolist() == [[-1, 1]]


def test_rows_that_start_labelled_have_all_their_labels() -> None:
    training, unlabeled = both(labeled=[4, 9])
    assert training.targets(torch.arange(2)).tolist() == TARGETS[[4, 9]].tolist()
    assert unlabeled.labelled.tolist() == [4, 9]
    assert not unlabeled.open_tasks([4, 9]).any()


def test_whole_rows_are_labelled_where_nothing_else_is_said() -> None:
    pool, unlabeled = both(partial=False)
    first, second = unlabeled.indices[:2].tolist()
    pool.extend([Annotation(first, [2, 1]), Annotation(second, torch.tensor([0, 0]))])
    assert pool.targets(torch.arange(2)).tolist() == [[2, 1], [0, 0]]
    for target in ([2], [3, 1], [2, 2], 1):
        with pytest.raises(StrategyError):
            pool.extend([Annotation(int(unlabeled.indices[5]), target)])


def test_partial_labels_need_several_tasks() -> None:
    with pytest.raises(DataError, match="only one"):
        ArraySource(torch.rand(9, 2), torch.arange(9) % 3, TaskSpec(Task.CLASSIFICATION, (2,), 3), partial_labels=True)


def test_a_class_out_of_range_names_its_row() -> None:
    targets = TARGETS.clone()
    targets[17, 1] = 2
    with pytest.raises(DataError, match="row 17"):
        ArraySource(torch.rand(30, 2), targets, SPEC)


def test_the_digits_have_three_tasks_that_follow_from_the_first() -> None:
    data = DigitsMultitask()
    digit, parity, above = data.targets(torch.arange(len(data))).unbind(dim=1)
    assert (len(data), data.spec.num_outputs, int(digit.max())) == (1797, 14, 9)
    assert torch.equal(parity, digit % 2)
    assert torch.equal(above, (digit >= 5).long())
    assert data.fingerprint() != DigitsMultitask(image=True).fingerprint()


def test_numbers_are_missing_as_nan() -> None:
    parts = tuple(TaskPart(name, Task.REGRESSION, 1) for name in ("low", "high"))
    spec = TaskSpec(Task.REGRESSION, (2,), 2, tasks=parts)
    pool: Any = pools(ArraySource(torch.rand(30, 2), torch.rand(30, 2), spec, partial_labels=True), Seeds(0)).training
    pool.extend([bought(3, "high", 2.5), bought(7, "low", torch.tensor(-1.0))])
    pool.extend([bought(3, "low", 0.0)])
    expected = torch.tensor([[0.0, 2.5], [-1.0, float("nan")]])
    torch.testing.assert_close(pool.targets(torch.arange(2)), expected, equal_nan=True)
    with pytest.raises(StrategyError, match="has a label already"):
        pool.extend([bought(3, "low", 0.0)])
    with pytest.raises(StrategyError, match="not finite"):
        pool.check([bought(9, "low", float("nan"))])
