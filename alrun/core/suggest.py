"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "nearest"]


def nearest(name: str, valid: Iterable[str], most: int = 1) -> list[str]:
    """Return up to ``most`` of the ``valid`` names that look like ``name``, whatever their case, best first."""
    by_lower = {each.lower(): each for each in sorted(set(valid))}
    return [by_lower[match] for match in get_close_matches(name.lower(), by_lower, most, 0.5)]


def did_you_mean(name: str, valid: Iterable[str], *, prefix: str = "", most: int | None = 20) -> str:
    """Return a hint: the nearest of ``valid`` names, or all of them where none is near and they are at most ``most``.

    Example:
        >>> did_you_mean("entrpy", ["entropy", "margin"])
        'did you mean entropy?'
    """
    names = sorted(set(valid))
    near = nearest(name, names)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    return f"one of: {', '.join(names)}" if names and (most is None or len(names) <= most) else ""
