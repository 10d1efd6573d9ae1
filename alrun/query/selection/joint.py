"""Joint predictive distributions of several labels, and the posterior after each outcome."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Outcomes"]

BLOCK_VALUES = 1 << 19


@dataclass(frozen=True)
class Outcomes:
    """Joint outcomes of the labels of ``m`` rows: all that are possible, or a sample of them.

    Attributes:
        posterior: Weights of the ``K`` posterior samples given each of ``U`` different outcomes, ``[U, K]``
            ``float64``, each row summing to 1.
        chances: Probability of each outcome, ``[U]`` ``float64``; relative frequency where they are sampled.
        drawn: For each of ``S`` draws, which outcome it is, ``[K, S / K]`` ``int64``: those of line ``k`` come from
            posterior sample ``k``. ``None`` while all outcomes are there.
    """

    posterior: Tensor
    chances: Tensor
    drawn: Tensor | None = None

    @classmethod
    def certain(cls, samples: int, device: torch.device) -> Outcomes:
        """Return the only outcome of no rows: nothing is learnt about the ``samples``."""
        posterior = torch.full((1, samples), 1 / samples, dtype=torch.float64, device=device)
        return cls(posterior, torch.ones(1, dtype=torch.float64, device=device))

    def joined(self, probabilities: Tensor, limit: int, generator: torch.Generator | None) -> Outcomes:
        """Return the outcomes with one more row, whose class probabilities are ``[K, C]``.

        All of them as long as no more than ``limit`` are; from then on ``limit`` draws (a whole number for each
        posterior sample), from ``generator``.
        """
        given = probabilities.double()
        if self.drawn is None and len(self.chances) * given.shape[1] <= limit:
            return self._all(given)
        each = max(1, limit // len(given))
        drawn = self.drawn
        if drawn is None:
            drawn = _draws((self.chances.unsqueeze(1) * self.posterior).T, each, generator)
        return self._sampled(drawn, _draws(given, each, generator), given)

    def _all(self, given: Tensor) -> Outcomes:
        joint = (self.posterior.unsqueeze(1) * given.T).flatten(0, 1)
        likelihood = joint.sum(dim=1)
        chances = likelihood * self.chances.repeat_interleave(given.shape[1])
        possible = chances > 0
        return Outcomes(joint[possible] / likelihood[possible].unsqueeze(1), chances[possible])

    def _sampled(self, drawn: Tensor, labels: Tensor, given: Tensor) -> Outcomes:
        classes = given.shape[1]
        kinds, drawn, counts = torch.unique(drawn * classes + labels, return_inverse=True, return_counts=True)
        joint = self.posterior[kinds // classes] * given.T[kinds % classes]
        return Outcomes(joint / joint.sum(dim=1, keepdim=True), counts / counts.sum(), drawn)

    def thinned(self, count: int) -> Outcomes:
        """Return ``count`` of the outcomes, evenly spaced by their chances: a rough idea of all of them."""
        edges = self.chances.cumsum(dim=0)
        places = (torch.arange(count, device=edges.device).to(edges) + 0.5) / count * edges[-1]
        chosen = torch.searchsorted(edges, places).clamp_max_(len(edges) - 1)
        return Outcomes(self.posterior[chosen], torch.full_like(places, 1 / count))

    def entropies(self, probabilities: Tensor) -> Tensor:
        """Return the entropy in nats ``[B]`` that the labels of rows ``[K, B, C]`` keep, averaged over the outcomes."""
        samples, _, classes = probabilities.shape
        posterior, chances = self.posterior.to(probabilities), self.chances.to(probabilities)
        height = max(1, BLOCK_VALUES // (len(posterior) * classes))
        tiny = torch.finfo(posterior.dtype).tiny
        found = []
        for block in probabilities.split(height, dim=1):
            predicted = posterior @ block.reshape(samples, -1)
            surprise = predicted.clamp_min(tiny).log_().mul_(predicted)
            found.append((chances @ surprise).view(-1, classes).sum(dim=1))
        return -torch.cat(found) if found else probabilities.new_empty(0)


def _draws(weights: Tensor, each: int, generator: torch.Generator | None) -> Tensor:
    """Return ``each`` columns for each line of ``weights`` ``[K, U]``, drawn with those weights, ``[K, each]``.

    The draws of a line are stratified, in random order: each column comes as often as expected, give or take one.
    """
    samples, home = len(weights), generator.device if generator else weights.device
    order = torch.rand(samples, each, generator=generator, device=home).argsort(dim=1)
    places = (order + torch.rand(samples, each, generator=generator, device=home)).to(weights) / each
    cumulative = weights.cumsum(dim=1)
    return torch.searchsorted(cumulative, places * cumulative[:, -1:], right=True).clamp_max_(weights.shape[1] - 1)
