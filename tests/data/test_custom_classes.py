"""Classes of a custom data set: one number in any form, or refused before a label is bought."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from alrun.core.errors import DataError
from alrun.data.dataset import OwnDataset
from alrun.learner.losses import one_class_each

CLASSES = [0, 1, 1, 0, 1, 0] * 10
FORMS: dict[str, Any] = {
    "int": int,
    "bool": bool,
    "float": float,
    "numpy": np.int64,
    "numpy float": np.float32,
    "tensor": torch.tensor,
    "int32": lambda c: torch.tensor(c, dtype=torch.int32),
    "uint8": lambda c: torch.tensor(c, dtype=torch.uint8),
    "column": lambda c: torch.tensor([c]),
    "array": lambda c: np.array([c]),
    "array of floats": lambda c: np.array(float(c)),
    "list": lambda c: [c],
}


class Points(torch.utils.data.Dataset[Any]):
    def __init__(self, form: Any) -> None:
        self.form = form

    def __len__(self) -> int:
        return len(CLASSES)

    def __getitem__(self, index: int) -> Any:
        return torch.full((3,), float(index)), self.form(CLASSES[index])


@pytest.mark.parametrize("form", FORMS)
def test_one_number_in_any_form_is_trained_on_as_the_class_that_was_checked(form: str) -> None:
    source = OwnDataset(Points(FORMS[form]), num_outputs=2)
    rows = torch.arange(6)
    assert source.targets(rows).tolist() == CLASSES[:6]
    for batch in (
        source.batch(rows),
        source.collate([source.labeled(one, c) for one, c in zip(source.data(rows), CLASSES, strict=False)]),
    ):
        targets = one_class_each(torch.as_tensor(batch[1]) if not isinstance(batch[1], list) else batch[1][0])
        assert targets.dtype == torch.int64
        assert targets.tolist() == CLASSES[:6]


@pytest.mark.parametrize(
    ("form", "what"),
    [
        (lambda c: c + 1, "return y - 1: classes count from 0"),
        (lambda c: ["miss", "hit"][c], "is text, '"),
        (lambda c: torch.nn.functional.one_hot(torch.tensor(c), 2), "is one-hot, 2 values"),
        (lambda c: torch.tensor([1, 1, c]), "has 3 values, not one class"),
        (lambda c: c + 0.5, "a target is 0.5, not a class from 0 to 1"),
        (lambda c: -c, "a target is -1, not a class"),
        (lambda c: float("nan"), "a target is nan, not a class"),
        (lambda c: {"y": c}, "is a dict"),
    ],
)
def test_what_is_not_a_class_is_refused_first_and_named(form: Any, what: str) -> None:
    with pytest.raises(DataError) as caught:
        OwnDataset(Points(form), num_outputs=2)
    assert what in str(caught.value)
    assert "regression" not in str(caught.value)
