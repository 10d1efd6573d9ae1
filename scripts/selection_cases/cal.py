"""Contrast with 10 nearest of 1,000 labeled rows, behind the pool, on normal features."""

from __future__ import annotations

from typing import Any

import numpy as np
from selection_cases import k_center

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]

CLASSES, LABELED, NEIGHBOURS = 10, 1000, 10
GRID = [(rows, columns, 100) for rows in (10_000, 50_000) for columns in (64, 512)]


def inputs(rows: int, columns: int) -> tuple[Any, Any]:
    """Return features and class probabilities of the pool and of the labeled rows behind it."""
    logits = 2 * np.random.default_rng(1).standard_normal((rows + LABELED, CLASSES), dtype=np.float32)
    odds = np.exp(logits)
    return k_center.inputs(rows + LABELED, columns), odds / odds.sum(axis=1, keepdims=True)


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of the product with the labeled rows."""
    return 4.0 * rows * columns, 2.0 * rows * LABELED * columns


def ours(data: tuple[Any, Any], n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.cal import cal

    features, beliefs = map(torch.from_numpy, data)
    return cal(features, torch.arange(len(features) - LABELED, len(features)), beliefs, n, neighbours=NEIGHBOURS)


def scikit_activeml(data: tuple[Any, Any], n: int) -> Any:
    """Run scikit-activeml's on a classifier that looks the probabilities up."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import ContrastiveAL

    features, beliefs = data

    class Known(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803 - the peer's name
            return self

        def predict_proba(self, X: Any) -> Any:  # noqa: N803 - the peer's name
            return (beliefs[-LABELED:] if len(X) == LABELED else beliefs[:-LABELED]).copy()

    labels = np.full(len(features), np.nan)
    labels[-LABELED:] = np.arange(LABELED) % CLASSES
    method = ContrastiveAL(nearest_neighbors_dict={"n_neighbors": NEIGHBOURS}, random_state=0)
    return method.query(features, labels, Known(classes=list(range(CLASSES))), fit_clf=False, batch_size=n)


IMPLEMENTATIONS = {"alrun": ours, "scikit-activeml ContrastiveAL": scikit_activeml}
