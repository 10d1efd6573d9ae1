"""Near duplicates: rows of a pool are repeated, with a little noise, as in Repeated MNIST."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.protocols.pool import DatumSource, Source
from alrun.core.row_random import row_uniforms
from alrun.core.types import Split
from alrun.pool.view import Change
from alrun.transform.base import Transform, drawn_first

__all__ = ["NearDuplicates"]

#: Rows that are read at once to measure how inputs vary, and at most for it.
_CHUNK, _MOST = 4096, 65536


class NearDuplicates(Transform):
    """Adds copies of rows of the pool to it, and Gaussian noise to the inputs of these and of what they copy.

    Repeated MNIST (Kirsch et al. 2019, "BatchBALD", arXiv:1906.08158, section 4.2) has ``copies=2`` and ``noise=0.1``
    on normalized images. Only rows of the pool are copied, into the pool alone: nothing that is measured on, or that
    starts labeled, has a copy. Copies have the label, and the shipped embedding, of their row; they are marked
    ``near_duplicate``. The noise of a row is a function of its number and the seed, and is made as it is read.
    """

    def __init__(self, copies: int = 2, *, share: float = 1.0, noise: float = 0.1, seed: int | None = None) -> None:
        """Check the numbers.

        Args:
            copies: Copies of a row, besides itself.
            share: Share of the pool's rows that are copied.
            noise: Standard deviation of the noise, in those of the inputs: of each column where the learner
                standardizes it, else of all values together. 0 for exact copies.
            seed: See ``Transform``.

        Raises:
            DataError: One of them makes no sense.
        """
        super().__init__(seed)
        raise_any(count_problems("transform.near_duplicates.copies", copies, "transform.near_duplicates.copies=2"))
        if not 0 < share <= 1:
            raise self.problem(f"{share} is not a fraction of the rows", "share", "1.0")
        if not 0 <= noise < float("inf"):
            raise self.problem(f"{noise} is not a standard deviation", "noise", "0.1")
        self.copies, self.share, self.noise = copies, share, noise

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Add copies."""
        if self.noise and isinstance(source, DatumSource):
            raise self.problem(
                "noise can be added to rows of numbers only; these are data of another kind", "noise", "0"
            )
        free = split.train[~torch.isin(split.train, split.labeled)]
        count = torch.tensor([max(1, round(self.share * len(free)))])
        rows = free[drawn_first(free, count, torch.zeros_like(free), key)]
        before, added = len(source), rows.repeat(self.copies)
        new = torch.arange(before, before + len(added))
        marks = torch.zeros(before + len(added), dtype=torch.bool)
        marks[new] = True
        noisy = marks.clone()
        noisy[rows] = True
        unit = _unit(source, rows) * self.noise if self.noise else None

        def disturb(chosen: Tensor, inputs: Tensor) -> Tensor:
            assert unit is not None  # noqa: S101 - only then it is called
            hit = noisy[chosen]
            found = inputs.clone()
            found[hit] += normals(chosen[hit], tuple(inputs.shape[1:]), key) * unit
            return found

        parts = Split(torch.cat([split.train, new]), split.validation, split.test, split.labeled)
        note = f"near_duplicates: {len(added)} copies of {len(rows)} rows in the pool"
        change = {"added": (source, added), "marks": {"near_duplicate": marks}}
        return Change(parts, note, disturb=None if unit is None else disturb, **change)  # type: ignore[arg-type]


def normals(rows: Tensor, shape: tuple[int, ...], key: int) -> Tensor:
    """Return standard normal numbers ``[n, *shape]`` ``float32``, for each row its own."""
    size = int(np.prod(shape))
    places = (rows[:, None] * size + torch.arange(size)).flatten()
    uniform = torch.from_numpy(row_uniforms(places, key, draw=1))
    found: Tensor = torch.special.ndtri(uniform).to(torch.float32).reshape(len(rows), *shape)
    return found


def _unit(source: Source, rows: Tensor) -> Tensor:
    """Return the standard deviation of the inputs, ``[*input_shape]`` ``float32``."""
    shape, columns = source.spec.input_shape, list(source.spec.standardize)
    count, size = 0, int(np.prod(shape))
    total, squares = torch.zeros(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    for part in rows[:_MOST].split(_CHUNK):
        block = source.inputs(part).flatten(1).double()
        count, total, squares = count + len(block), total + block.sum(dim=0), squares + block.square().sum(dim=0)
    whole = (squares.mean() / count - (total.mean() / count).square()).clamp_min(0).sqrt()
    unit = whole.expand(size).clone()
    unit[columns] = (squares / count - (total / count).square()).clamp_min(0).sqrt()[columns]
    return unit.to(torch.float32).reshape(shape)
