"""Simulated process deaths while labels arrive: at every write, up to the commit after them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from alrun.core.names import named
from alrun.core.phases import ActiveLearningPhase
from alrun.driver.driver import Driver
from alrun.driver.experiment import ExperimentContext
from alrun.driver.phases.labeling import LabelingPhase
from alrun.store.audit import read_labels
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash

__all__ = ["LabelDeaths"]

LABELING = ActiveLearningPhase.LABELING
MOST_POINTS = 40


@dataclass
class _Session:
    """What one labeling phase has seen.

    Attributes:
        asked: What the strategy was asked for.
        acknowledged: Place of each request whose answer was said to be safe.
    """

    asked: list[Any] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)


class LabelDeaths:
    """Has a label strategy answer in one place again and again, dying in between."""

    def __init__(
        self,
        strategy: Callable[[], Any],
        host: Callable[[Path], AbstractContextManager[Driver]],
        requests: Callable[[Driver], Sequence[Any]],
    ) -> None:
        """Examine strategies.

        Args:
            strategy: Makes a new one, not attached.
            host: Opens an experiment below a directory.
            requests: Returns what to ask for in it.
        """
        self._strategy = strategy
        self._host = host
        self._requests = requests

    def examine(self, directory: Path) -> int:
        """Die at the points of a labeling phase, go on each time, and compare; return the number of deaths.

        Raises:
            AssertionError: An answer was lost or doubled, was asked for again, or came out otherwise.
        """
        expected = self._uninterrupted(directory / "whole")
        points = self._points(directory / "counted")
        for number, point in enumerate(points):
            self._die(
                directory / f"point_{point}",
                Crash(point, half=number % 2 == 1, lose_unsynced=number % 3 == 2),
                expected,
            )
        return len(points)

    def _uninterrupted(self, directory: Path) -> Mapping[int, Any]:
        self._label(directory, _Session())
        return _answers(directory)

    def _points(self, directory: Path) -> range:
        with Faults(directory) as watch:
            self._label(directory, _Session())
        return range(0, watch.count, 1 + watch.count // MOST_POINTS)

    def _die(self, directory: Path, crash: Crash, expected: Mapping[int, Any]) -> None:
        first, second = _Session(), _Session()
        with suppress(SimulatedCrash), Faults(directory, crash):
            self._label(directory, first)
        safe = {order: expected[order] for order in first.acknowledged}
        found = _answers(directory)
        assert safe.items() <= found.items(), f"{crash}: an acknowledged answer is lost or another one"
        self._label(directory, second)
        again = [order for order in safe if first.asked[order] in second.asked]
        assert not again, f"{crash}: {len(again)} answers that were acknowledged are asked for again"
        assert _answers(directory) == expected, f"{crash}: the answers are not those of an uninterrupted phase"
        doubled = read_labels(RunDirectory(directory)).findings
        assert not doubled, f"{crash}: {doubled[0].where}: {doubled[0].what}"

    def _label(self, directory: Path, session: _Session) -> None:
        """Run the labeling phase of a new experiment with the files in ``directory``, or go on with it."""
        run, logger = RunDirectory(directory), logging.getLogger("alrun.testing")
        with self._host(directory.with_name("hosts")) as driver, RunStore(run, logger) as store:
            experiment = self._prepared(driver, store, session)
            if store.checkpoints.find(1, LABELING) is None:
                state = LabelingPhase().run(experiment, driver.state).state
                store.checkpoints.commit(1, LABELING, state, previous="")

    def _prepared(self, driver: Driver, store: RunStore, session: _Session) -> ExperimentContext:
        driver.state.phase = LABELING
        items = list(self._requests(driver))
        driver.query_queue.from_list(items)
        driver.experiment.ledger.add_requests(driver.state.step, {"items": items})
        strategy = self._strategy()
        strategy.attach(driver)
        append, label = store.labels.append, strategy.label

        def appended(step: int, answers: Any) -> None:
            answers = list(answers)
            append(step, answers)
            session.acknowledged += [order for order, _ in answers]

        def labelled(queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
            session.asked += queue_to_label.to_list()
            label(queue_to_label, serialize_queue, *args, **kwargs)

        store.labels.append = appended  # type: ignore[method-assign]
        strategy.label = labelled
        strategies = replace(driver.experiment.strategies, label=named([strategy]))
        return replace(driver.experiment, store=store, strategies=strategies)


def _answers(directory: Path) -> dict[int, Any]:
    book = read_labels(RunDirectory(directory)).book
    costs = book.costs(1)
    return {order: (answer.status, _plain(answer.target), costs[order]) for order, answer in book.answers(1).items()}


def _plain(target: Any) -> Any:
    return None if target is None else torch.as_tensor(target).tolist()
