"""Temporary attributes of an object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["lent"]


@contextmanager
def lent(owner: Any, **attributes: Any) -> Iterator[None]:
    """Give ``owner`` the ``attributes`` as its own, past setters; at the end it has what it had, whatever happens.

    Of a module these may be methods (a ``forward``), but no parameters, buffers or submodules: torch keeps those apart.
    """
    own = vars(owner)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name, None)
        own.update(before)
