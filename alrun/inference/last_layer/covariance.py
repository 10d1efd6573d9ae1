"""Gaussians over the weights ``[r, D]`` of one linear layer: a matrix, a Kronecker product, or a diagonal.

All take features ``[B, D]`` of rows, the layer's inputs with a column of ones where it has a bias, so that the outputs
of the layer are ``features @ weights.T``.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Covariance", "Dense", "Diagonal", "Kronecker"]


class Covariance(Protocol):
    """What the weights may be in place of the trained ones."""

    def root(self, noise: Tensor) -> Tensor:
        """Return ``[K, r, D]`` draws around zero from standard normal ``noise`` of that shape."""
        ...

    def variance(self, features: Tensor) -> Tensor:
        """Return the variance of each of the layer's outputs, ``[B, r]``."""
        ...

    def spread(self, features: Tensor) -> Tensor:
        """Return the covariance of the layer's outputs, ``[B, r, r]``."""
        ...


class Dense:
    """All ``P = r * D`` weights with each other."""

    def __init__(self, precision: Tensor, outputs: int) -> None:
        """Invert the ``precision`` ``[P, P]`` of the weights, row by row of ``[outputs, D]``."""
        self._factor = torch.linalg.cholesky(precision)
        covariance = torch.cholesky_inverse(self._factor)
        size = len(precision) // outputs
        self._blocks = covariance.view(outputs, size, outputs, size).transpose(1, 2).contiguous()

    def root(self, noise: Tensor) -> Tensor:
        """See ``Covariance``."""
        flat = noise.flatten(1).to(self._factor)
        drawn: Tensor = torch.linalg.solve_triangular(self._factor.T, flat.T, upper=True).T
        return drawn.reshape(noise.shape)

    def variance(self, features: Tensor) -> Tensor:
        """See ``Covariance``."""
        blocks = self._blocks.to(features)
        each = [((features @ blocks[c, c]) * features).sum(dim=1) for c in range(len(blocks))]
        return torch.stack(each, dim=1)

    def spread(self, features: Tensor) -> Tensor:
        """See ``Covariance``."""
        blocks = self._blocks.to(features)
        rows = [((features @ blocks[c]) * features).sum(dim=2) for c in range(len(blocks))]
        return torch.stack(rows).permute(2, 0, 1)


class Kronecker:
    """The eigenbases of inputs and outputs, with a variance for each pair of their vectors."""

    def __init__(self, variances: Tensor, outputs: Tensor, inputs: Tensor) -> None:
        """Take ``variances`` ``[r, D]`` along the eigenvectors ``outputs`` ``[r, r]`` and ``inputs`` ``[D, D]``."""
        self._variances, self._outputs, self._inputs = variances, outputs, inputs

    def root(self, noise: Tensor) -> Tensor:
        """See ``Covariance``; by the symmetric root, which does not depend on the choice of eigenvectors."""
        turned = self._outputs.T @ noise.to(self._variances) @ self._inputs
        return self._outputs @ (turned * self._variances.sqrt()) @ self._inputs.T

    def variance(self, features: Tensor) -> Tensor:
        """See ``Covariance``."""
        return self._along(features) @ self._outputs.to(features).square().T

    def spread(self, features: Tensor) -> Tensor:
        """See ``Covariance``."""
        outputs = self._outputs.to(features)
        return (outputs * self._along(features).unsqueeze(1)) @ outputs.T

    def _along(self, features: Tensor) -> Tensor:
        return (features @ self._inputs.to(features)).square() @ self._variances.to(features).T


class Diagonal:
    """Each weight by itself."""

    def __init__(self, variances: Tensor) -> None:
        """Take the ``variances`` ``[r, D]``."""
        self._variances = variances

    def root(self, noise: Tensor) -> Tensor:
        """See ``Covariance``."""
        return noise.to(self._variances) * self._variances.sqrt()

    def variance(self, features: Tensor) -> Tensor:
        """See ``Covariance``."""
        return features.square() @ self._variances.to(features).T

    def spread(self, features: Tensor) -> Tensor:
        """See ``Covariance``."""
        return self.variance(features).diag_embed()
