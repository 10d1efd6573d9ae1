from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from alrun.core.errors import CorruptionError, StoreError
from alrun.core.types import Annotation, LabelStatus, QueryReport
from alrun.store import codec

KEYS = st.one_of(st.text(max_size=5), st.integers(-(2**70), 2**70), st.booleans(), st.none(), st.just("__tuple__"))
DTYPES = [torch.float32, torch.float64, torch.int64, torch.bool, torch.uint8, torch.bfloat16, torch.float16]
TENSORS = st.builds(
    lambda shape, dtype: torch.arange(math.prod(shape)).reshape(shape).to(dtype),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(DTYPES),
)
ARRAYS = st.builds(
    lambda n, kind: np.arange(n).astype(kind), st.integers(0, 4), st.sampled_from(["i4", "f8", "?", "u1"])
)
PLAIN = st.one_of(KEYS, st.floats(), TENSORS, ARRAYS, st.builds(np.float32, st.floats(width=32)))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
        st.builds(
            Annotation,
            inner,
            inner,
            st.text(max_size=3),
            st.floats(0, 9),
            st.sampled_from(list(LabelStatus)),
            st.text(),
        ),
        st.builds(QueryReport, st.lists(st.floats(), max_size=3), st.floats(), st.dictionaries(st.text(), st.floats())),
    ),
    max_leaves=12,
)


def same(first: Any, second: Any) -> bool:
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and first.shape == second.shape and bool(first.equal(second))
    if isinstance(first, np.ndarray | np.generic):
        return bool(first.dtype == second.dtype and first.tobytes() == second.tobytes())
    if isinstance(first, float):
        return (math.isnan(first) and math.isnan(second)) or (
            first == second and math.copysign(1, first) == math.copysign(1, second)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return same(list(first), list(second)) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, Annotation | QueryReport):
        return same(vars(first), vars(second))
    return bool(first == second)


def there_and_back(value: Any) -> Any:
    tensors: dict[str, Tensor] = {}
    text = codec.compact_json(codec.encode(value, tensors))
    return codec.decode(json.loads(text), codec.tensors_from_bytes(codec.tensors_to_bytes(tensors)))


@settings(max_examples=200)
@given(VALUES)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert same(there_and_back(value), value)


@settings(max_examples=50)
@given(VALUES)
def test_equal_values_give_equal_bytes(value: Any) -> None:
    encoded = []
    for _ in range(2):
        tensors: dict[str, Tensor] = {}
        encoded.append((codec.compact_json(codec.encode(value, tensors)), codec.tensors_to_bytes(tensors)))
    assert encoded[0] == encoded[1]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        b"bytes",
        1j,
        Path("x"),
        torch.nn.Linear(1, 1),
        np.array(["a"]),
        np.datetime64("2020"),
        len,
        type("I", (int,), {})(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_refused_by_name(value: Any) -> None:
    for nested in (value, [value], {"key": (1, value)}, Annotation(1, value)):
        with pytest.raises(StoreError, match=f"{type(value).__qualname__}.*never pickle"):
            codec.encode(nested, {})


def test_tensors_that_share_memory_are_stored_apart() -> None:
    base = torch.arange(6.0)
    back = there_and_back([base, base[2:4], base.reshape(2, 3).T])
    assert [tensor.tolist() for tensor in back] == [base.tolist(), [2.0, 3.0], base.reshape(2, 3).T.tolist()]


def test_what_is_no_stored_value_is_said_to_be_corrupt() -> None:
    with pytest.raises(CorruptionError, match="unknown tag"):
        codec.decode({"__object__": "os.system"}, {})
    with pytest.raises(CorruptionError, match="safetensors"):
        codec.tensors_from_bytes(b"\x80\x04pickle")
    head = json.dumps({"a": {"dtype": "F8_E8M0", "shape": [8], "data_offsets": [0, 8]}}).encode().ljust(64)
    with pytest.raises(CorruptionError, match="F8_E8M0"):  # a type that the format has, and no reader of tensors yet
        codec.tensors_from_bytes(len(head).to_bytes(8, "little") + head + bytes(8))
