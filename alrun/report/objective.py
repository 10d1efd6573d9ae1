"""Objective of a sweeper: one number of a run, read from its records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from alrun.core.errors import ConfigError, Problem
from alrun.core.suggest import did_you_mean
from alrun.report.runs import find_runs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Objective"]

FINAL = "final"


@dataclass(frozen=True)
class Objective:
    """One number of a run.

    Attributes:
        summary: ``final``, the value after the last labels; ``auc``, the mean height of the learning curve over the
            labels (trapezoid rule); ``best``, the best value of the curve.
        metric: A metric, or ``strategy/metric``; empty for the first that the run has recorded.
    """

    summary: str = FINAL
    metric: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Return what ``auc:accuracy`` stands for; a metric alone is its final value, nothing the first metric's."""
        summary, _, metric = (text or "").rpartition(":")
        return cls(summary or FINAL, metric)

    def of(self, directory: Path) -> float:
        """Return the objective of the run in ``directory``, in units of the metric.

        Raises:
            ConfigError: It has not recorded such a metric, or not said whether more of it is better.
            StoreError: Its records cannot be read.
        """
        from alrun.report.load import load_records

        runs = [run for run in find_runs([directory]) if run.path == directory]
        records = load_records(runs)
        metric = self.metric or next((name for name in runs[0].metrics if not name.startswith("count_")), "")
        names = records.ambiguous.get(metric, ())
        if names:
            what = f"several metrology strategies record {metric!r}: {', '.join(names)}"
            raise ConfigError(Problem(what, "objective", f"objective={self.summary}:{names[0]}"))
        frame = records.frame(metric) if metric else None
        if frame is None or frame.empty:
            hint = did_you_mean(metric, records.metrics, prefix=f"objective={self.summary}:")
            what = f"the run has not recorded {metric!r}" if metric else "the run has recorded no metric"
            raise ConfigError(Problem(what, "objective", hint or "metrology=classification"))
        return self._summary(frame, metric)

    def _summary(self, frame: pd.DataFrame, metric: str) -> float:
        from alrun.report.curves import area, select_metric

        curve = select_metric(frame, metric).sort_values("labels")
        labels, values = curve["labels"].to_numpy(), curve["value"].to_numpy()
        if self.summary == "auc":
            return area(labels, values, labels[0], labels[-1])
        if self.summary == FINAL:
            return float(values[-1])
        better: Any = curve["higher_is_better"].iloc[-1]
        if better is None or better != better:
            what = f"it is not said whether more of {metric!r} is better"
            raise ConfigError(Problem(what, "objective", f"objective=final:{metric}"))
        return float(values.max() if better else values.min())
