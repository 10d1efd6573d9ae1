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

#: Numbers of the table of noise.
_TABLE = 1 << 22
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
        noise = Noise(noisy, _unit(source, rows) * self.noise, key) if self.noise else None
        return Change(
            Split(torch.cat([split.train, new]), split.validation, split.test, split.labeled),
            f"near_duplicates: {len(added)} copies of {len(rows)} rows in the pool",
            added=(source, added),
            disturb=noise,
            marks={"near_duplicate": marks},
        )


class Noise:
    """Normal numbers that are added to rows, to each always the same: a piece of one long table, from its hash on.

    Pieces of two rows may overlap, and are shifted then; that they are equal has a chance of one in millions.
    """

    def __init__(self, noisy: Tensor, unit: Tensor, key: int) -> None:
        """Draw the table, for rows that ``noisy`` ``[N]`` says; ``unit`` has the deviations, shaped like an input."""
        self._noisy, self._unit, self._key = noisy, unit, key
        length = max(_TABLE, 2 * unit.numel())
        table = np.random.Generator(np.random.Philox(key)).standard_normal(length, dtype=np.float32)
        self._pieces = np.lib.stride_tricks.sliding_window_view(table, unit.numel())

    def __call__(self, rows: Tensor, inputs: Tensor) -> Tensor:
        """Return ``inputs`` ``[n, *input_shape]`` of ``rows`` with their noise."""
        hit = self._noisy[rows]
        starts = (row_uniforms(rows[hit], self._key, draw=1) * len(self._pieces)).astype(np.int64)
        found = inputs.clone()
        found[hit] += torch.from_numpy(self._pieces[starts]).reshape(-1, *self._unit.shape) * self._unit
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
