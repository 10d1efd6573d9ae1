"""Measures with many parts: recall of each class, and the bins of the reliability diagram, mean over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["class_recalls", "reliability_curves"]

RECALL = r"recall_(?P<part>[^/]+)$"
BIN = r"(?P<kind>confidence|correct|share)_(?P<part>\d+)$"


def class_recalls(records: pd.DataFrame) -> pd.DataFrame:
    """Return ``strategy``, ``labels``, ``class``, ``recall``: of the metrology strategy ``per_class``.

    ``records`` have columns ``query``, ``labels``, ``metric`` and ``value``; without such metrics there are no rows.
    """
    parts = records["metric"].str.extract(f"^{RECALL}")["part"]
    found = records.assign(**{"class": parts}).dropna(subset=["class"])
    mean = found.groupby(["query", "labels", "class"])["value"].mean().reset_index()
    return mean.rename(columns={"query": "strategy", "value": "recall"})


def reliability_curves(records: pd.DataFrame) -> pd.DataFrame:
    """Return ``strategy``, ``labels``, ``bin``, ``confidence``, ``correct``, ``share``: of ``reliability``.

    Bins are pooled over seeds: confidence and correctness are weighted by the share of rows in the bin.
    """
    import pandas as pd

    columns = ["strategy", "labels", "bin", "confidence", "correct", "share"]
    parts = records["metric"].str.extract(f"^{BIN}")
    found = records.assign(kind=parts["kind"], bin=parts["part"]).dropna(subset=["kind"])
    if found.empty:
        return pd.DataFrame(columns=columns)
    wide = found.pivot_table(index=["query", "labels", "bin", "seed"], columns="kind", values="value").dropna()
    weighted = wide.assign(confidence=wide["confidence"] * wide["share"], correct=wide["correct"] * wide["share"])
    pooled = weighted.groupby(level=["query", "labels", "bin"]).sum()
    counts = wide.reset_index().groupby(["query", "labels"])["seed"].nunique().reset_index(name="seeds")
    rates = pooled.reset_index().merge(counts, on=["query", "labels"])
    shares = rates.assign(
        confidence=rates["confidence"] / rates["share"],
        correct=rates["correct"] / rates["share"],
        share=rates["share"] / rates["seeds"],
    )
    named = shares.rename(columns={"query": "strategy"}).astype({"bin": "int64"})
    return named.sort_values(["strategy", "labels", "bin"], ignore_index=True)[columns]
