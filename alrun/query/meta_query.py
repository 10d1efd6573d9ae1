"""Monotone network of two scores, fitted so that it ranks a queried batch as its losses do."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["MetaQuery", "ranking_loss", "standardized"]


def standardized(scores: Tensor) -> Tensor:
    """Return ``exp((scores - mean) / spread)`` of ``scores`` ``[N]``, in ``float64``; 1 where all are equal."""
    values = scores.double()
    spread = values.std(correction=0)
    return ((values - values.mean()) / torch.where(spread > 0, spread, 1.0)).exp()


def ranking_loss(outputs: Tensor, losses: Tensor, margin: float) -> Tensor:
    """Return by how much pairs are out of order: the mean of ``max(0, margin - sign(l_i - l_j) (f_i - f_j))``.

    Park et al. (2022), equation 5, over all pairs of different losses ``l``; 0 where there are none.

    Args:
        outputs: ``f``, ``[n]``.
        losses: ``l``, ``[n]``.
        margin: What a pair must be apart.
    """
    signs = (losses.unsqueeze(1) - losses).sign()
    amiss = (margin - signs * (outputs.unsqueeze(1) - outputs)).clamp_min(0)
    return (amiss * signs.abs()).sum() / signs.abs().sum().clamp_min(1)


class MetaQuery:
    """``f(z)``: a layer of sigmoids and a linear one, none of whose weights is negative.

    So a row with more of both scores is never ranked behind (the skyline constraint of Park et al. 2022, section 4.2).
    """

    def __init__(self, generator: torch.Generator, hidden: int = 64) -> None:
        """Draw the weights."""
        self.first = torch.rand(hidden, 2, generator=generator, dtype=torch.float64) / 2**0.5
        self.bias = (2 * torch.rand(hidden, generator=generator, dtype=torch.float64) - 1) / 2**0.5
        self.last = torch.rand(1, hidden, generator=generator, dtype=torch.float64) / hidden**0.5
        self.parameters = [part.requires_grad_() for part in (self.first, self.bias, self.last)]

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return ``f`` ``[N]`` of ``inputs`` ``[N, 2]``."""
        return functional.linear(functional.linear(inputs, self.first, self.bias).sigmoid(), self.last)[:, 0]

    def fit(self, inputs: Tensor, losses: Tensor, *, margin: float, steps: int, rate: float) -> None:
        """Descend ``ranking_loss`` for ``inputs`` ``[n, 2]`` whose losses are ``[n]``, by ``steps`` steps of Adam."""
        optimizer = torch.optim.Adam(self.parameters, lr=rate)
        with torch.enable_grad():
            for _ in range(steps):
                optimizer.zero_grad()
                torch.autograd.backward(ranking_loss(self(inputs), losses, margin))
                optimizer.step()
                with torch.no_grad():
                    self.first.clamp_min_(0)
                    self.last.clamp_min_(0)
