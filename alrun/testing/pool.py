"""Conformance suite of the pools that are made of a source, whole rows or tasks, validation fixed or bought."""

from __future__ import annotations

from typing import Any

import torch

from alrun.core.errors import StrategyError
from alrun.core.protocols.pool import Pools, Source
from alrun.core.request import Request
from alrun.core.seeding import Seeds
from alrun.pool.pools import pools

__all__ = ["PoolConformance"]


class PoolConformance:
    """What the pools of every source keep to. Subclass it and write ``source``.

    Attributes:
        by_task: Whether labels are bought one task at a time.
        sell_validation: Whether validation rows are for sale.
    """

    by_task: bool = False
    sell_validation: bool = False

    def source(self) -> Source:
        """Return a new source, each time of the same data."""
        raise NotImplementedError

    def made(self) -> Pools:
        """Return the pools that are examined."""
        return pools(self.source(), Seeds(0), by_task=self.by_task, sell_validation=self.sell_validation)

    def test_a_part_answers_as_its_rows(self) -> None:
        """A part of the pool, or the pool in another order, gives what the source has for its rows."""
        pool: Any = self.made().unlabeled
        source = self.source()
        part = pool.part([3, 0, 2]).part([2, 0])
        assert part.indices.equal(pool.indices[[2, 3]])
        assert part.open_keys.equal(pool.keys(part.indices).sort(dim=0).values.flatten().sort().values)
        shipped, whole = part.shipped_embeddings([0, 1]), pool.shipped_embeddings([2, 3])
        assert (shipped is None) == (whole is None)
        assert shipped is None or shipped.equal(whole), "a part gives the embeddings of other rows"
        inputs: Any = part.inputs([1])
        if isinstance(inputs, torch.Tensor):
            assert inputs.equal(source.inputs(pool.indices[[3]])), "a part gives the inputs of other rows"

    def test_labels_come_where_they_belong(self) -> None:
        """What is taken leaves the pool, what fails comes back, what has a class is learnt from, each once."""
        made = self.made()
        pool: Any = made.unlabeled
        training: Any = made.training
        requests = self._some(pool.open_keys, pool)
        pool.status.take(requests)
        assert pool.status.may_take(requests) == [False] * 4, "what is pending may be asked for again"
        pool.status.label(requests[:3])
        pool.status.give_back(requests[3:])
        assert pool.status.may_take(requests) == [False] * 3 + [True], "a failed request did not come back"
        training.add(requests[:3], self._labels(requests[:3]))
        source, unknown = self.source(), training.unknown
        known = dict.fromkeys(one.row for one in requests[:3] if one.row not in unknown.tolist())
        assert training.indices.tolist() == list(known)
        assert all(label == source.spec.num_outputs for label in source.targets(unknown).tolist())
        assert training.batch(torch.arange(len(training)), 0) is not None
        try:
            training.add(requests[:1], self._labels(requests[:1]))
        except StrategyError:
            return
        raise AssertionError("a label was taken twice")

    def test_bought_validation_stands_apart(self) -> None:
        """Validation rows that are for sale are no rows of the pool; fixed ones have their labels."""
        made = self.made()
        pool: Any = made.unlabeled
        validation: Any = made.validation
        if not self.sell_validation:
            assert len(pool.validation_indices) == 0
            assert len(validation.targets(torch.arange(len(validation)))) == len(validation)
            return
        assert len(validation) == 0
        assert not torch.isin(pool.validation_indices, pool.indices).any(), "the pool shows validation rows"
        requests = self._some(pool.validation_keys, pool)
        assert pool.status.may_take(requests) == [False] * 4, "a query may ask for validation rows"
        pool.status.take(requests)
        pool.status.label(requests)
        validation.add(requests, self._labels(requests))
        assert len(validation) == len({one.row for one in requests})

    def _some(self, keys: torch.Tensor, pool: Any) -> list[Request]:
        return [pool.status.request(key) for key in keys[[5, 0, 3, 1]].tolist()]

    def _labels(self, requests: list[Request]) -> list[Any]:
        source = self.source()
        names = [part.name for part in source.spec.tasks]
        targets = source.targets(torch.tensor([one.row for one in requests]))
        return [
            target if one.task is None else target[names.index(one.task)].item()
            for one, target in zip(requests, targets, strict=True)
        ]
