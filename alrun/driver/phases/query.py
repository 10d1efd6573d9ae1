"""Query: choose what to label next."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.errors import DataError, Problem, StrategyError
from alrun.core.events import QueryFinished, QueryStarted
from alrun.core.needs import report_of
from alrun.core.phases import ActiveLearningPhase
from alrun.core.requests import is_pair
from alrun.core.types import QueryReport
from alrun.driver.apportion import VALIDATION, shared
from alrun.driver.guards.calls import calling
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.core.protocols import QueryStrategy
    from alrun.driver.experiment import Experiment
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

__all__ = ["QueryPhase"]


class QueryPhase:
    """Runs the query strategies in order into one queue; at a cold start, the cold start strategy in their place."""

    tag = ActiveLearningPhase.QUERY

    def run(self, experiment: Experiment, state: State) -> PhaseResult:
        """Fill the queue, never beyond the budget, and take what was chosen out of the unlabeled pool."""
        with shared(experiment, state, _strategies(experiment), state.requested) as strategies:
            return self._fill(experiment, state, strategies)

    def _fill(self, experiment: Experiment, state: State, strategies: Mapping[str, QueryStrategy]) -> PhaseResult:
        authors: list[str] = []
        scores: list[float] = []
        reports: list[QueryReport] = []
        for name, strategy in strategies.items():
            before = len(state.query_queue)
            experiment.notify.tell(QueryStarted, strategy=name)
            with calling(experiment, state, name, self.tag):
                strategy.sample(state.query_queue)
            report = report_of(strategy)
            added = len(state.query_queue) - before
            given = (list(report.scores) + [float("nan")] * added)[:added]
            given = _by_task(experiment, state, strategy, before, given)
            authors += [name] * len(given)
            scores += given
            reports.append(replace(report, strategy=name))
            _tell(experiment, state, name, len(given), scores, report)
        items = state.query_queue.to_list()[: experiment.remaining_budget(state)]
        if not experiment.pools_own_their_labels:
            items = [_request(experiment.pools.unlabeled, item) for item in items]
        _check(
            experiment, [item for item, author in zip(items, authors, strict=False) if author != VALIDATION], authors
        )
        content = {
            "items": items,
            "strategies": authors[: len(items)],
            "scores": scores[: len(items)],
            "reports": reports,
            **_uuids(experiment, items),
        }
        self._apply(experiment, state, content)
        return PhaseResult(content)

    def restore(self, experiment: Experiment, state: State, commit: Commit) -> None:
        """Put the committed choice back in the queue."""
        content = commit.state()
        _refuse_renamed(experiment, content)
        self._apply(experiment, state, content)

    def committed(self, experiment: Experiment, state: State) -> None:
        """Nothing to tidy."""

    def _apply(self, experiment: Experiment, state: State, content: dict[str, Any]) -> None:
        state.query_queue.from_list(content["items"])
        state.last_reports = list(content["reports"])
        experiment.ledger.add_requests(state.step, content)
        rows = experiment.pool_rows(content["items"])
        if rows is not None and experiment.pools.unlabeled is not None:
            experiment.pools.unlabeled.take(rows)


def _by_task(
    experiment: Experiment, state: State, strategy: QueryStrategy, before: int, scores: list[float]
) -> list[float]:
    """Take apart what a strategy chose, where labels are sold by the task; return the scores of the requests.

    A row stands for all its tasks that are open. ``max_samples`` then counts requests.
    """
    pool: Any = experiment.pools.unlabeled
    if not hasattr(pool, "requests"):
        return scores
    items = state.query_queue.to_list()
    earlier = set(items[:before])
    chosen = zip(items[before:], scores, strict=True)
    pairs = [(pair, score) for item, score in chosen for pair in pool.requests(item) if pair not in earlier]
    pairs = pairs[: strategy.max_samples]
    state.query_queue.from_list([*items[:before], *(pair for pair, _ in pairs)])
    return [score for _, score in pairs]


def _tell(
    experiment: Experiment, state: State, name: str, added: int, scores: Sequence[float], report: QueryReport
) -> None:
    if experiment.notify.listens(QueryFinished):
        first = len(state.query_queue) - added
        experiment.notify.tell(
            QueryFinished,
            strategy=name,
            items=state.query_queue.to_list()[first:],
            scores=scores[first:],
            pool_mean=report.pool_mean,
        )


def _request(pool: Any, item: Any) -> Any:
    """Return a row number as a python int, whatever kind of integer it is; points as they are; other data by uuid."""
    try:
        return operator.index(item) if getattr(item, "shape", ()) == () else item
    except TypeError:
        named = getattr(pool, "asked_as", None)
        return item if named is None else named(item)


def _uuids(experiment: Experiment, items: Sequence[Any]) -> dict[str, Any]:
    """Return the uuids of the requests, where the data have such."""
    uuids = getattr(experiment.pools.unlabeled, "uuids", None)
    return {} if uuids is None else {"uuids": uuids(items)}


def _refuse_renamed(experiment: Experiment, content: dict[str, Any]) -> None:
    """Refuse to go on with data whose numbers mean something else by now."""
    if "uuids" not in content:
        return
    now = _uuids(experiment, content["items"])["uuids"]
    for item, before, uuid in zip(content["items"], content["uuids"], now, strict=True):
        if before != uuid:
            what = f"row {item} was {before!r} when it was chosen, and is {uuid!r} now"
            raise DataError(Problem(what, "data", "bring back the order of the data, or fresh=true to start over"))


def _strategies(experiment: Experiment) -> Mapping[str, QueryStrategy]:
    if not experiment.is_cold:
        return experiment.strategies.query
    if not experiment.strategies.cold_start:
        raise StrategyError("the training pool is empty and there is no cold start strategy\n    → cold_start=random")
    return experiment.strategies.cold_start


def _check(experiment: Experiment, items: Sequence[Any], authors: Sequence[str]) -> None:
    """Refuse requests that are made twice or that the unlabeled pool cannot meet, naming the strategy."""
    rows = experiment.pool_rows(items)
    if rows is None or len(rows) == 0 or experiment.pools.unlabeled is None:
        _refuse_pairs(experiment, items, authors)
        return
    import torch

    pool = experiment.pools.unlabeled
    by_task = hasattr(pool, "open_keys")
    if not by_task:
        _refuse_pairs(experiment, items, authors)
    available = torch.isin(rows, pool.open_keys if by_task else pool.indices)
    if not bool(available.all()):
        author, what = _named(experiment, items, authors, int(rows[~available][0]))
        raise StrategyError(f"{author} chose {what}, which is not in the unlabeled pool")
    values, counts = rows.unique(return_counts=True)
    if bool((counts > 1).any()):
        author, what = _named(experiment, items, authors, int(values[counts > 1][0]))
        raise StrategyError(f"{author} chose {what} twice")


def _refuse_pairs(experiment: Experiment, items: Sequence[Any], authors: Sequence[str]) -> None:
    pairs = [position for position, item in enumerate(items) if is_pair(item)]
    if pairs and hasattr(experiment.pools.unlabeled, "take"):
        raise StrategyError(
            f"{authors[pairs[0]]} asks for one task of a row, {items[pairs[0]]!r}, but whole rows are labelled here\n"
            "    → data.partial_labels=true, where the data have several tasks"
        )


def _named(experiment: Experiment, items: Sequence[Any], authors: Sequence[str], key: int) -> tuple[str, str]:
    """Return who made the request of ``key`` last, and what it is."""
    pool: Any = experiment.pools.unlabeled
    wanted = pool.request(key) if hasattr(pool, "open_keys") else key
    positions = [position for position, item in enumerate(items) if type(item) is type(wanted) and item == wanted]
    what = f"task {wanted[1]!r} of row {wanted[0]}" if isinstance(wanted, tuple) else f"row {wanted}"
    return (authors[positions[-1]] if positions else "a query strategy"), what
