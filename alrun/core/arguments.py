"""Checks of constructor arguments, as problems that are raised together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from alrun.core.errors import ConfigError, Problem
from alrun.core.suggest import nearest

__all__ = ["choice_problems", "count_problems", "number_problems", "raise_any"]


def choice_problems(
    key: str, value: object, choices: Iterable[str], *, noun: str = "", otherwise: str = ""
) -> Iterator[Problem]:
    """Yield a problem unless ``value`` is one of ``choices``.

    Args:
        key: Config key of the argument, e.g. ``query.mine.measure``.
        value: What was given.
        choices: All valid values.
        noun: What the value is called; by default the last part of ``key``.
        otherwise: End of the hint.

    Example:
        >>> print(*choice_problems("query.mine.measure", "entropie", ["entropy", "margin"]))
        query.mine.measure: unknown measure 'entropie'
            → query.mine.measure=entropy
    """
    known = sorted(choices)
    if value not in known:
        near = nearest(str(value), known)
        hint = f"{key}={near[0]}" if near else f"one of: {', '.join(known)}"
        yield Problem(f"unknown {noun or key.rpartition('.')[2]} {value!r}", key, f"{hint}{otherwise}")


def count_problems(key: str, value: object, example: str, *, least: int = 1) -> Iterator[Problem]:
    """Yield a problem unless ``value`` is a whole number of at least ``least``; ``example`` is the hint."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        kind = "a positive whole number" if least == 1 else f"a whole number of at least {least}"
        yield Problem(f"{value!r} is not {kind}", key, example)


def number_problems(key: str, value: object, example: str, *, least: float = 0) -> Iterator[Problem]:
    """Yield a problem unless ``value`` is a finite number of at least ``least``; ``example`` is the hint."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < math.inf:
        yield Problem(f"{value!r} is not a finite number of at least {least:g}", key, example)


def raise_any(problems: Iterable[Problem], kind: type[ConfigError] = ConfigError) -> None:
    """Raise one error of ``kind`` with all ``problems``, if there are any."""
    found = tuple(problems)
    if found:
        raise kind(found)
