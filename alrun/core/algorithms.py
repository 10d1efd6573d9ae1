"""Algorithm numbers, which decide, with the format of the run directory, whether a run can be resumed.

A change of the results of a part increments its ``__algorithm__``: an attribute of the class, or of the module for
the functions in it. Nothing declared is the first. A class has the numbers of the classes it stands on in its own, so
that counting up a base counts up all that derive from it; a function that several parts call is counted in each.
"""

from __future__ import annotations

import sys
from typing import Any

from alrun.core.errors import StrategyError

__all__ = ["FIRST", "number_of"]

#: Number of an algorithm that declares none.
FIRST = 1


def number_of(*parts: Any) -> int:
    """Return the number of the algorithm that ``parts``, classes or functions, make up together.

    Raises:
        StrategyError: What one of them declares is not a number from 1 on.
    """
    return FIRST + sum(_declared(holder) - FIRST for part in parts for holder in _holders(part))


def _holders(part: Any) -> list[Any]:
    """Return what can declare a number: the classes of a class, the module of a function."""
    if isinstance(part, type):
        return list(part.__mro__)
    return [part, sys.modules.get(getattr(part, "__module__", "") or "")]


def _declared(holder: Any) -> int:
    number = getattr(holder, "__dict__", {}).get("__algorithm__", FIRST)
    if isinstance(number, bool) or not isinstance(number, int) or number < FIRST:
        raise StrategyError(f"__algorithm__ of {holder!r} is {number!r}, not a whole number from {FIRST} on")
    return number
