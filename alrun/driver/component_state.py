"""State of strategies and callbacks, saved with every commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StrategyError
from alrun.core.needs import is_stateful

if TYPE_CHECKING:
    from alrun.driver.notify import Notifier

__all__ = ["callback_states", "lost_keys", "matched_states", "restore_callbacks", "restore_states", "saved_states"]

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
    """Give every strategy its state back.

    Raises:
        StrategyError: One does not take back what it gave.
    """
    for strategy, saved in matched:
        strategy.load_state_dict(saved)
        if lost := lost_keys(strategy, saved):
            raise StrategyError(f"{getattr(strategy, 'strategy_name', type(strategy).__name__)}: {lost}")


def lost_keys(component: Any, saved: Mapping[str, Any]) -> str:
    """Return which keys of ``saved`` a strategy or callback has not taken back, as a sentence; empty if none.

    A state that is given and not taken back would let a run that goes on do otherwise than one without a stop.
    """
    found = dict(component.state_dict())
    lost = [key for key in (*saved, *(found.keys() - saved.keys())) if not _same(found.get(key), saved.get(key))]
    if not lost:
        return ""
    what = f"load_state_dict() does not bring back what state_dict() gave: {', '.join(map(repr, lost))}"
    return f"{what}\n    → restore them in load_state_dict(), as copies of the values it is given"


def _same(first: Any, second: Any) -> bool:
    """Return whether two values of a state are the same; a NaN is the same as itself."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if hasattr(first, "shape") or hasattr(second, "shape"):
        return hasattr(first, "shape") and hasattr(second, "shape") and _same_array(first, second)
    return bool(first == second) or (first != first and second != second)


def _same_array(first: Any, second: Any) -> bool:
    """Return whether two tensors or arrays are the same, of the same dtype."""
    import numpy as np
    import torch

    if first.dtype != second.dtype or tuple(first.shape) != tuple(second.shape):
        return False
    if isinstance(first, torch.Tensor):
        first, second = first.detach().cpu(), second.detach().cpu()
    else:
        first, second = np.asarray(first), np.asarray(second)
    return bool(((first == second) | ((first != first) & (second != second))).all())


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
