"""Facility location by the largest squared distance less the squared distance, from nothing, on normal features."""

from __future__ import annotations

from typing import Any

from selection_cases.k_center import inputs

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

GRID = [(10_000, columns, n) for columns in (64, 512) for n in (100, 1000)] + [(50_000, 64, 100)]


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of all products of two rows."""
    return 4.0 * rows * columns, 2.0 * rows * rows * columns


def ours(features: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.facility_location import facility_location

    return facility_location(torch.from_numpy(features), n)


def apricot(features: Any, n: int) -> Any:
    """Run apricot's."""
    from apricot import FacilityLocationSelection

    return FacilityLocationSelection(n, metric="euclidean", optimizer="lazy").fit(features).ranking


def submodlib(features: Any, n: int) -> Any:
    """Run submodlib's, on its own similarity."""
    from submodlib import FacilityLocationFunction

    function = FacilityLocationFunction(n=len(features), mode="dense", data=features, metric="euclidean")
    return [row for row, _ in function.maximize(budget=n, optimizer="LazyGreedy", show_progress=False)]


IMPLEMENTATIONS = {"alrun": ours, "apricot lazy": apricot, "submodlib LazyGreedy": submodlib}
