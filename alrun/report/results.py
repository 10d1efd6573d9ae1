"""Results of many runs as DataFrames: runs, records, picks, labels, timing. Needs no torch.

Every function takes run directories, folders that hold runs, or glob patterns of either (by default ``outputs``), and
returns one table whose first columns say of which run a row is: ``run`` (its directory), the chosen option of each
config group (that of ``label`` as ``label_strategy``), ``variant`` (other keys in which the runs differ), and ``seed``.
"""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.showing import typed
from alrun.report.load import COLUMNS, described_runs
from alrun.report.runs import Run, find_runs, read_run
from alrun.report.tables import run_acquisitions, run_records
from alrun.report.variants import read_configs
from alrun.store.reading import Most, read_bytes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "found_runs",
    "labels",
    "labels_of",
    "picks",
    "picks_of",
    "readable_run",
    "records",
    "records_of",
    "runs",
    "timing",
    "timing_of",
]

Pattern = str | os.PathLike[str]

LABEL_COLUMNS = ("step", "index", "uuid", "task", "label", "annotator", "cost", "seconds")
RUN_COLUMNS = ("name", "status", "reason", "step", "phase", "labels", "budget", "tags", "notes", "identity")


def runs(*patterns: Pattern) -> pd.DataFrame:
    """Return one row per run: ``name``, ``status``, ``reason``, ``step``, ``phase``, ``labels``, ``budget``.

    Then ``tags`` (a list), ``notes`` and ``identity``. A run that cannot be read has the status ``unreadable``, and why
    as its reason.
    """
    import pandas as pd

    found = found_runs(*patterns)
    columns = {name: [getattr(run, name) for run in found] for name in RUN_COLUMNS}
    return pd.concat([_description(found), pd.DataFrame(columns)], axis=1)


def records(*patterns: Pattern) -> pd.DataFrame:
    """Return all records: ``step``, ``labels``, ``strategy``, ``split``, ``metric``, ``value`` and its direction."""
    return records_of(found_runs(*patterns))


def picks(*patterns: Pattern) -> pd.DataFrame:
    """Return every sample acquired, in the order of the queries.

    Columns: ``step``, ``order``, ``index``, ``uuid``, ``score`` (``NaN``: not scored), ``strategy``, ``label``,
    ``annotator``, ``cost``, ``status``, ``task`` and ``seconds`` (annotation time; ``NaN``: not known).
    """
    return picks_of(found_runs(*patterns))


def labels(*patterns: Pattern) -> pd.DataFrame:
    """Return the labels given.

    Columns: ``step``, ``index``, ``uuid``, ``task``, ``label``, ``annotator``, ``cost`` and ``seconds``.
    """
    return labels_of(found_runs(*patterns))


def timing(*patterns: Pattern) -> pd.DataFrame:
    """Return the seconds of each phase: ``step``, ``phase``, ``seconds``."""
    return timing_of(found_runs(*patterns))


def records_of(found: Sequence[Run]) -> pd.DataFrame:
    """Return the records of the runs ``found``, as ``records`` does."""
    return _gathered(found, lambda run: run_records(run, COLUMNS))


def picks_of(found: Sequence[Run], damaged: list[str] | None = None) -> pd.DataFrame:
    """Return the samples that the runs ``found`` acquired, as ``picks`` does; see ``timing_of`` for ``damaged``."""
    return _gathered(found, run_acquisitions, damaged)


def labels_of(found: Sequence[Run]) -> pd.DataFrame:
    """Return the labels that the runs ``found`` were given, as ``labels`` does."""
    every = picks_of(found)
    if "label" not in every:  # no run that can be read
        return every.reindex(columns=[*every.columns, *LABEL_COLUMNS])
    given = every[every["label"].notna()]
    described = given.columns[: list(given.columns).index("seed") + 1]
    return given[[*described, *LABEL_COLUMNS]].reset_index(drop=True)


def timing_of(found: Sequence[Run], damaged: list[str] | None = None) -> pd.DataFrame:
    """Return the seconds of each phase of the runs ``found``, as ``timing`` does.

    Why a table cannot be read is added to ``damaged``; without that list it is raised.
    """
    return _gathered(found, read_timing, damaged)


def read_timing(run: Run) -> pa.Table:
    """Return ``timing.csv`` of ``run``; what is no number is left out."""
    import pyarrow as pa

    try:
        content = read_bytes(run.path / "timing.csv", Most.TABLE)
    except StoreError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        content = b"step,phase,seconds\n"
    rows = [row for line in content.decode(errors="replace").splitlines()[1:] if (row := _timed(line))]
    kinds = {"step": pa.int64(), "phase": pa.string(), "seconds": pa.float64()}
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(_columns(rows), kinds.values(), strict=True)], [*kinds]
    )


def _columns(rows: Sequence[tuple[int, str, float]]) -> Sequence[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [(), (), ()]


def _timed(line: str) -> tuple[int, str, float] | None:
    step, _, rest = line.partition(",")
    phase, _, seconds = rest.partition(",")
    try:
        row = int(step), phase, float(seconds)
    except ValueError:
        return None
    return row if math.isfinite(row[2]) and abs(row[0]) < 1 << 63 else None


def readable_run(path: Path) -> Run:
    """Return the run in ``path``.

    Raises:
        StoreError: It cannot be read; says why.
    """
    run = read_run(path)
    if run.status == "unreadable":
        raise StoreError(f"{path} cannot be read: {run.reason}\n    → alrun verify {typed(path)} says more")
    return run


def found_runs(*patterns: Pattern) -> list[Run]:
    """Return the runs that ``patterns`` stand for, each once, ordered by path.

    Raises:
        ConfigError: A pattern stands for no directory.
    """
    return find_runs(_expanded(patterns))


def _description(found: Sequence[Run]) -> pd.DataFrame:
    configs = [{} if isinstance(config, str) else config for config in read_configs(found)]
    described = described_runs(found, configs).assign(run=[str(run.path) for run in found])
    return described.rename(columns={"label": "label_strategy"})


def _expanded(patterns: Sequence[Pattern]) -> list[Path]:
    """Return the directories that ``patterns`` stand for.

    Raises:
        ConfigError: A pattern stands for none.
    """
    paths: list[Path] = []
    for pattern in [os.fspath(one) for one in patterns or ("outputs",)]:
        matches = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - may be absolute
        folders = [path for path in matches if path.is_dir()]
        if not folders and not Path(pattern).is_dir():
            raise ConfigError(Problem("no such directory", pattern, "give a run, or a folder that holds some"))
        paths += folders or [Path(pattern)]
    return paths


def _gathered(found: Sequence[Run], read: Callable[[Run], pa.Table], damaged: list[str] | None = None) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    described = _description(found)
    tables: dict[int, pa.Table] = {}
    for number, run in enumerate(found):
        try:
            if run.status != "unreadable":
                tables[number] = _plain(read(run))
        except StoreError as error:
            if damaged is None:
                raise
            damaged.append(str(error))
    numbers = np.repeat(np.array(list(tables), dtype=np.int64), [len(table) for table in tables.values()])
    if not tables:
        return described.iloc[:0]
    whole: pd.DataFrame = pa.concat_tables(tables.values()).to_pandas()
    return pd.concat([described.iloc[numbers].reset_index(drop=True), whole], axis=1)


def _plain(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    plain = [pa.string() if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, plain, strict=True))))
