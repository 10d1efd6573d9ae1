"""Did you mean: the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]


def did_you_mean(name: str, valid: Iterable[str], *, prefix: str = "") -> str:
    """Return a hint: the nearest of ``valid`` names, or all of them where none is near and they are few.

    Example:
        >>> did_you_mean("entrpy", ["entropy", "margin"])
        'did you mean entropy?'
    """
    names = sorted(set(valid))
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    if 0 < len(names) <= 20:
        return f"one of: {', '.join(names)}"
    return ""
