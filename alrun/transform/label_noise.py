"""Noise of labels: a part of what the data say is wrong, the same part whenever it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.label_noise import confused, flipped, gaussian_errors
from alrun.core.protocols.pool import Source
from alrun.core.types import Split, Task, TaskSpec
from alrun.pool.labels import num_classes
from alrun.pool.view import Change
from alrun.transform.base import Transform

__all__ = ["LabelNoise"]

KINDS = ("symmetric", "pair", "matrix")


class LabelNoise(Transform):
    """Replaces labels of the pool, those that start labeled too; test rows stay as they are, so measures do as well.

    Wrong classes are drawn uniformly from the others (``symmetric``), are the next one (``pair``: Han et al. 2018,
    "Co-teaching", arXiv:1804.06872), or are drawn from the row of the true class in a ``matrix``. Each of several tasks
    is drawn by itself. Numbers of a regression get a Gaussian error. The error belongs to the row: unlike that of
    ``label=noisy_oracle`` it is part of the data, whoever labels. Rows with a wrong class are marked ``label_noise``.
    """

    def __init__(
        self,
        rate: float = 0.1,
        *,
        kind: str = "symmetric",
        matrix: Sequence[Sequence[float]] | None = None,
        sigma: float = 0.1,
        validation: bool = False,
        seed: int | None = None,
    ) -> None:
        """Check the noise.

        Args:
            rate: Probability of a wrong class.
            kind: ``symmetric``, ``pair`` or ``matrix``.
            matrix: ``[C][C]``, row = true class, column = label; rows sum to 1. In place of ``rate``.
            sigma: Regression: standard deviation of the error, in standard deviations of the pool's targets.
            validation: Whether the labels of validation rows are noisy, too.
            seed: See ``Transform``.

        Raises:
            DataError: It is no distribution.
        """
        super().__init__(seed)
        raise_any(choice_problems("transform.label_noise.kind", kind, KINDS))
        if not 0 <= rate <= 1:
            raise self.problem(f"{rate} is not a probability", "rate", "0.1")
        if not 0 <= sigma < float("inf"):
            raise self.problem(f"{sigma} is not a standard deviation", "sigma", "0.1")
        if (kind == "matrix") is not (matrix is not None):
            raise self.problem("a matrix, and kind=matrix, go together", "matrix", "[[0.9,0.1],[0.1,0.9]]")
        self.rate, self.kind, self.sigma, self.validation = rate, kind, sigma, validation
        self.matrix = None if matrix is None else self._checked(matrix)

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Replace labels."""
        spec = source.spec
        if spec.task is Task.SEGMENTATION:
            raise self.problem("is not defined for masks", "")
        noisy = torch.zeros(len(source), dtype=torch.bool)
        noisy[split.train] = True
        noisy[split.validation] = self.validation
        if spec.task is Task.REGRESSION:
            spread = source.targets(split.train).double().std(dim=0)

            def disturbed(rows: Tensor, targets: Tensor) -> Tensor:
                errors = gaussian_errors(tuple(targets.shape), rows, key) * spread * self.sigma
                return targets + (errors * noisy[rows, None]).to(targets.dtype)

            return Change(split, f"label_noise: errors of {self.sigma:g} standard deviations", relabel=disturbed)

        def relabel(rows: Tensor, targets: Tensor) -> Tensor:
            wrong = self._drawn(targets, rows, spec, key)
            hit = noisy[rows].reshape(-1, *[1] * (targets.ndim - 1))
            return torch.where(hit, wrong, targets)

        rows = noisy.nonzero()[:, 0]
        true = source.targets(rows)
        marks = torch.zeros(len(source), dtype=torch.bool)
        marks[rows] = (relabel(rows, true) != true).reshape(len(rows), -1).any(dim=1)
        note = f"label_noise: the labels of {int(marks.sum())} of {len(rows)} rows are wrong"
        return Change(split, note, relabel=relabel, marks={"label_noise": marks})

    def _drawn(self, classes: Tensor, rows: Tensor, spec: TaskSpec, key: int) -> Tensor:
        """Return a label for each of ``classes``, ``[n]`` or ``[n, T]``."""
        if not spec.target_shape:
            return self._of_task(classes, rows, spec.num_labels, key)
        columns = zip(classes.unbind(dim=1), num_classes(spec).expand(spec.target_shape).tolist(), strict=True)
        drawn = [self._of_task(one, rows, count, key + number) for number, (one, count) in enumerate(columns)]
        return torch.stack(drawn, dim=1)

    def _of_task(self, classes: Tensor, rows: Tensor, count: int, key: int) -> Tensor:
        if self.matrix is not None:
            if len(self.matrix) != count:
                raise self.problem(f"has {len(self.matrix)} rows, but there are {count} classes", "matrix")
            return confused(classes, self.matrix, rows, key)
        if self.kind == "symmetric":
            return flipped(classes, count, self.rate, rows, key)
        pairs = torch.eye(count, dtype=torch.float64)
        return confused(classes, (1 - self.rate) * pairs + self.rate * pairs.roll(1, dims=1), rows, key)

    def _checked(self, matrix: Sequence[Sequence[float]]) -> Tensor:
        if any(len(row) != len(matrix) for row in matrix):
            raise self.problem("is not a square", "matrix", "[[0.9,0.1],[0.1,0.9]]")
        found = torch.tensor(matrix, dtype=torch.float64)
        if not bool((found >= 0).all()) or not torch.allclose(found.sum(dim=1), torch.ones(len(matrix)).double()):
            raise self.problem("has a row that is no distribution: its numbers do not sum to 1", "matrix")
        return found
