"""BADGE: k-means++ on last-layer gradients of 10 classes, ``(p - y) ⊗ h``."""

from __future__ import annotations

from typing import Any

import numpy as np

GRID = [(rows, columns, n) for rows in (10_000, 50_000, 200_000) for columns in (64, 512) for n in (100, 1000)]
CLASSES = 10


def inputs(rows: int, columns: int) -> Any:
    """Return probabilities ``[rows, 10]`` and embeddings ``[rows, columns]``, both ``float32``."""
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((rows, columns), dtype=np.float32)
    scores = np.exp(2 * random.standard_normal((rows, CLASSES), dtype=np.float32))
    return scores / scores.sum(1, keepdims=True), embeddings


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of one column a pick."""
    return 4.0 * rows * (columns + CLASSES), 2.0 * rows * (columns + CLASSES) * n


def errors(probabilities: Any) -> Any:
    """Return the probabilities less the one-hot of the likeliest class."""
    return probabilities - np.eye(CLASSES, dtype=np.float32)[probabilities.argmax(1)]


def ours(inputs: Any, n: int) -> Any:
    """Run alrun's, on the two factors."""
    import torch

    from alrun.query.selection.features import OuterProduct
    from alrun.query.selection.kmeans_plus_plus import kmeans_plus_plus

    features = OuterProduct(torch.from_numpy(errors(inputs[0])), torch.from_numpy(inputs[1]))
    return kmeans_plus_plus(features, n, torch.Generator().manual_seed(0))


def bmdal(inputs: Any, n: int) -> Any:
    """Run bmdal_reg's, on a product kernel."""
    from selection_cases.bmdal_features import outer, selection

    left = errors(inputs[0])
    features = outer(left, inputs[1])
    none = outer(left[:0], inputs[1][:0])
    return selection().KmeansppSelectionMethod(features, none, sel_with_train=False).select(n)


def formed(inputs: Any, n: int) -> Any:
    """Form the ``[N, C * d]`` matrix and run scikit-learn's k-means++ on it with one trial a pick."""
    from sklearn.cluster import kmeans_plusplus

    gradients = (errors(inputs[0])[:, :, None] * inputs[1][:, None, :]).reshape(len(inputs[1]), -1)
    return kmeans_plusplus(gradients, n, n_local_trials=1, random_state=0)[1]


def scikit_activeml(inputs: Any, n: int) -> Any:
    """Run scikit-activeml's with a classifier that knows the probabilities."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge

    class Known(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803
            return self

        def predict_proba(self, X: Any) -> Any:  # noqa: N803
            return inputs[0][1:]

    labels = np.full(len(inputs[1]), np.nan)
    labels[0] = 0
    known = Known(classes=list(range(CLASSES)))
    return Badge(random_state=0).query(inputs[1], labels, known, fit_clf=False, batch_size=n)


IMPLEMENTATIONS = {
    "alrun": ours,
    "bmdal_reg product kernel": bmdal,
    "formed matrix, scikit-learn": formed,
    "scikit-activeml Badge": scikit_activeml,
}
