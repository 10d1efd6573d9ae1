"""Tables of a run, whether it has ended or goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from alrun.core.errors import StoreError
from alrun.report.runs import Run
from alrun.store.committed import committed_ledger
from alrun.store.records import acquisitions_table, read_acquisitions, read_records, records_table

if TYPE_CHECKING:
    import pyarrow as pa

    from alrun.store.ledger import Ledger

__all__ = ["RECORDS", "run_acquisitions", "run_records"]

RECORDS, ACQUISITIONS = "records.parquet", "acquisitions.parquet"
#: Statuses of runs whose tables may be those of an earlier session, or missing: one goes on, or was killed.
UNFINISHED = ("running", "interrupted")


def run_records(run: Run, columns: Sequence[str] = ()) -> pa.Table:
    """Return ``columns`` (by default all) of the records of ``run`` so far.

    Raises:
        StoreError: They cannot be read.
    """
    return _newest(
        run, read_records(run.path / RECORDS, columns), lambda ledger: records_table(ledger.records, columns)
    )


def run_acquisitions(run: Run) -> pa.Table:
    """Return what ``run`` has acquired so far; errors as above."""
    return _newest(
        run, read_acquisitions(run.path / ACQUISITIONS), lambda ledger: acquisitions_table(ledger.acquisitions)
    )


def _newest(run: Run, written: pa.Table, rows: Callable[[Ledger], pa.Table]) -> pa.Table:
    """Return the table that was written, or what the commits tell where that is more."""
    if run.status not in UNFINISHED:
        return written
    try:
        committed = rows(committed_ledger(run.path, run.reset))
    except (StoreError, TypeError, ValueError, OverflowError):
        return written
    return committed if len(committed) > len(written) else written
