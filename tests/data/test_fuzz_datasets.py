"""Custom data sets, labels of any dtype and shape, items of any type: classes as they were made, or refused first."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alrun.core.errors import DataError
from alrun.data.dataset import OwnDataset
from alrun.learner.losses import one_class_each

EXAMPLES = int(os.environ.get("ALRUN_FUZZ", "100"))
ROWS = 30
NUMBERS = [
    "int",
    "bool",
    "float",
    "int64",
    "int32",
    "uint8",
    "float32",
    "float64",
    "tensor",
    "tensor float",
    "tensor int32",
]
OTHERS = ["text", "bytes", "one-hot", "from one", "fraction", "missing", "dict"]
SHAPES = ["scalar", "column", "cell"]


@dataclasses.dataclass
class Item:
    x: torch.Tensor
    y: Any


class Made(torch.utils.data.Dataset[Any]):
    """Data as the case has them."""

    def __init__(self, classes: list[int], label: str, shape: str, item: str, cheap: bool) -> None:
        self.classes, self.label, self.shape, self.item = classes, label, shape, item
        if cheap:
            self.targets = [self.value(one) for one in classes]

    def __len__(self) -> int:
        return ROWS

    def value(self, one: int) -> Any:
        special: dict[str, Any] = {
            "int": one,
            "bool": bool(one),
            "float": float(one),
            "text": f"class {one}",
            "bytes": bytes([65 + one]),
            "one-hot": np.eye(max(self.classes) + 1)[one],
            "from one": one + 1,
            "fraction": one + 0.5,
            "missing": float("nan"),
            "dict": {"class": one},
        }
        if self.label in special:
            return special[self.label]
        if self.label.startswith("tensor"):
            dtype = {"tensor": torch.int64, "tensor float": torch.float32, "tensor int32": torch.int32}[self.label]
            whole = torch.tensor(one, dtype=dtype)
            return whole.reshape({"scalar": (), "column": (1,), "cell": (1, 1)}[self.shape])
        found = np.array(one, dtype=self.label).reshape({"scalar": (), "column": (1,), "cell": (1, 1)}[self.shape])
        return found[()] if self.shape == "scalar" else found

    def __getitem__(self, index: int) -> Any:
        x, y = torch.full((2,), float(index)), self.value(self.classes[index])
        if self.item == "pair":
            return x, y
        if self.item == "list":
            return [x, y]
        return {"x": x, "y": y} if self.item == "mapping" else Item(x, y)


def assert_named(label: str, text: str) -> None:
    """A refusal says what the label is, and never that it is a regression."""
    named = {"one-hot": "one-hot", "from one": "y - 1", "text": "text", "bytes": "text", "dict": "dict"}
    assert label in OTHERS, text
    assert "regression" not in text
    assert named.get(label, "not a class from 0") in text


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 100, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(NUMBERS + OTHERS),
    st.sampled_from(SHAPES),
    st.sampled_from(["pair", "list", "mapping", "object"]),
    st.booleans(),
    st.integers(2, 4),
    st.integers(0, 99),
)
def test_classes_are_as_they_were_made_or_refused_first(
    label: str, shape: str, item: str, cheap: bool, count: int, seed: int
) -> None:
    count = 2 if label == "bool" else count
    classes = [*range(count), *np.random.default_rng(seed).integers(0, count, ROWS - count).tolist()]
    field = "y" if item in ("mapping", "object") else None
    try:
        source = OwnDataset(Made(classes, label, shape, item, cheap), num_outputs=count, target_field=field)
    except DataError as error:
        assert_named(label, str(error))
        return
    assert label in NUMBERS
    rows = torch.arange(8)
    assert source.targets(rows).tolist() == classes[:8]
    bought = [source.labeled(one, label) for one, label in zip(source.data(rows), classes, strict=False)]
    given_back = [source.form.target(one) for one in bought]
    assert [int(np.ravel(one)[0]) for one in given_back] == classes[:8]
    if item in ("pair", "mapping") and not isinstance(given_back[0], list):
        batch = source.collate(bought)
        trained = one_class_each(torch.as_tensor(batch[1] if item == "pair" else batch["y"]))
        assert trained.dtype == torch.int64
        assert trained.tolist() == classes[:8]
