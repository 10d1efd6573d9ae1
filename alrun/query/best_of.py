"""Best of several strategies, found while the run goes on: a bandit that earns what it makes the learner know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alrun.core.arguments import count_problems, number_problems, raise_any
from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.outputs import probabilities
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import QueryStrategy
from alrun.core.queues import FifoQueue, queued_items
from alrun.core.request import restored
from alrun.core.seeding import Role
from alrun.core.types import QueryReport, Task, TaskSpec
from alrun.pool.foreign import gives_batches
from alrun.query.exp4p import chances, least_chance, updated
from alrun.query.wrapper import Wrapper

__all__ = ["BestOf"]


@dataclass(frozen=True)
class _Batch:
    """Rows that were asked for at a step.

    Attributes:
        step: The step.
        rows: Source rows ``[n]``.
        chances: Probability with which each of them was to be asked for, ``[n]``.
        members: Which strategies had chosen it, ``[n][N]``; of the last batch alone.
        spreads: Mean of ``1 / chance`` over what each strategy had chosen, ``[N]``; likewise.
    """

    step: int
    rows: list[int]
    chances: list[float]
    members: list[list[bool]]
    spreads: list[float]


class BestOf(Wrapper):
    """One strategy a step, drawn from several by how much the labels that each has brought were worth (ALBL).

    Hsu and Lin 2015, "Active learning by learning", AAAI: EXP4.P (``exp4p``) over the strategies. What a
    choice earns is the importance-weighted accuracy of the learner that was trained with it, over all rows asked for so
    far, each with the reciprocal of the probability with which it was asked for: what a strategy finds that only seeks
    what is hard counts less for it.

    Deviations: a whole batch is one draw, where theirs asks for one row at a time, so that arms are the batches that
    the strategies propose, and a row's chance is that of those who propose it; weights of the accuracy are divided by
    their sum, as rows that nobody proposes have no chance at all. Each step asks every strategy, and uses one.

    Args:
        max_samples: Rows a call.
        strategies: Whom to choose from, by name.
        rounds: Steps over which the bound on the regret holds; more make chances change more slowly.
        delta: Probability with which that bound may fail.
        spec: The task; from the data.

    Raises:
        ConfigError: ``rounds`` or ``delta`` is out of range, or a strategy is for regressions alone.
    """

    def __init__(
        self,
        max_samples: int,
        strategies: Mapping[str, QueryStrategy],
        rounds: int = 50,
        delta: float = 0.1,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples, strategies, spec)
        problems = [
            *count_problems("query.best_of.rounds", rounds, "query.best_of.rounds=50"),
            *number_problems("query.best_of.delta", delta, "query.best_of.delta=0.1", least=1e-6),
        ]
        if not problems and delta > 1:
            problems.append(Problem(f"{delta} is no probability", "query.best_of.delta", "query.best_of.delta=0.1"))
        raise_any(problems)
        if Task.CLASSIFICATION not in self.tasks:
            raise ConfigError(Problem("a strategy does not support classification", "query.best_of.strategies"))
        self.rounds, self.delta = rounds, delta
        self.tasks, self.multi_task, self.requires_model = frozenset({Task.CLASSIFICATION}), False, True
        self._log_weights = [0.0] * len(self.strategies)
        self._weighed = -1
        self._batches: list[_Batch] = []

    @property
    def chances(self) -> dict[str, float]:
        """Probability with which each strategy is drawn, by name."""
        least = least_chance(len(self.strategies), self.rounds)
        found = chances(torch.tensor(self._log_weights, dtype=torch.float64), least)
        return dict(zip(self.strategies, found.tolist(), strict=True))

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put what the strategy that is drawn chooses in ``query_queue``.

        Raises:
            StrategyError: A strategy raises it, or asks for what is no row of the pool.
        """
        self.report = QueryReport()
        if self.max_samples == 0:
            return
        step = int(self.driver.active_learning_step_idx)
        if self._weighed < step:
            self._weigh()
            self._weighed = step
        queued = queued_items(query_queue)
        proposed: list[tuple[list[Any], QueryReport]] = []
        for strategy in self.strategies.values():
            scratch = FifoQueue(queued)
            report = self.asked(strategy, self.max_samples, scratch)
            proposed.append((scratch.to_list()[len(queued) :], report))
        rows = [self._rows(items) for items, _ in proposed]
        drawn = self._drawn()
        for item in proposed[drawn][0]:
            query_queue.put(item)
        self.report = proposed[drawn][1]
        # Of earlier batches nobody asks any more who had proposed what.
        earlier = [replace(one, members=[], spreads=[]) for one in self._batches if one.step < step]
        self._batches = [*earlier, self._batch(step, rows, drawn)]

    def state_dict(self) -> dict[str, Any]:
        """Return weights and batches, and the states of the strategies."""
        own = {"log_weights": self._log_weights, "weighed": self._weighed}
        return {"own": own | {"batches": [asdict(one) for one in self._batches]}, "inner": super().state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` returned."""
        own = state["own"]
        self._log_weights, self._weighed = list(own["log_weights"]), own["weighed"]
        self._batches = [_Batch(**one) for one in own["batches"]]
        super().load_state_dict(state["inner"])

    def _rows(self, items: list[Any]) -> list[int]:
        requests = restored(items)
        found = [one.row for one in requests if one.row is not None and one.task is None]
        if len(found) < len(requests):
            stranger = next(one for one in requests if one.row is None or one.task is not None)
            raise StrategyError(f"{self.strategy_name} chooses rows of the pool, not {stranger.name}")
        return found

    def _drawn(self) -> int:
        """Return the number of the strategy whose turn it is."""
        generator = self.driver.seeds.torch(Role.QUERY, self.stream_name)
        weights = torch.tensor(list(self.chances.values()), dtype=torch.float64)
        return int(torch.multinomial(weights, 1, generator=generator))

    def _batch(self, step: int, rows: list[list[int]], drawn: int) -> _Batch:
        """Return what is to be known of the batch of strategy ``drawn``, of what all strategies chose."""
        weights = torch.tensor(list(self.chances.values()), dtype=torch.float64)
        every = torch.tensor(sorted({row for some in rows for row in some}), dtype=torch.int64)
        member = torch.stack([torch.isin(every, torch.tensor(some, dtype=torch.int64)) for some in rows])
        shares = weights @ member.double()
        spreads = (member / shares).sum(dim=1) / member.sum(dim=1).clamp_min(1)
        at = torch.searchsorted(every, torch.tensor(rows[drawn], dtype=torch.int64))
        return _Batch(step, rows[drawn], shares[at].tolist(), member.T[at].tolist(), spreads.tolist())

    def _weigh(self) -> None:
        """Pay the strategies for the last batch, by what the learner knows now."""
        right, known = self._right()
        if not self._batches or not known:
            return
        shares = torch.tensor([share for one in self._batches for share in one.chances], dtype=torch.float64)
        rows = [row for one in self._batches for row in one.rows]
        counted = torch.tensor([row in known for row in rows], dtype=torch.float64) / shares
        if not bool(counted.any()):
            return
        accuracy = float((counted * torch.tensor([row in right for row in rows])).sum() / counted.sum())
        last = self._batches[-1]
        members = torch.tensor(last.members, dtype=torch.float64).reshape(-1, len(self.strategies))
        inverse = 1 / torch.tensor(last.chances, dtype=torch.float64)
        gains = accuracy * (members * inverse[:, None]).sum(dim=0) / max(len(last.rows), 1)
        log_weights, spreads = torch.tensor(self._log_weights, dtype=torch.float64), torch.tensor(last.spreads)
        least = least_chance(len(self.strategies), self.rounds)
        self._log_weights = updated(log_weights, gains, spreads, least, self.rounds, self.delta).tolist()

    def _right(self) -> tuple[set[int], set[int]]:
        """Return the labeled rows that the learner predicts as they are labeled, and all labeled rows."""
        pool = self.driver.training_pool
        if not gives_batches(pool) or len(pool) == 0:
            return set(), set()
        rows: Tensor = pool.indices
        labels = pool.targets(torch.arange(len(pool))).long()
        found = torch.empty(len(pool), dtype=torch.int64)
        start = 0
        for prediction in self.driver.predictor(pool):
            shares = probabilities(prediction.outputs.float())
            shares = shares.mean(dim=0) if prediction.stochastic else shares
            found[start : start + len(shares)] = shares.argmax(dim=1).cpu()
            start += len(shares)
        return set(rows[found == labels].tolist()), set(rows.tolist())
