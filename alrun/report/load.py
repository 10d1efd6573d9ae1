"""Records of many runs in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.core.metrics import LOGGED, ambiguous_metrics, metric_recorders
from alrun.report.runs import Run
from alrun.report.tables import run_records
from alrun.report.variants import Variant, read_configs, variants

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["CHOICES", "COLUMNS", "Records", "described_runs", "load_records"]

# Columns that describe the experiment of a record, in the order in which tables show them.
CHOICES = ("data", "learner", "query", "training", "inference", "label", "cold_start", "reset", "variant")

# Columns of ``records.parquet`` that a report needs.
COLUMNS = ("step", "labels", "strategy", "split", "metric", "value", "higher_is_better")
TEXTS = ("strategy", "split", "metric")


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
        """Return every experiment once: of equal identities and data the one with most labels, the first of equals."""
        best: dict[tuple[str, str], int] = {}
        for number, run in enumerate(self.runs):
            key = run.identity or str(run.path), run.fingerprint
            if key not in best or run.labels > self.runs[best[key]].labels:
                best[key] = number
        kept = list(best.values())
        runs, configs, tables = ([each[n] for n in kept] for each in (self.runs, self.configs, self.tables))
        return Records(runs, configs, tables, self.unreadable)  # type: ignore[arg-type]

    @cached_property
    def _recorders(self) -> Sequence[Mapping[str, Sequence[str]]]:
        """For each kind of run, the strategies whose records the name of a metric stands for."""
        import numpy as np
        import pyarrow as pa

        packed = pa.concat_tables([table.select(["strategy", "metric"]) for table in self.tables]).unify_dictionaries()
        columns = [packed[name].combine_chunks() for name in ("strategy", "metric")]
        strategies, metrics = (column.dictionary.to_pylist() for column in columns)
        strategy, metric = (column.indices.to_numpy() for column in columns)
        runs = np.repeat(np.arange(len(self.tables)), [table.num_rows for table in self.tables])
        kinds = len(strategies) * len(metrics)
        found = np.unique((runs * len(strategies) + strategy) * len(metrics) + metric) if kinds else np.empty(0, int)
        of_run = np.split(found % kinds, np.flatnonzero(np.diff(found // kinds)) + 1) if kinds else []
        distinct = {pairs.tobytes(): np.divmod(pairs, len(metrics)) for pairs in of_run}.values()
        return [metric_recorders((strategies[s], metrics[m]) for s, m in zip(*pair, strict=True)) for pair in distinct]

    @cached_property
    def ambiguous(self) -> Mapping[str, Sequence[str]]:
        """The metrics that several strategies of one run record, with the names that they go by instead."""
        several: dict[str, dict[str, None]] = {}
        for recorders in self._recorders:
            for metric, names in ambiguous_metrics(recorders).items():
                several.setdefault(metric, {}).update(dict.fromkeys(names))
        return {metric: list(names) for metric, names in several.items()}

    @cached_property
    def _names(self) -> frozenset[str]:
        """The metrics by themselves, of whatever strategy."""
        return frozenset(name for recorders in self._recorders for name in recorders)

    @property
    def metrics(self) -> frozenset[str]:
        """The names of all metrics; ``strategy/metric`` in place of those that are ambiguous."""
        return (self._names - self.ambiguous.keys()).union(*self.ambiguous.values())

    def frame(self, metric: str) -> pd.DataFrame:
        """Return the records of ``metric``, one of ``metrics`` or any ``strategy/metric``, one row per record.

        Columns: ``run`` (number within ``runs``), ``CHOICES``, ``seed``, and ``COLUMNS``. Of runs that differ in what
        they measure alone there is one, that with most labels, so that no seed counts twice.
        """
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        strategy, name = ("", metric) if metric in self._names else _divided(metric)
        chosen = [table.filter(pc.equal(table["metric"], name)) for table in self.tables]
        packed = pa.concat_tables(chosen).unify_dictionaries()
        texts = {name: packed[name].cast(pa.string()) for name in TEXTS}
        frame = pd.DataFrame({name: texts.get(name, packed[name]).to_pandas() for name in COLUMNS})
        of_run = described_runs(self.runs, self.configs)
        numbers = np.repeat(np.arange(len(chosen)), [table.num_rows for table in chosen])
        frame["metric"] = metric
        whole = pd.concat([of_run.iloc[numbers].reset_index(drop=True), frame], axis=1)
        is_logged = whole["strategy"] == LOGGED
        measured = whole["run"].isin(whole.loc[~is_logged, "run"])
        return _seeds_once(whole[whole["strategy"] == strategy if strategy else ~(is_logged & measured)])


def _seeds_once(records: pd.DataFrame) -> pd.DataFrame:
    key = [*CHOICES, "seed"]
    runs = records.groupby([*key, "run"], sort=False, dropna=False)["labels"].max().reset_index()
    kept = runs.sort_values(["labels", "run"], ascending=[False, True]).drop_duplicates(key)
    return records[records["run"].isin(kept["run"])].reset_index(drop=True)


def _divided(name: str) -> tuple[str, str]:
    """Return the strategy and the metric of ``strategy/metric``."""
    strategy, _, metric = name.partition("/")
    return strategy or name, metric


def load_records(runs: Sequence[Run]) -> Records:
    """Return the records of ``runs``; a run that has not measured anything yet has no rows."""
    found: list[tuple[Run, Mapping[str, Any], pa.Table]] = []
    unreadable = []
    for run, config in zip(runs, read_configs(runs), strict=True):
        try:
            if isinstance(config, str):
                raise StoreError(config)
            found.append((run, config, run_records(run, COLUMNS)))
        except StoreError as error:
            unreadable.append(replace(run, status="unreadable", reason=str(error)))
    kept, configs, tables = zip(*found, strict=True) if found else ((), (), ())
    return Records(kept, configs, tables, unreadable)


def described_runs(runs: Sequence[Run], configs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per run: ``run`` (its number), ``CHOICES``, ``seed``; ``configs`` as of ``read_configs``."""
    import pandas as pd

    rows = [
        {"run": number, **_choices(run, variant), "seed": run.seed}
        for number, (run, variant) in enumerate(zip(runs, variants(runs, configs), strict=True))
    ]
    return pd.DataFrame(rows, columns=["run", *CHOICES, "seed"])


def _choices(run: Run, variant: Variant) -> dict[str, str]:
    columns = {group: run.choices.get(group, "") for group in CHOICES} | {"reset": run.reset, "variant": variant.rest}
    if variant.query:
        columns["query"] += f" ({variant.query})"
    return columns
