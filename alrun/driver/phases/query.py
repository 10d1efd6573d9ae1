"""Query: choose what to label next."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StrategyError
from alrun.core.events import QueryFinished, QueryStarted
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import QueryReport
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.core.protocols import QueryStrategy
    from alrun.driver.host import Host
    from alrun.store.checkpoints import Commit

__all__ = ["QueryPhase"]


class QueryPhase:
    """Runs the query strategies in order into one queue; at a cold start, the cold start strategy in their place."""

    tag = ActiveLearningPhase.QUERY

    def run(self, driver: Host) -> PhaseResult:
        """Fill the queue, never beyond the budget, and take what was chosen out of the unlabeled pool."""
        strategies = _strategies(driver)
        authors: list[str] = []
        scores: list[float] = []
        reports: list[QueryReport] = []
        for strategy in strategies:
            before = len(driver.query_queue)
            driver.notify.tell(QueryStarted, strategy=type(strategy).__name__)
            strategy.sample(driver.query_queue)
            report = getattr(strategy, "report", None) or QueryReport()
            added = len(driver.query_queue) - before
            authors += [type(strategy).__name__] * added
            scores += (list(report.scores) + [float("nan")] * added)[:added]
            reports.append(report)
            _tell(driver, strategy, added, scores, report)
        items = driver.query_queue.to_list()[: driver.remaining_budget]
        if not driver.pools_own_their_labels:
            items = [_request(item) for item in items]
        _check(driver, items, authors)
        state = {
            "items": items,
            "strategies": authors[: len(items)],
            "scores": scores[: len(items)],
            "reports": reports,
        }
        self._apply(driver, state)
        return PhaseResult(state)

    def restore(self, driver: Host, commit: Commit) -> None:
        """Put the committed choice back in the queue."""
        self._apply(driver, commit.state())

    def committed(self, driver: Host) -> None:
        """Nothing to tidy."""

    def _apply(self, driver: Host, state: dict[str, Any]) -> None:
        driver.query_queue.from_list(state["items"])
        driver.last_reports = list(state["reports"])
        driver.ledger.add_requests(driver.active_learning_step_idx, state)
        rows = driver.pool_rows(state["items"])
        if rows is not None and driver.unlabeled_pool is not None:
            driver.unlabeled_pool.take(rows)


def _tell(driver: Host, strategy: QueryStrategy, added: int, scores: Sequence[float], report: QueryReport) -> None:
    if driver.notify.listens(QueryFinished):
        first = len(driver.query_queue) - added
        driver.notify.tell(
            QueryFinished,
            strategy=type(strategy).__name__,
            items=driver.query_queue.to_list()[first:],
            scores=scores[first:],
            pool_mean=report.pool_mean,
        )


def _request(item: Any) -> Any:
    """Return a row number as a python int, whatever kind of integer it is; new points as they are."""
    try:
        return operator.index(item) if getattr(item, "shape", ()) == () else item
    except TypeError:
        return item


def _strategies(driver: Host) -> Sequence[QueryStrategy]:
    if not driver.step_is_cold_start:
        return driver.query_strategies
    if driver.cold_start is None:
        raise StrategyError("the training pool is empty and there is no cold start strategy\n    → cold_start=random")
    return [driver.cold_start]


def _check(driver: Host, items: Sequence[Any], authors: Sequence[str]) -> None:
    """Refuse rows that are chosen twice or are not in the unlabeled pool, naming the strategy."""
    rows = driver.pool_rows(items)
    if rows is None or len(rows) == 0 or driver.unlabeled_pool is None:
        return
    import torch

    available = torch.isin(rows, driver.unlabeled_pool.indices)
    if not bool(available.all()):
        bad = int(rows[~available][0])
        raise StrategyError(f"{_author(items, authors, bad)} chose row {bad}, which is not in the unlabeled pool")
    values, counts = rows.unique(return_counts=True)
    if bool((counts > 1).any()):
        bad = int(values[counts > 1][0])
        raise StrategyError(f"{_author(items, authors, bad)} chose row {bad} twice")


def _author(items: Sequence[Any], authors: Sequence[str], row: int) -> str:
    positions = [position for position, item in enumerate(items) if isinstance(item, int) and item == row]
    return authors[positions[-1]] if positions else "a query strategy"
