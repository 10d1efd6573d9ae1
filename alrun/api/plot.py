"""Plot of learning curves for a notebook."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alrun.api.curves import readable_records
from alrun.report.charts.chart import Chart
from alrun.report.charts.learning import learning_curves
from alrun.report.choice import choose_baseline, choose_metric
from alrun.report.figures import svg
from alrun.report.runs import Run
from alrun.report.study import study_metric

__all__ = ["Plot"]


@dataclass(frozen=True)
class Plot:
    """Learning curves, one chart for each condition; a notebook shows them.

    Attributes:
        charts: The charts.
    """

    charts: Sequence[Chart]

    @classmethod
    def of(cls, runs: Sequence[Run], metric: str | None = None) -> Plot:
        """Return the curves of ``runs``.

        Raises:
            ConfigError: There is no such metric, or nothing has been measured.
        """
        records = readable_records(runs)
        name = choose_metric(records, metric)
        strategies = {run.choices.get("query", "") for run in records.runs}
        study = study_metric(records, name, choose_baseline(strategies, None))
        return cls([learning_curves(study, one, "curve") for one in study.conditions])

    @property
    def specs(self) -> list[Mapping[str, Any]]:
        """The Vega-Lite specifications, with their data, for Altair or an editor."""
        return [chart.spec for chart in self.charts]

    def svg(self) -> list[bytes]:
        """Return the charts as SVG.

        Raises:
            ConfigError: What draws them is not installed.
        """
        return [svg(chart) for chart in self.charts]

    def _repr_html_(self) -> str:
        """Return the charts as images, in which nothing can run; what it says in words is escaped."""
        return "".join(map(_figure, self.charts))


def _figure(chart: Chart) -> str:
    data = base64.b64encode(svg(chart)).decode()
    text = html.escape(f"{chart.title}. {chart.caption}")
    return f'<img alt="{text}" title="{text}" src="data:image/svg+xml;base64,{data}">'
