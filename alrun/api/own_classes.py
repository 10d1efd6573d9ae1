"""Classes and functions of the calling program itself, which its own words may name as a ``_target_``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alrun.config.overrides import parse_overrides

__all__ = ["own_targets"]

HOME = "__main__"


def own_targets(words: Sequence[str]) -> list[str]:
    """Return the ``__main__`` names that ``words`` give to a ``_target_`` and that the program has defined itself.

    They are trusted name by name, as the words are the program's own. What stands in a folder of configs, or in a run
    directory, is trusted with nothing by this; nor is what the program has only imported.
    """
    overrides, _ = parse_overrides(words)
    named: list[str] = []
    for override in overrides:
        if not override.is_sweep and not override.parsed.is_delete():
            last = override.key.rpartition(".")[2]
            named += _targets({last: override.parsed.value()})
    return list(dict.fromkeys(name for name in named if _is_own(name)))


def _targets(value: Any) -> Iterator[str]:
    """Yield each ``_target_`` in a value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "_target_" and isinstance(item, str):
                yield item
            yield from _targets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _targets(item)


def _is_own(name: str) -> bool:
    """Return whether ``name`` is ``__main__.Name`` of a class or function that was defined there."""
    module, _, attribute = name.partition(".")
    value = vars(sys.modules[HOME]).get(attribute) if module == HOME and HOME in sys.modules else None
    return callable(value) and getattr(value, "__module__", "") == HOME and hasattr(value, "__qualname__")
