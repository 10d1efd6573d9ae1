"""Checks of plain values against tables of allowed keys and values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alrun.core.errors import Problem
from alrun.core.suggest import did_you_mean

__all__ = [
    "HANDS_OFF",
    "Check",
    "each",
    "either",
    "empty",
    "flag",
    "integer",
    "keys",
    "number",
    "one_of",
    "text",
    "worded",
]

#: Yields what is wrong with a value, given it and its dotted key.
Check = Callable[[Any, str], Iterator[Problem]]
HANDS_OFF = "leave Hydra's own node as it is"
WORDED = r"[^\x00-\x1f\x7f]{0,500}"


def keys(table: Mapping[str, Check], hint: str = HANDS_OFF) -> Check:
    """Return the check of a mapping, or of null, whose every key is in ``table`` and whose values pass."""

    def check(value: Any, where: str) -> Iterator[Problem]:
        if value is None:
            return
        if not isinstance(value, Mapping):
            yield Problem(f"{value!r} is not a mapping", where, hint)
            return
        for key, item in value.items():
            if key in table:
                yield from table[key](item, f"{where}.{key}")
            else:
                near = did_you_mean(str(key), table, prefix=f"{where}.")
                yield Problem(f"unknown key '{where}.{key}'", "", near or hint)

    return check


def each(item: Check, key: str = r"[\w.-]{1,100}") -> Check:
    """Return the check of a list, or of a mapping with keys like ``key``, each of whose values passes ``item``."""

    def check(value: Any, where: str) -> Iterator[Problem]:
        if isinstance(value, Mapping):
            for name, one in value.items():
                if re.fullmatch(key, str(name)):
                    yield from item(one, f"{where}.{name}")
                else:
                    yield Problem(f"{name!r} cannot be a name here", where, HANDS_OFF)
        elif isinstance(value, list | tuple):
            for number, one in enumerate(value):
                yield from item(one, f"{where}[{number}]")
        elif value is not None:
            yield Problem(f"{value!r} is neither a list nor a mapping", where, HANDS_OFF)

    return check


def _that(accepts: Callable[[Any], bool], noun: str) -> Check:
    def check(value: Any, where: str) -> Iterator[Problem]:
        if value is not None and not accepts(value):
            yield Problem(f"{value!r} is not {noun}", where, HANDS_OFF)

    return check


def text(pattern: str, noun: str = "a plain text") -> Check:
    """Return the check of a text that ``pattern`` matches whole, or null."""
    return _that(lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None, noun)


def one_of(*values: Any) -> Check:
    """Return the check of one of ``values``, or null."""
    return _that(
        lambda value: any(value is one or value == one for one in values), f"one of {', '.join(map(str, values))}"
    )


def either(*checks: Check) -> Check:
    """Return the check that passes where one of ``checks`` does."""

    def check(value: Any, where: str) -> Iterator[Problem]:
        found = [list(one(value, where)) for one in checks]
        if all(found):
            yield from found[0]

    return check


def empty(what: str, hint: str) -> Check:
    """Return the check of what must not be set; ``what`` says so."""

    def check(value: Any, where: str) -> Iterator[Problem]:
        if value not in (None, False) and (isinstance(value, str) or value):
            yield Problem(what, where, hint)

    return check


integer = _that(lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number")
number = _that(lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number")
flag = _that(lambda value: isinstance(value, bool), "true or false")
#: One line of text.
worded = text(WORDED, "one line of text")
