"""Histograms of the scores of pool and picks, as runs have recorded them (``metrology=scores``), seeds together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alrun.report.stored import Stored, are_numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["score_bins"]

COLUMNS = ["strategy", "labels", "of", "start", "end", "share"]
#: Bins of a histogram; runs have 40.
MOST_BINS = 100
#: Number of a bin beyond which floats have gaps.
MOST_PLACE = 2**53


def score_bins(strategies: Sequence[str], stored: Sequence[Stored]) -> pd.DataFrame:
    """Return ``strategy``, ``labels``, ``of``, ``start``, ``end``, ``share``: bins that hold something.

    ``of`` is ``pool`` or ``picks``, ``share`` the part of its scores that lies in the bin. Seeds are added up in bins
    of the widest width among them, which divide by those of the others. Where several strategies choose in one step,
    the first is shown: their scores have different units.
    """
    import pandas as pd

    batches: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for name, one in zip(strategies, stored, strict=True):
        for record in _first_of_each_step(one["scores"]):
            batches.setdefault((name, record["labels"]), []).append(record)
    rows = [(*key, *row) for key, records in sorted(batches.items()) for row in _together(records)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _first_of_each_step(records: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    seen: set[int] = set()
    for record in records:
        if _is_histogram(record) and record["step"] not in seen:
            seen.add(record["step"])
            yield record


def _is_histogram(record: Mapping[str, Any]) -> bool:
    values: list[Any] = [record.get(name) for name in ("start", "width", "pool", "picks")]
    start, width, pool, picks = values
    if not all(isinstance(one, int) and 0 <= one < MOST_PLACE for one in (record.get("step"), record.get("labels"))):
        return False
    if not (are_numbers([start, width]) and are_numbers(pool) and are_numbers(picks)):
        return False
    if not isinstance(width, float) or width <= 0 or math.frexp(width)[0] != 0.5 or abs(start / width) > MOST_PLACE:
        return False
    return 0 < len(pool) == len(picks) <= MOST_BINS and all(count >= 0 for count in (*pool, *picks)) and sum(pool) > 0


def _together(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float, float, float]]:
    width = max(record["width"] for record in records)
    for of in ("pool", "picks"):
        counts: Counter[int] = Counter()
        for record in records:
            ratio, first = round(width / record["width"]), round(record["start"] / record["width"])
            for place, count in enumerate(record[of], start=first):
                counts[place // ratio] += count
        whole = sum(counts.values())
        for place, count in sorted(counts.items()):
            if count:
                yield of, place * width, (place + 1) * width, count / whole
