"""Temperature scaling: one number by which logits are divided, such that confidence matches accuracy."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.outputs import probabilities

__all__ = ["calibrated_temperature", "expected_calibration_error", "tempered"]

_LOG_LEAST, _LOG_MOST, _STEPS = -1.0, 1.0, 49


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Return the class probabilities ``[N, C]`` of ``logits / temperature``; of ``[K, N, C]`` the mean over samples."""
    found = probabilities(logits.float() / temperature)
    return found.mean(dim=0) if found.ndim == 3 else found


def expected_calibration_error(confidence: Tensor, correct: Tensor, bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over equal bins of confidence (Guo et al. 2017, eq. 3).

    Args:
        confidence: Largest class probability of each row, ``[N]``.
        correct: Whether its class is right, ``[N]`` ``bool``.
        bins: How many; a row on an edge is in the lower one.
    """
    places = (confidence.double() * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.zeros(bins, dtype=torch.float64, device=confidence.device)
    gaps.index_add_(0, places, correct.double() - confidence.double())
    return float(gaps.abs().sum() / len(confidence))


def calibrated_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature, of 49 from 0.1 to 10, with the least expected calibration error; ties: nearest to 1.

    Args:
        logits: ``[N, C]``, or ``[K, N, C]`` of posterior samples; rows that the learner was not trained on.
        targets: Classes ``[N]``.
    """
    grid = torch.logspace(_LOG_LEAST, _LOG_MOST, _STEPS, dtype=torch.float64)
    errors = []
    for temperature in grid.tolist():
        confidence, classes = tempered(logits, temperature).max(dim=1)
        errors.append(expected_calibration_error(confidence, classes == targets.to(classes.device)))
    order = grid.log().abs().argsort(stable=True)
    return float(grid[order[torch.tensor(errors, dtype=torch.float64)[order].argmin()]])
