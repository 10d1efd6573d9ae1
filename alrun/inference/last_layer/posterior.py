"""Posterior over the weights of a last layer, fitted to a training pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.batches import move
from alrun.core.errors import StrategyError
from alrun.core.learners import prediction_step
from alrun.core.types import Task, TaskSpec
from alrun.inference.last_layer.covariance import Covariance
from alrun.inference.last_layer.curvature import STRUCTURES, Curvature
from alrun.inference.last_layer.evidence import noise_and_precision, noise_variance, prior_precision
from alrun.inference.last_layer.layer import LastLayer
from alrun.inference.last_layer.likelihood import categorical_curvature, gaussian_curvature, pulled_back

__all__ = ["Posterior", "fitted"]

#: Weights up to which the whole matrix is kept: its eigenvalues then take less than a second.
FULL_UP_TO = 1500
CHUNK_ROWS = 1024
#: Of a target's mean square, so that residuals that are all zero leave a variance.
LEAST_NOISE = 1e-12


@dataclass(frozen=True)
class Posterior:
    """A Gaussian around the trained weights of the last layer.

    Attributes:
        covariance: Of the weights.
        precision: Of the prior.
        noise: Noise variances ``[T]`` of a regression whose learner predicts none, in squared target units.
        spec: The task.
    """

    covariance: Covariance
    precision: float
    noise: Tensor | None
    spec: TaskSpec

    def variance(self, features: Tensor, derivative: Tensor | None) -> Tensor:
        """Return the variance of each output ``[B, C]``: ``derivative`` ``[B, C, r]`` as ``taken_apart`` gives it."""
        if derivative is None:
            return self.covariance.variance(features).clamp_min(0)
        spread = self.covariance.spread(features)
        return ((derivative @ spread) * derivative).sum(dim=2).clamp_min(0)

    def with_noise(self, outputs: Tensor) -> Tensor:
        """Return ``outputs`` ``[..., C]``, with the logarithm of the noise variance, if there is one, after them."""
        if self.noise is None:
            return outputs
        return torch.cat([outputs, self.noise.log().to(outputs).expand_as(outputs)], dim=-1)


def fitted(learner: nn.Module, pool: Any, spec: TaskSpec, structure: str | None, precision: float | None) -> Posterior:
    """Return the posterior of ``learner``, which is in evaluation mode, on all rows of ``pool``.

    Args:
        learner: The trained network.
        pool: Rows with targets.
        spec: The task.
        structure: Name of a structure, or ``None`` to choose by the number of weights.
        precision: Of the prior, or ``None`` for that of maximal marginal likelihood.
    """
    last = LastLayer(learner)
    weights = last.weights().double().cpu()
    scale, count = _residual_scale(learner, last, pool, spec)
    curvature = STRUCTURES[structure or ("full" if weights.numel() <= FULL_UP_TO else "kron")](*weights.shape)
    _accumulate(curvature, learner, last, pool, spec, scale)
    return _posterior(curvature, float(weights.square().sum()), scale, count, precision, spec)


def _posterior(
    curvature: Curvature, norm: float, scale: Tensor | None, count: int, precision: float | None, spec: TaskSpec
) -> Posterior:
    if count == 0:
        ones = None if spec.task is Task.CLASSIFICATION else scale
        return Posterior(curvature.covariance(1.0, precision or 1.0), precision or 1.0, ones, spec)
    eigenvalues = curvature.eigenvalues()
    if scale is None:
        chosen = precision or prior_precision(eigenvalues, norm)
        return Posterior(curvature.covariance(1.0, chosen), chosen, None, spec)
    if precision is None:
        noise, chosen = noise_and_precision(eigenvalues, norm, float(count), count)
    else:
        chosen, noise = precision, noise_variance(eigenvalues, precision, float(count), count)
    return Posterior(curvature.covariance(1 / noise, chosen), chosen, noise * scale, spec)


def _accumulate(
    curvature: Curvature, learner: nn.Module, last: LastLayer, pool: Any, spec: TaskSpec, scale: Tensor | None
) -> None:
    for features, outputs, derivative, _ in _observed(learner, last, pool):
        if not bool(outputs.isfinite().all()):
            raise StrategyError("the learner's outputs on the training pool are not finite: training has diverged")
        if spec.task is Task.CLASSIFICATION:
            each = categorical_curvature(outputs)
        else:
            each = gaussian_curvature(outputs, spec.num_outputs, scale)
        curvature.add(features, pulled_back(each, derivative))


def _residual_scale(learner: nn.Module, last: LastLayer, pool: Any, spec: TaskSpec) -> tuple[Tensor | None, int]:
    """Return the mean square of each target's residuals ``[T]`` where the learner predicts means alone; their count.

    In these units the mean square of all residuals is 1. For other likelihoods ``None``, and the number of rows.
    """
    if spec.task is Task.CLASSIFICATION:
        return None, len(pool)
    squares = totals = torch.zeros(spec.num_outputs, dtype=torch.float64)
    for _, outputs, _, targets in _observed(learner, last, pool):
        if outputs.shape[1] != spec.num_outputs:
            return None, len(pool)
        wanted = targets.reshape(outputs.shape).to(outputs)
        squares = squares + (wanted - outputs).square().sum(dim=0)
        totals = totals + wanted.square().sum(dim=0)
    if len(pool) == 0:
        return torch.ones(spec.num_outputs, dtype=torch.float64), 0
    least = (totals * LEAST_NOISE).clamp_min(torch.finfo(torch.float32).tiny)
    return torch.maximum(squares, least) / len(pool), len(pool) * spec.num_outputs


def _observed(learner: nn.Module, last: LastLayer, pool: Any) -> Iterator[tuple[Tensor, Tensor, Tensor | None, Tensor]]:
    """Yield features, outputs, derivatives and targets of the pool's rows, ``float64`` on the CPU."""
    step = prediction_step(learner)
    device = last.layer.weight.device
    for positions in torch.arange(len(pool)).split(CHUNK_ROWS):
        if len(positions) == 0:
            continue
        features, outputs, derivative = last.taken_apart(step, move(pool.inputs(positions), device))
        exact = None if derivative is None else derivative.double().cpu()
        yield features.double().cpu(), outputs.double().cpu(), exact, pool.targets(positions)
