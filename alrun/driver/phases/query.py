"""Query: samples to label next are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.errors import DataError, Problem, StrategyError
from alrun.core.events import QueryFinished, QueryStarted
from alrun.core.metrics import VALIDATION
from alrun.core.needs import needs_of, report_of
from alrun.core.phases import ActiveLearningPhase
from alrun.core.request import NamedSource, Request, parse, restored
from alrun.core.types import QueryReport
from alrun.driver.apportion import shared
from alrun.driver.guards.calls import calling
from alrun.driver.phases.base import PhaseResult

if TYPE_CHECKING:
    from alrun.core.protocols import QueryStrategy
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit
    from alrun.store.recorded_picks import RecordedPicks

__all__ = ["QueryPhase"]


class QueryPhase:
    """Runs the query strategies in order into one queue; at a cold start, the cold start strategy in their place."""

    tag = ActiveLearningPhase.QUERY

    def run(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        """Fill the queue, never beyond the budget, and take what was chosen out of the unlabeled pool."""
        if experiment.store.picks is not None:
            return self._replay(experiment, state, experiment.store.picks)
        with shared(experiment, state, _strategies(experiment), state.requested) as strategies:
            return self._fill(experiment, state, strategies)

    def _fill(
        self, experiment: ExperimentContext, state: State, strategies: Mapping[str, QueryStrategy]
    ) -> PhaseResult:
        requests: list[Request] = []
        authors: list[str] = []
        scores: list[float] = []
        reports: list[QueryReport] = []
        measured = any(needs_of(one).pool_scores for one in experiment.strategies.metrology.values())
        for name, strategy in strategies.items():
            experiment.notify.tell(QueryStarted, strategy=name)
            with calling(experiment, state, name, self.tag):
                strategy.sample(state.query_queue)
            report = report_of(strategy)
            items = state.query_queue.to_list()[len(requests) :]
            chosen = _chosen(experiment, name, items, report.scores)
            if experiment.status is not None and experiment.status.by_task:
                chosen = _fresh(chosen, requests)[: strategy.max_samples]
            requests += [request for request, _ in chosen]
            state.query_queue.from_list([request.item for request in requests])
            authors += [name] * len(chosen)
            scores += [score for _, score in chosen]
            reports.append(replace(report, strategy=name, pool_scores=report.pool_scores if measured else None))
            _tell(experiment, state, name, len(chosen), scores, report)
        return self._decided(experiment, state, requests, authors, scores, reports)

    def _replay(self, experiment: ExperimentContext, state: State, picks: RecordedPicks) -> PhaseResult:
        """Choose what an earlier run has chosen in this step, nothing after its last; no strategy is asked."""
        recorded = picks.steps[state.step] if state.step < len(picks.steps) else {"items": [], "strategies": []}
        try:
            requests = parse(recorded["items"], experiment.source)
        except StrategyError as error:
            raise StrategyError(f"a recorded pick is not an item of these data: {error}") from error
        authors = [str(name) for name in recorded["strategies"]]
        return self._decided(experiment, state, requests, authors, [float("nan")] * len(requests), [])

    def _decided(
        self,
        experiment: ExperimentContext,
        state: State,
        requests: Sequence[Request],
        authors: Sequence[str],
        scores: Sequence[float],
        reports: Sequence[QueryReport],
    ) -> PhaseResult:
        """Take what was chosen, as far as the budget goes."""
        requests = requests[: experiment.remaining_budget(state)]
        _check(experiment, [pair for pair in zip(requests, authors, strict=False) if pair[1] != VALIDATION])
        content = {
            "items": [request.item for request in requests],
            "strategies": list(authors[: len(requests)]),
            "scores": list(scores[: len(requests)]),
            "reports": list(reports),
        }
        if isinstance(experiment.source, NamedSource):
            content["uuids"] = [request.uuid for request in requests]
        self._apply(experiment, state, content)
        return PhaseResult(content)

    def restore(self, experiment: ExperimentContext, state: State, commit: Commit) -> None:
        """Put the committed choice back in the queue."""
        content = commit.state()
        _refuse_renamed(experiment, content)
        self._apply(experiment, state, content)

    def committed(self, experiment: ExperimentContext, state: State) -> None:
        """Nothing to tidy."""

    def _apply(self, experiment: ExperimentContext, state: State, content: dict[str, Any]) -> None:
        state.query_queue.from_list(content["items"])
        state.last_reports = list(content["reports"])
        experiment.ledger.add_requests(state.step, content)
        if experiment.status is not None:
            experiment.status.take(experiment.ledger.requests(state.step))


def _chosen(
    experiment: ExperimentContext, name: str, items: Sequence[Any], scores: Sequence[float]
) -> list[tuple[Request, float]]:
    """Return the requests that the ``items`` of a strategy stand for, each with its score.

    Where labels are bought by the task, a row stands for all its tasks that are open.
    """
    try:
        requests = parse(items, experiment.source)
        groups = [[one] for one in requests] if experiment.status is None else experiment.status.expanded(requests)
    except StrategyError as error:
        raise StrategyError(f"{name} chose an invalid item: {error}") from error
    given = (list(scores) + [float("nan")] * len(items))[: len(items)]
    return [(one, score) for group, score in zip(groups, given, strict=True) for one in group]


def _fresh(chosen: list[tuple[Request, float]], earlier: Sequence[Request]) -> list[tuple[Request, float]]:
    """Return those of ``chosen`` that are none of the ``earlier`` requests."""
    known = {one.key for one in earlier}
    return [(one, score) for one, score in chosen if one.key not in known]


def _tell(
    experiment: ExperimentContext, state: State, name: str, added: int, scores: Sequence[float], report: QueryReport
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


def _refuse_renamed(experiment: ExperimentContext, content: dict[str, Any]) -> None:
    """Refuse to go on with data whose numbers mean something else by now."""
    source = experiment.source
    if "uuids" not in content or not isinstance(source, NamedSource):
        return
    stored = [one for one in restored(content["items"], content["uuids"]) if one.row is not None]
    now = source.uuids([one.row for one in stored if one.row is not None])
    for one, uuid in zip(stored, now, strict=True):
        if one.uuid != uuid:
            what = f"row {one.row} was {one.uuid!r} when it was chosen, and is {uuid!r} now"
            raise DataError(Problem(what, "data", "restore the order of the data, or start over with fresh=true"))


def _strategies(experiment: ExperimentContext) -> Mapping[str, QueryStrategy]:
    if not experiment.is_cold:
        return experiment.strategies.query
    if not experiment.strategies.cold_start:
        raise StrategyError("the training pool is empty and there is no cold start strategy\n    → cold_start=random")
    return experiment.strategies.cold_start


def _check(experiment: ExperimentContext, chosen: Sequence[tuple[Request, str]]) -> None:
    """Refuse requests that are made twice or that the unlabeled pool cannot meet, naming the strategy."""
    status = experiment.status
    if status is None:
        return
    part = next((pair for pair in chosen if pair[0].task is not None), None)
    if part is not None and not status.by_task:
        raise StrategyError(
            f"{part[1]} asks for one task of a row, {part[0].item!r}, but whole rows are labeled here\n"
            "    → data.partial_labels=true, where the data have several tasks"
        )
    may = status.may_take([request for request, _ in chosen])
    for (request, author), is_open in zip(chosen, may, strict=True):
        if not is_open:
            raise StrategyError(f"{author} chose {request.name}, which is not in the unlabeled pool")
    made: set[Any] = set()
    for request, author in chosen:
        if request.key is not None and request.key in made:
            raise StrategyError(f"{author} chose {request.name} twice")
        made.add(request.key)
