"""Notifier: sends events to the callbacks that listen to them, in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alrun.core.events import Event, RunFinished
from alrun.core.names import named
from alrun.driver.listener import Listener

__all__ = ["Notifier"]


class Notifier:
    """Makes an event of what happened, where somebody listens, and tells it.

    Which events a callback listens to is looked up once: methods that it is given later are not seen.
    """

    def __init__(
        self,
        callbacks: Mapping[str, Any] | Sequence[Any],
        place: Callable[[], Mapping[str, Any]],
        logger: logging.Logger,
    ) -> None:
        """Tell ``callbacks``, in order.

        Args:
            callbacks: By name, or as they are.
            place: Returns what every event says: step, phase, labels, budget and metrics.
            logger: Where callbacks that may fail are reported.
        """
        self._logger = logger
        self._place = place
        self._listeners = [Listener(name, callback, logger) for name, callback in named(callbacks).items()]
        hooks = {hook for listener in self._listeners for hook in listener.hooks}
        self._by_hook = {hook: [one for one in self._listeners if hook in one.hooks] for hook in hooks}

    def listens(self, *kinds: type[Event]) -> bool:
        """Return whether anybody listens to one of ``kinds``."""
        return any(kind.hook in self._by_hook for kind in kinds)

    def tell(self, kind: type[Event], *, again: bool = False, **values: Any) -> None:
        """Tell whoever listens that something of ``kind`` happened.

        Args:
            kind: Class of the event.
            again: Tell only those whose state was put back to before it.
            **values: Fields of the event, beyond or in place of those that every event has.

        Raises:
            StrategyError: A callback failed.
        """
        listeners = self._by_hook.get(kind.hook)
        if listeners and again:
            listeners = [listener for listener in listeners if listener.has_state]
        if not listeners:
            return
        event = kind(**{**self._place(), **values})
        if kind is RunFinished:
            self._tell_all(listeners, event)
            return
        for listener in listeners:
            listener.tell(event)

    def _tell_all(self, listeners: Sequence[Listener], event: Event) -> None:
        """Tell every one, even when another fails; the first error is raised afterwards."""
        errors: list[Exception] = []
        for listener in listeners:
            try:
                listener.tell(event)
            except Exception as error:
                errors.append(error)
        for further in errors[1:]:
            self._logger.error("%s", further)
        if errors:
            raise errors[0]

    def state(self) -> dict[str, Any]:
        """Return the state of each callback that has one, by name, for a commit.

        Raises:
            StrategyError: A callback failed, or has a state that cannot be stored.
        """
        return {one.name: one.state() for one in self._listeners if one.has_state}

    def load_state(self, states: Mapping[str, Any]) -> None:
        """Put every callback back to where ``state`` was taken; one that was not there then starts afresh.

        Raises:
            StrategyError: A callback failed.
        """
        for listener in self._listeners:
            if listener.has_state and listener.name in states:
                listener.load_state(states[listener.name])
