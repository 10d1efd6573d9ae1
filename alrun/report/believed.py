"""Beliefs of learners about the samples that were bought, as runs have recorded them (``metrology=beliefs``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alrun.report.stored import Stored, are_numbers

__all__ = ["Beliefs", "beliefs"]

#: By step and row of the source: in words, what was believed before the label and after it; empty where nothing was.
Beliefs = Mapping[tuple[int, int], tuple[str, str]]


def beliefs(stored: Stored) -> Beliefs:
    """Return what the learner of a run believed of each sample; what makes no sense is left out."""
    return {key: told for record in stored["beliefs"] if _is_batch(record) for key, told in _told(record)}


def _is_batch(record: Mapping[str, Any]) -> bool:
    index, before, after = (record.get(name) for name in ("index", "before", "after"))
    if not (isinstance(record.get("step"), int) and are_numbers(index)):
        return False
    return _is_belief(after, len(index or ())) and (before is None or _is_belief(before, len(index or ())))


def _is_belief(found: Any, count: int) -> bool:
    return isinstance(found, dict) and all(
        are_numbers(found.get(name)) and len(found[name]) == count
        for name in ("predicted", *(("probability",) if "probability" in found else ()))
    )


def _told(record: Mapping[str, Any]) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    for place, row in enumerate(record["index"]):
        before, after = (_words(record[name], place) for name in ("before", "after"))
        yield (record["step"], int(row)), (before, after)


def _words(belief: Mapping[str, Sequence[float]] | None, place: int) -> str:
    if belief is None:
        return ""
    if "probability" not in belief:
        return f"{belief['predicted'][place]:.4g}"
    return f"{belief['predicted'][place]:.0f} · {belief['probability'][place]:.1%}"
