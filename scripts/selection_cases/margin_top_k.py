"""The rows of smallest margin, from class probabilities; ours streams them in chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
from selection_cases.entropy_top_k import GRID, Known, cost, inputs, streamed

__all__ = ["GRID", "IMPLEMENTATIONS", "cost", "inputs"]


def ours(probabilities: Any, n: int) -> Any:
    """Run alrun's."""
    from alrun.query.scores import margin

    return streamed(margin, probabilities, n)


def gaps(probabilities: Any) -> Any:
    """Return the gaps between the two largest."""
    best = np.partition(probabilities, -2, axis=1)
    return best[:, -1] - best[:, -2]


def numpy_argsort(probabilities: Any, n: int) -> Any:
    """Sort all gaps."""
    return np.argsort(gaps(probabilities))[:n]


def numpy_argpartition(probabilities: Any, n: int) -> Any:
    """Partition all gaps."""
    return np.argpartition(gaps(probabilities), n)[:n]


def modal(probabilities: Any, n: int) -> Any:
    """Run modAL's."""
    from modAL.uncertainty import margin_sampling

    return margin_sampling(Known(), probabilities, n_instances=n)[0]


def baal(probabilities: Any, n: int) -> Any:
    """Run baal's."""
    from baal.active.heuristics import Margin

    return Margin()(probabilities[:, :, None])[:n]


def scikit_activeml(probabilities: Any, n: int) -> Any:
    """Run scikit-activeml's scores and batch selection."""
    from skactiveml.pool import uncertainty_scores
    from skactiveml.utils import simple_batch

    return simple_batch(uncertainty_scores(probabilities, method="margin_sampling"), random_state=0, batch_size=n)


def small_text(probabilities: Any, n: int) -> Any:
    """Run small-text's."""
    from small_text import BreakingTies

    rows = np.arange(len(probabilities))
    return BreakingTies().query(Known(), probabilities, rows, rows[:0], rows[:0], n=n)


IMPLEMENTATIONS = {
    "alrun": ours,
    "numpy argsort": numpy_argsort,
    "numpy argpartition": numpy_argpartition,
    "modAL": modal,
    "baal": baal,
    "scikit-activeml": scikit_activeml,
    "small-text": small_text,
}
