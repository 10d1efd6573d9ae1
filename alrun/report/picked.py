"""Samples picked: classes and scores against the pool's, overlap between strategies, redundancy within a batch."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["batch_spread", "class_shares", "overlap", "pick_scores", "score_ranks"]

MOST_CLASSES = 50


def class_shares(picks: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return ``strategy``, ``labels``, ``class``, ``share``, ``expected``: classes among the labels, mean over seeds.

    What is expected is the share among the labels that the baseline has by then, which draws as the pool is, or without
    one, equal shares. There are no rows where the labels are no classes, or more than ``MOST_CLASSES``.

    Args:
        picks: Acquisitions with columns ``query``, ``seed``, ``step`` and ``label``.
        baseline: A strategy that draws at random; empty without one.
    """
    import pandas as pd

    columns = ["strategy", "labels", "class", "share", "expected"]
    given = picks.dropna(subset=["label"])
    classes = sorted(given["label"].unique(), key=_in_order)
    if not 1 < len(classes) <= MOST_CLASSES or not all(map(_is_class, classes)):
        return pd.DataFrame(columns=columns)
    counts = given.pivot_table(index=["query", "seed", "step"], columns="label", values="index", aggfunc="size")
    whole = counts.reindex(columns=classes).fillna(0).groupby(level=["query", "seed"]).cumsum()
    labels = whole.sum(axis=1).astype("int64")
    labels.name = "labels"
    shares = whole.div(labels, axis=0).set_index(labels, append=True).groupby(level=["query", "labels"]).mean()
    long = shares.reset_index().melt(["query", "labels"], var_name="class", value_name="share")
    long = long.rename(columns={"query": "strategy"}).sort_values(["strategy", "labels"], kind="stable")
    drawn = long.loc[long["strategy"] == baseline, ["labels", "class", "share"]].rename(columns={"share": "expected"})
    if baseline:
        return long.merge(drawn, on=["labels", "class"])[columns]
    return long.assign(expected=1 / len(classes))[columns]


def _is_class(label: str) -> bool:
    return label.lstrip("-").isdigit() or not label.replace(".", "").replace("-", "").replace("e", "").isdigit()


def _in_order(label: str) -> tuple[bool, int, str]:
    return (not label.isdigit(), int(label) if label.isdigit() else 0, label)


def overlap(picks: pd.DataFrame) -> pd.DataFrame:
    """Return ``first``, ``second``, ``seeds``, ``jaccard``: the overlap of what each pair of strategies picked.

    ``picks`` has columns ``query``, ``seed``, ``step`` and ``uuid``; the first labels, which all share, are left out.
    The overlap is Jaccard's, common picks over all picks of the two, averaged over common seeds.
    """
    import pandas as pd

    chosen = picks[picks["step"] > 0]
    numbered = chosen.assign(uuid=pd.factorize(chosen["uuid"])[0])
    sets = {key: frozenset(group) for key, group in numbered.groupby(["query", "seed"], sort=True)["uuid"]}
    strategies = sorted(chosen["query"].unique())
    rows = []
    for first, second in combinations(strategies, 2):
        seeds = [seed for query, seed in sets if query == first and (second, seed) in sets]
        values = [len(sets[first, s] & sets[second, s]) / len(sets[first, s] | sets[second, s]) for s in seeds]
        if values:
            rows.append((first, second, len(values), sum(values) / len(values)))
    return pd.DataFrame(rows, columns=["first", "second", "seeds", "jaccard"])


def score_ranks(picks: pd.DataFrame) -> pd.Series[float]:
    """Return the rank of each sample within its step and strategy, 1 the highest score; ``NaN`` without a score."""
    groups = [name for name in ("run", "step", "strategy") if name in picks]
    return picks.groupby(groups, dropna=False)["score"].rank(method="min", ascending=False)


def batch_spread(records: pd.DataFrame) -> pd.DataFrame:
    """Return ``strategy``, ``labels``, ``seeds``, ``distance``: from each row of a batch to the nearest other, mean.

    In the units of the inputs, over rows and seeds, as ``metrology=acquisition`` records it; 0 where a batch holds the
    same row twice. ``records`` have columns ``query``, ``labels``, ``metric`` and ``value``.
    """
    found = records[records["metric"] == "nearest_distance_picks"]
    mean = found.groupby(["query", "labels"])["value"].agg(["size", "mean"]).reset_index()
    return mean.rename(columns={"query": "strategy", "size": "seeds", "mean": "distance"})


def pick_scores(records: pd.DataFrame) -> pd.DataFrame:
    """Return ``strategy``, ``labels``, ``picks``, ``pool``: mean acquisition scores of a batch and of the whole pool.

    Means over seeds, in the units of each strategy's own score; strategies that give none have no rows.
    """
    names = {"mean_score_picks": "picks", "mean_score_pool": "pool"}
    found = records[records["metric"].isin(names)]
    wide = found.pivot_table(index=["query", "labels"], columns="metric", values="value").rename(columns=names)
    known = wide.reindex(columns=list(names.values())).dropna().reset_index()
    return known.rename(columns={"query": "strategy"}).rename_axis(columns=None)
