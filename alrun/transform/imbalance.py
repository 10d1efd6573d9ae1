"""Imbalance: classes of a pool become rare, by a long tail or by a step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.protocols.pool import Source
from alrun.core.types import Split
from alrun.pool.view import Change
from alrun.transform.base import Transform, classes_of, drawn_first, kept

__all__ = ["Imbalance"]


class Imbalance(Transform):
    """Leaves rows out of the pool until its most frequent class has ``factor`` times as many rows as its rarest.

    ``exponential``: the class of rank ``r`` among ``C`` has ``factor ** (-r / (C - 1))`` of the rows of the first (the
    long tail of Cui et al. 2019, "Class-Balanced Loss", arXiv:1901.05555, section 5.1). ``step``: the last
    ``rare`` of the classes have ``1 / factor`` of the rows of the others (Buda et al. 2018, arXiv:1710.05381). As many
    rows stay as these shares allow, whatever the data's own counts are; at least one of each class. Validation and test
    rows stay as they are. Of several tasks the first counts.
    """

    def __init__(
        self,
        factor: float = 10.0,
        *,
        profile: str = "exponential",
        rare: float = 0.5,
        order: Sequence[int] | None = None,
        seed: int | None = None,
    ) -> None:
        """Check the shape of the tail.

        Args:
            factor: Rows of the most frequent class for one of the rarest; at least 1.
            profile: ``exponential`` or ``step``.
            rare: ``step``: fraction of the classes that are rare.
            order: Numbers of all classes, from the most frequent to the rarest; ``None`` for their order.
            seed: See ``Transform``.

        Raises:
            DataError: One of them makes no sense.
        """
        super().__init__(seed)
        raise_any(choice_problems("transform.imbalance.profile", profile, ("exponential", "step")))
        if not 1 <= factor < float("inf"):
            raise self.problem(f"{factor} is not a factor of at least 1", "factor", "10")
        if not 0 < rare < 1:
            raise self.problem(f"{rare} is not a fraction between 0 and 1", "rare", "0.5")
        self.factor, self.profile, self.rare = float(factor), profile, rare
        self.order = None if order is None else list(order)

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Leave rows out, at random in each class."""
        classes = classes_of(source, split.train, self)
        part = source.spec.tasks[0] if source.spec.tasks else source.spec
        sizes = classes.bincount(minlength=part.num_outputs)
        counts = self.counts(sizes)
        rows = split.train[drawn_first(split.train, counts, classes, key)]
        said = ", ".join(f"{name} {count}" for name, count in enumerate(counts.tolist()) if count)[:200]
        return Change(kept(split, rows), f"imbalance: {len(rows)} of {len(split.train)} rows in the pool ({said})")

    def counts(self, sizes: Tensor) -> Tensor:
        """Return the rows of each class that stay, ``[C]`` ``int64``, of ``sizes`` ``[C]``."""
        count = len(sizes)
        order = torch.tensor(self.order if self.order is not None else range(count))
        if not order.sort().values.equal(torch.arange(count)):
            what = f"{self.order} is not an order of the {count} classes"
            raise self.problem(what, "order", f"{list(range(count))}".replace(" ", ""))
        ranks = torch.arange(count, dtype=torch.float64)
        if self.profile == "exponential":
            shares = self.factor ** (-ranks / max(1, count - 1))
        else:
            shares = torch.where(ranks < count - max(1, round(self.rare * count)), 1.0, 1.0 / self.factor).double()
        wanted = torch.empty(count, dtype=torch.float64)
        wanted[order] = shares
        held = sizes > 0
        first = (sizes[held] / wanted[held]).min()
        return (first * wanted + 1e-9).round().long().clamp_min(1).minimum(sizes)
