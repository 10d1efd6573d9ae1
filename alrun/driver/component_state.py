"""State that strategies and callbacks keep, saved with every commit so that it survives a resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError
from alrun.core.needs import is_stateful

if TYPE_CHECKING:
    from alrun.driver.notify import Notifier

__all__ = ["callback_states", "matched_states", "restore_callbacks", "restore_states", "saved_states"]

KEY = "strategy_states"
CALLBACKS = "callback_states"


def saved_states(strategies: Sequence[Any]) -> dict[str, Any]:
    """Return what a commit holds of ``strategies``: the ``state_dict()`` of each that has one, or nothing at all."""
    stateful = list(filter(is_stateful, strategies))
    return {KEY: [dict(strategy.state_dict()) for strategy in stateful]} if stateful else {}


def matched_states(strategies: Sequence[Any], state: Mapping[str, Any]) -> list[tuple[Any, Mapping[str, Any]]]:
    """Return each strategy with what ``saved_states`` took of it, for ``restore_states``; changes nothing yet.

    Raises:
        CorruptionError: The commit holds the states of other strategies.
    """
    stateful = list(filter(is_stateful, strategies))
    stored = state.get(KEY, [])
    if len(stored) != len(stateful):
        raise CorruptionError(f"the commit holds {len(stored)} strategy states, {len(stateful)} are needed")
    return list(zip(stateful, stored, strict=True))


def restore_states(matched: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
    """Give every strategy its state back."""
    for strategy, saved in matched:
        strategy.load_state_dict(saved)


def callback_states(notify: Notifier) -> dict[str, Any]:
    """Return what a commit holds of the callbacks that have a state, by name, or nothing at all."""
    states = notify.state()
    return {CALLBACKS: states} if states else {}


def restore_callbacks(notify: Notifier, state: Mapping[str, Any]) -> None:
    """Give every callback the state that the commit of ``state`` holds of it; who listens may change between sessions.

    Raises:
        StrategyError: A callback refuses its state.
    """
    notify.load_state(state.get(CALLBACKS, {}))
