"""Comparisons of strategies within each condition: tables of points in, tables of statistics out.

Every table has the columns ``condition`` and ``strategy``; points also ``seed``, ``labels`` and ``value``.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from alrun.report import curves
from alrun.report.grids import grids

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["areas", "areas_by_seed", "critical", "differences", "mean_curves", "penalties", "ranks", "savings"]

KEYS = ("condition", "strategy")


def mean_curves(points: pd.DataFrame) -> pd.DataFrame:
    """Return ``labels``, ``n``, ``mean``, ``low``, ``high`` of each strategy: mean over seeds and 95 % interval."""
    import numpy as np

    from alrun.report.statistics.intervals import mean_interval

    rows: list[dict[str, Any]] = []
    for key, group in points.groupby(list(KEYS), sort=False):
        wide = group.pivot_table(index="seed", columns="labels", values="value")
        known = wide.notna()
        # Numbers of labels that the same seeds have are resampled together.
        for has in known.T.drop_duplicates().to_numpy():
            columns = wide.columns[(known.to_numpy() == has[:, None]).all(axis=0)]
            values = wide.loc[has, columns].to_numpy(np.float64)
            low, high = mean_interval(values)
            rows += [
                dict(zip(("condition", "strategy", "labels", "n", "mean", "low", "high"), row, strict=True))
                for row in zip(*([name] * len(columns) for name in key), columns.tolist(), [len(values)] * len(columns),
                               values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
            ]  # fmt: skip
    return _table(rows, "labels", "n", "mean", "low", "high").sort_values([*KEYS, "labels"], ignore_index=True)


def areas_by_seed(points: pd.DataFrame) -> pd.DataFrame:
    """Return ``seed``, ``from``, ``to``, ``area``, ``final`` of each run: see ``curves.areas``.

    Runs of a condition whose curves cover no common labels have no rows.
    """
    if points.empty:
        return _table([], "seed", "from", "to", "area", "final")
    named = {"auc": "area", "low": "from", "high": "to"}
    found = curves.areas(points, KEYS, compared="strategy").rename(columns=named).dropna(subset=["area"])
    return found[[*KEYS, "seed", "from", "to", "area", "final"]].reset_index(drop=True)


def areas(by_seed: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95 % interval of ``area`` and ``final`` over seeds, with ``n``, ``from`` and ``to``."""
    from alrun.report.statistics.intervals import mean_interval

    rows: list[dict[str, Any]] = []
    for (condition, strategy), group in by_seed.groupby(list(KEYS), sort=False):
        row: dict[str, Any] = {"n": len(group), "from": group["from"].iloc[0], "to": group["to"].iloc[0]}
        for name in ("area", "final"):
            low, high = mean_interval(group[name].to_numpy())
            row |= {name: float(group[name].mean()), f"{name}_low": float(low), f"{name}_high": float(high)}
        rows.append(_key(condition, strategy) | row)
    return _table(rows, "n", "from", "to", *(f"{n}{end}" for n in ("area", "final") for end in ("", "_low", "_high")))


