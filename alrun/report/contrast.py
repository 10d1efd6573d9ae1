"""Two runs, or two groups of runs, side by side: in which settings they differ, and in which results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alrun.core.errors import ConfigError, Problem
from alrun.report import comparisons, curves
from alrun.report.load import Records

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Contrast", "contrasts", "differing_settings"]

FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class Contrast:
    """One metric of both.

    Attributes:
        metric: Its name.
        higher_is_better: Its direction; ``None``: neither.
        pairs: Seeds that both have.
        first: Its value after the most labels that both have, mean over common seeds.
        second: The same of the others.
        final: ``second - first``, seed by seed.
        area: The same of the area under the curve.
        p: Two-sided p-value of the paired t-test of the areas; ``NaN`` for one pair.
    """

    metric: str
    higher_is_better: bool | None
    pairs: int
    first: float
    second: float
    final: float
    area: float
    p: float

    @property
    def gain(self) -> float:
        """By how much the second's final value is better; negative where it is worse."""
        return -self.final if self.higher_is_better is False else self.final


def differing_settings(first: Records, second: Records) -> dict[str, tuple[str, str]]:
    """Return the dotted keys in which the configs differ, and the values of both; several are joined by commas."""
    sides = [
        {key: sorted({repr(config[key]) for config in one.configs if key in config}) for key in _keys(one)}
        for one in (first, second)
    ]
    keys = sorted(set(sides[0]) | set(sides[1]))
    told = {key: (", ".join(sides[0].get(key, ["not set"])), ", ".join(sides[1].get(key, ["not set"]))) for key in keys}
    return {key: values for key, values in told.items() if values[0] != values[1]}


def _keys(records: Records) -> set[str]:
    return {key for config in records.configs for key in config}


def contrasts(first: Records, second: Records) -> list[Contrast]:
    """Return the contrast of each metric that both have measured, by name.

    Raises:
        ConfigError: One of them has two runs of one seed, or they have no seed in common.
    """
    found = []
    for metric in sorted(first.metrics & second.metrics):
        frames = [curves.select_metric(one.frame(metric), metric) for one in (first, second)]
        points = _points(frames)
        directions = frames[0]["higher_is_better"].dropna()
        better = bool(directions.iloc[0]) if len(directions) else None
        found.append(_contrast(metric, better, comparisons.areas_by_seed(points)))
    return found


def _points(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the curves of seeds that both sides have, as ``comparisons`` takes them."""
    import pandas as pd

    common = set(frames[0]["seed"]) & set(frames[1]["seed"])
    if not common:
        raise ConfigError(Problem("the two have no seed in common", hint="compare runs of equal seeds: alrun status"))
    parts = []
    for name, frame in zip((FIRST, SECOND), frames, strict=True):
        runs = frame.groupby("seed")["run"].nunique()
        if runs.max() > 1:
            what = f"the {name} holds {runs.max()} runs of seed {runs.idxmax()}"
            raise ConfigError(Problem(what, hint="name one strategy's runs alone, e.g. outputs/default/*-random-*"))
        kept = frame.loc[frame["seed"].isin(common), ["seed", "labels", "value"]]
        parts.append(kept.assign(condition="", strategy=name, run=name + kept["seed"].astype(str)))
    return pd.concat(parts).sort_values(["strategy", "seed", "labels"], ignore_index=True)


def _contrast(metric: str, better: bool | None, by_seed: pd.DataFrame) -> Contrast:
    from alrun.report.statistics.paired import paired_test

    wide = by_seed.pivot_table(index="seed", columns="strategy", values=["area", "final"])
    if wide.empty:
        return Contrast(metric, better, 0, *[float("nan")] * 5)
    area = wide["area"][SECOND] - wide["area"][FIRST]
    first, second = (float(wide["final"][name].mean()) for name in (FIRST, SECOND))
    return Contrast(
        metric=metric,
        higher_is_better=better,
        pairs=len(wide),
        first=first,
        second=second,
        final=second - first,
        area=float(area.mean()),
        p=paired_test(area.to_numpy()).t,
    )
