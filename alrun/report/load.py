"""Records of many runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.core.errors import StoreError
from alrun.report.runs import Run
from alrun.report.variants import variants

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHOICES", "distinct", "load_records"]

RECORDS = "records.parquet"

# Columns that describe the experiment of a record, in the order in which tables show them.
CHOICES = ("data", "learner", "query", "training", "inference", "label", "cold_start", "reset", "variant")


def distinct(runs: Sequence[Run]) -> list[Run]:
    """Return ``runs`` with every experiment once: of equal identities the one with most labels, the first of equals."""
    best: dict[str, Run] = {}
    for run in runs:
        key = run.identity or str(run.path)
        if key not in best or run.labels > best[key].labels:
            best[key] = run
    return list(best.values())


def load_records(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the records of ``runs``, one row a record.

    Columns: ``run`` (number within ``runs``), ``CHOICES``, ``seed``, and those of ``records.parquet``. A run that has
    not measured anything yet adds no rows.

    Raises:
        StoreError: A record file cannot be read.
    """
    import pandas as pd

    frames = [
        frame.assign(run=number, seed=run.seed, **_choices(run, *labels))
        for number, (run, labels) in enumerate(zip(runs, variants(runs), strict=True))
        if (frame := _read(run)) is not None and len(frame)
    ]
    columns = ["run", *CHOICES, "seed", "step", "labels", "strategy", "split", "metric", "value", "higher_is_better"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _choices(run: Run, of_query: str, of_rest: str) -> dict[str, str]:
    columns = {group: run.choices.get(group, "") for group in CHOICES} | {"reset": run.reset, "variant": of_rest}
    if of_query:
        columns["query"] += f" ({of_query})"
    return columns


def _read(run: Run) -> pd.DataFrame | None:
    import pandas as pd

    path = run.path / RECORDS
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        hint = f"the same alrun command rebuilds it; or leave the run out: move {run.path} away"
        raise StoreError(f"{path} cannot be read: {error}\n    → {hint}") from error
