"""Names of strategies, callbacks and functions, and safe file names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

__all__ = ["file_name", "function_name", "named"]

T = TypeVar("T")

#: With a suffix, and what a temporary sibling adds, it stays below the 255 bytes that file systems take.
MOST = 100
_FOREIGN = re.compile(r"[^A-Za-z0-9._+=-]")


def named(parts: Mapping[str, T] | Sequence[T]) -> dict[str, T]:
    """Return ``parts`` by name; where they come without, by class name, numbered where one comes again."""
    if isinstance(parts, Mapping):
        return {str(name): part for name, part in parts.items()}
    names: dict[str, T] = {}
    for part in parts:
        base = name = type(part).__name__
        number = 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names[name] = part
    return names


def function_name(function: Any) -> str:
    """Return the name of a function, of the one that a partial calls, or of an object's class."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", type(inner).__name__))


def file_name(name: str) -> str:
    """Return ``name`` as a file may be called: itself where it can be, else a part of it with eight digits of a hash.

    A name may be long, hold separators, or lead elsewhere. Different names have different file names.
    """
    plain = _FOREIGN.sub("_", name)[:MOST].lstrip(".")
    if plain == name and plain:
        return name
    return f"{plain}-{blake2b(name.encode(errors='surrogatepass'), digest_size=4).hexdigest()}"
