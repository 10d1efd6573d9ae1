"""What Python code asks of a driver between steps: what would be chosen, and the weights of the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.driver.apportion import VALIDATION, Validation, in_query_phase, sells_validation, shared
from alrun.driver.host import Host
from alrun.driver.queues import FifoQueue

if TYPE_CHECKING:
    from alrun.core.protocols import QueryStrategy

__all__ = ["Interactive"]


class Interactive(Host):
    """A host that answers questions. Nothing is bought, and no pool changes, until a step is run."""

    def query(self, count: int) -> tuple[list[Any], list[int]]:
        """Return what the next query would choose for ``count`` labels: training items and validation rows.

        The labels are divided in proportion to what is left of both parts; all are for training where the labels of
        validation rows are not bought. Never more than the budget holds.
        """
        queues = {True: FifoQueue(), False: FifoQueue()}
        with in_query_phase(self), shared(self, self.query_strategies_now, count) as strategies:
            for name, strategy in strategies.items():
                strategy.sample(queues[name == VALIDATION])
        return queues[False].to_list(), queues[True].to_list()

    def query_train(self, count: int) -> list[Any]:
        """Return the ``count`` items that the strategies would choose next, all of them for training."""
        queue = FifoQueue()
        with in_query_phase(self), shared(self, self.query_strategies_now, count, validate=False) as strategies:
            for strategy in strategies.values():
                strategy.sample(queue)
        return queue.to_list()

    def query_val(self, count: int) -> list[int]:
        """Return ``count`` validation rows that would be drawn next; none where their labels are not bought."""
        queue = FifoQueue()
        if sells_validation(self):
            drawer = Validation(min(count, self.remaining_budget))
            drawer.attach(self)
            with in_query_phase(self):
                drawer.sample(queue)
        return queue.to_list()

    def reset_model(self) -> None:
        """Put back the learner's weights and buffers of step 0, exactly, at any step and after a resume."""
        self.learner.load_state_dict(self.initial_weights)

    @property
    def query_strategies_now(self) -> Mapping[str, QueryStrategy]:
        """The strategies that the next query asks, by name: the cold start strategy while nothing is labeled."""
        return (self.step_is_cold_start and self.strategies.cold_start) or self.strategies.query
