"""The metric and the baseline that a report compares: as asked for, or the likeliest."""

from __future__ import annotations

from collections.abc import Set

from alrun.core.errors import ConfigError, Problem
from alrun.core.metrics import PREFERRED
from alrun.core.suggest import did_you_mean
from alrun.report.load import Records

__all__ = ["choose_baseline", "choose_metric"]


def choose_metric(records: Records, wanted: str | None) -> str:
    """Return the metric to compare: ``wanted``, or else the first of ``PREFERRED`` that there is, or the first by name.

    Raises:
        ConfigError: There is no such metric, several strategies record it, or nothing has been measured.
    """
    known = records.metrics
    if not known:
        raise ConfigError(
            Problem("the runs have not measured anything yet", hint="wait for their first training: alrun status")
        )
    if wanted is None:
        preferred = [name for metric in PREFERRED for name in (metric, *records.ambiguous.get(metric, ()))]
        return next((name for name in preferred if name in known), min(known))
    if wanted in records.ambiguous:
        names = records.ambiguous[wanted]
        what = f"several metrology strategies record {wanted!r}: {', '.join(names)}"
        raise ConfigError(Problem(what, "--metric", f"--metric {names[0]}"))
    if wanted not in known and records.frame(wanted).empty:
        raise ConfigError(
            Problem(f"no run has the metric {wanted!r}", "--metric", did_you_mean(wanted, known, most=None))
        )
    return wanted


def choose_baseline(strategies: Set[str], wanted: str | None) -> str:
    """Return the baseline: ``wanted``, or else ``random`` where there are others; empty without one.

    Raises:
        ConfigError: No run has the query strategy ``wanted``.
    """
    if wanted is not None and wanted not in strategies:
        hint = did_you_mean(wanted, strategies, most=None)
        raise ConfigError(Problem(f"no run has query={wanted}", "--baseline", hint))
    return wanted or ("random" if "random" in strategies and len(strategies) > 1 else "")
