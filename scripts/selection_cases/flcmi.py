"""Conditional mutual information of facility location (SIMILAR), given 100 labeled and 50 unknown rows."""

from __future__ import annotations

from typing import Any

from selection_cases.k_center import inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

GRID = [(10_000, columns, n) for columns in (64, 512) for n in (100, 1000)]
LABELED, UNKNOWN = 100, 150


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of all products of two rows."""
    return 4.0 * rows * columns, 2.0 * rows * rows * columns


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.flcmi import flcmi

    labeled, unknown = torch.arange(LABELED), torch.arange(LABELED, UNKNOWN)
    return flcmi(torch.from_numpy(features), n, labeled=labeled, unknown=unknown)


def submodlib(features: Any, n: int) -> Any:
    """Run submodlib's, which the authors use, on the rows that are left."""
    from submodlib import FacilityLocationConditionalMutualInformationFunction

    function = FacilityLocationConditionalMutualInformationFunction(
        n=len(features) - UNKNOWN,
        num_queries=LABELED,
        num_privates=UNKNOWN - LABELED,
        data=features[UNKNOWN:],
        queryData=features[:LABELED],
        privateData=features[LABELED:UNKNOWN],
        metric="cosine",
    )
    return [UNKNOWN + row for row, _ in function.maximize(budget=n, optimizer="LazyGreedy", show_progress=False)]


IMPLEMENTATIONS = {"alrun": ours, "submodlib LazyGreedy": submodlib}
