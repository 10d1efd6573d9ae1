"""Summary tables: one row a strategy and condition, as text for people and as numbers for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alrun.report.study import Study
from alrun.report.table import number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["numbers", "readable"]

KEYS = ["condition", "strategy"]


def numbers(study: Study) -> pd.DataFrame:
    """Return areas, finals, ranks, paired differences and label savings of each strategy; undefined ones are ``NaN``.

    Columns: ``condition``, ``strategy``, those of ``Study.areas``, ``difference`` and ``difference_…`` of
    ``Study.differences``, and ``saving``, ``saving_low``, ``saving_high``, ``saving_at`` at the last level of the
    baseline that is known.
    """
    differences = study.differences.rename(
        columns={name: f"difference_{name}" for name in study.differences.columns[2:]}
    )
    differences = differences.rename(columns={"difference_mean": "difference"})
    last = study.savings.groupby(KEYS, sort=False).tail(1)
    named = {"low": "saving_low", "high": "saving_high", "level": "saving_at", "reached": "saving_reached"}
    savings = last.rename(columns=named).drop(columns="labels")
    whole = study.areas.merge(differences, on=KEYS, how="left").merge(savings, on=KEYS, how="left")
    order = {name: place for place, name in enumerate(study.strategies)}
    return whole.sort_values(KEYS, key=lambda column: column.map(order) if column.name == "strategy" else column)


def readable(study: Study) -> pd.DataFrame:
    """Return the summary as text: what fits into a table of a paper."""
    import pandas as pd

    rows = [_row(row, study) for row in numbers(study).to_dict("records")]
    table = pd.DataFrame(rows)
    return table.drop(columns="condition") if rows and len(study.conditions) < 2 else table


def _row(row: Mapping[Any, Any], study: Study) -> dict[str, str]:
    cells = {
        "condition": str(row["condition"]),
        "strategy": str(row["strategy"]),
        "seeds": str(row["n"]),
        "area": _with_interval(row, "area"),
        f"at {row['to']} labels": _with_interval(row, "final"),
    }
    if not study.baseline:
        return cells
    return cells | {
        f"vs {study.baseline}": _with_interval(row, "difference", sign="+"),
        "p (t)": _p_value(row["difference_t_holm"]),
        "p (Wilcoxon)": _p_value(row["difference_wilcoxon_holm"]),
        "effect d": _defined(row["difference_effect"], lambda d: f"{d:+.2f}"),
        "labels saved": _saving(row, study),
    }


def _with_interval(row: Mapping[Any, Any], name: str, sign: str = "") -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if math.isnan(value):
        return ""
    if math.isnan(low):
        return number(value, sign=sign)
    scale = max(abs(value), high - low)
    return f"{number(value, scale, sign)} [{number(low, scale, sign)}, {number(high, scale, sign)}]"


def _p_value(p: float) -> str:
    return _defined(p, lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}")


def _saving(row: Mapping[Any, Any], study: Study) -> str:
    if row["strategy"] == study.baseline:
        return ""
    if math.isnan(row["saving"]):
        return "not reached"
    text = f"{row['saving']:+.0%}"
    if not math.isnan(row["saving_low"]):
        text += f" [{row['saving_low']:+.0%}, {row['saving_high']:+.0%}]"
    return text if row["saving_reached"] >= 1 else f"{text}, reached in {math.floor(100 * row['saving_reached'])}%"


def _defined(value: float, shown: Callable[[float], str]) -> str:
    return "" if math.isnan(value) else shown(value)
