"""Maps of the pool that runs have recorded (``metrology=pool_map``), with the samples bought on them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alrun.report.stored import Stored, are_numbers

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
        explained: Share of the variance that each axis has; nothing of another map than principal components.
        total: Rows of the pool.
    """

    seed: int
    pool: pd.DataFrame
    picks: pd.DataFrame
    explained: Sequence[float]
    total: int


def pool_maps(seeds: Sequence[int], strategies: Sequence[str], stored: Sequence[Stored]) -> PoolMaps | None:
    """Return the maps of runs, each with its seed and strategy; they have one pool a seed; ``None`` without any."""
    import pandas as pd

    found = [(seed, name, sample, one["picks"]) for seed, name, one in zip(seeds, strategies, stored, strict=True)
             if (sample := next(filter(_is_sample, one["pool"]), None)) is not None]  # fmt: skip
    if not found:
        return None
    lowest = min(seed for seed, *_ in found)
    of_seed = [(name, sample, picks) for seed, name, sample, picks in found if seed == lowest]
    sample = of_seed[0][1]
    rows = [{"strategy": name, **row} for name, _, picks in of_seed for batch in picks for row in _picks(batch)]
    pool = pd.DataFrame({"x": sample["x"], "y": sample["y"]})
    picks = pd.DataFrame(rows, columns=COLUMNS)
    return PoolMaps(lowest, pool, picks, sample.get("explained", []), sample["total"])


def _is_sample(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("total"), int)
        and _are_axes(found)
        and are_numbers(found.get("x"))
        and are_numbers(found.get("y"))
        and len(found["x"]) == len(found["y"]) > 0
    )


def _are_axes(found: Mapping[str, Any]) -> bool:
    if found.get("method") == "umap":
        return "explained" not in found
    return are_numbers(found.get("explained")) and len(found["explained"]) == 2


def _picks(found: Any) -> Iterator[dict[str, Any]]:
    """Yield a row for each sample of a step, in the order in which they were bought."""
    if not isinstance(found, dict) or not all(isinstance(found.get(key), int) for key in ("step", "labels")):
        return
    columns = [found.get(key) for key in ("index", "x", "y")]
    if not all(map(are_numbers, columns)) or len({len(column) for column in columns if column is not None}) != 1:
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
