"""BatchBALD of 20 posterior samples that agree in part, with 10 000 joint labels drawn by each implementation."""

from __future__ import annotations

from typing import Any

import numpy as np

GRID = [(rows, 10, 10) for rows in (1_000, 5_000)]
SAMPLES = 20
JOINT_LABELS = 10_000


def inputs(rows: int, columns: int) -> Any:
    """Return probabilities ``[20, rows, columns]`` ``float32``."""
    random = np.random.default_rng(0)
    logits = 2 * random.standard_normal((1, rows, columns), dtype=np.float32)
    scores = np.exp(logits + random.standard_normal((SAMPLES, rows, columns), dtype=np.float32))
    return scores / scores.sum(2, keepdims=True)


def cost(rows: int, columns: int, n: int) -> tuple[float, float]:
    """Return the bytes of one pass and the operations of all joint probabilities of each row at each pick."""
    return 4.0 * rows * SAMPLES * columns, 2.0 * rows * columns * SAMPLES * JOINT_LABELS * n


def ours(probabilities: Any, n: int) -> Any:
    """Run alrun's."""
    import torch

    from alrun.query.selection.batchbald import batchbald

    draws = torch.Generator().manual_seed(0)
    return batchbald(torch.from_numpy(probabilities), n, num_samples=JOINT_LABELS, generator=draws)


def batchbald_redux(probabilities: Any, n: int) -> Any:
    """Run batchbald_redux's, in the float64 of its examples."""
    import torch
    from batchbald_redux.batchbald import get_batchbald_batch

    logarithms = torch.from_numpy(probabilities).permute(1, 0, 2).double().log()
    return get_batchbald_batch(logarithms, n, JOINT_LABELS, dtype=torch.double).indices


def scikit_activeml(probabilities: Any, n: int) -> Any:
    """Run scikit-activeml's, which wants 11 GB at 5 000 rows."""
    from skactiveml.pool import batch_bald

    utilities = batch_bald(probabilities.copy(), n, n_MC_samples=JOINT_LABELS, random_state=0)
    return np.nanargmax(utilities, axis=1)


def baal(probabilities: Any, n: int) -> Any:
    """Run baal's, which wants 11 GB at 5 000 rows."""
    from baal.active.heuristics import BatchBALD

    return BatchBALD(num_samples=n, num_draw=JOINT_LABELS // SAMPLES)(probabilities.transpose(1, 2, 0))[:n]


IMPLEMENTATIONS = {
    "alrun": ours,
    "batchbald_redux": batchbald_redux,
    "scikit-activeml": scikit_activeml,
    "baal": baal,
}
