"""Maps of the pool that runs have recorded (``metrology=pool_map``), with the samples bought on them."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.core.parsing import parse_json
from alrun.report.runs import Run
from alrun.store.reading import Most, read_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PoolMaps", "pool_maps"]

PNG = b"\x89PNG\r\n\x1a\n"
#: Characters of a thumbnail in base64.
MOST_THUMBNAIL = 40_000
COLUMNS = ("strategy", "step", "labels", "index", "x", "y", "thumbnail")


@dataclass(frozen=True)
class PoolMaps:
    """The maps of the runs of one seed; they share a pool, and so a map.

    Attributes:
        seed: The lowest seed of which there are maps.
        pool: ``x`` and ``y`` of a sample of the pool.
        picks: ``strategy``, ``step``, ``labels``, ``index``, ``x``, ``y``, ``thumbnail`` (PNG in base64, or empty).
        explained: Share of the variance that each axis has.
        total: Rows of the pool.
    """

    seed: int
    pool: pd.DataFrame
    picks: pd.DataFrame
    explained: Sequence[float]
    total: int


def pool_maps(runs: Sequence[Run]) -> PoolMaps | None:
    """Return the maps of ``runs``, which have one pool a seed; ``None`` without any."""
    import pandas as pd

    found = [(run, part) for run in runs if (part := _read(run)) is not None]
    if not found:
        return None
    seed = min(run.seed for run, _ in found)
    of_seed = [(run, part) for run, part in found if run.seed == seed]
    sample = of_seed[0][1][0]
    rows = [{"strategy": run.choices.get("query", ""), **row} for run, (_, picks) in of_seed for row in picks]
    pool = pd.DataFrame({"x": sample["x"], "y": sample["y"]})
    return PoolMaps(seed, pool, pd.DataFrame(rows, columns=COLUMNS), sample["explained"], sample["total"])


def _read(run: Run) -> tuple[Mapping[str, Any], list[dict[str, Any]]] | None:
    """Return the sample and the picks of the run; ``None`` where it has no map, or none that can be read."""
    for path in sorted(run.path.glob("metrology/*/records.json")):
        records = _records(path)
        samples = [record["pool"] for record in records if _is_sample(record.get("pool"))]
        if samples:
            return samples[0], [row for record in records for row in _picks(record.get("picks"))]
    return None


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        content = parse_json(read_bytes(path, Most.MANIFEST, depth=3))
    except (StoreError, ValueError, MemoryError):
        return []
    records = content.get("records") if isinstance(content, dict) else None
    return [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []


def _is_sample(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("total"), int)
        and _are_numbers(found.get("explained"))
        and len(found["explained"]) == 2
        and _are_numbers(found.get("x"))
        and _are_numbers(found.get("y"))
        and len(found["x"]) == len(found["y"]) > 0
    )


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(one, int | float) and math.isfinite(one) for one in values)


def _picks(found: Any) -> Iterator[dict[str, Any]]:
    """Yield a row for each sample of a step, in the order in which they were bought."""
    if not isinstance(found, dict) or not all(isinstance(found.get(key), int) for key in ("step", "labels")):
        return
    columns = [found.get(key) for key in ("index", "x", "y")]
    if not all(map(_are_numbers, columns)) or len({len(column) for column in columns if column is not None}) != 1:
        return
    pictures = found.get("thumbnails")
    known = pictures if isinstance(pictures, list) and len(pictures) == len(columns[0] or ()) else []
    for place, (index, x, y) in enumerate(zip(*(column or () for column in columns), strict=True)):
        picture = _picture(known[place]) if known else ""
        step, labels = found["step"], found["labels"]
        yield {"step": step, "labels": labels, "index": int(index), "x": x, "y": y, "thumbnail": picture}


def _picture(text: Any) -> str:
    """Return ``text`` where it is a PNG in base64; else nothing."""
    if not isinstance(text, str) or len(text) > MOST_THUMBNAIL:
        return ""
    try:
        return text if base64.b64decode(text, validate=True).startswith(PNG) else ""
    except (binascii.Error, ValueError):
        return ""
