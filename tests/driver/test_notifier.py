"""Events to several callbacks: in order, to those alone that listen, and the end to every one of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from alrun.core.callback import Callback
from alrun.core.errors import StrategyError
from alrun.core.events import PhaseFinished, PhaseStarted, RunFinished
from alrun.driver.notify import Notifier


class Note(Callback):
    """Writes down what it hears, and fails at the end of the run where it is told to."""

    def __init__(self, heard: list[str], name: str, failure: Exception | None = None) -> None:
        self.heard, self.name, self.failure = heard, name, failure

    def on_phase_started(self, event: PhaseStarted) -> None:
        self.heard.append(f"{self.name} {event.step} {event.phase}")

    def on_run_finished(self, event: RunFinished) -> None:
        self.heard.append(f"{self.name} end")
        if self.failure is not None:
            raise self.failure


class Remembers(Note):
    """Has a state: how often it was told."""

    count = 0

    def on_phase_started(self, event: PhaseStarted) -> None:
        super().on_phase_started(event)
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]
        self.heard.append(f"{self.name} back at {self.count}")


def notifier(callbacks: Mapping[str, Callback]) -> Notifier:
    place = {"step": 3, "phase": "query", "labels": 5, "budget": 9, "metrics": {}}
    return Notifier(callbacks, lambda: place, logging.getLogger("alrun.test.notifier"))


def test_the_end_is_told_to_all_and_the_first_failure_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    failures = {"a": None, "b": ValueError("first"), "c": ValueError("second"), "d": None, "e": ValueError("third")}
    notify = notifier({name: Note(heard, name, failure) for name, failure in failures.items()})
    with pytest.raises(StrategyError, match="first"):
        notify.tell(RunFinished, status="finished", reason="")
    assert heard == [f"{name} end" for name in "abcde"]
    errors = [record.getMessage() for record in caplog.records if "++" in record.getMessage()]
    assert [next(word for word in ("second", "third") if word in error) for error in errors] == ["second", "third"]


def test_who_listens_is_told_in_order_and_who_was_put_back_again() -> None:
    heard: list[str] = []
    notify = notifier({"a": Note(heard, "a"), "b": Remembers(heard, "b"), "c": Remembers(heard, "c")})
    assert notify.listens(PhaseFinished, PhaseStarted)
    assert not notify.listens(PhaseFinished)
    notify.tell(PhaseStarted)
    notify.tell(PhaseFinished, seconds=1.0)
    notify.tell(PhaseStarted, step=2, again=True)
    assert heard == ["a 3 query", "b 3 query", "c 3 query", "b 2 query", "c 2 query"]
    assert notify.state() == {"b": {"count": 2}, "c": {"count": 2}}
    notify.load_state({"c": {"count": 4}, "a": {"count": 1}, "gone": {}})
    assert heard[5:] == ["c back at 4"]
