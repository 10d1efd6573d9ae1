"""One metric over many runs: curves, areas, tests, savings, ranks and penalties, as tables.

A *condition* is all that makes an experiment but query strategy and seed (data, learner, settings …). Strategies are
compared within one condition alone, never across two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alrun.report import comparisons, curves
from alrun.report.load import CHOICES, Records

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Study", "metric_ranks", "study_metric"]

CONDITION = tuple(name for name in CHOICES if name != "query")
KEYS = ("condition", "strategy")
#: Columns in which a run on all labels is like the curves that it is the ceiling of.
SAME = ("data", "learner", "training", "inference", "label", "reset")


@dataclass(frozen=True)
class Study:
    """Everything that a report says of one metric; tables of strategies have columns ``condition`` and ``strategy``.

    Attributes:
        metric: Its name.
        higher_is_better: Its direction; ``None``: neither, and nothing is tested or ranked.
        baseline: Name of the baseline strategy; empty without one.
        differing: The columns of ``CHOICES`` in which conditions differ.
        strategies: All strategies, the baseline first, the others by name.
        points: Each run's own curve: ``run`` (its directory), ``seed``, ``labels``, ``value``.
        ceilings: Runs on all labels, which have one point beyond the others' curves: ``seed``, ``labels``, ``value``.
        curves: ``labels``, ``n`` (seeds), ``mean``, ``low``, ``high`` (95 % interval).
        areas: ``n``, ``from``, ``to`` (labels), ``area`` and ``final``, each with ``_low`` and ``_high``.
        ranks: ``blocks``, ``rank``, ``low``, ``high``: of the area, over conditions and seeds; no column ``condition``.
        differences: ``n``, ``mean``, ``low``, ``high``, ``effect``, ``t``, ``wilcoxon`` and, corrected over the
            strategies of a condition, ``t_holm``, ``wilcoxon_holm``: of areas against the baseline's of the same seed.
        savings: ``labels``, ``level``, ``saving``, ``low``, ``high``, ``reached``: see ``statistics.savings``.
        penalties: ``better``, ``worse``, ``penalty``, ``penalty_holm``: see ``statistics.penalty``.
        critical: Ranks over data sets, ``rank``, ``difference``, ``p``, ``cliques``; no rows for few data sets.
        missing: Seeds that other strategies of the condition have: ``seed``.
        undefined: Number of recorded values that are left out, since they are not finite.
        axis: What curves are against; the column of points and curves is ``labels`` whatever it is.
    """

    metric: str
    higher_is_better: bool | None
    baseline: str
    differing: Sequence[str]
    strategies: Sequence[str]
    points: pd.DataFrame
    ceilings: pd.DataFrame
    curves: pd.DataFrame
    areas: pd.DataFrame
    ranks: pd.DataFrame
    differences: pd.DataFrame
    savings: pd.DataFrame
    penalties: pd.DataFrame
    critical: pd.DataFrame
    missing: pd.DataFrame
    undefined: int
    axis: str = "labels"

    @property
    def conditions(self) -> list[str]:
        """The conditions in the order in which they appear."""
        return list(dict.fromkeys(self.points["condition"]))


@dataclass(frozen=True)
class _Measured:
    """The records of one metric, divided into curves and ceilings; ``undefined`` counts values left out."""

    better: bool | None
    undefined: int
    differing: list[str]
    points: pd.DataFrame
    ceilings: pd.DataFrame

    @property
    def sign(self) -> float:
        """What makes higher better; 0 where neither direction is."""
        return {True: 1.0, False: -1.0, None: 0.0}[self.better]


def study_metric(records: Records, metric: str, baseline: str) -> Study:
    """Return the study of ``metric``, one of ``records.metrics``; ``baseline`` is a query strategy, or empty."""
    import numpy as np

    found = _measured(records, metric)
    points, sign = found.points, found.sign
    # Differences and squares of very large values are infinite, and then undefined in what is computed of them.
    with np.errstate(over="ignore", invalid="ignore"):
        by_seed = comparisons.areas_by_seed(points)
        oriented = points.assign(value=points["value"] * sign) if sign else points.iloc[:0]
        ranked = by_seed.assign(area=by_seed["area"] * sign) if sign else by_seed.iloc[:0]
        of_data = ranked if found.differing == ["data"] else ranked.iloc[:0]
        return Study(
            metric=metric,
            higher_is_better=found.better,
            baseline=baseline,
            differing=found.differing,
            strategies=_ordered(points["strategy"], baseline),
            points=points,
            ceilings=found.ceilings,
            curves=comparisons.mean_curves(points),
            areas=comparisons.areas(by_seed),
            ranks=comparisons.ranks(ranked),
            differences=comparisons.differences(by_seed, baseline),
            savings=comparisons.savings(oriented, baseline, sign),
            penalties=comparisons.penalties(oriented),
            critical=comparisons.critical(of_data),
            missing=_missing(points),
            undefined=found.undefined,
        )


def metric_ranks(records: Records, metric: str) -> pd.DataFrame:
    """Return ``Study.ranks`` of ``metric`` alone; no rows where neither direction is better."""
    found = _measured(records, metric)
    by_seed = comparisons.areas_by_seed(found.points)
    ranked = by_seed.assign(area=by_seed["area"] * found.sign)
    return comparisons.ranks(ranked if found.sign else ranked.iloc[:0])


def _measured(records: Records, metric: str) -> _Measured:
    import numpy as np

    every = curves.select_metric(records.frame(metric), metric)
    chosen = every[np.isfinite(every["value"].to_numpy(np.float64))]
    directions = chosen["higher_is_better"].dropna()
    is_ceiling = _ceilings(chosen)
    kept = chosen[~is_ceiling]
    differing = [name for name in CONDITION if kept[name].nunique() > 1]
    return _Measured(
        better=bool(directions.iloc[0]) if len(directions) else None,
        undefined=len(every) - len(chosen),
        differing=differing,
        points=_points(kept, differing, [str(run.path) for run in records.runs]),
        ceilings=_matched(chosen[is_ceiling], kept, differing),
    )


def _ceilings(chosen: pd.DataFrame) -> pd.Series[bool]:
    """Return the records of ceilings: runs of one number of labels, beyond all curves of their data and learner."""
    labels = chosen["labels"]
    single = chosen.groupby("run")["labels"].transform("nunique") == 1
    alike = [chosen[name] for name in SAME]
    longest = labels.where(~single).groupby(alike).transform("max")
    return single & (labels > longest)


def _points(chosen: pd.DataFrame, differing: Sequence[str], places: Sequence[str]) -> pd.DataFrame:
    """Return condition, strategy, run, seed, labels and value of each record."""
    run = chosen["run"].map(dict(enumerate(places)))
    columns = {"condition": _condition(chosen, differing), "strategy": chosen["query"].astype(str), "run": run}
    table = chosen[["seed", "labels", "value"]].assign(**columns)
    return table[[*KEYS, "run", "seed", "labels", "value"]].sort_values([*KEYS, "seed", "labels"], ignore_index=True)


def _condition(chosen: pd.DataFrame, differing: Sequence[str]) -> pd.Series[str]:
    first, *others = list(differing) or ["data", "learner"]
    text = chosen[first].astype(str)
    for name in others:
        text = text + " · " + chosen[name].astype(str)
    return text


def _matched(ceilings: pd.DataFrame, others: pd.DataFrame, differing: Sequence[str]) -> pd.DataFrame:
    """Return the ceilings of each condition: those of the same data and learner."""
    conditions = others.assign(condition=_condition(others, differing))[[*SAME, "condition"]].drop_duplicates()
    return ceilings[[*SAME, "seed", "labels", "value"]].merge(conditions, on=list(SAME)).drop(columns=list(SAME))


def _ordered(strategies: pd.Series[str], baseline: str) -> list[str]:
    return sorted({str(name) for name in strategies}, key=lambda name: (name != baseline, name))


def _missing(points: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    have = points[[*KEYS, "seed"]].drop_duplicates()
    wanted = have[["condition", "strategy"]].drop_duplicates().merge(have[["condition", "seed"]].drop_duplicates())
    merged = wanted.merge(have, how="left", indicator=True)
    return pd.DataFrame(merged.loc[merged["_merge"] == "left_only", [*KEYS, "seed"]]).reset_index(drop=True)