def differences(by_seed: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return the paired tests of each strategy's areas against the baseline's; see ``statistics.paired``."""
    from alrun.report.statistics.paired import PairedTest, holm, paired_test

    base = by_seed.loc[by_seed["strategy"] == baseline, ["condition", "seed", "area"]]
    pairs = by_seed[by_seed["strategy"] != baseline].merge(
        base.rename(columns={"area": "base"}), on=["condition", "seed"]
    )
    rows = [
        _key(condition, strategy) | asdict(paired_test((group["area"] - group["base"]).to_numpy()))
        for (condition, strategy), group in pairs.groupby(list(KEYS), sort=False)
    ]
    table = _table(rows, *(field.name for field in fields(PairedTest)))
    for name in ("t", "wilcoxon"):
        table[f"{name}_holm"] = table.groupby("condition", sort=False)[name].transform(lambda p: holm(p.to_numpy()))
    return table


def savings(oriented: pd.DataFrame, baseline: str, sign: float) -> pd.DataFrame:
    """Return the label savings of each strategy; ``oriented`` are points of which higher is better.

    Levels are multiplied by ``sign``, which turns them into the metric's own values.
    """
    import numpy as np

    from alrun.report.statistics.savings import label_savings

    rows: list[dict[str, Any]] = []
    for grid in grids(oriented):
        if baseline not in grid.strategies or len(grid.labels) < 2:
            continue
        theirs = grid.values[grid.strategies.index(baseline)]
        for strategy, ours in zip(grid.strategies, grid.values, strict=True):
            both = np.isfinite(ours).all(axis=1) & np.isfinite(theirs).all(axis=1)
            if strategy == baseline or not both.any():
                continue
            found = label_savings(grid.labels, ours[both], theirs[both])
            columns = asdict(found) | {"labels": grid.labels.astype(int), "level": sign * found.level}
            rows += [
                _key(grid.condition, strategy) | {name: column[at].item() for name, column in columns.items()}
                for at in range(len(grid.labels))
            ]
    return _table(rows, "labels", "level", "saving", "low", "high", "reached")


def ranks(by_seed: pd.DataFrame) -> pd.DataFrame:
    """Return the mean rank of each strategy's area over conditions and seeds, with its 95 % interval."""
    import pandas as pd

    from alrun.report.statistics.ranks import mean_ranks

    columns = ["strategy", "blocks", "rank", "low", "high"]
    if by_seed["strategy"].nunique() < 2:
        return pd.DataFrame(columns=columns)
    wide = by_seed.pivot_table(index=["condition", "seed"], columns="strategy", values="area").dropna()
    mean, low, high = mean_ranks(wide.to_numpy())
    found = pd.DataFrame(dict(zip(columns, (wide.columns, len(wide), mean, low, high), strict=True)))
    return found.sort_values(["rank", "strategy"], ignore_index=True)


def penalties(oriented: pd.DataFrame) -> pd.DataFrame:
    """Return the penalty matrix as rows: ``better``, ``worse``, ``penalty``, ``penalty_holm``."""
    import numpy as np
    import pandas as pd

    from alrun.report.statistics.penalty import penalty_matrix

    strategies = sorted(set(oriented["strategy"]))
    experiments = []
    for grid in grids(oriented):
        whole = np.full((len(strategies), *grid.values.shape[1:]), np.nan)
        whole[[strategies.index(name) for name in grid.strategies]] = grid.values
        experiments += [whole] if len(grid.labels) else []
    if len(strategies) < 2 or not experiments:
        return pd.DataFrame(columns=["better", "worse", "penalty", "penalty_holm"])
    plain, corrected = (penalty_matrix(experiments, corrected=corrected) for corrected in (False, True))
    return pd.DataFrame(
        [
            {"better": row, "worse": column, "penalty": plain[i, j], "penalty_holm": corrected[i, j]}
            for i, row in enumerate(strategies)
            for j, column in enumerate(strategies)
            if i != j
        ]
    )


def critical(by_seed: pd.DataFrame) -> pd.DataFrame:
    """Return the critical difference of mean ranks over data sets, each a condition; no rows for too few of them."""
    import pandas as pd

    from alrun.report.statistics.ranks import LEAST_DATA_SETS, critical_difference

    columns = ["strategy", "rank", "difference", "p", "cliques"]
    wide = by_seed.pivot_table(index="condition", columns="strategy", values="area").dropna(axis=1)
    if len(wide) < LEAST_DATA_SETS or wide.shape[1] < 3:
        return pd.DataFrame(columns=columns)
    found = critical_difference(wide.to_numpy())
    member = [[number for number, clique in enumerate(found.cliques) if i in clique] for i in range(wide.shape[1])]
    values = (wide.columns, found.ranks, found.difference, found.p, member)
    return pd.DataFrame(dict(zip(columns, values, strict=True))).sort_values("rank", ignore_index=True)


def _key(condition: object, strategy: object) -> dict[str, Any]:
    return {"condition": condition, "strategy": strategy}


def _table(rows: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=[*KEYS, *columns])
