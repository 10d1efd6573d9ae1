"""The rows of highest entropy, from class probabilities; ours streams them in chunks."""

from __future__ import annotations

from typing import Any

import numpy as np

GRID = [(rows, 10, n) for rows in (200_000, 1_000_000) for n in (100, 1000)]
CHUNK_ROWS = 1 << 15


def inputs(rows: int, columns: int) -> Any:
    """Return probabilities ``[rows, columns]`` ``float32``."""
    scores = np.exp(3 * np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32))
    return scores / scores.sum(1, keepdims=True)


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and one operation a probability."""
    return 4.0 * rows * columns, 1.0 * rows * columns


class Known:
    """A classifier that knows the probabilities of whatever it is asked about."""

    def predict_proba(self, inputs: Any) -> Any:
        """Return ``inputs``."""
        return inputs


def streamed(score: Any, probabilities: Any, n: int) -> Any:
    """Run alrun's ``score`` and running top-k on chunks."""
    import torch

    from alrun.query.selection.top_k import RunningTopK

    best = RunningTopK(n)
    for start in range(0, len(probabilities), CHUNK_ROWS):
        found = score(torch.from_numpy(probabilities[start : start + CHUNK_ROWS]))
        best.update(found, torch.arange(start, start + len(found)))
    return best.rows


def ours(probabilities: Any, n: int) -> Any:
    """Run alrun's."""
    from alrun.query.scores import entropy

    return streamed(entropy, probabilities, n)


def numpy_argsort(probabilities: Any, n: int) -> Any:
    """Sort all entropies, zeros left to be wrong."""
    return np.argsort((probabilities * np.log(probabilities)).sum(1))[:n]


def numpy_argpartition(probabilities: Any, n: int) -> Any:
    """Partition all entropies, zeros left to be wrong."""
    return np.argpartition((probabilities * np.log(probabilities)).sum(1), n)[:n]


def scipy_argsort(probabilities: Any, n: int) -> Any:
    """Sort scipy's entropies."""
    from scipy.stats import entropy  # type: ignore[import-untyped]

    return np.argsort(-entropy(probabilities, axis=1))[:n]


def modal(probabilities: Any, n: int) -> Any:
    """Run modAL's."""
    from modAL.uncertainty import entropy_sampling

    return entropy_sampling(Known(), probabilities, n_instances=n)[0]


def baal(probabilities: Any, n: int) -> Any:
    """Run baal's."""
    from baal.active.heuristics import Entropy

    return Entropy()(probabilities[:, :, None])[:n]


def scikit_activeml(probabilities: Any, n: int) -> Any:
    """Run scikit-activeml's scores and batch selection."""
    from skactiveml.pool import uncertainty_scores
    from skactiveml.utils import simple_batch

    return simple_batch(uncertainty_scores(probabilities, method="entropy"), random_state=0, batch_size=n)


def small_text(probabilities: Any, n: int) -> Any:
    """Run small-text's."""
    from small_text import PredictionEntropy

    rows = np.arange(len(probabilities))
    return PredictionEntropy().query(Known(), probabilities, rows, rows[:0], rows[:0], n=n)


IMPLEMENTATIONS = {
    "alrun": ours,
    "numpy argsort": numpy_argsort,
    "numpy argpartition": numpy_argpartition,
    "scipy argsort": scipy_argsort,
    "modAL": modal,
    "baal": baal,
    "scikit-activeml": scikit_activeml,
    "small-text": small_text,
}
