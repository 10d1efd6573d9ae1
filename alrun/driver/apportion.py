"""Apportionment of a step's labels to query strategies and to validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alrun.core.apportion import apportion
from alrun.core.metrics import VALIDATION
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.row_random import row_uniforms
from alrun.core.seeding import Role, Seeds
from alrun.core.types import QueryReport
from alrun.pool.foreign import sells_validation

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.pool.unlabeled import UnlabeledPool

__all__ = ["Validation", "shared", "split_between"]


class Validation(QueryStrategy):
    """Draws requests for validation rows, uniformly and without replacement.

    A row's chance is a function of seed, step and row number, whatever the other strategies do.
    """

    def __init__(self, max_samples: int, pool: UnlabeledPool, seeds: Seeds) -> None:
        """Draw ``max_samples`` requests of ``pool``, or as many as there are, by the streams of ``seeds``."""
        self.max_samples = max_samples
        self._pool, self._seeds = pool, seeds
        self.report = QueryReport()

    def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
        """Put the rows in ``query_queue``, as python ints, or pairs ``(row, task name)``."""
        keys = self._pool.validation_keys
        chances = row_uniforms(keys, self._seeds.integer(Role.QUERY, VALIDATION))
        drawn = keys[chances.argsort(kind="stable")[: self.max_samples]].tolist()
        for key in drawn:
            query_queue.put(self._pool.request(key))
        self.report = QueryReport([float("nan")] * len(drawn))


def split_between(count: int, training: int, validation: int, first: bool) -> tuple[int, int]:
    """Divide ``count`` labels in proportion to what is left of each part, rounded to the nearest, halves to training.

    Training gets at least one where it has any row left, and validation at least one the first time it can.

    Args:
        count: Labels to divide.
        training: Training rows without a label.
        validation: Validation rows without a label.
        first: Whether no validation row has a label yet.
    """
    total = max(1, training + validation)
    share = (2 * count * validation + total - 1) // (2 * total)
    if first and share == 0 and validation > 0:
        share = 1
    share = min(share, validation, max(0, count - 1) if training else count)
    chosen = min(count - share, training)
    return chosen, min(count - chosen, validation)


@contextmanager
def shared(
    experiment: ExperimentContext,
    state: State,
    strategies: Mapping[str, QueryStrategy],
    requested: int | None = None,
    validate: bool = True,
) -> Iterator[Mapping[str, QueryStrategy]]:
    """Yield the strategies to ask in this step by name, then ``validation``, which draws validation rows.

    While the context lasts their ``max_samples`` are their shares of what is bought. Without validation for sale, and
    with nothing ``requested``, all is left as it is.

    Args:
        experiment: The experiment.
        state: Where it stands.
        strategies: Those that choose training rows.
        requested: Labels to ask for in all; ``None`` for the sum of the strategies' own ``max_samples``.
        validate: Whether validation gets its share, where it is for sale.
    """
    if requested is None and not sells_validation(experiment.pools.unlabeled):
        yield strategies
        return
    wanted = [strategy.max_samples for strategy in strategies.values()]
    count = min(sum(wanted) if requested is None else requested, experiment.remaining_budget(state))
    asked = dict(strategies)
    if validate and sells_validation(experiment.pools.unlabeled):
        pool: Any = experiment.pools.unlabeled
        first = experiment.pools.validation is not None and len(experiment.pools.validation) == 0
        count, drawn = split_between(count, len(pool.open_keys), len(pool.validation_keys), first)
        asked[VALIDATION] = Validation(drawn, pool, experiment.seeds(state))
    try:
        for strategy, share in zip(strategies.values(), apportion(count, wanted).tolist(), strict=True):
            strategy.max_samples = share
        yield asked
    finally:
        for strategy, number in zip(strategies.values(), wanted, strict=True):
            strategy.max_samples = number
