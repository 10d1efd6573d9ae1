"""Records of runs that are no metrics: maps of the pool, histograms of scores, beliefs about samples."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alrun.core.errors import StoreError
from alrun.core.parsing import parse_json
from alrun.report.runs import Run
from alrun.store.reading import Most, opened, read_bytes

__all__ = ["Stored", "are_numbers", "stored_records"]

#: What a record holds, by its only key.
KINDS = ("pool", "picks", "scores", "beliefs")
#: Parts of the path that lie in the run directory: group, name, file.
DEPTH = 3
_FIRST = re.compile(rb'\s*\{\s*"records"\s*:\s*\[\s*\{\s*"(\w+)"')

#: Content of the records of each kind, in their order.
Stored = Mapping[str, Sequence[Mapping[str, Any]]]


def stored_records(run: Run) -> Stored:
    """Return what the metrology strategies of ``run`` have stored, by kind; what is nothing of that is passed over."""
    found: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in KINDS}
    for path in sorted(run.path.glob("metrology/*/records.json")):
        for record in _records(path):
            for kind in KINDS:
                if isinstance(record.get(kind), dict):
                    found[kind].append(record[kind])
    return found


def are_numbers(values: Any) -> bool:
    """Return whether ``values`` is a list of finite numbers."""
    return isinstance(values, list) and all(isinstance(one, int | float) and math.isfinite(one) for one in values)


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the records in a file whose first one is of one of ``KINDS``; metrics are in ``records.parquet``, too."""
    try:
        with opened(path, Most.MANIFEST, DEPTH) as (descriptor, _):
            first = _FIRST.match(os.pread(descriptor, 200, 0))
        if first is None or first[1].decode() not in KINDS:
            return
        content = parse_json(read_bytes(path, Most.MANIFEST, DEPTH))
    except (StoreError, ValueError, MemoryError):
        return
    records = content.get("records") if isinstance(content, dict) else None
    yield from (record for record in records if isinstance(record, dict)) if isinstance(records, list) else ()
