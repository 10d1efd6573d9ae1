"""Base of the strategies that delegate to other strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from alrun.core.errors import ConfigError, Problem
from alrun.core.names import named
from alrun.core.needs import Needs, arguments_of, can_sample, is_stateful, needs_of, report_of
from alrun.core.protocols.driver import StrategyHost
from alrun.core.protocols.strategies import QueryStrategy, name_strategies
from alrun.core.types import QueryReport, Task, TaskSpec
from alrun.query.base import checked_max_samples

__all__ = ["Wrapper", "only_one"]


class Wrapper(QueryStrategy):
    """Asks other strategies. What they need and what they are defined for holds for it as well.

    Attributes:
        strategies: Whom it asks, by name.
        tasks: Tasks that all of them are defined for.
        requires_stochastic: Whether one of them needs posterior samples.
        multi_task: Whether all of them are defined for several tasks at once.
        requires_learner: What one of them needs of the learner.
        requires_model: Whether one of them asks the learner.
        max_samples_is_limit: Whether one of them may choose fewer.
        report: What the last call gave.
    """

    tasks: frozenset[str] = frozenset(Task)
    requires_stochastic: bool = False
    multi_task: bool = True
    requires_learner: frozenset[str] = frozenset()
    requires_model: bool = True
    max_samples_is_limit: bool = False
    group: ClassVar[str] = "query"
    _args: dict[str, Any]

    def __init__(self, max_samples: int, strategies: Mapping[str, QueryStrategy], spec: TaskSpec | None = None) -> None:
        """Ask ``strategies`` for ``max_samples`` rows per call; those that want to know the task are told the ``spec``.

        Raises:
            ConfigError: There is none, or something that is no strategy.
        """
        self.max_samples = checked_max_samples(max_samples)
        wrong = [name for name, inner in strategies.items() if not can_sample(inner)]
        if wrong or not strategies:
            what = f"{wrong[0]!r} is not a query strategy" if wrong else "names no strategy"
            raise ConfigError(Problem(what, f"query.*.{'.'.join(wrong[:1])}".rstrip("."), "see: alrun ls query"))
        self.strategies = {name: _informed(inner, spec) for name, inner in strategies.items()}
        self.report = QueryReport()
        needs = Needs.together(needs_of(inner) for inner in self.strategies.values())
        self.tasks, self.multi_task = needs.tasks, needs.multi_task
        self.requires_stochastic, self.requires_learner = needs.stochastic, needs.learner
        self.requires_model, self.max_samples_is_limit = needs.model, needs.limit

    def go_by(self, name: str, taken: set[str]) -> None:
        """Take a name and a stream, see ``QueryStrategy``; whom it asks goes by both names, one after the other."""
        super().go_by(name, taken)
        name_strategies({f"{name}/{inner}": strategy for inner, strategy in self.strategies.items()}, taken)

    def attach(self, other: StrategyHost) -> None:
        """Attach to the driver ``other``, and so whom it asks."""
        super().attach(other)
        for strategy in self.strategies.values():
            strategy.attach(other)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of those that have one, by name."""
        return {name: cast("Any", one).state_dict() for name, one in self.strategies.items() if is_stateful(one)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` returned."""
        for name, part in state.items():
            inner: Any = self.strategies[name]
            inner.load_state_dict(part)

    @staticmethod
    def asked(strategy: QueryStrategy, count: int, queue: Any) -> QueryReport:
        """Let ``strategy`` put up to ``count`` items in ``queue``; return its report, one score per item.

        Its own ``max_samples`` is as before afterwards.
        """
        own, before = strategy.max_samples, len(queue.to_list())
        strategy.max_samples = count
        try:
            strategy.sample(queue)
        finally:
            strategy.max_samples = own
        added = len(queue.to_list()) - before
        report = report_of(strategy)
        return replace(report, scores=(list(report.scores) + [float("nan")] * added)[:added])


def _informed(strategy: QueryStrategy, spec: TaskSpec | None) -> QueryStrategy:
    """Return ``strategy``, made anew with the ``spec`` where it takes one and was given none."""
    arguments = arguments_of(strategy)
    if spec is None or "spec" not in arguments or arguments["spec"] is not None:
        return strategy
    return type(strategy)(**{**arguments, "spec": spec})


def only_one(strategy: QueryStrategy | Mapping[str, QueryStrategy], where: str) -> dict[str, QueryStrategy]:
    """Return the one strategy that is given, by itself or under its name, as a mapping.

    Raises:
        ConfigError: There are none or several.
    """
    strategies = named(strategy if isinstance(strategy, Mapping) else [strategy])
    if len(strategies) != 1:
        raise ConfigError(Problem(f"takes one strategy, not {len(strategies)}", where, f"query@{where}=margin"))
    return strategies
