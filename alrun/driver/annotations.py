"""Fields of annotations, checked and converted for storage."""

from __future__ import annotations

import math
from typing import Any

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, LabelStatus

__all__ = ["as_cost", "as_text", "plain_annotation"]


def plain_annotation(given: Annotation) -> Annotation:
    """Return ``given`` with plain numbers and text.

    Raises:
        StrategyError: Its cost or its annotation time is not a finite number of zero or more, its status is not a
            ``LabelStatus``, or its annotator or reason is not text.
    """
    cost = as_cost(given.cost)
    if cost is None:
        raise StrategyError(f"its cost is {given.cost!r:.80}, not a finite number of zero or more")
    seconds = None if given.seconds is None else as_cost(given.seconds)
    if given.seconds is not None and seconds is None:
        raise StrategyError(f"its annotation time is {given.seconds!r:.80}, not a finite number of seconds")
    if not isinstance(given.status, str) or given.status not in tuple(LabelStatus):
        raise StrategyError(f"its status is {given.status!r:.80}, not one of {', '.join(LabelStatus)}")
    for name, text in (("annotator", given.annotator), ("reason", given.reason)):
        if not isinstance(text, str) or as_text(text) != text:
            raise StrategyError(f"its {name} is {text!r:.80}, not text")
    return Annotation(given.item, given.target, given.annotator, cost, LabelStatus(given.status), given.reason, seconds)


def as_cost(cost: Any) -> float | None:
    """Return a cost as a number, or ``None`` where it is not a finite one of zero or more."""
    if isinstance(cost, str | bytes):
        return None
    try:
        number = float(cost)
    except Exception:
        return None
    if not math.isfinite(number) or number < 0:
        return None
    return cost if type(cost) in (int, float) else number


def as_text(text: str) -> str:
    """Return ``text`` without what cannot be written as UTF-8."""
    return text.encode(errors="replace").decode()
