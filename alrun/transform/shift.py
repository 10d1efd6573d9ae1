"""Shift: test rows come from another distribution than the pool, in their classes or in their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.protocols.pool import DatumSource, Source
from alrun.core.row_random import row_uniforms
from alrun.core.types import Split
from alrun.pool.view import Change
from alrun.transform.base import Transform, classes_of, drawn_first, kept

__all__ = ["Shift"]

#: Rows of which the direction of largest variance is computed.
_MOST = 2048


class Shift(Transform):
    """Leaves out rows of the test pool, or of the pool to query, until the two differ in distribution.

    ``label``: the classes of the part have other shares, ``priors``, or such as are drawn from a Dirichlet
    distribution with ``alpha`` (Lipton et al. 2018, arXiv:1802.03916, section 6). ``covariate``: ``share`` of the rows
    of the part stay, drawn without replacement with weights ``exp(strength · z)``, where ``z`` is the standardized
    projection on the pool's first principal direction (the sampling bias of Gretton et al. 2009, "Covariate Shift by
    Kernel Mean Matching", section 8.4.2, with an exponential tilt in place of their normal density).
    """

    def __init__(
        self,
        kind: str = "label",
        *,
        part: str = "test",
        priors: Sequence[float] | None = None,
        alpha: float = 1.0,
        strength: float = 2.0,
        share: float = 0.5,
        seed: int | None = None,
    ) -> None:
        """Check the shift.

        Args:
            kind: ``label`` or ``covariate``.
            part: The part that is shifted: ``test`` or ``train`` (the pool).
            priors: ``label``: shares of the classes, ``[C]``, summing to 1; ``None`` to draw them.
            alpha: ``label``: concentration; small ones leave few classes.
            strength: ``covariate``: tilt; 0 for none, negative for the other direction.
            share: ``covariate``: share of the rows that stay.
            seed: See ``Transform``.

        Raises:
            DataError: One of them makes no sense.
        """
        super().__init__(seed)
        raise_any(choice_problems("transform.shift.kind", kind, ("label", "covariate")))
        raise_any(choice_problems("transform.shift.part", part, ("test", "train")))
        if priors is not None and (min(priors, default=-1) < 0 or abs(sum(priors) - 1) > 1e-6):
            raise self.problem("are no shares: none below 0, and together 1", "priors", "[0.7,0.3]")
        if not 0 < alpha < float("inf"):
            raise self.problem(f"{alpha} is not a positive number", "alpha", "1.0")
        if not -50 <= strength <= 50:
            raise self.problem(f"{strength} is not a tilt between -50 and 50", "strength", "2.0")
        if not 0 < share < 1:
            raise self.problem(f"{share} is not a fraction between 0 and 1", "share", "0.5")
        self.kind, self.part, self.alpha, self.strength, self.share = kind, part, alpha, strength, share
        self.priors = None if priors is None else torch.tensor(list(priors), dtype=torch.float64)

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Leave rows out."""
        rows = split.test if self.part == "test" else split.train
        if len(rows) == 0:
            raise self.problem("the data have no test rows", "part", "train")
        found = self._by_class(source, rows, key) if self.kind == "label" else self._tilted(source, split, rows, key)
        left = rows[found]
        parts = replace(split, test=left) if self.part == "test" else kept(split, left)
        note = f"shift: {len(left)} of {len(rows)} rows of the {self.part} part, by {self.kind}"
        return Change(parts, note)

    def _by_class(self, source: Source, rows: Tensor, key: int) -> Tensor:
        classes = classes_of(source, rows, self)
        part = source.spec.tasks[0] if source.spec.tasks else source.spec
        sizes = classes.bincount(minlength=part.num_outputs)
        priors = self.priors if self.priors is not None else self._drawn(sizes > 0, key)
        if len(priors) != len(sizes):
            raise self.problem(f"are {len(priors)} shares, but there are {len(sizes)} classes", "priors")
        wanted = priors > 0
        total = (sizes[wanted] / priors[wanted]).min()
        counts = (total * priors + 1e-9).floor().long().minimum(sizes)
        if int(counts.sum()) == 0:
            raise self.problem(
                "leave no row: the rarest class has too few", "alpha" if self.priors is None else "priors"
            )
        return drawn_first(rows, counts, classes, key)

    def _drawn(self, present: Tensor, key: int) -> Tensor:
        """Return shares of the classes, 0 for those that are not ``present`` ``[C]``."""
        shares = torch.zeros(len(present), dtype=torch.float64)
        alphas = [self.alpha] * int(present.sum())
        shares[present] = torch.from_numpy(np.random.Generator(np.random.Philox(key)).dirichlet(alphas))
        return shares

    def _tilted(self, source: Source, split: Split, rows: Tensor, key: int) -> Tensor:
        if isinstance(source, DatumSource):
            raise self.problem("needs inputs that are rows of numbers", "kind", "label")
        sample = split.train[torch.from_numpy(row_uniforms(split.train, key, draw=1)).argsort(stable=True)[:_MOST]]
        direction, mean, spread = _direction(source.inputs(sample.sort().values).flatten(1).double())
        blocks = [source.inputs(part).flatten(1).double() @ direction for part in rows.split(_MOST)]
        tilt = self.strength * (torch.cat(blocks) - mean) / spread
        # The largest of weights times exponential clocks, in logarithms: Efraimidis, Spirakis 2006.
        clocks = -torch.log(-torch.log(torch.from_numpy(row_uniforms(rows, key))))
        found = torch.zeros(len(rows), dtype=torch.bool)
        found[(tilt + clocks).argsort(descending=True, stable=True)[: max(1, round(self.share * len(rows)))]] = True
        return found


def _direction(block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first principal direction ``[d]`` of ``block`` ``[n, d]``, and mean and spread of what projects on it.

    Its largest component is positive.
    """
    centered = block - block.mean(dim=0)
    is_wide = block.shape[1] > len(block)
    vectors = torch.linalg.eigh(centered @ centered.T if is_wide else centered.T @ centered).eigenvectors
    direction = centered.T @ vectors[:, -1] if is_wide else vectors[:, -1]
    direction = direction / direction.norm().clamp_min(1e-30)
    direction = direction * torch.sign(direction[direction.abs().argmax()])
    projected = block @ direction
    return direction, projected.mean(), projected.std().clamp_min(1e-30)
