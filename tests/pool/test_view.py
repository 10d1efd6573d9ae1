"""Views of changed data: each row is read as the change leaves it, and each change has a digest of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from alrun.core.seeding import Seeds
from alrun.core.types import Split, Task, TaskSpec
from alrun.data.dataset import OwnDataset
from alrun.data.source import ArraySource
from alrun.pool.view import Change, viewed

N = 8
ADDED = torch.tensor([5, 0, 3])
#: Rows of a view to which ``ADDED`` were added, and those that they were made from.
ROWS, ORIGINS = [N + 1, 2, N, N + 2, 0], [0, 2, 5, 3, 0]
SPLIT = Split(torch.arange(N), torch.empty(0).long(), torch.empty(0).long(), torch.empty(0).long())


class Texts(Dataset[Any]):
    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": torch.tensor([index, 1.0]), "text": f"datum {index}", "y": index % 4}

    def uuid(self, index: int) -> str:
        return f"d-{index}"


def tensors(offset: float = 0.0) -> ArraySource:
    inputs = torch.arange(2.0 * N).reshape(N, 2) + offset
    return ArraySource(inputs, torch.arange(N) % 4, TaskSpec(Task.CLASSIFICATION, (2,), 4))


def texts() -> OwnDataset:
    return OwnDataset(Texts(), target_field="y", num_outputs=4)


def shifted(rows: Tensor, targets: Tensor) -> Tensor:
    return (targets + 1) % 4


@pytest.mark.parametrize("relabel", [None, shifted])
@pytest.mark.parametrize("own", [True, False])
def test_rows_that_were_added_are_those_that_they_were_made_from(own: bool, relabel: Any) -> None:
    source, other = tensors(), tensors(offset=100.0)
    made_from = source if own else other
    view = viewed(source, Change(SPLIT, "", added=(made_from, ADDED), relabel=relabel), Seeds(0))
    is_new = torch.tensor(ROWS)[:, None] >= N
    assert len(view) == N + 3
    assert view.inputs(ROWS).equal(torch.where(is_new, made_from.inputs(ORIGINS), source.inputs(ORIGINS)))
    assert view.targets(ROWS).equal((torch.tensor(ORIGINS) + (relabel is not None)) % 4)


@pytest.mark.parametrize("relabel", [None, shifted])
@pytest.mark.parametrize("added", [ADDED, ADDED[:1]])
def test_data_of_any_type_keep_their_names_and_get_the_new_targets(added: Tensor, relabel: Any) -> None:
    source: Any = texts()
    view: Any = viewed(source, Change(SPLIT, "", added=(source, added), relabel=relabel), Seeds(0))
    kept = [number for number, row in enumerate(ROWS) if row < len(view)]
    rows, origins = [ROWS[number] for number in kept], [ORIGINS[number] for number in kept]
    data = view.data(torch.tensor(rows))
    assert [datum["text"] for datum in data] == [f"datum {row}" for row in origins]
    assert [int(datum["y"]) for datum in data] == [(row + (relabel is not None)) % 4 for row in origins]
    assert view.batch(torch.tensor(rows), 0)["x"][:, 0].tolist() == origins
    names = [f"d-{origin}" + (f"~{row}" if row >= N else "") for row, origin in zip(rows, origins, strict=True)]
    assert view.uuids(rows) == names
    assert [view.row_of(name) for name in names] == rows
    assert [view.row_of(name) for name in ("d-1~8", "d-5~7", "d-5~99", "other")] == [None] * 4


def test_each_change_has_a_digest_of_its_own() -> None:
    source, mark = tensors(), torch.arange(N) == 2
    plain = Change(SPLIT, "nothing")
    changes = [
        plain,
        replace(plain, note="something"),
        replace(plain, split=replace(SPLIT, train=torch.arange(N - 1))),
        replace(plain, split=replace(SPLIT, labeled=torch.arange(1))),
        replace(plain, spec=TaskSpec(Task.CLASSIFICATION, (2,), 5)),
        replace(plain, added=(source, ADDED)),
        replace(plain, added=(source, ADDED.flip(0))),
        replace(plain, added=(tensors(1.0), ADDED)),
        replace(plain, vectors=np.zeros((N, 3))),
        replace(plain, vectors=np.eye(N, 3)),
        replace(plain, marks={"a": mark}),
        replace(plain, marks={"b": mark}),
        replace(plain, marks={"a": ~mark}),
    ]
    found = [viewed(source, change, Seeds(0)).fingerprint() for change in changes]
    assert len(set(found)) == len(changes)
    assert [viewed(source, change, Seeds(0)).fingerprint() for change in changes] == found
