"""Base of the transformations: a function of source and seed that returns a view of the source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import DataError, Problem, StrategyError
from alrun.core.protocols.pool import Source
from alrun.core.row_random import row_uniforms
from alrun.core.seeding import Seeds
from alrun.core.types import Split, Task
from alrun.pool.view import Change, View, viewed

__all__ = ["Transform", "classes_of", "drawn_first", "kept", "without"]

#: Role of the random numbers of transformations.
ROLE = "transform"


class Transform(ABC):
    """Base of the transformations. Subclass it and write ``change``.

    Rows keep their numbers: those that are left out are in no pool, those that are added come last. What is labeled
    from the start stays in the pool.

    Attributes:
        seed: Seed of its own; ``None`` for that of the experiment, so that repetitions draw anew.
    """

    def __init__(self, seed: int | None = None) -> None:
        """Draw from ``seed``."""
        if seed is not None:
            raise_any(count_problems(f"transform.{self.name}.seed", seed, f"transform.{self.name}.seed=0", least=0))
        self.seed = seed

    @property
    def name(self) -> str:
        """Name of the option, for messages."""
        return type(self).__module__.rpartition(".")[2]

    def __call__(self, source: Source, seeds: Seeds, name: str) -> View:
        """Return ``source`` as it is changed: a function of these arguments alone.

        Args:
            source: The data.
            seeds: Seeds of the experiment.
            name: Key in the config: transformations of other names draw other numbers.

        Raises:
            DataError: The data are not such that they can be changed so.
        """
        own = seeds if self.seed is None else Seeds(self.seed)
        try:
            change = self.change(source, source.split(seeds), own.integer(ROLE, name))
        except StrategyError as error:
            raise self.problem(f"the data have no targets to go by: {error}", "") from error
        return viewed(source, change, seeds)

    @abstractmethod
    def change(self, source: Source, split: Split, key: int) -> Change:
        """Return what is made of ``source``, split as ``split``; ``key`` is the seed of what is random."""

    def problem(self, what: str, argument: str, hint: str = "") -> DataError:
        """Return the error of an argument, to be raised by the caller."""
        place = f"transform.{self.name}.{argument}" if argument else f"transform.{self.name}"
        return DataError(Problem(what, place, hint and f"{place}={hint}"))


def classes_of(source: Source, rows: Tensor, transform: Transform) -> Tensor:
    """Return the class of each of ``rows``, ``[n]`` ``int64``, of several tasks that of the first.

    Raises:
        DataError: The data have no classes.
    """
    if source.spec.task is not Task.CLASSIFICATION:
        kinds = {Task.MULTI_LABEL: "multi-label", Task.SEGMENTATION: "masks"}
        found = kinds.get(source.spec.task, "a regression")
        raise DataError(Problem(f"needs classes, and the data are {found}", f"transform.{transform.name}"))
    targets = source.targets(rows)
    return targets[:, 0] if targets.ndim > 1 else targets


def drawn_first(rows: Tensor, counts: Tensor, groups: Tensor, key: int) -> Tensor:
    """Return which of ``rows`` ``[n]`` are kept, ``[n]`` ``bool``: of group ``g`` so many as ``counts[g]``, at random.

    Args:
        rows: Source rows.
        counts: ``[G]`` ``int64``.
        groups: Group of each row, ``[n]`` ``int64``.
        key: Seed.
    """
    by_chance = torch.from_numpy(row_uniforms(rows, key)).argsort(stable=True)
    order = by_chance[groups[by_chance].argsort(stable=True)]
    sizes = groups.bincount(minlength=len(counts))
    starts = (sizes.cumsum(0) - sizes)[groups[order]]
    found = torch.zeros(len(rows), dtype=torch.bool)
    found[order] = torch.arange(len(rows)) - starts < counts[groups[order]]
    return found


def kept(split: Split, rows: Tensor) -> Split:
    """Return ``split`` with ``rows`` alone in the pool, besides what is labeled from the start."""
    return replace(split, train=torch.cat([rows, split.labeled]).unique())


def without(split: Split, gone: Tensor) -> Split:
    """Return ``split`` without the rows that ``gone`` ``[N]`` ``bool`` says."""
    parts = (split.train, split.validation, split.test, split.labeled)
    return Split(*(part[~gone[part]] for part in parts))
