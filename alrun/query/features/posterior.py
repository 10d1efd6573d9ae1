"""Posterior features: gradient features scaled by the posterior covariance given the labels so far."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.query.candidates import Chunk, FeatureKind
from alrun.query.selection.features import Features

__all__ = ["Posterior"]

_ROWS = 65536


class Posterior:
    """Features whose inner products are the posterior covariance of a Gaussian process, given the labeled rows.

    Holzmüller et al. (2023), section 3.3, "posterior": with the features ``F`` of the labeled rows,
    ``f(x) (Fᵀ F / sigma² + I)^(-1/2)``. The features are first scaled so that their mean square norm is 1 over all rows
    (the paper: over the labeled ones).

    Args:
        of: The features; such as form a matrix (``OuterProduct`` ones do not: sketch them).
        sigma: Standard deviation of the noise, relative to that of the prediction.

    Raises:
        ConfigError: ``sigma`` is not positive.
    """

    def __init__(self, of: FeatureKind, sigma: float = 0.1) -> None:
        if not sigma > 0:
            where = "query.*.features.sigma"
            raise ConfigError(Problem(f"{sigma!r} is not a positive number", where, f"{where}=0.1"))
        self.of = of
        self.sigma = sigma
        self.needs_model: bool = of.needs_model
        self.multi_task: bool = of.multi_task

    def parts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return what the features that are transformed are made of."""
        return self.of.parts(chunk)

    def assembled(self, parts: tuple[Tensor, ...], labeled: Tensor) -> Tensor | Features:
        """Return the features ``[N, d]``, transformed in place.

        Raises:
            StrategyError: They form no matrix.
        """
        features = self.of.assembled(parts, labeled)
        if not isinstance(features, Tensor):
            raise StrategyError("the posterior of products of factors cannot be formed\n    → sketch them")
        scale = features.square().sum(dim=1, dtype=torch.float64).mean().rsqrt()
        factor = posterior_factor(features[labeled.to(features.device)].double() * scale, self.sigma) * scale
        for start in range(0, len(features), _ROWS):
            features[start : start + _ROWS] @= factor.to(features)
        return features


def posterior_factor(known: Tensor, sigma: float) -> Tensor:
    """Return ``(Fᵀ F / sigma² + I)^(-1/2)`` ``[d, d]`` for ``F`` ``[L, d]``, symmetric."""
    values, vectors = torch.linalg.eigh(known.T @ known / sigma**2)
    factor: Tensor = (vectors * (1 + values.clamp_min(0)).rsqrt()) @ vectors.T
    return factor
