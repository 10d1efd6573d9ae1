"""Records of the runs that a curve or a plot is drawn of."""

from __future__ import annotations

from collections.abc import Sequence

from alrun.core.errors import ConfigError, Problem
from alrun.report.load import Records, load_records
from alrun.report.runs import Run

__all__ = ["readable_records"]


def readable_records(runs: Sequence[Run]) -> Records:
    """Return the records of ``runs``, each experiment once.

    Raises:
        ConfigError: Those of one cannot be read.
    """
    records = load_records(runs)
    if records.unreadable:
        raise ConfigError([Problem(one.reason, str(one.path), "alrun verify says more") for one in records.unreadable])
    return records.distinct()
