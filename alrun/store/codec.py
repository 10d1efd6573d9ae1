"""Codec: values to JSON and safetensors and back, without pickle.

Handled: ``None``, bool, int, float, str, list, tuple, dict (any of these as keys), numpy scalars and arrays, tensors,
``Annotation``, ``QueryReport`` and ``Histogram``. Everything else is refused with its type.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StoreError
from alrun.core.parsing import parse_json
from alrun.core.types import Annotation, Histogram, LabelStatus, QueryReport

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

__all__ = [
    "compact_json",
    "decode",
    "encode",
    "mapped_tensors",
    "parse_json",
    "tensors_from_bytes",
    "tensors_to_bytes",
]

_PLAIN = frozenset({type(None), bool, int, str})
_RECORDS: Mapping[str, type[Any]] = {"annotation": Annotation, "report": QueryReport, "histogram": Histogram}
#: Fields that are written only where they are set: commits of runs that do not have them stay as they were.
LATER = frozenset({"pool_scores", "seconds"})
_FIELDS = {kind: (tag, [field.name for field in dataclasses.fields(kind)]) for tag, kind in _RECORDS.items()}


def compact_json(value: Any) -> bytes:
    """Return JSON without spaces; the order of keys stays, as what reads a mapping may depend on it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a JSON value for ``value``; tensors and arrays are added to ``tensors`` under fresh names.

    Raises:
        StoreError: A value of a type that cannot be stored without pickle.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"__float__": repr(value)}
    if kind is list:
        return [encode(item, tensors) for item in value]
    if kind is tuple:
        return {"__tuple__": [encode(item, tensors) for item in value]}
    if kind is LabelStatus:
        return str(value)
    if kind in _FIELDS:
        tag, names = _FIELDS[kind]
        fields = {name: getattr(value, name) for name in names}
        kept = {name: one for name, one in fields.items() if one is not None or name not in LATER}
        return {f"__{tag}__": {name: encode(one, tensors) for name, one in kept.items()}}
    if isinstance(value, dict):
        return _encode_dict(value, tensors)
    return _encode_array(value, tensors)


def _encode_dict(value: Mapping[Any, Any], tensors: dict[str, Tensor]) -> Any:
    if all(type(key) is str and not key.startswith("__") for key in value):
        return {key: encode(item, tensors) for key, item in value.items()}
    return {"__dict__": [[encode(key, tensors), encode(item, tensors)] for key, item in value.items()]}


def _encode_array(value: Any, tensors: dict[str, Tensor]) -> Any:
    import numpy as np
    import torch

    name = str(len(tensors))
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous()
        return {"__tensor__": name}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        tensors[name] = torch.from_numpy(np.array(value, order="C"))
        return {"__ndarray__": name} if isinstance(value, np.ndarray) else {"__scalar__": name}
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    raise StoreError(
        f"a value of type {kind} cannot be stored: alrun writes JSON and safetensors, never pickle\n"
        "    → use numbers, strings, tensors, and lists, tuples or dicts of them"
    )


def decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return what ``encode`` was given.

    Raises:
        CorruptionError: ``encode`` never gave such a value.
    """
    try:
        return _decoded(value, tensors)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise CorruptionError(f"a stored value has an unknown form: {type(error).__name__}: {error}") from error


def _decoded(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decoded(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, body),) = value.items()
        if tag.startswith("__"):
            return _decode_tagged(tag.strip("_"), body, tensors)
    return {key: _decoded(item, tensors) for key, item in value.items()}


def _decode_tagged(tag: str, body: Any, tensors: Mapping[str, Tensor]) -> Any:
    if tag == "float":
        return float(body)
    if tag == "tuple":
        return tuple(_decoded(item, tensors) for item in body)
    if tag == "dict":
        return {_decoded(key, tensors): _decoded(item, tensors) for key, item in body}
    if tag == "tensor":
        return tensors[body]
    if tag == "ndarray":
        return tensors[body].numpy()
    if tag == "scalar":
        return tensors[body].numpy()[()]
    if tag in _RECORDS:
        fields = _decoded(body, tensors)
        if "status" in fields:
            fields["status"] = LabelStatus(fields["status"])
        known = _FIELDS[_RECORDS[tag]][1]  # an earlier version had one field more
        return _RECORDS[tag](**{name: value for name, value in fields.items() if name in known})
    raise CorruptionError(f"unknown tag {tag!r} in a stored value")


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return safetensors bytes; tensors that share memory are stored apart."""
    from safetensors.torch import save

    apart: dict[str, Tensor] = {}
    memory: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        apart[name] = plain.clone() if place in memory else plain
        memory.add(place)
    return save(apart)


def tensors_from_bytes(data: bytes) -> dict[str, Tensor]:
    """Return the tensors in safetensors bytes.

    Raises:
        CorruptionError: These are not safetensors.
    """
    from safetensors.torch import load

    return _loaded(load, data)


def mapped_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file as maps of it: their values are read when they are used, and not kept.

    Raises:
        CorruptionError: This is not a safetensors file, or it cannot be read.
    """
    from safetensors.torch import load_file

    return _loaded(load_file, path)


def _loaded(load: Callable[[Any], dict[str, Tensor]], source: Any) -> dict[str, Tensor]:
    from safetensors import SafetensorError

    try:
        return load(source)
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise CorruptionError(f"not a safetensors file: {error}") from error
