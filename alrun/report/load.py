"""Records of many runs in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.report.runs import Run
from alrun.report.variants import Variant, read_configs, variants
from alrun.store.records import read_records

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["CHOICES", "COLUMNS", "Records", "load_records"]

RECORDS = "records.parquet"

# Columns that describe the experiment of a record, in the order in which tables show them.
CHOICES = ("data", "learner", "query", "training", "inference", "label", "cold_start", "reset", "variant")

# Columns of ``records.parquet`` that a report needs.
COLUMNS = ("step", "labels", "split", "metric", "value", "higher_is_better")
TEXTS = ("split", "metric")


@dataclass(frozen=True)
class Records:
    """The records of many runs, still packed.

    Attributes:
        runs: The runs whose records could be read.
        configs: What counts of the stored config of each.
        tables: The records of each: columns ``COLUMNS``.
        unreadable: The other runs, each with the status ``unreadable`` and why.
    """

    runs: Sequence[Run]
    configs: Sequence[Mapping[str, Any]]
    tables: Sequence[pa.Table]
    unreadable: Sequence[Run]

    def distinct(self) -> Records:
        """Return every experiment once: of equal identities the one with most labels, the first of equals."""
        best: dict[str, int] = {}
        for number, run in enumerate(self.runs):
            key = run.identity or str(run.path)
            if key not in best or run.labels > self.runs[best[key]].labels:
                best[key] = number
        kept = list(best.values())
        runs, configs, tables = ([each[n] for n in kept] for each in (self.runs, self.configs, self.tables))
        return Records(runs, configs, tables, self.unreadable)  # type: ignore[arg-type]

    @property
    def metrics(self) -> frozenset[str]:
        """The names of all metrics."""
        return frozenset(name for table in self.tables for name in table["metric"].unique().to_pylist())

    def frame(self, metric: str) -> pd.DataFrame:
        """Return the records of ``metric``, one row a record.

        Columns: ``run`` (number within ``runs``), ``CHOICES``, ``seed``, and ``COLUMNS``.
        """
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        chosen = [table.filter(pc.equal(table["metric"], metric)) for table in self.tables]
        packed = pa.concat_tables(chosen).unify_dictionaries()
        texts = {name: packed[name].cast(pa.string()) for name in TEXTS}
        frame = pd.DataFrame({name: texts.get(name, packed[name]).to_pandas() for name in COLUMNS})
        described = [
            {"run": number, **_choices(run, variant), "seed": run.seed}
            for number, (run, variant) in enumerate(zip(self.runs, variants(self.runs, self.configs), strict=True))
        ]
        of_run = pd.DataFrame(described, columns=["run", *CHOICES, "seed"])
        numbers = np.repeat(np.arange(len(chosen)), [table.num_rows for table in chosen])
        return pd.concat([of_run.iloc[numbers].reset_index(drop=True), frame], axis=1)


def load_records(runs: Sequence[Run]) -> Records:
    """Return the records of ``runs``; a run that has not measured anything yet has no rows."""
    found: list[tuple[Run, Mapping[str, Any], pa.Table]] = []
    unreadable = []
    for run, config in zip(runs, read_configs(runs), strict=True):
        try:
            if isinstance(config, str):
                raise StoreError(config)
            found.append((run, config, read_records(run.path / RECORDS, COLUMNS)))
        except StoreError as error:
            unreadable.append(replace(run, status="unreadable", reason=str(error)))
    kept, configs, tables = zip(*found, strict=True) if found else ((), (), ())
    return Records(kept, configs, tables, unreadable)


def _choices(run: Run, variant: Variant) -> dict[str, str]:
    columns = {group: run.choices.get(group, "") for group in CHOICES} | {"reset": run.reset, "variant": variant.rest}
    if variant.query:
        columns["query"] += f" ({variant.query})"
    return columns
